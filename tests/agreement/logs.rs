//! Logs: each function's own, for a time, and nothing in the access log that may be a secret.

use serde_json::Value;

use crate::template::{FUNCTIONS, Template};

#[test]
fn each_function_writes_to_a_log_of_its_own_that_is_kept_for_a_time() {
    let template = Template::read();
    for (name, resource) in FUNCTIONS {
        let function = template.properties(resource);
        let group = function["LoggingConfig"]["LogGroup"].as_str();
        let group = template.properties(group.expect("a log group"));
        let expected = format!("/aws/lambda/{}", function["FunctionName"].as_str().unwrap());
        assert_eq!(group["LogGroupName"], expected, "{name}");
        assert!(
            group["RetentionInDays"]
                .as_u64()
                .is_some_and(|days| days > 0),
            "{name}"
        );
    }
    let all = template.of_type("AWS::Logs::LogGroup");
    assert!(
        all.iter()
            .all(|(_, group)| group["RetentionInDays"].is_u64())
    );
}

/// What says nothing of a request but its route and how it went (API Gateway developer guide,
/// "Customize HTTP API access logs").
const HARMLESS: [&str; 8] = [
    "requestTime",
    "requestId",
    "routeKey",
    "status",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
    "integrationErrorMessage",
];

#[test]
fn the_access_log_names_the_route_and_nothing_that_a_client_sent() {
    let stages = Template::read();
    let stages = stages.of_type("AWS::ApiGatewayV2::Stage");
    assert_eq!(stages.len(), 1);
    let format = stages[0].1["AccessLogSettings"]["Format"].as_str();
    let format = format.expect("a format");
    let line: Value = serde_json::from_str(format).expect("each line is JSON");
    let values = line.as_object().expect("of names and values").values();
    let mut named = Vec::new();
    for value in values {
        let value = value
            .as_str()
            .expect("text, because a number may be missing");
        let variable = value
            .strip_prefix("$context.")
            .expect("nothing else is known");
        assert!(HARMLESS.contains(&variable), "{variable}");
        named.push(variable);
    }
    for wanted in ["requestId", "routeKey", "status", "responseLatency"] {
        assert!(named.contains(&wanted), "{wanted} is missing");
    }
}

//! Which function a path leads to.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::OpenApi;
use weir_service::{SnippetPath, health, openapi};

use crate::template::{FUNCTIONS, Template, answers_requests};

/// What each function serves. Health and the description of the whole are the query function's.
fn served() -> Vec<(&'static str, Vec<String>)> {
    let everything = [
        weir_token::openapi(),
        weir_track::openapi(),
        weir_query::openapi(),
        weir_data::openapi(),
    ];
    let mut everything = paths(&openapi::document(everything));
    let token: Vec<_> = paths(&weir_token::openapi())
        .into_iter()
        .flat_map(either_way)
        .collect();
    let mut track = paths(&weir_track::openapi());
    let data = paths(&weir_data::openapi());
    let of_query = |path: &String| ![&token, &track, &data].iter().any(|it| it.contains(path));
    everything.retain(of_query);
    everything.extend(paths(&health::openapi()));
    // No part of the interface, and so not described.
    track.push(SnippetPath::default().to_string());
    vec![
        ("TrackFunction", track),
        ("QueryFunction", everything),
        ("TokenFunction", token),
        ("DataFunction", data),
    ]
}

/// The paths under `/o/` are served without their final slash, too.
fn either_way(path: String) -> Vec<String> {
    let bare = path.trim_end_matches('/').to_owned();
    if bare == path {
        vec![path]
    } else {
        vec![bare, path]
    }
}

fn paths(document: &OpenApi) -> Vec<String> {
    document.paths.paths.keys().cloned().collect()
}

/// The template's routes: keys and the logical names of the functions behind them.
fn routes(template: &Template) -> BTreeMap<String, String> {
    let routes = template.of_type("AWS::ApiGatewayV2::Route").into_iter();
    let functions = routes.map(|(resource, route)| {
        let key = route["RouteKey"].as_str().expect("a key").to_owned();
        let target = route["Target"]
            .as_str()
            .and_then(|t| t.strip_prefix("integrations/"));
        let target = target.unwrap_or_else(|| panic!("{resource} has no integration"));
        let integration = template.properties(target);
        assert_eq!(integration["PayloadFormatVersion"], "2.0", "{target}");
        let uri = integration["IntegrationUri"].as_str();
        let function = uri
            .and_then(|uri| uri.strip_suffix(".Arn"))
            .expect("a function");
        (key, function.to_owned())
    });
    functions.collect()
}

/// The key of the route that takes a path: one that is the path, else the one whose `{proxy+}`
/// begins latest, else `$default` (API Gateway developer guide, "Create routes for HTTP APIs").
fn taken_by<'r>(routes: &'r BTreeMap<String, String>, path: &str) -> &'r str {
    let length = |key: &str| -> Option<usize> {
        let pattern = key.strip_prefix("ANY ")?;
        match pattern.strip_suffix("{proxy+}") {
            None => (pattern == path).then_some(usize::MAX),
            Some(prefix) => {
                let rest = path.strip_prefix(prefix)?;
                (!rest.is_empty()).then_some(prefix.len())
            }
        }
    };
    let matching = routes.keys().filter_map(|key| Some((length(key)?, key)));
    matching.max().map_or("$default", |(_, key)| key.as_str())
}

/// A path as a client sends it.
fn filled(path: &str) -> String {
    path.replace("{namespace}", "Frontend")
        .replace("{name}", "page view")
        .replace("{token}", "wk_0123456789")
        .replace("{group}", "licensing")
        .replace("{type}", "journey")
        .replace("{id}", "aGVsbG8=")
}

#[test]
fn every_path_that_is_described_leads_to_the_function_that_serves_it() {
    let routes = routes(&Template::read());
    for (function, paths) in served() {
        assert!(!paths.is_empty());
        for path in paths {
            let key = taken_by(&routes, &filled(&path));
            assert_ne!(key, "$default", "{path}");
            assert_eq!(routes[key], function, "{path} by {key}");
        }
    }
}

/// Whether a route that ends without a slash takes the path that ends with one is not documented.
#[test]
fn a_final_slash_leads_to_the_same_function_either_way() {
    let routes = routes(&Template::read());
    for (function, paths) in served() {
        for path in paths.iter().filter(|path| *path != "/") {
            let ignored = taken_by(&routes, filled(path).trim_end_matches('/'));
            assert_eq!(routes[ignored], function, "{path} by {ignored}");
        }
    }
}

#[test]
fn no_route_leads_nowhere() {
    let routes = routes(&Template::read());
    let mut unused: Vec<_> = routes.keys().map(String::as_str).collect();
    for (_, paths) in served() {
        for path in paths {
            let taken = taken_by(&routes, &filled(&path));
            unused.retain(|key| *key != taken);
        }
    }
    assert_eq!(unused, ["$default"]);
    assert!(
        routes.contains_key("$default"),
        "unknown paths get a problem document"
    );
}

/// With a configuration of its own, API Gateway answers every OPTIONS itself and drops what the
/// functions say to pages of other origins (API Gateway developer guide, "Configure CORS for HTTP
/// APIs").
#[test]
fn pages_of_other_origins_are_answered_by_the_functions() {
    let template = Template::read();
    let apis = template.of_type("AWS::ApiGatewayV2::Api");
    assert_eq!(apis.len(), 1);
    assert_eq!(apis[0].1["CorsConfiguration"], Value::Null);
    let takes_options = |key: &String| key.starts_with("ANY ") || key == "$default";
    assert!(routes(&template).keys().all(takes_options));
}

#[test]
fn api_gateway_may_call_each_function_that_it_leads_to() {
    let template = Template::read();
    let permitted = template.of_type("AWS::Lambda::Permission");
    let permitted: Vec<&Value> = permitted.iter().map(|(_, p)| &p["FunctionName"]).collect();
    for function in routes(&template).values() {
        assert!(permitted.iter().any(|name| *name == function), "{function}");
    }
}

#[test]
fn each_function_answers_before_api_gateway_gives_up() {
    let template = Template::read();
    let integrations = template.of_type("AWS::ApiGatewayV2::Integration");
    let patience_ms = integrations
        .iter()
        .map(|(_, i)| i["TimeoutInMillis"].as_u64());
    let patience_ms = patience_ms.min().flatten().expect("a time-out each");
    for (name, resource) in FUNCTIONS.iter().filter(|(name, _)| answers_requests(name)) {
        let timeout = template.properties(resource)["Timeout"].as_u64();
        let timeout_s = timeout.expect("a time-out");
        assert!(timeout_s * 1000 < patience_ms, "{name}: {timeout_s} s");
    }
}

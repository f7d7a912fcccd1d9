//! Whether each function's role allows exactly what its code calls: no more, no less.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::calls::Actions;
use crate::tables::by_resource;
use crate::template::{FUNCTIONS, STACK, Template, answers_requests, collects, list};
use crate::work;

/// Actions and the logical names of what they are allowed on.
type Allowed = BTreeSet<(String, String)>;

/// What is not named one by one, because jobs bring it: their secrets and their files.
const OPEN: [&str; 2] = [SECRETS_OF_JOBS, "FilesBucket.Arn/*"];

const SECRETS_OF_JOBS: &str =
    "arn:AWS::Partition:secretsmanager:AWS::Region:AWS::AccountId:secret:weir/collect/*";

/// What a function's role allows.
fn allowed(template: &Template, function: &str) -> Allowed {
    let role = template.properties(function)["Role"].clone();
    let role = role.as_str().and_then(|role| role.strip_suffix(".Arn"));
    let role = template.properties(role.expect("a role of the template"));
    assert_eq!(
        role["ManagedPolicyArns"],
        Value::Null,
        "{function} has policies of others"
    );
    let policies = list(&role["Policies"]).into_iter();
    let statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    let mut allowed = Allowed::new();
    for statement in statements {
        assert_eq!(statement["Effect"], "Allow", "{function}");
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                let (action, resource) = (action.as_str(), resource.as_str());
                let pair = (
                    action.expect("text").to_owned(),
                    resource.expect("text").to_owned(),
                );
                assert!(!pair.0.contains('*'), "{function}: {pair:?}");
                let is_open = pair.1.contains('*');
                assert!(
                    !is_open || OPEN.contains(&pair.1.as_str()),
                    "{function}: {pair:?}"
                );
                allowed.insert(pair);
            }
        }
    }
    allowed
}

/// The part of it that is about tables.
fn allowed_on_tables(template: &Template, function: &str) -> Actions {
    let tables: BTreeMap<_, _> = by_resource(template)
        .into_iter()
        .map(|(resource, table)| (format!("{resource}.Arn"), table))
        .collect();
    let allowed = allowed(template, function).into_iter();
    let on_tables = allowed.filter(|(action, _)| action.starts_with("dynamodb:"));
    on_tables
        .map(|(action, resource)| {
            let table = tables.get(&resource);
            let table =
                table.unwrap_or_else(|| panic!("{action} on {resource}, which is no table"));
            (action, *table)
        })
        .collect()
}

fn compare(name: &str, called: &Actions) {
    let template = Template::read();
    let (_, resource) = FUNCTIONS
        .iter()
        .find(|(function, _)| *function == name)
        .expect("a function of the template");
    let allowed = allowed_on_tables(&template, resource);
    let missing: Vec<_> = called.difference(&allowed).collect();
    let idle: Vec<_> = allowed.difference(called).collect();
    assert!(
        missing.is_empty() && idle.is_empty(),
        "{name} calls what its role does not allow: {missing:?}\n\
         its role allows what {name} never calls: {idle:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn track_may_do_what_it_does() {
    compare("track", &work::track().await);
}

#[tokio::test(start_paused = true)]
async fn query_may_do_what_it_does() {
    compare("query", &work::query().await);
}

#[tokio::test(start_paused = true)]
async fn token_may_do_what_it_does() {
    compare("token", &work::token().await);
}

#[tokio::test(start_paused = true)]
async fn compact_may_do_what_it_does() {
    compare("compact", &work::compact().await);
}

#[tokio::test(start_paused = true)]
async fn data_may_do_what_it_does() {
    compare("data", &work::data().await);
}

#[tokio::test]
async fn collecting_functions_may_do_what_they_do() {
    let called = work::collect().await;
    for name in ["collect-ga", "collect-pendo", "collect-pingdom"] {
        compare(name, &called);
    }
}

/// What running jobs needs besides tables: their secrets, their files, the function itself to go on,
/// and the queue for what failed, into which Lambda puts it by this role.
fn of_jobs(function: &str) -> Vec<(String, String)> {
    let itself =
        format!("arn:AWS::Partition:lambda:AWS::Region:AWS::AccountId:function:{STACK}-{function}");
    let files = "FilesBucket.Arn/*";
    [
        ("secretsmanager:GetSecretValue", SECRETS_OF_JOBS),
        ("s3:AbortMultipartUpload", files),
        ("s3:DeleteObject", files),
        ("s3:PutObject", files),
        ("s3:ListBucket", "FilesBucket.Arn"),
        ("lambda:InvokeFunction", &itself),
        ("sqs:SendMessage", "ScheduleDlq.Arn"),
    ]
    .map(|(action, resource)| (action.to_owned(), resource.to_owned()))
    .into()
}

#[test]
fn besides_tables_a_function_has_its_log_and_the_secrets_that_it_reads() {
    let template = Template::read();
    for (name, resource) in FUNCTIONS {
        let mut rest = allowed(&template, resource);
        rest.retain(|(action, _)| !action.starts_with("dynamodb:"));
        let log = template.properties(resource)["LoggingConfig"]["LogGroup"].clone();
        let log = format!("{}.Arn", log.as_str().expect("a log group"));
        let mut expected = Allowed::from([
            ("logs:CreateLogStream".to_owned(), log.clone()),
            ("logs:PutLogEvents".to_owned(), log),
        ]);
        if collects(name) {
            expected.extend(of_jobs(name));
        }
        if answers_requests(name) {
            // `Id` is a secret's ARN.
            let secret = format!("{}.Id", template.secret());
            expected.insert(("secretsmanager:GetSecretValue".to_owned(), secret));
        }
        assert_eq!(rest, expected, "{name}");
    }
}

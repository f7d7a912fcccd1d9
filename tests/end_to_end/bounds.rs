//! Everything that comes in is bounded, and what is over a bound is told which.

use http::StatusCode;
use serde_json::json;
use std::io::Write as _;
use weir_tests::world::{Client, Node, World};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn world() -> (Node, Client) {
    let world = World::start().await;
    let node = world.node("node", 0);
    let client = node.client("read write aggregation", None).await;
    (node, client)
}

/// Sends a body that must be refused with this status, in a text that holds `said`.
async fn refused(
    node: &Node,
    client: &Client,
    body: impl Into<axum::body::Body>,
    status: u16,
    said: &str,
) {
    let answer = node.post(client, &[JSON], body).await;
    assert_eq!(answer.status.as_u16(), status, "{said}: {}", answer.text());
    assert!(
        answer.text().contains(said),
        "{said:?} in {}",
        answer.text()
    );
}

fn event(field: &str, value: &str) -> String {
    let mut fields = vec![("namespace", r#""n""#), ("name", r#""m""#), ("value", "1")];
    fields.retain(|(name, _)| *name != field);
    fields.push((field, value));
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name:?}:{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_says_the_limit() {
    let (node, client) = world().await;
    refused(&node, &client, vec![b' '; (4 << 20) + 1], 413, "4194304").await;
    let many = vec![json!({"namespace": "n", "name": "m", "value": 1}); 10_001];
    refused(&node, &client, json!(many).to_string(), 413, "10000").await;
    let name = format!("{:?}", "x".repeat(121));
    refused(&node, &client, event("name", &name), 400, "120").await;
    let properties = format!(r#"{{"a":"{}"}}"#, "x".repeat(32 * 1024));
    refused(&node, &client, event("properties", &properties), 400, "32").await;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    refused(&node, &client, event("properties", &deep), 400, "32").await;
    let deepest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&node, &client, event("more", &deepest), 400, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_bomb_is_refused_when_it_has_grown_too_far() {
    let (node, client) = world().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..200 {
        gzip.write_all(&zeros).expect("in memory");
    }
    let bomb = gzip.finish().expect("in memory");
    assert!(bomb.len() < 4 << 20);
    let answer = node
        .post(&client, &[JSON, ("content-encoding", "gzip")], bomb)
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().contains("33554432"), "{}", answer.text());
}

#[tokio::test(start_paused = true)]
async fn numbers_that_a_double_cannot_hold_are_refused() {
    let (node, client) = world().await;
    for value in [
        "9007199254740993",
        "1e400",
        "-1e999",
        r#""NaN""#,
        r#""Infinity""#,
        "null",
        "true",
        "[1]",
    ] {
        refused(&node, &client, event("value", value), 400, "value").await;
    }
    for value in ["9007199254740992", "-0.0", r#""1e3""#, "1e308"] {
        let answer = node.post(&client, &[JSON], event("value", value)).await;
        assert_eq!(
            answer.status,
            StatusCode::CREATED,
            "{value}: {}",
            answer.text()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn times_outside_the_years_1970_to_9999_are_refused() {
    let (node, client) = world().await;
    for time in [
        r#""1969-12-31T23:59:59Z""#,
        r#""+010000-01-01T00:00:00Z""#,
        "-1",
        "1e300",
        r#""soon""#,
        "{}",
    ] {
        refused(&node, &client, event("timestamp", time), 400, "timestamp").await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_come_twice_are_refused() {
    let (node, client) = world().await;
    refused(
        &node,
        &client,
        r#"{"namespace":"n","name":"m","value":1,"value":2}"#,
        400,
        "value",
    )
    .await;
    let inner = r#"{"a":1,"b":{"c":1,"c":2}}"#;
    refused(&node, &client, event("properties", inner), 400, "c").await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_text_are_refused() {
    let (node, client) = world().await;
    refused(
        &node,
        &client,
        b"{\"namespace\":\"\xff\"}".to_vec(),
        400,
        "UTF-8",
    )
    .await;
    refused(
        &node,
        &client,
        r#"{"namespace":"\ud800","name":"m","value":1}"#,
        400,
        "",
    )
    .await;
    refused(&node, &client, event("name", r#""a\u0000b""#), 400, "name").await;
    refused(&node, &client, "", 400, "").await;
}

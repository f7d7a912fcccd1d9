//! `POST /api/track/`: what it takes, and what it says.

use std::io::Write as _;

use http::StatusCode;
use serde_json::json;
use weir_tests::world::{Client, Node, World};

const JSON: (&str, &str) = ("content-type", "application/json");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

async fn world() -> (World, Node, Client) {
    let world = World::start().await;
    let node = world.node("node", 0);
    let client = node.client("read write aggregation", None).await;
    (world, node, client)
}

async fn count(node: &Node, client: &Client) -> u64 {
    let path = "/api/events?namespace=n&name=m&granularity=year&aggregationType=count";
    node.ask(client, path).await.counted()
}

#[tokio::test(start_paused = true)]
async fn one_event_is_answered_with_itself() {
    let (_world, node, client) = world().await;
    let body =
        r#"{"namespace":"n","name":"m","timestamp":"2020-11-12T11:10:00","value":1,"plan":"free"}"#;
    let answer = node.post(&client, &[JSON], body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let event = answer.json();
    assert_eq!(event["timestamp"], "2020-11-12T11:10:00Z");
    assert_eq!(
        (&event["namespace"], &event["name"]),
        (&json!("n"), &json!("m"))
    );
    assert_eq!(
        (&event["value"], &event["properties"]),
        (&json!(1), &json!({"plan": "free"}))
    );
    let raw = node.ask(&client, "/api/raw/n/m?format=json").await.json();
    assert_eq!(raw, json!([event]), "what comes back is what was answered");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_time_gets_that_of_its_receipt() {
    let (_world, node, client) = world().await;
    let answer = node
        .post(
            &client,
            &[JSON],
            r#"{"namespace":"n","name":"m","value":"2.5"}"#,
        )
        .await;
    assert_eq!(answer.json()["timestamp"], "2024-05-15T10:20:30Z");
    assert_eq!(answer.json()["value"], 2.5);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_body_is_taken() {
    let (_world, node, client) = world().await;
    let event = r#"{"namespace":"n","name":"m","value":1}"#;
    let counted = |n: u64| json!({"accepted": n, "duplicates": 0});
    let list = format!("[{event},{event}]");
    assert_eq!(
        node.post(&client, &[JSON], list.clone()).await.json(),
        counted(2)
    );
    let envelope = format!(r#"{{"events":[{event}]}}"#);
    assert_eq!(
        node.post(&client, &[JSON], envelope).await.json(),
        counted(1)
    );
    let lines = format!("{event}\n\n{event}\r\n{event}");
    assert_eq!(
        node.post(&client, &[NDJSON], lines.clone()).await.json(),
        counted(3)
    );
    let form = ("content-type", "application/x-www-form-urlencoded");
    let answer = node
        .post(
            &client,
            &[form],
            "namespace=n&name=m&value=4&timestamp=1605093000",
        )
        .await;
    assert_eq!(
        answer.json()["timestamp"],
        "2020-11-11T11:10:00Z",
        "{}",
        answer.text()
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(list.as_bytes()).expect("in memory");
    let gzip = gzip.finish().expect("in memory");
    let answer = node
        .post(&client, &[JSON, ("content-encoding", "gzip")], gzip)
        .await;
    assert_eq!(answer.json(), counted(2));
    let zstd = zstd::encode_all(lines.as_bytes(), 3).expect("in memory");
    let answer = node
        .post(&client, &[NDJSON, ("content-encoding", "zstd")], zstd)
        .await;
    assert_eq!(answer.json(), counted(3));
    assert_eq!(count(&node, &client).await, 12);
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_bad_events_stores_nothing_and_names_each() {
    let (_world, node, client) = world().await;
    let body = json!([
        {"namespace": "n", "name": "m", "value": 1},
        {"namespace": "", "name": "m", "value": 1},
        {"namespace": "n", "name": "m", "value": "lots", "timestamp": "yesterday"},
    ]);
    let answer = node.post(&client, &[JSON], body.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let problem = answer.json();
    let named: Vec<_> = problem["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            (
                error["index"].as_u64().expect("an index"),
                error["field"].as_str().expect("a field"),
            )
        })
        .collect();
    assert_eq!(named.len(), 3, "{problem}");
    for bad in [(1, "namespace"), (2, "value"), (2, "timestamp")] {
        assert!(named.contains(&bad), "{bad:?} in {problem}");
    }
    assert_eq!(count(&node, &client).await, 0);
}

#[tokio::test(start_paused = true)]
async fn at_most_a_hundred_bad_fields_are_listed_and_the_rest_counted() {
    let (_world, node, client) = world().await;
    let bad: Vec<_> = (0..300)
        .map(|_| json!({"namespace": "n", "name": "m", "value": null}))
        .collect();
    let problem = node
        .post(&client, &[JSON], json!(bad).to_string())
        .await
        .json();
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(100));
    assert!(
        problem["detail"].as_str().expect("a text").contains("300"),
        "{problem}"
    );
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_apart() {
    let (_world, node, client) = world().await;
    let good = r#"{"namespace":"n","name":"m","value":1}"#;
    let nobody = Client {
        token: "nonsense".into(),
        ..client.clone()
    };
    let reader = node.client("read", None).await;
    let check = |status: u16, answer: weir_tests::world::Answer| {
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        answer
    };
    let answer = check(401, node.post(&nobody, &[JSON], good).await);
    assert!(
        answer.headers["www-authenticate"]
            .to_str()
            .expect("text")
            .starts_with("Bearer")
    );
    check(403, node.post(&reader, &[JSON], good).await);
    check(404, node.ask(&client, "/api/nothing").await);
    let answer = check(405, node.ask(&client, "/api/track/").await);
    assert_eq!(answer.headers["allow"], "POST");
    check(
        415,
        node.post(&client, &[("content-type", "text/csv")], good)
            .await,
    );
    check(
        415,
        node.post(&client, &[JSON, ("content-encoding", "br")], good)
            .await,
    );
    check(400, node.post(&client, &[JSON], "{\"namespace\":").await);
    check(
        400,
        node.post(&client, &[JSON, ("idempotency-key", "a b")], good)
            .await,
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_rate_is_told_when_to_come_again() {
    let (world, node, _) = world().await;
    let slow = node.client("write", Some(2)).await;
    let good = r#"{"namespace":"n","name":"m","value":1}"#;
    let mut last = node.post(&slow, &[JSON], good).await;
    for _ in 0..5 {
        last = node.post(&slow, &[JSON], good).await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = last.headers["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    world.clock.advance(std::time::Duration::from_secs(seconds));
    assert_eq!(
        node.post(&slow, &[JSON], good).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test(start_paused = true)]
async fn revocation_holds_within_a_minute_in_every_process() {
    let (world, node, client) = world().await;
    let other = world.node("other", 0);
    let good = r#"{"namespace":"n","name":"m","value":1}"#;
    assert_eq!(
        other.post(&client, &[JSON], good).await.status,
        StatusCode::CREATED
    );
    let id = weir_store::registry::ClientId::parse(&client.id).ok();
    node.service
        .revoke_client(&id.expect("an id"))
        .await
        .expect("it is revoked");
    world.clock.advance(std::time::Duration::from_secs(60));
    for process in [&node, &other] {
        let answer = process.post(&client, &[JSON], good).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
    }
    assert_eq!(
        count(&node, &node.client("aggregation", None).await).await,
        1
    );
}

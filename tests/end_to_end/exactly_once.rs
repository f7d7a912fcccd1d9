//! Keys and ids: what is sent again is counted once and answered alike.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use weir_tests::chaos::Failure;
use weir_tests::world::{Node, World};

async fn count(node: &Node) -> u64 {
    let path = "/api/events/n/m?granularity=year&aggregationType=count";
    node.get(path).await.counted()
}

fn event() -> Value {
    json!({"namespace": "n", "name": "m", "value": 1})
}

fn with_ids(ids: std::ops::Range<u32>) -> Value {
    ids.map(|id| json!({"namespace": "n", "name": "m", "value": 1, "id": id.to_string()}))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_repeat_under_a_key_gets_the_first_answer_through_any_process_for_a_day() {
    let world = World::start().await;
    let (one, other) = (world.node("one", 0), world.node("other", 60_000));
    let first = one.track(&event(), Some("k")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    for hours in [0, 1, 11, 11] {
        world.clock.advance(Duration::from_secs(hours * 3600));
        let again = other.track(&event(), Some("k")).await;
        assert_eq!(
            (again.status, again.json()),
            (StatusCode::CREATED, first.json())
        );
    }
    assert_eq!(count(&one).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_with_another_body_is_refused_and_belongs_to_its_client() {
    let world = World::start().await;
    let node = world.node("one", 0);
    let client = node.client("write", None).await;
    assert_eq!(
        node.track(&event(), Some("k")).await.status,
        StatusCode::CREATED
    );
    let other = json!({"namespace": "n", "name": "m", "value": 2});
    let answer = node.track(&other, Some("k")).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
    );
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
    ];
    let answer = node.post(&client, &headers, other.to_string()).await;
    assert_eq!(
        answer.status,
        StatusCode::CREATED,
        "another client's key is another key"
    );
    assert_eq!(count(&node).await, 2);
}

#[tokio::test(start_paused = true)]
async fn requests_under_one_key_at_once_are_counted_once() {
    let world = World::start().await;
    let nodes = [
        world.node("one", 0),
        world.node("two", 0),
        world.node("three", 0),
    ];
    let sends = (0..24).map(|n| {
        let node = nodes[n % 3].clone();
        async move { node.track(&event(), Some("k")).await.json() }
    });
    let answers = futures::future::join_all(sends).await;
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(count(&nodes[0]).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_counted_once_per_series_whatever_brings_it() {
    let world = World::start().await;
    let (one, other) = (world.node("one", 0), world.node("other", 0));
    assert_eq!(
        one.track(&with_ids(0..4), None).await.json(),
        json!({"accepted": 4, "duplicates": 0})
    );
    assert_eq!(
        other.track(&with_ids(2..6), Some("k")).await.json(),
        json!({"accepted": 2, "duplicates": 2})
    );
    assert_eq!(
        other.track(&with_ids(2..6), Some("k")).await.json(),
        json!({"accepted": 2, "duplicates": 2})
    );
    let elsewhere = json!([{"namespace": "n", "name": "other", "value": 1, "id": "0"}]);
    assert_eq!(
        one.track(&elsewhere, None).await.json(),
        json!({"accepted": 1, "duplicates": 0})
    );
    assert_eq!(count(&one).await, 6);
}

#[tokio::test(start_paused = true)]
async fn ids_in_many_requests_at_once_are_counted_once() {
    let world = World::start().await;
    let nodes = [world.node("one", 0), world.node("two", 0)];
    let sends = (0..20_u32).map(|n| {
        let node = nodes[n as usize % 2].clone();
        async move { node.track(&with_ids(n % 5..n % 5 + 10), None).await.json() }
    });
    let answers = futures::future::join_all(sends).await;
    let accepted: u64 = answers
        .iter()
        .map(|a| a["accepted"].as_u64().expect("a count"))
        .sum();
    let duplicates: u64 = answers
        .iter()
        .map(|a| a["duplicates"].as_u64().expect("a count"))
        .sum();
    assert_eq!((accepted, duplicates), (14, 200 - 14), "{answers:?}");
    assert_eq!(count(&nodes[0]).await, 14);
}

#[tokio::test(start_paused = true)]
async fn a_large_request_that_breaks_off_names_the_key_that_completes_it() {
    let world = World::start().await;
    let (one, other) = (world.node("one", 0), world.node("other", 0));
    let broken = world
        .chaos
        .fail_all(|call| call.is("TransactWriteItems"), Failure::ServerError);
    // Without that one, ids alone would do.
    let mut events = with_ids(0..499);
    events.as_array_mut().expect("a list").push(event());
    let answer = one.track(&events, None).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "repeat-with-key")
    );
    assert!(answer.headers.contains_key("retry-after"));
    let key = answer.headers["idempotency-key"]
        .to_str()
        .expect("text")
        .to_owned();
    broken.end();
    let complete = json!({"accepted": 500, "duplicates": 0});
    for node in [&other, &one, &other] {
        assert_eq!(node.track(&events, Some(&key)).await.json(), complete);
    }
    assert_eq!(count(&one).await, 500);
}

#[tokio::test(start_paused = true)]
async fn a_large_request_of_events_with_ids_that_breaks_off_needs_no_key() {
    let world = World::start().await;
    let (one, other) = (world.node("one", 0), world.node("other", 0));
    let broken = world
        .chaos
        .fail_all(|call| call.is("TransactWriteItems"), Failure::AfterEffect);
    let answer = one.track(&with_ids(0..500), None).await;
    broken.end();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "repeat-with-ids")
    );
    assert!(answer.headers.contains_key("retry-after"));
    assert!(!answer.headers.contains_key("idempotency-key"));
    // Some parts are stored, their answers lost; others waited behind them in vain.
    let again = other.track(&with_ids(0..500), None).await.json();
    let counts = ["accepted", "duplicates"].map(|name| again[name].as_u64().expect("a count"));
    assert_eq!(counts[0] + counts[1], 500);
    assert!(counts[1] >= 99, "{again}");
    assert_eq!(count(&one).await, 500);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_everything_stores_nothing_and_says_so() {
    let world = World::start().await;
    let node = world.node("one", 0);
    node.track(&event(), None).await;
    let down = world
        .chaos
        .fail_all(|call| call.writes(), Failure::Throttle);
    let answer = node.track(&event(), None).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "not-stored")
    );
    assert!(answer.headers.contains_key("retry-after"));
    down.end();
    assert_eq!(count(&node).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_settled_before_it_is_answered() {
    let world = World::start().await;
    let node = world.node("one", 0);
    node.track(&event(), None).await;
    world
        .chaos
        .fail_once(|call| call.is("PutItem"), Failure::AfterEffect);
    let answer = node.track(&event(), None).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(count(&node).await, 2);
}

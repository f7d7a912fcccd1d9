//! Requests of old clients, killed at each call, and sent again as those clients do: Alooma's events
//! in other company, a FocusLab trigger as it was.

use std::collections::BTreeMap;

use axum::body::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use weir_tests::world::Answer;

use crate::cloud::Cloud;
use crate::killing::{Doomed, FATES, Fate};

const START_MS: i64 = 1_715_768_430_000;

/// What Alooma's client sends at once: more ids than a transaction has room for.
const EVENTS: i64 = 100;

/// What is sent again goes in groups of so many.
const GROUP: usize = 23;

/// More calls than a batch makes.
const MOST_CALLS: usize = 60;

/// An event as Alooma's client wraps it.
fn wrapped(name: &str, n: i64) -> Value {
    let time = jiff::Timestamp::from_millisecond(START_MS + n).expect("in range");
    json!({
        "@uuid": format!("{name}-{n}"),
        "event_type": name,
        "report_time": time.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        "calling_file": "shop.py",
        "calling_line": 12,
        "message": {"n": n},
    })
}

/// Good events, and in their midst one that can never be accepted.
fn batch(name: &str) -> Vec<Value> {
    let mut events: Vec<Value> = (0..EVENTS).map(|n| wrapped(name, n)).collect();
    let mut bad = wrapped(&bad_name(name), EVENTS);
    bad["event_type"] = "x".repeat(200).into();
    events.insert(events.len() / 2, bad);
    events
}

fn bad_name(name: &str) -> String {
    format!("{name}-bad")
}

async fn send(cloud: &Cloud, events: &[Value]) -> Answer {
    let request = Request::post(format!("/pysdk/{}", cloud.key))
        .header("content-type", "application/json")
        .body(Bytes::from(json!(events).to_string()));
    cloud.track.request(request.expect("a request")).await
}

/// Sends until it is answered, as Alooma's client does.
async fn send_on(cloud: &Cloud, events: &[Value]) {
    loop {
        let answer = send(cloud, events).await;
        if answer.status == StatusCode::OK {
            let answer = answer.json();
            let told = ["accepted", "duplicates", "rejected"].map(|name| answer[name].as_u64());
            let sum: u64 = told.into_iter().flatten().sum();
            assert_eq!(sum, events.len() as u64, "{answer}");
            return;
        }
        assert!(answer.status.is_server_error(), "{}", answer.text());
    }
}

/// Kills the process at its call number `nth`; whether it made so many.
async fn kill_at(cloud: &Cloud, fate: Fate, nth: usize) -> bool {
    let name = format!("call-{nth}");
    let mut events = batch(&name);
    let doomed = Doomed::start(cloud, &cloud.track, nth, fate).await;
    let first = doomed.during(send(cloud, &events)).await;
    let was_killed = doomed.was_killed();
    let expected = match was_killed {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => StatusCode::OK,
    };
    assert_eq!(first.status, expected, "{fate:?} {nth}: {}", first.text());
    events.reverse();
    for group in events.chunks(GROUP) {
        send_on(cloud, group).await;
    }
    doomed.last_call(cloud).await;
    check(cloud, &name).await;
    was_killed
}

async fn check(cloud: &Cloud, name: &str) {
    let counted: BTreeMap<i64, u64> = cloud.counted(name).await.into_iter().collect();
    let expected = (0..EVENTS).map(|n| (START_MS + n, 1)).collect();
    assert_eq!(counted, expected, "{name}");
    let listed = cloud.get("/api/rejected?limit=1000").await.json();
    let listed = listed.as_array().expect("a list").iter();
    let mut listed = listed.filter_map(|rejected| rejected["event"].as_str());
    let bad = format!("\"{}-{EVENTS}\"", bad_name(name));
    assert!(listed.any(|event| event.contains(&bad)), "{name}");
}

async fn check_all(fate: Fate) {
    let cloud = Cloud::start().await;
    let mut kills = 0;
    while kills < MOST_CALLS && kill_at(&cloud, fate, kills).await {
        kills += 1;
    }
    eprintln!("{fate:?}: {kills} kills");
    // The key, the refused event, the catalogue, and a transaction or two of events.
    assert!((4..MOST_CALLS).contains(&kills), "{fate:?}: {kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_killed_at_any_call_and_comes_again_in_other_groups_counts_once() {
    for fate in FATES {
        check_all(fate).await;
    }
}

async fn trigger(cloud: &Cloud, name: &str) -> StatusCode {
    let trigger = json!({"actor_id": "7", "action": name, "object": "n"});
    let request = Request::post("/api/v1/trigger/")
        .header("content-type", "application/json")
        .header("x-fl-api-key", &cloud.key)
        .body(Bytes::from(trigger.to_string()));
    let answer = cloud.track.request(request.expect("a request")).await;
    answer.status
}

/// It has no id, so nothing more can be promised: where it was stored and only the answer is lost,
/// the repeat counts as another.
#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_was_killed_before_it_was_stored_counts_once_when_it_comes_again() {
    let cloud = Cloud::start().await;
    for nth in 0..MOST_CALLS {
        let name = format!("trigger-{nth}");
        let doomed = Doomed::start(&cloud, &cloud.track, nth, Fate::Lost).await;
        let first = doomed.during(trigger(&cloud, &name)).await;
        let was_killed = doomed.was_killed();
        if was_killed {
            assert_eq!(first, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(trigger(&cloud, &name).await, StatusCode::CREATED);
        } else {
            assert_eq!(first, StatusCode::CREATED);
        }
        let counted: u64 = cloud.counted(&name).await.iter().map(|(_, n)| n).sum();
        assert_eq!(counted, 1, "{name}");
        if !was_killed {
            // The key, the catalogue, and the commit.
            assert!(nth >= 3, "only {nth} calls");
            return;
        }
    }
    panic!("more than {MOST_CALLS} calls");
}

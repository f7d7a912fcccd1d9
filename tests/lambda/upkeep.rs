//! The compact function killed at each call of a run, and run again: what it had begun is taken up
//! or given up, and nothing that is counted changes.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use weir_tests::lambda::Outcome;

use crate::cloud::Cloud;
use crate::killing::{Doomed, Fate};

const START_MS: i64 = 1_715_768_430_000;

/// Events whose text cannot be compressed much, so that their block is worth a run.
const EVENTS: i64 = 400;

const TEXT_BYTES: usize = 250;

/// More calls than a run makes here.
const MOST_CALLS: usize = 60;

fn events(name: &str) -> Value {
    let mut dice = StdRng::seed_from_u64(7);
    let mut text = || -> String {
        let letters = (0..TEXT_BYTES).map(|_| char::from(dice.random_range(b' '..b'~')));
        letters.collect()
    };
    let event = |n| {
        json!({
            "namespace": "n", "name": name, "timestamp": START_MS + n, "value": 1,
            "properties": {"text": text()},
        })
    };
    (0..EVENTS).map(event).collect()
}

async fn check(fate: Fate) {
    let mut kills = 0;
    // Each time anew: a process that has just started reads again what was taken before.
    while kills < MOST_CALLS && kill_at(&Cloud::start().await, kills, fate).await {
        kills += 1;
    }
    // The scan, the day's manifest and inbox, what is remembered, a chunk, the publish, the year.
    assert!((7..MOST_CALLS).contains(&kills), "{kills} kills");
}

/// Kills a run at its call number `nth`; whether it made so many.
async fn kill_at(cloud: &Cloud, nth: usize, fate: Fate) -> bool {
    let name = format!("call-{nth}");
    let stored = cloud.post(None, &events(&name)).await;
    assert_eq!(stored.status, 201, "{}", stored.text());
    let doomed = Doomed::start(cloud, &cloud.compact, nth, fate).await;
    let first = doomed.during(cloud.compact.invoke("{}")).await;
    let was_killed = doomed.was_killed();
    match was_killed {
        true => assert_eq!(first, Outcome::Died),
        false => assert!(matches!(first, Outcome::Answered(_)), "{first:?}"),
    }
    is_exact(cloud, &name).await;
    cloud.upkeep(json!({})).await.expect("nobody kills it");
    is_exact(cloud, &name).await;
    doomed.last_call(cloud).await;
    is_exact(cloud, &name).await;
    let verified = cloud.upkeep(json!({"verify": true})).await;
    let verified = &verified.expect("nobody kills it")["verified"];
    assert_eq!(verified["differences"], 0);
    assert_ne!(verified["days"], 0, "the run before has published");
    was_killed
}

async fn is_exact(cloud: &Cloud, name: &str) {
    let expected: Vec<_> = (0..EVENTS).map(|n| (START_MS + n, 1)).collect();
    assert_eq!(cloud.counted(name).await, expected, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_before_any_call_changes_no_count() {
    check(Fate::Lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_after_any_call_changes_no_count() {
    check(Fate::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_arrives_after_the_next_run_changes_no_count() {
    check(Fate::Late).await;
}

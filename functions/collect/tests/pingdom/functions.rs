//! What the function does with an event.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{Collecting, Done};
use weir_collector::secrets::Secrets;
use weir_third_parties::Failure;

use crate::world::{World, document};

const FIFTEEN_MINUTES: Duration = Duration::from_secs(900);

struct Function {
    collecting: Collecting,
    calls: Mutex<Vec<Value>>,
    _secrets: tempfile::TempDir,
}

impl Function {
    fn of(world: &World) -> Function {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pingdom.json");
        std::fs::write(file, world.pingdom.credentials().to_string()).expect("a file");
        let collecting = Collecting {
            context: world.context.clone(),
            secrets: Arc::new(Secrets::directory(directory.path())),
        };
        Function {
            collecting,
            calls: Mutex::default(),
            _secrets: directory,
        }
    }

    async fn run(&self, event: &Value, time: Duration) -> Done {
        let again = async |event: String| {
            let event = serde_json::from_str(&event).expect("JSON");
            self.calls.lock().expect("nobody panics").push(event);
            Ok(())
        };
        self.collecting.run(event, time, again).await
    }

    fn called(&self) -> Option<Value> {
        self.calls.lock().expect("nobody panics").pop()
    }
}

fn event() -> Value {
    let mut event = document();
    event["name"] = json!("uptime");
    event["schedule"] = json!("rate(1 hour)");
    event
}

fn with(mut event: Value, key: &str, value: &str) -> Value {
    event[key] = json!(value);
    event
}

#[tokio::test]
async fn an_event_is_a_job_that_is_run_and_measured() {
    let world = World::start().await;
    let function = Function::of(&world);
    let done = function.run(&event(), FIFTEEN_MINUTES).await;
    assert_eq!(done.failed, None);
    let metrics = [
        ("JobRecords", 24),
        ("JobRecordsSkipped", 0),
        ("JobsComplete", 1),
    ];
    assert_eq!(done.metrics, metrics);
    assert_eq!(done.summary["outcome"], "complete");
    assert_eq!(function.called(), None);
    let run = &world.runs().await[0];
    assert_eq!(
        run.next.map(|next| next.to_string()).as_deref(),
        Some("2026-03-02T11:30:00Z")
    );
}

#[tokio::test]
async fn what_is_cut_short_goes_on_in_further_rounds() {
    let world = World::start().await;
    let function = Function::of(&world);
    let range = with(with(event(), "start", "2025-12-01"), "end", "2026-02-20");
    let mut next = Some(range);
    let mut rounds = Vec::new();
    while let Some(event) = next {
        // Less than the margin: it stops at the first state.
        let done = function.run(&event, Duration::from_secs(60)).await;
        assert_eq!(done.failed, None);
        rounds.push((
            done.summary["round"].clone(),
            done.summary["outcome"].clone(),
        ));
        next = function.called();
        if let Some(next) = &next {
            assert_eq!(next["started"], "2026-03-02T10:30:00Z");
            assert_eq!(done.summary["goesOn"], true);
        }
        assert!(rounds.len() < 9);
    }
    assert_eq!(
        rounds.last().map(|round| &round.1),
        Some(&json!("complete"))
    );
    assert!(rounds.len() >= 3, "{rounds:?}");
    assert_eq!(world.records().await.len(), 81 * 24);
}

#[tokio::test]
async fn after_a_day_the_schedule_goes_on() {
    let world = World::start().await;
    let function = Function::of(&world);
    let event = with(
        with(event(), "start", "2025-01-01"),
        "started",
        "2026-03-01T10:29:59Z",
    );
    let done = function.run(&event, Duration::from_secs(60)).await;
    assert_eq!(
        (done.failed, done.summary["outcome"].as_str()),
        (None, Some("stopped"))
    );
    assert_eq!(function.called(), None);
}

#[tokio::test]
async fn what_is_later_is_no_failure_and_what_failed_is_one() {
    let world = World::start().await;
    let function = Function::of(&world);
    world.pingdom.fail_next(Failure::Malformed);
    let done = function.run(&event(), FIFTEEN_MINUTES).await;
    assert_eq!((done.failed, done.metrics[2]), (None, ("JobsLater", 1)));
    world
        .pingdom
        .fail_next(weir_third_parties::pingdom::refused(403, "no"));
    let done = function.run(&event(), FIFTEEN_MINUTES).await;
    assert!(
        done.failed
            .is_some_and(|failed| failed.starts_with("uptime: "))
    );
    assert_eq!(done.metrics[2], ("JobsFailed", 1));
}

#[tokio::test]
async fn an_event_that_is_no_job_fails_and_says_why() {
    let world = World::start().await;
    let function = Function::of(&world);
    let done = function
        .run(&json!({"verify": true}), FIFTEEN_MINUTES)
        .await;
    let expected =
        "the event is no job: the event: entrypoint: is missing: it is the name of a collector";
    assert_eq!(done.failed.as_deref(), Some(expected));
    let done = function.run(&document(), FIFTEEN_MINUTES).await;
    let expected = "the event is no job: the event: name: is missing: it is the name of the job";
    assert_eq!(done.failed.as_deref(), Some(expected));
}

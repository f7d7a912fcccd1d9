//! What the function does with an event.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{Collecting, Done};
use weir_collector::secrets::Secrets;
use weir_store::Leasing;
use weir_third_parties::Failure;
use weir_third_parties::pingdom::refused;

use crate::world::{World, document, job};

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
async fn after_a_day_a_job_is_left_to_its_schedule_and_has_failed() {
    let world = World::start().await;
    let function = Function::of(&world);
    let event = with(
        with(event(), "start", "2025-01-01"),
        "started",
        "2026-03-01T10:29:59Z",
    );
    let done = function.run(&event, Duration::from_secs(60)).await;
    assert_eq!(
        done.summary["outcome"].as_str(),
        Some("stopped"),
        "{:?}",
        done.failed
    );
    assert!(done.failed.is_some_and(|why| why.contains("after a day")));
    assert_eq!(done.metrics.last(), Some(&("JobsFailed", 1)));
    assert_eq!(function.called(), None);
}

/// It is 10:30; the function has to end by 10:31:40, and its requests 45 seconds before.
const SHORT: Duration = Duration::from_secs(100);

fn throttled(seconds: &str) -> Failure {
    refused(429, "too fast").with_header("retry-after", seconds)
}

fn winter() -> Value {
    with(with(event(), "start", "2025-12-01"), "end", "2026-02-20")
}

#[tokio::test]
async fn a_wait_that_does_not_fit_is_one_for_the_next_round() {
    let world = World::start().await;
    let function = Function::of(&world);
    world.pingdom.fail("summary", 1, 1, throttled("60"));
    let done = function.run(&winter(), SHORT).await;
    assert_eq!((done.failed, &done.summary["goesOn"]), (None, &json!(true)));
    assert!(!done.metrics.contains(&("JobsLater", 1)));
    let next = function.called().expect("another round");
    let done = function.run(&next, FIFTEEN_MINUTES).await;
    assert_eq!(done.summary["outcome"], "complete");
    assert_eq!(world.records().await.len(), 81 * 24);
}

#[tokio::test]
async fn a_range_that_is_put_off_has_failed_because_nobody_comes_back_to_it() {
    let world = World::start().await;
    let function = Function::of(&world);
    world.pingdom.fail("summary", 1, 1, throttled("4000"));
    let done = function.run(&winter(), FIFTEEN_MINUTES).await;
    let why = done.failed.expect("it has failed");
    assert!(
        why.contains("its range is not collected to its end"),
        "{why}"
    );
    assert_eq!(done.metrics.last(), Some(&("JobsFailed", 1)));
    assert_eq!(function.called(), None);
}

#[tokio::test]
async fn a_range_of_a_job_that_runs_has_failed_and_its_schedule_has_not() {
    let world = World::start().await;
    let function = Function::of(&world);
    let leased = world
        .store()
        .lease_job(&job(), "another", FIFTEEN_MINUTES, world.soon())
        .await;
    assert!(matches!(leased, Ok(Leasing::Held(_))));
    let done = function.run(&winter(), FIFTEEN_MINUTES).await;
    assert!(done.failed.is_some_and(|why| why.contains("another")));
    let done = function.run(&event(), FIFTEEN_MINUTES).await;
    assert_eq!((done.failed, done.metrics), (None, vec![("JobsBusy", 1)]));
}

#[tokio::test]
async fn a_job_that_comes_no_further_in_its_time_has_failed() {
    let world = World::start().await;
    let function = Function::of(&world);
    world.pingdom.fail("summary", 0, 1, throttled("60"));
    let done = function.run(&event(), Duration::from_secs(60)).await;
    assert_eq!(done.summary["outcome"], "stopped");
    let why = done.failed.expect("it has failed");
    assert!(
        why.contains("came no further") && why.contains("ask for less"),
        "{why}"
    );
    assert_eq!(done.metrics.last(), Some(&("JobsFailed", 1)));
}

#[tokio::test]
async fn a_round_that_cannot_be_called_is_a_failure() {
    let world = World::start().await;
    let function = Function::of(&world);
    let refuse = async |_: String| Err("no leave to invoke".to_owned());
    let collecting = &function.collecting;
    let done = collecting
        .run(&winter(), Duration::from_secs(60), refuse)
        .await;
    assert!(
        done.failed
            .is_some_and(|why| why.contains("no leave to invoke"))
    );
    assert_eq!(done.metrics.last(), Some(&("JobsFailed", 1)));
    assert_eq!(done.summary.get("goesOn"), None);
}

#[tokio::test]
async fn a_run_says_how_late_it_is_if_its_schedule_says_when_it_was_due() {
    let world = World::start().await;
    let function = Function::of(&world);
    let late = async |scheduled: &str| {
        let event = with(event(), "scheduled", scheduled);
        let done = function.run(&event, FIFTEEN_MINUTES).await;
        assert_eq!(done.failed, None);
        done.late
    };
    let told = late("2026-03-02T10:28:30Z").await;
    assert_eq!(told, Some(Duration::from_secs(90)));
    assert_eq!(late("<aws.scheduler.scheduled-time>").await, None);
    let ranged = with(winter(), "scheduled", "2026-03-02T10:28:30Z");
    function.run(&ranged, Duration::from_secs(60)).await;
    let next = function.called().expect("another round");
    assert_eq!(next.get("scheduled"), None);
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

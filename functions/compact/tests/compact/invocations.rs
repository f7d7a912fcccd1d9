//! Upkeep by the invocation, as a schedule starts it.

use std::time::Duration;

use serde_json::{Value, json};
use weir_compact::Upkeep;

use crate::support::{Bench, MINUTE};

/// As long as Lambda gives a function.
const TIME: Duration = Duration::from_secs(900);

#[tokio::test]
async fn an_invocation_folds_and_says_what_waits() {
    let bench = Bench::start().await;
    let mut upkeep = Upkeep::new(bench.store.clone());
    bench.accept(&[(10, 1.0), (20, 2.0)]).await;
    bench.accept(&[(30, 3.0)]).await;
    let young = upkeep.run(&Value::Null, TIME).await;
    let report = young.run.unwrap();
    assert_eq!((report.blocks, report.waiting), (0, 2), "{report:?}");

    bench.pass_time(16);
    let done = upkeep
        .run(&json!({"detail-type": "Scheduled Event"}), TIME)
        .await;
    assert_eq!(done.failed, None);
    assert!(done.verified.is_none());
    let summary = done.summary();
    let (run, verified) = (&summary["run"], &summary["verified"]);
    assert_eq!((&run["blocks"], &run["published"]), (&json!(2), &json!(1)));
    assert_eq!((&run["events"], &run["waiting"]), (&json!(3), &json!(0)));
    assert_eq!(verified, &Value::Null);

    // What was taken is still in the inbox, and does not wait.
    bench.accept(&[(40, 4.0)]).await;
    let report = upkeep.run(&Value::Null, TIME).await.run.unwrap();
    assert_eq!((report.blocks, report.waiting), (0, 1), "{report:?}");
    bench
        .holds(&[(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)])
        .await;
}

#[tokio::test]
async fn an_invocation_verifies_when_it_is_asked_to() {
    let bench = Bench::start().await;
    bench.accept(&[(10, 1.0), (20, 2.0)]).await;
    bench.pass_time(16);
    let mut upkeep = Upkeep::new(bench.store.clone());
    let done = upkeep.run(&json!({"verify": true}), TIME).await;
    assert_eq!(done.failed, None);
    let summary = done.summary();
    let verified = &summary["verified"];
    assert_eq!(
        (&verified["days"], &verified["events"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(verified["differences"], 0);
    assert_eq!(summary["run"]["blocks"], 1);
    assert_eq!(verified["more"], false);
    let wrong = upkeep.run(&json!({"verify": 1}), TIME).await;
    assert!(wrong.failed.is_some() && wrong.run.is_none());
    // There is no time for a single day, and that is no failure.
    let short = upkeep.run(&json!({"verify": true}), MINUTE / 2).await;
    assert_eq!(short.failed, None);
    let verified = short.verified.unwrap();
    assert_eq!((verified.days, verified.more), (0, true));
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cut_off_and_begun_again() {
    let bench = Bench::start().await;
    bench.accept(&[(10, 1.0), (20, 2.0)]).await;
    bench.pass_time(16);
    let mut upkeep = Upkeep::new(bench.store.clone());
    for calls in [0, 1, 3, 6] {
        bench.tap.stop_after(calls);
        let start = tokio::time::Instant::now();
        let done = upkeep.run(&Value::Null, 2 * MINUTE).await;
        assert!(start.elapsed() < 2 * MINUTE);
        if bench.tap.has_stopped() {
            assert!(done.failed.is_some(), "after {calls} calls: {done:?}");
        }
        bench.tap.go_on();
        bench.pass_time(1);
    }
    let done = upkeep.run(&json!({"verify": true}), TIME).await;
    assert_eq!(done.failed, None);
    assert_eq!(done.verified.unwrap().differences, []);
    bench.holds(&[(10, 1.0), (20, 2.0)]).await;
}

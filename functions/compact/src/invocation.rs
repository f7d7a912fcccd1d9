//! Upkeep by the invocation, with an end that somebody else sets.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use weir_store::Store;

use crate::verify::{VerifyReport, verify_until};
use crate::{Compactor, Options, Report};

/// What is under way when a run begins nothing new ends within this: a pass, and counting years.
const LAST_PASSES: Duration = Duration::from_secs(150);

/// The recount of a day that is under way when time is up ends within this.
const LAST_DAY: Duration = Duration::from_secs(30);

/// What is left at the end to say what was done.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Differences beyond this many are counted, not logged.
const MAX_LOGGED: usize = 100;

/// The upkeep of a store, invocation by invocation.
#[derive(Debug)]
pub struct Upkeep {
    store: Store,
    compactor: Compactor,
}

/// What an invocation asks for. What else it says is of no interest: a schedule sends its own
/// description.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Input {
    /// Whether every day is recounted as well.
    #[serde(default)]
    verify: bool,
}

/// What an invocation has done.
#[derive(Debug, Default)]
pub struct Done {
    /// What the run did, if it came to its end.
    pub run: Option<Report>,
    /// What was verified, if that was asked for and came to its end.
    pub verified: Option<VerifyReport>,
    /// What went wrong.
    pub failed: Option<String>,
}

impl Upkeep {
    /// Nothing has been done yet.
    pub fn new(store: Store) -> Upkeep {
        let compactor = Compactor::new(store.clone(), Options::default());
        Upkeep { store, compactor }
    }

    /// One run, and with `{"verify": true}` a recount of every day, or of as many as there is time
    /// for. What is under way at the end is cut off, which is a clean stop, and counts as failed.
    pub async fn run(&mut self, input: &Value, time: Duration) -> Done {
        let end = Instant::now() + time.saturating_sub(LAST_WORDS);
        let mut done = Done::default();
        let worked = timeout_at(end, self.work(input, time, &mut done)).await;
        done.failed = match worked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(format!("there was no time for everything within {time:?}")),
        };
        done
    }

    async fn work(&mut self, input: &Value, time: Duration, done: &mut Done) -> Result<(), String> {
        let input = read(input)?;
        let began = self.store.now();
        let run = self.compactor.run_for(budget(input, time)).await;
        done.run = Some(run.map_err(|error| format!("the run ended early: {error}"))?);
        if input.verify {
            let until = began.saturating_add(time.saturating_sub(LAST_WORDS + LAST_DAY));
            let verified = verify_until(&self.store, until, began.as_millis()).await;
            let report = verified.map_err(|error| format!("nothing was verified: {error}"))?;
            report_differences(&report);
            done.verified = Some(report);
        }
        Ok(())
    }
}

fn read(input: &Value) -> Result<Input, String> {
    if !input.is_object() {
        return Ok(Input::default());
    }
    Input::deserialize(input).map_err(|error| {
        format!("the input is {{\"verify\": true}}, or anything without verify: {error}")
    })
}

/// How long a run begins something new: the rest is for what is under way then, and for verifying.
fn budget(input: Input, time: Duration) -> Duration {
    let (share, most) = match input.verify {
        true => (time / 4, time / 4),
        false => (time / 2, time.saturating_sub(LAST_PASSES)),
    };
    most.max(share).min(Options::default().budget)
}

fn report_differences(report: &VerifyReport) {
    for difference in report.differences.iter().take(MAX_LOGGED) {
        tracing::error!("a day does not add up: {difference}");
    }
}

impl Done {
    /// The same as JSON, for whoever has called.
    pub fn summary(&self) -> Value {
        let run = self.run.map(|report| {
            json!({
                "published": report.published,
                "blocks": report.blocks,
                "events": report.events,
                "waiting": report.waiting,
                "merged": report.merged,
                "blocksDeleted": report.blocks_deleted,
                "runsDeleted": report.runs_deleted,
                "recordsDeleted": report.records_deleted,
                "finished": report.finished,
                "lost": report.lost,
                "failed": report.failed,
                "more": report.more,
            })
        });
        let verified = self.verified.as_ref().map(|report| {
            json!({
                "days": report.days,
                "events": report.events,
                "incomplete": report.incomplete,
                "differences": report.differences.len(),
                "more": report.more,
            })
        });
        json!({"run": run, "verified": verified})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_run_leaves_time_for_what_is_under_way() {
        let check = |verify: bool, time: Duration, expected: Duration| {
            assert_eq!(
                budget(Input { verify }, time),
                expected,
                "{verify} {time:?}"
            );
        };
        check(false, 15 * MINUTE, 10 * MINUTE);
        check(false, 10 * MINUTE, 10 * MINUTE - LAST_PASSES);
        check(false, 2 * MINUTE, MINUTE);
        check(true, 12 * MINUTE, 3 * MINUTE);
        check(false, Duration::ZERO, Duration::ZERO);
    }

    #[test]
    fn whatever_a_schedule_sends_is_understood_and_a_wrong_wish_is_not() {
        let check = |input: Value, verify: bool| assert_eq!(read(&input), Ok(Input { verify }));
        check(Value::Null, false);
        check(json!("text"), false);
        check(json!({}), false);
        check(
            json!({"version": "0", "detail-type": "Scheduled Event", "detail": {}}),
            false,
        );
        check(json!({"verify": true}), true);
        check(json!({"verify": false, "more": 1}), false);
        assert!(
            read(&json!({"verify": "yes"}))
                .unwrap_err()
                .contains("verify")
        );
    }
}

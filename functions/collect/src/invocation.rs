//! What a function does with an event: one run of a job, and the call that lets it go on.
//!
//! The event is the job's document and its `name`. A run that its time cut short has the function
//! called again, with `started` and `round` added, and for a range with the `state` that it came
//! to. That ends when a round makes no progress, or after a day: then it counts as failed, and the
//! next schedule goes on. A range has no next schedule: it counts as failed unless it is complete.
//!
//! EventBridge Scheduler puts the time that a run was due into `scheduled`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_collector::http::LONGEST_WAIT;
use weir_collector::secrets::Secrets;
use weir_collector::{Ended, Limits, Report, State};
use weir_model::{Schedule, Timestamp, Zone};
use weir_store::{JobName, JobRun};

use crate::access::collectors_are_disabled;
use crate::collect::{Context, JobCall, Ran, run_job};
use crate::inputs::Inputs;
use crate::query::{Definition, QueryError, Section};
use crate::wanted::Wanted;

/// The source is asked to stop so long before Lambda ends the function: it comes to a state, the
/// sink flushes, the bookmark is saved, and the function is called again.
const MARGIN: Duration = Duration::from_secs(90);

/// The source is cut off so long after it was asked to stop.
const GRACE: Duration = Duration::from_secs(45);

/// A job that did not come to its end within this is left to its schedule.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Bytes of an event that a function can be called with (AWS Lambda developer guide, "Lambda
/// quotas", of asynchronous invocations).
const EVENT_BYTES: usize = 1_000_000;

/// The key of the time that a run was due.
const SCHEDULED: &str = "scheduled";

/// How what EventBridge Scheduler replaces begins, where nobody has replaced it.
const UNREPLACED: &str = "<aws";

/// What a function works with, from one event to the next.
#[derive(Debug, Clone)]
pub struct Collecting {
    /// Tables, HTTP, addresses.
    pub context: Context,
    /// Where the jobs' secrets are.
    pub secrets: Arc<Secrets>,
}

/// What has come of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// For whoever has called.
    pub summary: Value,
    /// What is to be measured: names of metrics, and counts.
    pub metrics: Vec<(&'static str, u64)>,
    /// How long after its time it began, if that is known.
    pub late: Option<Duration>,
    /// Why it counts as failed, if it does.
    pub failed: Option<String>,
}

/// An event, read.
#[derive(Debug)]
struct Event {
    name: JobName,
    definition: Definition,
    wanted: Wanted,
    state: Option<State>,
    /// When the first round began, if this is not the first.
    started: Option<Timestamp>,
    round: u64,
    /// When it was due.
    scheduled: Option<Timestamp>,
}

/// What a run was of its job.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Course {
    /// There is nothing to do before the schedule comes again.
    Ends,
    /// There is more to do now.
    GoesOn,
    /// Somebody has to look: why.
    Sticks(String),
}

impl Collecting {
    /// Runs the job of an event within the time there is, and calls again, with an event, if
    /// there is more.
    pub async fn run(
        &self,
        input: &Value,
        time: Duration,
        again: impl AsyncFn(String) -> Result<(), String>,
    ) -> Done {
        let began = self.context.clock.now();
        let event = match Event::read(input) {
            Ok(event) => event,
            Err(error) => return Done::failed(&format!("the event is no job: {error}")),
        };
        if collectors_are_disabled() {
            return Done::disabled(&event);
        }
        let stop_at = began.saturating_add(time.saturating_sub(MARGIN));
        match self.run_job(&event, stop_at).await {
            Ok(Ran::Busy { holder, until }) => Done::busy(&event, &holder, until),
            Ok(Ran::Over { report, run }) => {
                let left = between(self.context.clock.now(), stop_at.saturating_add(GRACE));
                let mut course = event.course(&report, began, left);
                if course == Course::GoesOn {
                    let next = event.next(input, &report, began);
                    let called = match as_event(&next) {
                        Ok(next) => again(next).await,
                        Err(why) => Err(why),
                    };
                    course = Course::called(&event, called);
                }
                Done {
                    late: event.lateness(began),
                    ..Done::over(&event, &report, &run, &course)
                }
            }
            Err(error) => Done::failed(&format!("{}: {error}", event.name)),
        }
    }

    async fn run_job(
        &self,
        event: &Event,
        stop_at: Timestamp,
    ) -> Result<Ran, weir_store::StoreError> {
        let mut context = self.context.clone();
        // What a request may take is what is left, and what is left is for its source to end in.
        context.http = context.http.stop_at(stop_at.saturating_add(GRACE));
        let limits = Limits::none(Arc::clone(&context.clock))
            .stop_at(stop_at)
            .grace(GRACE);
        let call = JobCall {
            name: &event.name,
            definition: &event.definition,
            inputs: &Inputs::named(&event.definition, &self.secrets),
            wanted: event.wanted,
            state: event.state.clone(),
            next: event.due_after(context.clock.now()),
        };
        run_job(&call, &context, limits).await
    }
}

/// The text of an event. Of what is in it, only the state of a range can be long: every other is
/// kept beside the lease.
fn as_event(next: &Value) -> Result<String, String> {
    let text = next.to_string();
    match text.len() {
        bytes if bytes > EVENT_BYTES => Err(format!(
            "the event with the state of its range has {bytes} bytes, and up to {EVENT_BYTES} are \
             taken: have it collect a shorter range, or less at once"
        )),
        _ => Ok(text),
    }
}

/// How long it is from one time to another, if that is later.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    let ms = to.as_millis().saturating_sub(from.as_millis());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl Event {
    fn read(input: &Value) -> Result<Event, QueryError> {
        let file = input
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("the event");
        let definition = Definition::from_value(input, file)?;
        let none = serde_json::Map::new();
        let section = Section::new(file, "", input.as_object().unwrap_or(&none));
        let name = section.required_text("name", "the name of the job")?;
        let time = |key: &str| {
            let text = section.text(key)?;
            let is_said = |text: &&str| key != SCHEDULED || !text.starts_with(UNREPLACED);
            let text = text.filter(is_said);
            let read = text.map(Timestamp::parse).transpose();
            read.map_err(|error| section.error(key, error))
        };
        Ok(Event {
            name: name.parse().map_err(|error| section.error("name", error))?,
            wanted: Wanted::between(time("start")?, time("end")?),
            state: section.get("state").cloned().map(State),
            started: time("started")?,
            round: section.whole("round")?.unwrap_or(1),
            scheduled: time(SCHEDULED)?,
            definition,
        })
    }

    /// When the schedule comes again.
    fn due_after(&self, now: Timestamp) -> Option<Timestamp> {
        let schedule = Schedule::parse(self.definition.schedule.as_deref()?).ok()?;
        let zone = match self.definition.time_zone.as_deref() {
            Some(name) => Zone::parse(name).ok()?,
            None => Zone::utc(),
        };
        schedule.next(now, &zone)
    }

    /// What follows on a run. A wait that would have fit into another run, but not into the time
    /// that this one had `left`, is one for the next round.
    fn course(&self, report: &Report, began: Timestamp, left: Duration) -> Course {
        let job = &self.name;
        let first = self.started.unwrap_or(began);
        let in_time = began < first.saturating_add(LONGEST);
        let is_cut_short = match &report.ended {
            Ended::Stopped => true,
            Ended::Later { after, .. } => {
                let is_wait = |after: Duration| (left..=LONGEST_WAIT).contains(&after);
                report.progressed && after.is_some_and(is_wait)
            }
            Ended::Complete | Ended::Failed(_) | Ended::LeaseLost => false,
        };
        match (is_cut_short, report.progressed, in_time) {
            (true, true, true) => Course::GoesOn,
            (true, false, _) => Course::Sticks(format!(
                "{job}: it came no further in all of its time: have it ask for less at once \
                 (weir jobs history {job} shows how far it is)"
            )),
            (true, true, false) => Course::Sticks(format!(
                "{job}: it is not at its end after a day: collect what is left as ranges of its own \
                 (weir jobs history {job} shows how far it is)"
            )),
            (false, ..) => self.end(report),
        }
    }

    /// A schedule comes again; a range does not.
    fn end(&self, report: &Report) -> Course {
        let job = &self.name;
        match (&report.ended, self.wanted) {
            (Ended::Failed(fault), _) => Course::Sticks(format!("{job}: {fault}")),
            (Ended::Complete, _) | (_, Wanted::Resume) => Course::Ends,
            (ended, Wanted::Range { .. }) => Course::Sticks(format!(
                "{job}: its range is not collected to its end: {ended}: run the rest again"
            )),
        }
    }

    /// How late the first round began.
    fn lateness(&self, began: Timestamp) -> Option<Duration> {
        Some(between(self.scheduled?, began))
    }

    /// The event of the next round.
    fn next(&self, input: &Value, report: &Report, began: Timestamp) -> Value {
        let mut next = input.clone();
        if let Some(event) = next.as_object_mut() {
            event.remove(SCHEDULED);
        }
        next["started"] = self.started.unwrap_or(began).to_string().into();
        next["round"] = (self.round + 1).into();
        if let (Wanted::Range { .. }, Some(State(state))) = (self.wanted, &report.bookmark) {
            next["state"] = state.clone();
        }
        next
    }
}

impl Course {
    /// After the function was called again, or was not.
    fn called(event: &Event, called: Result<(), String>) -> Course {
        let job = &event.name;
        match called {
            Ok(()) => Course::GoesOn,
            Err(error) => Course::Sticks(format!(
                "{job}: it is not at its end, and was not called again: {error}"
            )),
        }
    }
}

impl Done {
    fn failed(why: &str) -> Done {
        tracing::error!("{why}");
        Done {
            summary: json!({"outcome": "failed", "error": why}),
            metrics: vec![("JobsFailed", 1)],
            late: None,
            failed: Some(why.to_owned()),
        }
    }

    fn disabled(event: &Event) -> Done {
        let (job, entrypoint) = (&event.name, event.definition.entrypoint);
        tracing::info!(%job, "collectors are disabled: {job} ({entrypoint}) was not run");
        Done {
            summary: json!({"job": job.as_str(), "outcome": "disabled"}),
            metrics: Vec::new(),
            late: None,
            failed: None,
        }
    }

    /// Not a failure: what this run would do, the other does, or the next one. But nobody else
    /// collects its range.
    fn busy(event: &Event, holder: &str, until: Timestamp) -> Done {
        let job = &event.name;
        let why = format!("{job} runs already, by {holder}, until {until} at least");
        tracing::info!(%job, "{why}");
        let is_range = event.wanted != Wanted::Resume;
        Done {
            summary: json!({
                "job": job.as_str(), "outcome": "busy", "holder": holder, "until": until.to_string(),
            }),
            metrics: vec![("JobsBusy", 1)],
            late: None,
            failed: is_range.then_some(why),
        }
    }

    fn over(event: &Event, report: &Report, run: &JobRun, course: &Course) -> Done {
        let job = &event.name;
        let counted = match (course, &report.ended) {
            (Course::Sticks(_), _) => Some("JobsFailed"),
            (Course::GoesOn, _) => None,
            (Course::Ends, Ended::Complete) => Some("JobsComplete"),
            (Course::Ends, Ended::Later { .. }) => Some("JobsLater"),
            (Course::Ends, _) => None,
        };
        let failed = match course {
            Course::Sticks(why) => {
                tracing::error!(%job, "{why}");
                Some(why.clone())
            }
            Course::Ends | Course::GoesOn => None,
        };
        let mut metrics = vec![
            ("JobRecords", report.records),
            ("JobRecordsSkipped", report.skips.count),
        ];
        metrics.extend(counted.map(|name| (name, 1)));
        let mut summary = json!({
            "job": job.as_str(),
            "outcome": run.outcome,
            "records": run.records,
            "skipped": run.skipped,
            "bookmark": run.bookmark,
            "error": run.error,
            "round": event.round,
        });
        if *course == Course::GoesOn {
            summary["goesOn"] = true.into();
        }
        Done {
            summary,
            metrics,
            late: None,
            failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_whose_state_fits_into_no_event_says_so() {
        let event = |bytes: usize| json!({"state": "x".repeat(bytes - 12)});
        let text = as_event(&event(EVENT_BYTES)).expect("it fits");
        assert_eq!(text.len(), EVENT_BYTES);
        let why = as_event(&event(EVENT_BYTES + 1)).expect_err("it is too long");
        assert!(why.contains("has 1000001 bytes"), "{why}");
    }
}

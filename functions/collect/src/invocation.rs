//! What a function does with an event: one run of a job, and the call that lets it go on.
//!
//! The event is the job's document and its `name`. A run that its time cut short has the function
//! called again, with `started` and `round` added, and for a range with the `state` that it came
//! to. That ends when a round makes no progress, or after a day: the next schedule goes on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
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
                let mut done = Done::over(&event, &report, &run);
                if event.goes_on(&report, began) {
                    let next = event.next(input, &report, began);
                    done.note_round(again(next.to_string()).await);
                }
                done
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
            let read = text.map(Timestamp::parse).transpose();
            read.map_err(|error| section.error(key, error))
        };
        Ok(Event {
            name: name.parse().map_err(|error| section.error("name", error))?,
            wanted: Wanted::between(time("start")?, time("end")?),
            state: section.get("state").cloned().map(State),
            started: time("started")?,
            round: section.whole("round")?.unwrap_or(1),
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

    fn goes_on(&self, report: &Report, began: Timestamp) -> bool {
        let first = self.started.unwrap_or(began);
        let in_time = began < first.saturating_add(LONGEST);
        let is_cut_short = report.ended == Ended::Stopped;
        if is_cut_short && !report.progressed {
            let job = &self.name;
            tracing::error!(%job, "{job} came no further in all of its time, and waits for its schedule");
        }
        is_cut_short && report.progressed && in_time
    }

    /// The event of the next round.
    fn next(&self, input: &Value, report: &Report, began: Timestamp) -> Value {
        let mut next = input.clone();
        next["started"] = self.started.unwrap_or(began).to_string().into();
        next["round"] = (self.round + 1).into();
        if let (Wanted::Range { .. }, Some(State(state))) = (self.wanted, &report.bookmark) {
            next["state"] = state.clone();
        }
        next
    }
}

impl Done {
    fn failed(why: &str) -> Done {
        tracing::error!("{why}");
        Done {
            summary: json!({"outcome": "failed", "error": why}),
            metrics: vec![("JobsFailed", 1)],
            failed: Some(why.to_owned()),
        }
    }

    fn disabled(event: &Event) -> Done {
        let (job, entrypoint) = (&event.name, event.definition.entrypoint);
        tracing::info!(%job, "collectors are disabled: {job} ({entrypoint}) was not run");
        Done {
            summary: json!({"job": job.as_str(), "outcome": "disabled"}),
            metrics: Vec::new(),
            failed: None,
        }
    }

    /// Not a failure: what this run would do, the other does.
    fn busy(event: &Event, holder: &str, until: Timestamp) -> Done {
        let job = &event.name;
        tracing::info!(%job, "{job} runs already, by {holder}, until {until} at least");
        Done {
            summary: json!({
                "job": job.as_str(), "outcome": "busy", "holder": holder, "until": until.to_string(),
            }),
            metrics: vec![("JobsBusy", 1)],
            failed: None,
        }
    }

    fn over(event: &Event, report: &Report, run: &JobRun) -> Done {
        let job = &event.name;
        let failed = match &report.ended {
            Ended::Failed(fault) => Some(format!("{job}: {fault}")),
            _ => None,
        };
        let counted = match &report.ended {
            Ended::Complete => Some("JobsComplete"),
            Ended::Later { .. } => Some("JobsLater"),
            Ended::Failed(_) => Some("JobsFailed"),
            Ended::Stopped | Ended::LeaseLost => None,
        };
        let mut metrics = vec![
            ("JobRecords", report.records),
            ("JobRecordsSkipped", report.skips.count),
        ];
        metrics.extend(counted.map(|name| (name, 1)));
        Done {
            summary: json!({
                "job": job.as_str(),
                "outcome": run.outcome,
                "records": run.records,
                "skipped": run.skipped,
                "bookmark": run.bookmark,
                "error": run.error,
                "round": event.round,
            }),
            metrics,
            failed,
        }
    }

    fn note_round(&mut self, called: Result<(), String>) {
        match called {
            Ok(()) => self.summary["goesOn"] = true.into(),
            Err(error) => {
                let why = format!("it is not at its end, and was not called again: {error}");
                tracing::error!("{why}");
                self.failed = Some(why);
            }
        }
    }
}

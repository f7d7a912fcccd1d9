//! Jobs of a deployed stack: schedules of EventBridge Scheduler, whose events are the jobs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use serde_json::Value;
use tokio::time::sleep;
use weir_aws::{CallError, Functions, ScheduledCall, Schedules};
use weir_model::Timestamp;
use weir_store::{Clock as _, JobName, JobOutcome, SystemClock};

use super::files::{Found, JobFiles};
use super::plan::{Change, Places, changes};
use super::routes::{JobList, ListedJob, ListedRun, RunRequest};
use super::{history, tell};
use crate::api::ApiError;
use crate::args::Global;
use crate::failure::Failure;
use crate::output::{self, counted};
use crate::session::{Needs, Session};
use crate::stack::Stack;

/// Schedules read at once.
const AT_ONCE: usize = 8;

/// How often a run in the stack is looked at, and for how long until it, or its next round, must
/// have begun.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const BEGIN_TIME: Duration = Duration::from_secs(120);

/// How long a round may take: no function runs for more than 15 minutes (AWS Lambda developer
/// guide, "Lambda quotas"), and a margin.
const ROUND_TIME: Duration = Duration::from_secs(17 * 60);

/// The schedules of a stack.
pub(super) struct Deployed {
    pub(super) stack: Stack,
    places: Places,
    schedules: Schedules,
}

impl Deployed {
    pub(super) async fn find(global: &Global, what: &str) -> Result<Deployed> {
        if !global.aws {
            let message = format!("jobs {what} works on a deployed stack");
            return Err(Failure::usage(message)
                .hint("add --aws, and --stack NAME")
                .into());
        }
        let stack = Stack::find(&global.stack).await?;
        let arn = stack.registry_arn();
        let places = Places::of(&global.stack, arn)
            .with_context(|| format!("the table's name {arn} does not say where it is"))?;
        let schedules = Schedules::new(stack.config(), &places.group());
        Ok(Deployed {
            stack,
            places,
            schedules,
        })
    }

    async fn schedules(&self) -> Result<Vec<ScheduledCall>> {
        let names = self.schedules.names().await.map_err(refuse)?;
        let read = stream::iter(&names).map(|name| self.schedules.read(name));
        read.buffered(AT_ONCE)
            .try_collect()
            .await
            .map_err(|error| refuse(error).into())
    }
}

/// `weir jobs sync`: makes the schedules those of a directory.
pub(super) async fn sync(directory: &Path, yes: bool, global: &Global) -> Result<()> {
    let found = JobFiles::open(directory)?
        .read()
        .context("cannot read the jobs")?;
    refuse_broken(&found)?;
    let deployed = Deployed::find(global, "sync").await?;
    let mut wanted = Vec::new();
    for job in found.jobs.values() {
        match deployed.places.schedule(job).map_err(Failure::new)? {
            Some(schedule) => wanted.push(schedule),
            None => eprintln!("{} has no schedule and is left out", job.definition.file),
        }
    }
    let changes = changes(wanted, deployed.schedules().await?);
    for change in &changes {
        output::line(change.to_string())?;
    }
    let count = counted(changes.len() as u64, "change", "changes");
    match (changes.is_empty(), yes) {
        (true, _) => eprintln!("the schedules of {} are as they should be", global.stack),
        (false, false) => eprintln!("{count} to make: --yes makes them"),
        (false, true) => {
            make(&deployed.schedules, &changes).await?;
            eprintln!("{count} made");
        }
    }
    Ok(())
}

/// A file that cannot be read would look like a job that is gone.
fn refuse_broken(found: &Found) -> Result<()> {
    for why in found.broken.values() {
        eprintln!("not a job: {why}");
    }
    match found.broken.len() as u64 {
        0 => Ok(()),
        count => {
            let files = counted(count, "file is no job", "files are no jobs");
            let message = format!("{files}, and nothing was changed");
            Err(Failure::new(message)
                .hint("mend them, or move them away")
                .into())
        }
    }
}

async fn make(schedules: &Schedules, changes: &[Change]) -> Result<()> {
    for change in changes {
        let made = match change {
            Change::Create(schedule) => schedules.create(schedule).await,
            Change::Update(schedule, _) => schedules.update(schedule).await,
            Change::Delete(name) => schedules.delete(name).await,
        };
        made.map_err(refuse)?;
    }
    Ok(())
}

/// `weir jobs run --aws`: has the stack's function do it, and waits for its end.
pub(super) async fn run(
    name: &JobName,
    range: &RunRequest,
    json: bool,
    global: &Global,
) -> Result<()> {
    let deployed = Deployed::find(global, "run").await?;
    let schedule = deployed.schedules.read(name.as_str()).await;
    let schedule = schedule.map_err(|error| match error {
        CallError::Missing { .. } => {
            let message = format!("{} has no job {name}", global.stack);
            let hint = "`weir jobs list --aws` shows them, `weir jobs sync DIR --aws` brings them";
            Failure::new(message).hint(hint)
        }
        other => refuse(other),
    })?;
    let schedule = ScheduledCall {
        input: over(&schedule.input, range)?,
        ..schedule
    };
    let session = Session::open(global, Needs::Data).await?;
    let done = run_and_follow(&deployed, &schedule, &session, name, json).await;
    let closed = session.close().await;
    done.and(closed)
}

/// The event for a range, if one is given.
fn over(event: &str, range: &RunRequest) -> Result<String> {
    let mut event: Value =
        serde_json::from_str(event).context("the schedule's event is no JSON")?;
    let document = event.as_object_mut();
    let document = document.context("the schedule's event is no JSON object")?;
    for (key, time) in [("start", &range.start), ("end", &range.end)] {
        if let Some(time) = time {
            document.insert(key.to_owned(), time.as_str().into());
        }
    }
    Ok(event.to_string())
}

async fn run_and_follow(
    deployed: &Deployed,
    schedule: &ScheduledCall,
    session: &Session,
    name: &JobName,
    json: bool,
) -> Result<()> {
    let before = latest(session, name).await?;
    let functions = Functions::new(deployed.stack.config());
    let event = schedule.input.clone();
    functions
        .invoke(&schedule.function, event)
        .await
        .map_err(refuse)?;
    eprintln!("{name} was handed to {}", schedule.function);
    let mut followed = Followed::from(before, SystemClock.now());
    loop {
        sleep(LOOK_EVERY).await;
        let run = latest(session, name).await?;
        match followed.look(run, SystemClock.now()) {
            Seen::NothingYet => {}
            Seen::Over(run) => return tell(name, &run, json),
            Seen::NotBegun => return Err(not_begun(name).into()),
            Seen::Silent => return Err(silent(name).into()),
        }
    }
}

/// The rounds of a run that was handed over: a function that has stopped in time invokes itself
/// again, and the next round is a run of its own.
#[derive(Debug)]
struct Followed {
    /// The latest run that was seen, and since when it has been as it is.
    latest: Option<ListedRun>,
    since: Timestamp,
    has_begun: bool,
}

/// What came of looking.
#[derive(Debug, PartialEq)]
enum Seen {
    NothingYet,
    Over(Box<ListedRun>),
    /// No run of it has begun in time.
    NotBegun,
    /// It has begun, and nothing was heard of it for longer than it may take.
    Silent,
}

impl Followed {
    fn from(before: Option<ListedRun>, now: Timestamp) -> Followed {
        Followed {
            latest: before,
            since: now,
            has_begun: false,
        }
    }

    fn look(&mut self, latest: Option<ListedRun>, now: Timestamp) -> Seen {
        let id = |run: &Option<ListedRun>| run.as_ref().map(|run| run.id.clone());
        let outcome = |run: &Option<ListedRun>| run.as_ref().map(|run| run.outcome);
        self.has_begun |= latest.is_some() && id(&latest) != id(&self.latest);
        if (id(&latest), outcome(&latest)) != (id(&self.latest), outcome(&self.latest)) {
            self.since = now;
        }
        self.latest = latest;
        let is_late = |time| now > self.since.saturating_add(time);
        match &self.latest {
            Some(run) if self.has_begun => match run.outcome {
                JobOutcome::Running if is_late(ROUND_TIME) => Seen::Silent,
                // It may be the last round all the same.
                JobOutcome::Stopped if is_late(BEGIN_TIME) => Seen::Over(run.clone().into()),
                JobOutcome::Running | JobOutcome::Stopped => Seen::NothingYet,
                _ => Seen::Over(run.clone().into()),
            },
            _ if is_late(BEGIN_TIME) => Seen::NotBegun,
            _ => Seen::NothingYet,
        }
    }
}

async fn latest(session: &Session, name: &JobName) -> Result<Option<ListedRun>> {
    // A job that never ran is not known to the tables.
    match history(&session.api, name, 1).await {
        Ok(runs) => Ok(runs.into_iter().next()),
        Err(error) if is_unknown(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ApiError>();
    matches!(error, Some(ApiError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND)
}

fn not_begun(name: &JobName) -> Failure {
    let seconds = BEGIN_TIME.as_secs();
    let message = format!("{name} was handed over and no run of it has begun in {seconds} s");
    Failure::new(message).hint("another run may have it: look into the log of the function")
}

fn silent(name: &JobName) -> Failure {
    let minutes = ROUND_TIME.as_secs() / 60;
    let message = format!("{name} has begun, and came to no end in {minutes} minutes");
    Failure::new(message).hint("it was cut off: look into the log of the function")
}

/// Adds what the schedules say to what the tables say.
pub(super) async fn add_schedules(list: &mut JobList, global: &Global) -> Result<()> {
    let deployed = Deployed::find(global, "list").await?;
    for schedule in deployed.schedules().await? {
        let document: Value = serde_json::from_str(&schedule.input).unwrap_or_default();
        let position = list.jobs.iter().position(|job| job.name == schedule.name);
        let job = match position {
            Some(position) => &mut list.jobs[position],
            None => {
                list.jobs.push(ListedJob::named(&schedule.name));
                list.jobs.last_mut().expect("it was just added")
            }
        };
        job.entrypoint = document["entrypoint"].as_str().map(str::to_owned);
        job.next = next(&schedule);
        job.schedule = Some(schedule.expression);
        job.time_zone = Some(schedule.time_zone);
    }
    list.jobs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

/// A rate counts from when its schedule was made, which nobody tells.
fn next(schedule: &ScheduledCall) -> Option<String> {
    if !schedule.enabled {
        return Some("disabled".to_owned());
    }
    let zone = weir_model::Zone::parse(&schedule.time_zone).ok()?;
    let expression = weir_model::Schedule::parse(&schedule.expression).ok()?;
    let fixed = expression.rate().is_none();
    let next = fixed
        .then(|| expression.next(SystemClock.now(), &zone))
        .flatten();
    next.map(|next| next.to_string())
}

fn refuse(error: CallError) -> Failure {
    let hint = match &error {
        CallError::Missing { .. } => "deploy infra/template.yaml of this version first",
        CallError::Failed { .. } => {
            "is it the right account and role, and may it do that? AWS_PROFILE chooses others"
        }
    };
    Failure::new(error.to_string()).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_part_of_the_event() {
        let event = "{\"name\":\"uptime\"}";
        let none = RunRequest::default();
        assert_eq!(over(event, &none).unwrap(), event);
        let range = RunRequest {
            start: Some("2026-01-01T00:00:00Z".to_owned()),
            end: None,
        };
        let expected = "{\"name\":\"uptime\",\"start\":\"2026-01-01T00:00:00Z\"}";
        assert_eq!(over(event, &range).unwrap(), expected);
        for event in ["[]", "\"uptime\"", "null", "1"] {
            let refusal = over(event, &range).unwrap_err().to_string();
            assert!(refusal.contains("no JSON object"), "{refusal}");
        }
    }

    fn run(id: &str, outcome: JobOutcome) -> Option<ListedRun> {
        Some(ListedRun {
            id: id.to_owned(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            finished: None,
            outcome,
            records: 1,
            skipped: 0,
            bookmark: None,
            error: None,
            next: None,
        })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * seconds).unwrap()
    }

    #[test]
    fn a_run_is_followed_through_its_rounds() {
        use JobOutcome::{Complete, Running, Stopped};
        let mut followed = Followed::from(run("before", Complete), at(0));
        let steps = [
            (2, run("before", Complete)),
            (100, run("one", Running)),
            (1_000, run("one", Stopped)),
            (1_010, run("two", Running)),
            (1_900, run("two", Stopped)),
            (2_010, run("three", Running)),
        ];
        for (second, latest) in steps {
            assert_eq!(
                followed.look(latest, at(second)),
                Seen::NothingYet,
                "{second}"
            );
        }
        let last = run("three", Complete);
        let seen = followed.look(last.clone(), at(2_500));
        assert_eq!(seen, Seen::Over(last.unwrap().into()));
    }

    #[test]
    fn nothing_is_waited_for_without_end() {
        use JobOutcome::{Running, Stopped};
        let mut followed = Followed::from(run("before", Stopped), at(0));
        assert_eq!(
            followed.look(run("before", Stopped), at(120)),
            Seen::NothingYet
        );
        assert_eq!(
            followed.look(run("before", Stopped), at(121)),
            Seen::NotBegun
        );
        let mut followed = Followed::from(None, at(0));
        assert_eq!(followed.look(run("one", Running), at(10)), Seen::NothingYet);
        assert_eq!(
            followed.look(run("one", Running), at(1_030)),
            Seen::NothingYet
        );
        assert_eq!(followed.look(run("one", Running), at(1_031)), Seen::Silent);
        let mut followed = Followed::from(None, at(0));
        let stopped = run("one", Stopped);
        assert_eq!(followed.look(stopped.clone(), at(10)), Seen::NothingYet);
        let seen = followed.look(stopped.clone(), at(131));
        assert_eq!(seen, Seen::Over(stopped.unwrap().into()));
    }
}

//! From a definition to what has come of it: source, sink, lease, run, and a note of it.
//!
//! A run without a range goes on from the job's bookmark, and a run of a range leaves it alone.
//! Both are under the job's lease: they write to the same place.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use weir_aws::SdkConfig;
use weir_collector::http::Http;
use weir_collector::{
    AnySink, Ended, Keep, Limits, Report, Sink as _, Skips, SourceError, State, run,
};
use weir_model::Timestamp;
use weir_store::{Clock, Deadline, JobName, JobOutcome, JobRun, Lease, Leasing, Store, StoreError};

use crate::access::{Access, Addresses};
use crate::any_source::AnySource;
use crate::inputs::{Inputs, Means};
use crate::query::Definition;
use crate::wanted::Wanted;

/// How long a lease lasts that nobody renews. The runner renews it when half of it is left. When a
/// function is killed, Lambda starts it again about a minute later (AWS Lambda developer guide,
/// "Retry behavior for asynchronous invocation"), and by then its lease must be over: a run that
/// finds the job busy ends, and nobody would try once more.
const LEASE: Duration = Duration::from_secs(45);

/// How long the store is waited for, for each note.
const PATIENCE: Duration = Duration::from_secs(30);

/// What collecting needs of its surroundings.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where data sets, bookmarks and notes of runs are.
    pub store: Store,
    /// Who sends requests.
    pub http: Http,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where third parties are.
    pub addresses: Addresses,
    /// How buckets are reached, if they are.
    pub aws: Option<SdkConfig>,
}

/// One run of a job, as it is asked for.
#[derive(Debug, Clone)]
pub struct JobCall<'a> {
    /// The job.
    pub name: &'a JobName,
    /// What it collects.
    pub definition: &'a Definition,
    /// Its secrets.
    pub inputs: &'a Inputs,
    /// Which stretch of time.
    pub wanted: Wanted,
    /// Where a range goes on that an earlier run began.
    pub state: Option<State>,
    /// When the schedule starts the job again.
    pub next: Option<Timestamp>,
}

/// What has come of asking for a run.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each run, and it is soon gone"
)]
pub enum Ran {
    /// It is over.
    Over {
        /// What the runner says.
        report: Report,
        /// What was noted.
        run: JobRun,
    },
    /// Another run of the job is under way.
    Busy {
        /// Whose.
        holder: String,
        /// Until when, unless it goes on.
        until: Timestamp,
    },
}

/// Runs a job once under its lease: on from its bookmark, or over a range beside it, and notes what
/// has come of it. What the run itself meets is in its report.
///
/// # Errors
/// When the store does not say whether the job is free, or does not take the note that it begins.
pub async fn run_job(
    call: &JobCall<'_>,
    context: &Context,
    limits: Limits,
) -> Result<Ran, StoreError> {
    let holder = format!("{:016x}", rand::rng().random::<u64>());
    let deadline = context.deadline();
    match context
        .store
        .lease_job(call.name, &holder, LEASE, deadline)
        .await?
    {
        Leasing::Busy { holder, until } => Ok(Ran::Busy { holder, until }),
        Leasing::Held(lease) => leased(call, context, &holder, lease, limits).await,
    }
}

async fn leased(
    call: &JobCall<'_>,
    context: &Context,
    holder: &str,
    mut lease: Lease,
    limits: Limits,
) -> Result<Ran, StoreError> {
    let (store, state) = (&context.store, call.state.clone());
    let held = &mut lease;
    let keep = match call.wanted {
        Wanted::Resume => Keep::Bookmark { store, lease: held },
        Wanted::Range { .. } => Keep::Range {
            store,
            lease: held,
            state,
        },
    };
    let ran = Box::pin(noted(call, context, holder, keep, limits)).await;
    if let Err(error) = lease.release(&context.store, context.deadline()).await {
        let job = call.name;
        tracing::warn!(%job, %error, "the lease of {job} was not given back, and runs out: {error}");
    }
    ran
}

/// Runs between two notes: that it has begun, and how it ended. Callers box it: the futures of all
/// sources, sinks and calls of the store are in it.
async fn noted(
    call: &JobCall<'_>,
    context: &Context,
    id: &str,
    keep: Keep<'_>,
    limits: Limits,
) -> Result<Ran, StoreError> {
    let job = call.name;
    let mut note = beginning(id, context.clock.now());
    context
        .store
        .record_job_run(job, &note, context.deadline())
        .await?;
    tracing::info!(%job, "collecting {job} ({})", call.definition.entrypoint);
    for ignored in &call.definition.notes {
        tracing::warn!(%job, "{ignored}");
    }
    let report = collect(call, context, keep, limits).await;
    finish(&mut note, &report, call.next, context.clock.now());
    log(job, &report);
    let noted = context
        .store
        .record_job_run(job, &note, context.deadline())
        .await;
    // It has run, and whoever asked has to know what came of it: there may be another round.
    if let Err(error) = noted {
        tracing::error!(%job, %error, "how the run of {job} ended is not noted: {error}");
    }
    Ok(Ran::Over { report, run: note })
}

async fn collect(call: &JobCall<'_>, context: &Context, keep: Keep<'_>, limits: Limits) -> Report {
    match prepare(call, context).await {
        Ok((mut source, mut sink)) => Box::pin(run(&mut source, &mut sink, keep, limits)).await,
        Err(error) => unprepared(error, keep.state()),
    }
}

async fn prepare(
    call: &JobCall<'_>,
    context: &Context,
) -> Result<(AnySource, AnySink), SourceError> {
    let definition = call.definition;
    let access = Access {
        http: context.http.clone(),
        clock: Arc::clone(&context.clock),
        credentials: call.inputs.credentials(definition)?,
        address: context.addresses.of(definition.entrypoint).to_owned(),
    };
    let source = AnySource::new(definition, call.wanted, access)?;
    let means = Means {
        store: &context.store,
        http: &context.http,
        aws: context.aws.as_ref(),
    };
    let sink = call.inputs.sink(definition, means).await?;
    Ok((source.into_sink(sink.repeats()), sink))
}

/// The report of a run that never began.
fn unprepared(error: SourceError, bookmark: Option<State>) -> Report {
    let ended = match error {
        SourceError::Final(fault) => Ended::Failed(fault),
        SourceError::Later { fault, after } => Ended::Later { fault, after },
        SourceError::Stopped => Ended::Stopped,
    };
    Report {
        ended,
        records: 0,
        skips: Skips::default(),
        bookmark,
        progressed: false,
    }
}

fn beginning(id: &str, now: Timestamp) -> JobRun {
    JobRun {
        id: id.to_owned(),
        started: now,
        finished: None,
        outcome: JobOutcome::Running,
        records: 0,
        skipped: 0,
        bookmark: None,
        error: None,
        next: None,
    }
}

fn finish(note: &mut JobRun, report: &Report, next: Option<Timestamp>, now: Timestamp) {
    note.finished = Some(now);
    note.records = report.records;
    note.skipped = report.skips.count;
    let bookmark = report.bookmark.as_ref();
    note.bookmark = bookmark.map(|State(bookmark)| JobRun::brief(bookmark));
    note.next = next;
    note.outcome = match &report.ended {
        Ended::Complete => JobOutcome::Complete,
        Ended::Stopped | Ended::LeaseLost => JobOutcome::Stopped,
        Ended::Later { .. } => JobOutcome::Later,
        Ended::Failed(_) => JobOutcome::Failed,
    };
    note.error = match &report.ended {
        Ended::LeaseLost => Some(Ended::LeaseLost.to_string()),
        ended => ended.fault().map(ToString::to_string),
    };
}

fn log(job: &JobName, report: &Report) {
    let (records, skipped, ended) = (report.records, report.skips.count, &report.ended);
    match ended {
        Ended::Failed(_) => tracing::error!(%job, records, skipped, "{job}: {ended}"),
        _ => tracing::info!(%job, records, skipped, "{job}: {ended}"),
    }
}

impl Context {
    fn deadline(&self) -> Deadline {
        Deadline::at(self.store.now().saturating_add(PATIENCE))
    }
}

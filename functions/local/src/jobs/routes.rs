//! Jobs behind the control socket: what there is, what came of it, and running one.
//!
//! What the store knows of jobs is answered everywhere, on a stack's tables, too. The files and
//! the running are there where a directory of jobs is kept.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_collect::{Ran, Wanted};
use weir_model::Timestamp;
use weir_service::{Problem, Service};
use weir_store::{Deadline, JobName, JobOutcome, JobRun, StoreError};

use super::files::Job;
use super::runs::Jobs;

/// How long to ask the store.
const ASK_TIME: Duration = Duration::from_secs(10);

/// Runs of an answer, unless asked for others.
const RUNS: usize = 20;
const MOST_RUNS: usize = 1000;

/// A job with what is known of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ListedJob {
    pub(crate) name: String,
    /// None: there is no file of it here.
    pub(crate) entrypoint: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) time_zone: Option<String>,
    /// When it is due.
    pub(crate) next: Option<String>,
    pub(crate) last: Option<ListedRun>,
}

/// A run of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ListedRun {
    pub(crate) id: String,
    pub(crate) started: String,
    pub(crate) finished: Option<String>,
    pub(crate) outcome: JobOutcome,
    pub(crate) records: u64,
    pub(crate) skipped: u64,
    pub(crate) bookmark: Option<Value>,
    pub(crate) error: Option<String>,
    pub(crate) next: Option<String>,
}

/// All jobs, in the order of their names.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobList {
    pub(crate) jobs: Vec<ListedJob>,
    /// What is wrong with files that are no jobs.
    pub(crate) broken: Vec<String>,
    /// Where the files are, if this Weir keeps any.
    pub(crate) directory: Option<String>,
}

/// Runs of a job, the newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunList {
    pub(crate) runs: Vec<ListedRun>,
}

/// What is to be collected; nothing said: on from the bookmark.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct RunRequest {
    pub(crate) start: Option<String>,
    pub(crate) end: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunAnswer {
    /// It has run.
    Ran(ListedRun),
    /// Another run of it is under way.
    Busy { holder: String, until: String },
    /// Collectors are switched off.
    Disabled,
}

impl ListedJob {
    /// A job of which nothing is known yet.
    pub(crate) fn named(name: &str) -> ListedJob {
        ListedJob {
            name: name.to_owned(),
            ..ListedJob::default()
        }
    }
}

impl From<JobRun> for ListedRun {
    fn from(run: JobRun) -> ListedRun {
        ListedRun {
            id: run.id,
            started: run.started.to_string(),
            finished: run.finished.map(|time| time.to_string()),
            outcome: run.outcome,
            records: run.records,
            skipped: run.skipped,
            bookmark: run.bookmark,
            error: run.error,
            next: run.next.map(|time| time.to_string()),
        }
    }
}

#[derive(Clone)]
struct Desk {
    service: Arc<Service>,
    jobs: Option<Jobs>,
}

/// The routes. Whoever serves them has seen to who may reach them.
pub(crate) fn router(service: Arc<Service>, jobs: Option<Jobs>) -> Router {
    Router::new()
        .route("/control/jobs", get(list))
        .route("/control/jobs/{name}/runs", get(runs))
        .route("/control/jobs/{name}/run", post(run))
        .with_state(Desk { service, jobs })
}

impl Desk {
    fn deadline(&self) -> Deadline {
        Deadline::at(self.service.now().saturating_add(ASK_TIME))
    }

    async fn last(&self, name: &JobName) -> Result<Option<ListedRun>, StoreError> {
        let runs = self
            .service
            .store
            .job_runs(name, 1, self.deadline())
            .await?;
        Ok(runs.into_iter().next().map(ListedRun::from))
    }

    async fn listed(&self, name: &JobName, job: Option<&Job>) -> Result<ListedJob, StoreError> {
        let last = self.last(name).await?;
        let when = job.and_then(|job| job.when.as_ref());
        let due = self.jobs.as_ref().and_then(|jobs| jobs.board().due(name));
        let due = due.or_else(|| when?.next(self.service.now()));
        // Without the file, its last run has said it.
        let known = last.as_ref().and_then(|run| run.next.clone());
        let next = if job.is_some() {
            due.map(|due| due.to_string())
        } else {
            known
        };
        Ok(ListedJob {
            name: name.to_string(),
            entrypoint: job.map(|job| job.definition.entrypoint.to_string()),
            schedule: when.map(|when| when.schedule.to_string()),
            time_zone: when.map(|when| when.zone.name().to_owned()),
            next,
            last,
        })
    }
}

async fn list(State(desk): State<Desk>) -> Result<Json<JobList>, Problem> {
    let board = desk.jobs.as_ref().map(Jobs::board);
    if let Some(board) = board {
        board
            .look()
            .map_err(|error| Problem::internal().caused_by(error))?;
    }
    let files = board.map(|board| board.jobs()).unwrap_or_default();
    let mut names = desk.service.store.jobs(desk.deadline()).await?;
    names.extend(files.iter().map(|job| job.name.clone()));
    names.sort();
    names.dedup();
    let mut jobs = Vec::new();
    for name in &names {
        let job = files.iter().find(|job| job.name == *name);
        jobs.push(desk.listed(name, job).await?);
    }
    let broken = board.map(|board| board.broken()).unwrap_or_default();
    let directory = board.map(|board| board.files().directory().display().to_string());
    Ok(Json(JobList {
        jobs,
        broken: broken.into_values().collect(),
        directory,
    }))
}

#[derive(Deserialize)]
struct RunsQuery {
    limit: Option<usize>,
}

async fn runs(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(RunsQuery { limit }): Query<RunsQuery>,
) -> Result<Json<RunList>, Problem> {
    let name = parse(&name)?;
    let limit = limit.unwrap_or(RUNS).min(MOST_RUNS);
    let runs = desk
        .service
        .store
        .job_runs(&name, limit, desk.deadline())
        .await?;
    if runs.is_empty()
        && desk
            .service
            .store
            .job(&name, desk.deadline())
            .await?
            .is_none()
    {
        let known = desk
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.board().job(&name).is_some());
        if !known {
            return Err(unknown(&name));
        }
    }
    let runs = runs.into_iter().map(ListedRun::from).collect();
    Ok(Json(RunList { runs }))
}

/// Answers when the run has ended; it goes on when nobody waits for the answer.
async fn run(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Json(wanted): Json<RunRequest>,
) -> Result<Json<RunAnswer>, Problem> {
    let name = parse(&name)?;
    let Some(jobs) = &desk.jobs else {
        let detail = "this Weir has no jobs: start it with `weir serve --jobs DIR --secrets DIR`";
        return Err(Problem::conflict("no-jobs", detail));
    };
    jobs.board()
        .look()
        .map_err(|error| Problem::internal().caused_by(error))?;
    let job = jobs
        .board()
        .job(&name)
        .ok_or_else(|| missing(jobs, &name))?;
    let jobs = jobs.clone();
    let (start, end) = (time("start", wanted.start)?, time("end", wanted.end)?);
    let wanted = Wanted::between(start, end);
    let running = tokio::spawn(async move { jobs.run(&job, wanted).await });
    let ran = running
        .await
        .map_err(|error| Problem::internal().caused_by(error))??;
    Ok(Json(match ran {
        Some(Ran::Over { run, .. }) => RunAnswer::Ran(run.into()),
        Some(Ran::Busy { holder, until }) => RunAnswer::Busy {
            holder,
            until: until.to_string(),
        },
        None => RunAnswer::Disabled,
    }))
}

fn time(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let refuse = |error: weir_model::TimestampError| Problem::parameter(field, error.to_string());
    text.map(|text| Timestamp::parse(&text))
        .transpose()
        .map_err(refuse)
}

fn parse(name: &str) -> Result<JobName, Problem> {
    name.parse()
        .map_err(|error: weir_store::JobNameError| Problem::parameter("name", error.to_string()))
}

fn unknown(name: &JobName) -> Problem {
    Problem::not_found(format!(
        "there is no job {name}: `weir jobs list` shows them"
    ))
}

fn missing(jobs: &Jobs, name: &JobName) -> Problem {
    let directory = jobs.board().files().directory().display();
    match jobs.board().broken().remove(&format!("{name}.json")) {
        Some(why) => Problem::unprocessable("bad-job", why),
        None => Problem::not_found(format!("there is no job {name} in {directory}")),
    }
}

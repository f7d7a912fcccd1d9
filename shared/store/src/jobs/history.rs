//! What became of the runs of a job.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_model::Timestamp;

use super::name::JobName;
use crate::attribute;
use crate::db::{CallError, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;
use crate::tables::EXPIRES;

/// For how long runs are listed.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Bytes of a bookmark that a run is noted with. Of a longer one only the size is.
const BOOKMARK_BYTES: usize = 8_000;

/// Characters of an error that are kept.
const ERROR_CHARS: usize = 4_000;

/// One execution of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRun {
    /// Tells it from others of the job.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub finished: Option<Timestamp>,
    /// How it stands.
    pub outcome: JobOutcome,
    /// Records that it delivered.
    pub records: u64,
    /// Records that it left out.
    pub skipped: u64,
    /// How far the job had come at its end, as [`JobRun::brief`] has it.
    pub bookmark: Option<Value>,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// When the job goes on, if that is known.
    pub next: Option<Timestamp>,
}

/// How an execution of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobOutcome {
    /// It is under way, or was when its process ended.
    Running,
    /// Everything was delivered.
    Complete,
    /// It was stopped before its end, and goes on where it stopped.
    Stopped,
    /// It met something that only time mends, and goes on then.
    Later,
    /// It cannot go on without somebody doing something.
    Failed,
}

/// What is kept of it as JSON; times are milliseconds.
#[derive(Serialize, Deserialize)]
struct Kept {
    finished: Option<i64>,
    outcome: JobOutcome,
    records: u64,
    skipped: u64,
    bookmark: Option<Value>,
    error: Option<String>,
    next: Option<i64>,
}

impl JobRun {
    /// A bookmark as runs are noted with it: itself, or a text that has its size if it is long.
    pub fn brief(bookmark: &Value) -> Value {
        match bookmark.to_string().len() {
            bytes if bytes > BOOKMARK_BYTES => format!("a bookmark of {bytes} bytes").into(),
            _ => bookmark.clone(),
        }
    }
}

impl Store {
    /// Notes how a run of a job stands. One that is under way is noted once, when it begins; what
    /// is said of its end stands, whatever arrives late.
    ///
    /// # Errors
    /// When the store does not answer; it may be noted then.
    pub async fn record_job_run(
        &self,
        job: &JobName,
        run: &JobRun,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let is_beginning = run.outcome == JobOutcome::Running;
        let put = Put {
            table: Table::Bookmarks,
            item: to_item(job, run),
            condition: is_beginning.then(Condition::absent),
        };
        match self.db().put_repeatable(put, deadline).await {
            Ok(()) | Err(CallError::Refused) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The latest runs of a job, the newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn job_runs(
        &self,
        job: &JobName,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Vec<JobRun>, StoreError> {
        let since = self.now().saturating_sub(KEPT);
        let query = Query {
            table: Table::Bookmarks,
            pk: partition(job),
            sk: SkRange::From(place(since, "")),
            order: Order::Descending,
            attributes: None,
            limit: Some(u32::try_from(limit).unwrap_or(u32::MAX).max(1)),
        };
        let items = self.db().query_all(&query, deadline).await?;
        let runs = items.iter().take(limit);
        runs.map(|item| from_item(item).ok_or_else(|| corrupt(job)))
            .collect()
    }
}

fn partition(job: &JobName) -> String {
    format!("runs#{job}")
}

/// As wide for every instant, so that keys are in the order of times.
fn place(started: Timestamp, id: &str) -> String {
    format!("{:015}|{id}", started.as_millis())
}

fn to_item(job: &JobName, run: &JobRun) -> Item {
    let error = run.error.as_ref();
    let kept = Kept {
        finished: run.finished.map(Timestamp::as_millis),
        outcome: run.outcome,
        records: run.records,
        skipped: run.skipped,
        bookmark: run.bookmark.as_ref().map(JobRun::brief),
        error: error.map(|error| error.chars().take(ERROR_CHARS).collect()),
        next: run.next.map(Timestamp::as_millis),
    };
    let json = serde_json::to_string(&kept).expect("plain values are JSON");
    let expires = run.started.saturating_add(KEPT).as_millis() / 1_000;
    let mut item = Key::new(partition(job), place(run.started, &run.id)).into_item();
    item.insert("run".into(), attribute::text(json));
    item.insert(EXPIRES.into(), attribute::number(expires));
    item
}

fn from_item(item: &Item) -> Option<JobRun> {
    let (started, id) = attribute::read_text(item, "sk")?.split_once('|')?;
    let kept: Kept = serde_json::from_str(attribute::read_text(item, "run")?).ok()?;
    let time = |millis: i64| Timestamp::from_millis(millis).ok();
    Some(JobRun {
        id: id.to_owned(),
        started: time(started.parse().ok()?)?,
        finished: kept.finished.and_then(time),
        outcome: kept.outcome,
        records: kept.records,
        skipped: kept.skipped,
        bookmark: kept.bookmark,
        error: kept.error,
        next: kept.next.and_then(time),
    })
}

fn corrupt(job: &JobName) -> StoreError {
    StoreError::corrupt(format!("a run of the job {job}"), "it is not readable")
}

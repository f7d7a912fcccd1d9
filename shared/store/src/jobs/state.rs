//! A job's item.

use std::sync::Arc;

use serde_json::Value;
use weir_model::Timestamp;

use super::name::JobName;
use crate::attribute;
use crate::db::{Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;

/// The partition of all jobs.
const JOBS: &str = "jobs";

/// Bytes of a bookmark and of the names of outputs as JSON: an item holds 400 KB (DynamoDB
/// developer guide, "Quotas").
const STATE_BYTES: usize = 350_000;

/// What is known of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobState {
    /// How far it has come, if it ever got anywhere.
    pub bookmark: Option<Value>,
    /// Outputs that were under way when this was stored.
    pub pending: Vec<String>,
    /// How often it was leased.
    pub fence: u64,
    /// Who runs it, or ran it last.
    pub holder: String,
    /// Until when nobody else may run it.
    pub leased_until: Timestamp,
    /// When any of this last changed.
    pub updated: Timestamp,
}

/// A job's item as it is in the table.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) state: JobState,
    /// Drawn for every write.
    pub(super) version: String,
    /// The bookmark as it is stored, so that it need not be written anew with every renewal.
    pub(super) bookmark_json: Option<Arc<str>>,
}

impl Store {
    /// What is known of a job; nothing if it was never leased.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn job(
        &self,
        job: &JobName,
        deadline: Deadline,
    ) -> Result<Option<JobState>, StoreError> {
        let stored = self.stored_job(job, deadline).await?;
        Ok(stored.map(|stored| stored.state))
    }

    /// The names of all jobs that were ever leased, in their order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs(&self, deadline: Deadline) -> Result<Vec<JobName>, StoreError> {
        let query = Query {
            table: Table::Bookmarks,
            pk: JOBS.into(),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: Some(vec!["sk"]),
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        let name = |item| attribute::read_text(item, "sk")?.parse().ok();
        Ok(items.iter().filter_map(name).collect())
    }

    pub(super) async fn stored_job(
        &self,
        job: &JobName,
        deadline: Deadline,
    ) -> Result<Option<Stored>, StoreError> {
        let item = self.db().get(Table::Bookmarks, key(job), deadline).await?;
        let stored = item.as_ref().map(|item| Stored::of(item, job));
        stored.transpose()
    }
}

impl Stored {
    fn of(item: &Item, job: &JobName) -> Result<Self, StoreError> {
        let corrupt = |what: &str| {
            let cause = format!("its {what} is missing or not readable");
            StoreError::corrupt(format!("the job {job}"), cause)
        };
        let bookmark_json = attribute::read_text(item, "bookmark");
        let bookmark = bookmark_json.map(serde_json::from_str).transpose();
        let pending = attribute::read_text(item, "pending").map(serde_json::from_str);
        let time = |name: &str| {
            let time = attribute::read_number(item, name);
            let time = time.and_then(|millis| Timestamp::from_millis(millis).ok());
            time.ok_or_else(|| corrupt(name))
        };
        let text = |name: &str| attribute::read_text(item, name).ok_or_else(|| corrupt(name));
        Ok(Self {
            state: JobState {
                bookmark: bookmark.map_err(|_| corrupt("bookmark"))?,
                pending: pending
                    .transpose()
                    .map_err(|_| corrupt("pending"))?
                    .unwrap_or_default(),
                fence: attribute::read_number(item, "fence").ok_or_else(|| corrupt("fence"))?,
                holder: text("holder")?.to_owned(),
                leased_until: time("until")?,
                updated: time("updated")?,
            },
            version: text("version")?.to_owned(),
            bookmark_json: bookmark_json.map(Arc::from),
        })
    }

    /// Puts it in the place of the one that was last seen.
    ///
    /// # Errors
    /// When it is larger than an item may be.
    pub(super) fn put(&self, job: &JobName, seen: Option<&Self>) -> Result<Put, StoreError> {
        let state = &self.state;
        let pending = serde_json::to_string(&state.pending).expect("a list of texts is JSON");
        let bytes = pending.len() + self.bookmark_json.as_deref().map_or(0, str::len);
        if bytes > STATE_BYTES {
            return Err(StoreError::Refused(format!(
                "the bookmark of the job {job} has {bytes} bytes as JSON with the names of its \
                 outputs; up to {STATE_BYTES} are kept"
            )));
        }
        let mut item = key(job).into_item();
        item.extend([
            ("pending".into(), attribute::text(pending)),
            ("fence".into(), attribute::number(state.fence)),
            ("version".into(), attribute::text(&*self.version)),
            ("holder".into(), attribute::text(&*state.holder)),
            (
                "until".into(),
                attribute::number(state.leased_until.as_millis()),
            ),
            (
                "updated".into(),
                attribute::number(state.updated.as_millis()),
            ),
        ]);
        if let Some(bookmark) = &self.bookmark_json {
            item.insert("bookmark".into(), attribute::text(&**bookmark));
        }
        Ok(Put {
            table: Table::Bookmarks,
            item,
            condition: Some(seen.map_or_else(Condition::absent, Self::is_there)),
        })
    }

    fn is_there(&self) -> Condition {
        Condition {
            expression: "#fence = :fence AND #version = :version".into(),
            names: vec![
                ("#fence".into(), "fence".into()),
                ("#version".into(), "version".into()),
            ],
            values: vec![
                (":fence".into(), attribute::number(self.state.fence)),
                (":version".into(), attribute::text(&*self.version)),
            ],
        }
    }
}

fn key(job: &JobName) -> Key {
    Key::new(JOBS, job.as_str())
}

//! A job's item.

use std::sync::Arc;

use serde_json::Value;
use weir_model::Timestamp;

use super::name::JobName;
use super::pieces::Pieces;
use crate::attribute;
use crate::db::{
    AttributeValue, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table,
};
use crate::error::StoreError;
use crate::store::Store;

/// The partition of all jobs.
const JOBS: &str = "jobs";

/// The attribute of a bookmark that is in the item.
const BOOKMARK: &str = "bookmark";

/// The attribute of a bookmark that is in pieces: which.
const PIECES: &str = "pieces";

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

/// A job's item as it is in the table, and its bookmark wherever that is. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) bookmark: Option<Bookmark>,
    pub(super) pending: Vec<String>,
    pub(super) fence: u64,
    pub(super) holder: String,
    pub(super) leased_until: Timestamp,
    pub(super) updated: Timestamp,
    /// Drawn for every write.
    pub(super) version: String,
}

/// A bookmark that is stored, or its pieces are.
#[derive(Debug, Clone)]
pub(super) struct Bookmark {
    pub(super) value: Arc<Value>,
    pub(super) place: Place,
}

/// Where a bookmark is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// In the job's item, as this JSON: it need not be written anew with every renewal.
    Item(Arc<str>),
    /// Beside it.
    Pieces(Pieces),
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
        Ok(stored.map(Stored::into_state))
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
        let mut missed = None;
        loop {
            let Some(item) = self.job_item(job, deadline).await? else {
                return Ok(None);
            };
            let Some(place) = Place::of(&item, job)? else {
                return Stored::of(&item, None, job).map(Some);
            };
            if let Some(value) = self.bookmark_at(job, &place, deadline).await? {
                let value = Arc::new(value);
                return Stored::of(&item, Some(Bookmark { value, place }), job).map(Some);
            }
            // They were replaced meanwhile, unless they are named still.
            if missed.as_ref() == Some(&place) {
                let cause = "pieces of its bookmark are missing";
                return Err(StoreError::corrupt(format!("the job {job}"), cause));
            }
            missed = Some(place);
        }
    }

    /// The bookmark in its place; nothing if pieces of it are missing.
    async fn bookmark_at(
        &self,
        job: &JobName,
        place: &Place,
        deadline: Deadline,
    ) -> Result<Option<Value>, StoreError> {
        match place {
            Place::Item(json) => serde_json::from_str(json).map_err(|_| corrupt(job, BOOKMARK)),
            Place::Pieces(pieces) => self.join_pieces(job, pieces, deadline).await,
        }
    }

    /// Whether the job's item is the one that was put with this version.
    pub(super) async fn is_job_at(
        &self,
        job: &JobName,
        version: &str,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let item = self.job_item(job, deadline).await?;
        let there = item
            .as_ref()
            .and_then(|item| attribute::read_text(item, "version"));
        Ok(there == Some(version))
    }

    async fn job_item(
        &self,
        job: &JobName,
        deadline: Deadline,
    ) -> Result<Option<Item>, StoreError> {
        Ok(self.db().get(Table::Bookmarks, key(job), deadline).await?)
    }
}

impl Place {
    /// Where the bookmark of this item is, if there is one.
    fn of(item: &Item, job: &JobName) -> Result<Option<Self>, StoreError> {
        if let Some(json) = attribute::read_text(item, BOOKMARK) {
            return Ok(Some(Self::Item(json.into())));
        }
        let pieces = attribute::read_text(item, PIECES).map(serde_json::from_str);
        let pieces = pieces.transpose().map_err(|_| corrupt(job, PIECES))?;
        Ok(pieces.map(Self::Pieces))
    }

    fn attribute(&self) -> (String, AttributeValue) {
        match self {
            Self::Item(json) => (BOOKMARK.into(), attribute::text(&**json)),
            Self::Pieces(pieces) => {
                let json = serde_json::to_string(pieces).expect("plain values are JSON");
                (PIECES.into(), attribute::text(json))
            }
        }
    }

    /// Bytes of it that are in the item.
    fn bytes(&self) -> usize {
        match self {
            Self::Item(json) => json.len(),
            Self::Pieces(_) => 0,
        }
    }
}

impl Bookmark {
    /// Its pieces, if it is in any.
    pub(super) fn pieces(&self) -> Option<&Pieces> {
        match &self.place {
            Place::Item(_) => None,
            Place::Pieces(pieces) => Some(pieces),
        }
    }
}

impl Stored {
    fn of(item: &Item, bookmark: Option<Bookmark>, job: &JobName) -> Result<Self, StoreError> {
        let corrupt = |what: &str| corrupt(job, what);
        let pending = attribute::read_text(item, "pending").map(serde_json::from_str);
        let pending = pending.transpose().map_err(|_| corrupt("pending"))?;
        let time = |name: &str| {
            let time = attribute::read_number(item, name);
            let time = time.and_then(|millis| Timestamp::from_millis(millis).ok());
            time.ok_or_else(|| corrupt(name))
        };
        let text = |name: &str| attribute::read_text(item, name).ok_or_else(|| corrupt(name));
        Ok(Self {
            bookmark,
            pending: pending.unwrap_or_default(),
            fence: attribute::read_number(item, "fence").ok_or_else(|| corrupt("fence"))?,
            holder: text("holder")?.to_owned(),
            leased_until: time("until")?,
            updated: time("updated")?,
            version: text("version")?.to_owned(),
        })
    }

    fn into_state(self) -> JobState {
        let bookmark = self.bookmark;
        JobState {
            bookmark: bookmark.map(|bookmark| Arc::unwrap_or_clone(bookmark.value)),
            pending: self.pending,
            fence: self.fence,
            holder: self.holder,
            leased_until: self.leased_until,
            updated: self.updated,
        }
    }

    /// The pieces of its bookmark, if that is in any.
    pub(super) fn pieces(&self) -> Option<&Pieces> {
        self.bookmark.as_ref()?.pieces()
    }

    /// Puts it in the place of the one that was last seen.
    ///
    /// # Errors
    /// When it is larger than an item may be.
    pub(super) fn put(&self, job: &JobName, seen: Option<&Self>) -> Result<Put, StoreError> {
        let pending = serde_json::to_string(&self.pending).expect("a list of texts is JSON");
        let place = self.bookmark.as_ref().map(|bookmark| &bookmark.place);
        let bytes = pending.len() + place.map_or(0, Place::bytes);
        if bytes > STATE_BYTES {
            return Err(StoreError::Refused(format!(
                "the item of the job {job} has {bytes} bytes of names of its outputs and of its \
                 bookmark; up to {STATE_BYTES} are kept"
            )));
        }
        let (until, updated) = (self.leased_until.as_millis(), self.updated.as_millis());
        let mut item = key(job).into_item();
        item.extend([
            ("pending".into(), attribute::text(pending)),
            ("fence".into(), attribute::number(self.fence)),
            ("version".into(), attribute::text(&*self.version)),
            ("holder".into(), attribute::text(&*self.holder)),
            ("until".into(), attribute::number(until)),
            ("updated".into(), attribute::number(updated)),
        ]);
        item.extend(place.map(Place::attribute));
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
                (":fence".into(), attribute::number(self.fence)),
                (":version".into(), attribute::text(&*self.version)),
            ],
        }
    }
}

fn key(job: &JobName) -> Key {
    Key::new(JOBS, job.as_str())
}

fn corrupt(job: &JobName, what: &str) -> StoreError {
    let cause = format!("its {what} is missing or not readable");
    StoreError::corrupt(format!("the job {job}"), cause)
}

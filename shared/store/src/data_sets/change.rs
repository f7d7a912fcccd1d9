//! One record: read, changed, deleted.

use std::time::Duration;

use serde_json::{Map, Value};
use weir_model::{Record, Timestamp};

use super::mark::Marks;
use super::place::{self, partition, shard_of};
use super::read::StoredRecord;
use super::set::DataSet;
use super::write::{Draft, Pointer, remove_document};
use crate::attribute;
use crate::backoff::Backoff;
use crate::db::{CallError, Deadline, Key, Table, Write};
use crate::error::StoreError;
use crate::store::Store;
use crate::tables::EXPIRES;

/// How long the pointer of a deleted record stays: a write that was planned before arrives within
/// 15 minutes, by clocks that differ, or is refused.
const GONE_STAYS: Duration = Duration::from_secs(3600);

/// What became of a change to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patched {
    /// It is made.
    Done,
    /// There is no record of this id.
    Missing,
    /// The record would break these rules; nothing was changed.
    Invalid(Vec<String>),
}

impl Store {
    /// Reads one record.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn record(
        &self,
        set: &DataSet,
        id: &str,
        deadline: Deadline,
    ) -> Result<Option<StoredRecord>, StoreError> {
        let found = self.found(set, id, deadline).await?;
        Ok(found.map(|(_, record)| record))
    }

    /// Changes the keys that are given of one record, and leaves the others as they are.
    ///
    /// # Errors
    /// When the store does not answer; it may be changed then, and can be changed again.
    pub async fn patch_record(
        &self,
        set: &DataSet,
        id: &str,
        patch: &Map<String, Value>,
        deadline: Deadline,
    ) -> Result<Patched, StoreError> {
        if patch.get("_id").is_some_and(|to| to != id) {
            let message = "_id of a record cannot be changed".to_owned();
            return Ok(Patched::Invalid(vec![message]));
        }
        let mut marks = Marks::default();
        let mut backoff = Backoff::new();
        loop {
            let Some((read, there)) = self.found(set, id, deadline).await? else {
                return Ok(Patched::Missing);
            };
            if marks.has(&read.mark) {
                return Ok(Patched::Done);
            }
            let record = match patched(&there, patch)? {
                Ok(record) => record,
                Err(messages) => return Ok(Patched::Invalid(messages)),
            };
            let draft = Draft::of(&record, self.now());
            let writes: Vec<Write> = draft.writes(set, Some(&read), &marks.draw()).collect();
            match self.attempt_writes(&writes, deadline).await? {
                None => break,
                Some(CallError::Refused) => {}
                Some(_) => backoff.pause().await,
            }
        }
        self.note_written(set, self.now(), deadline).await;
        Ok(Patched::Done)
    }

    /// Deletes one record; whether there was one.
    ///
    /// # Errors
    /// When the store does not answer; it may be deleted then, and can be deleted again.
    pub async fn delete_record(
        &self,
        set: &DataSet,
        id: &str,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let mut marks = Marks::default();
        let mut backoff = Backoff::new();
        loop {
            let there = self.pointer(set, id, deadline).await?;
            if there
                .as_ref()
                .is_some_and(|pointer| marks.has(&pointer.mark))
            {
                return Ok(true);
            }
            let Some((read, at)) = there.and_then(|read| Some((read.clone(), read.at?))) else {
                return Ok(false);
            };
            let writes = [
                gone(set, id, &marks.draw(), &read, self.now()),
                remove_document(Key::new(shard(set, id), at)),
            ];
            match self.attempt_writes(&writes, deadline).await? {
                None => return Ok(true),
                Some(CallError::Refused) => {}
                Some(_) => backoff.pause().await,
            }
        }
    }

    async fn pointer(
        &self,
        set: &DataSet,
        id: &str,
        deadline: Deadline,
    ) -> Result<Option<Pointer>, StoreError> {
        let mut pointers = self.pointers(set, [id].into_iter(), deadline).await?;
        Ok(pointers.remove(id))
    }

    /// A record with the pointer that says where it is.
    async fn found(
        &self,
        set: &DataSet,
        id: &str,
        deadline: Deadline,
    ) -> Result<Option<(Pointer, StoredRecord)>, StoreError> {
        let mut backoff = Backoff::new();
        loop {
            let pointer = self.pointer(set, id, deadline).await?;
            let Some((pointer, at)) = pointer.and_then(|read| Some((read.clone(), read.at?)))
            else {
                return Ok(None);
            };
            let key = Key::new(shard(set, id), at);
            let document = self.db().get(Table::Records, key, deadline).await?;
            let document = document.unwrap_or_default();
            // Two reads may see a transaction in part: what belongs together has one mark.
            if attribute::read_text(&document, "mark") == Some(&*pointer.mark) {
                let record = StoredRecord::of(&document);
                let record = record.ok_or_else(|| corrupt(id, "it has no document"))?;
                return Ok(Some((pointer, record)));
            }
            backoff.pause().await;
        }
    }
}

fn shard(set: &DataSet, id: &str) -> String {
    partition(&set.name, &set.generation, shard_of(id))
}

/// The record with some of its keys changed, or what is wrong with it.
fn patched(
    there: &StoredRecord,
    patch: &Map<String, Value>,
) -> Result<Result<Record, Vec<String>>, StoreError> {
    let body = serde_json::from_str(&there.json);
    let mut body: Map<String, Value> = body.map_err(|error| corrupt(&there.id, error))?;
    body.extend(patch.clone());
    Ok(Record::check(body))
}

/// Says of a record that it is gone.
fn gone(set: &DataSet, id: &str, mark: &str, read: &Pointer, now: Timestamp) -> Write {
    let pointer = Pointer {
        mark: mark.to_owned(),
        at: None,
    };
    let mut put = pointer.put(place::pointer(&set.name, &set.generation, id), Some(read));
    let expires = now.saturating_add(GONE_STAYS).as_millis() / 1_000;
    put.item.insert(EXPIRES.into(), attribute::number(expires));
    Write::Put(put)
}

fn corrupt(id: &str, cause: impl ToString) -> StoreError {
    StoreError::corrupt(format!("the record {id}"), cause)
}

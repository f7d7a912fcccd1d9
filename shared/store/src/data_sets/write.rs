//! Storing records: pointers are read, and each record is put in its place together with its
//! pointer, on the condition that the pointer is still the one that was read.

use std::collections::{HashMap, HashSet};

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use rand::RngExt as _;
use weir_model::record::UPDATED_AT;
use weir_model::{Record, Timestamp};

use super::mark::Marks;
use super::place::{self, document, partition, pointer, shard_of};
use super::set::DataSet;
use crate::attribute;
use crate::backoff::Backoff;
use crate::db::{CallError, Condition, Deadline, Delete, Item, Key, Put, Table, Write};
use crate::error::StoreError;
use crate::store::Store;

/// Records whose pointers are read at once (DynamoDB API reference, BatchGetItem).
const BATCH: usize = 100;

/// Batches under way at the same time, and transactions of each.
const AT_ONCE: usize = 2;

/// What a transaction may hold: 100 items and 4 MB (DynamoDB developer guide, "Quotas"), the
/// keys and names included.
const WRITES: usize = 100;
const BYTES: usize = 3_500_000;

/// What a record's items have beside its document and its ids, at most.
const OVERHEAD: usize = 1_500;

/// A record on its way into the store.
pub(super) struct Draft {
    pub(super) id: String,
    /// Where the document goes.
    pub(super) sk: String,
    pub(super) json: String,
}

/// Records, and the transaction that stores them.
type Part<'a> = (Vec<&'a Draft>, Vec<Write>);

/// What was read of a record's pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    /// Drawn by the write that put it there.
    pub(super) mark: String,
    /// Where the document is; nothing when the record was deleted.
    pub(super) at: Option<String>,
}

impl Store {
    /// Stores records, each in the place of the one of the same `_id`; one without is given one.
    /// The last of several with the same `_id` counts. They become visible one by one.
    ///
    /// # Errors
    /// When the store did not take all of them in time. Some may be stored, or may be yet; storing
    /// all of them again is safe if they have ids.
    pub async fn put_records(
        &self,
        set: &DataSet,
        records: &[Record],
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let drafts = without_repeats(records.iter().map(|record| Draft::of(record, now)));
        let batches = drafts
            .chunks(BATCH)
            .map(|batch| async { self.put_batch(set, batch.iter().collect(), deadline).await });
        // Boxed, or else the compiler cannot tell that it may go from thread to thread.
        let batches: Vec<_> = batches.map(|batch| batch.boxed()).collect();
        stream::iter(batches)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        if !drafts.is_empty() {
            self.note_written(set, now, deadline).await;
        }
        Ok(())
    }

    /// Stores the records of a batch, round by round, until all are there.
    async fn put_batch(
        &self,
        set: &DataSet,
        mut left: Vec<&Draft>,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let mut marks = Marks::default();
        let mut backoff = Backoff::new();
        loop {
            let ids = left.iter().map(|draft| draft.id.as_str());
            let pointers = self.pointers(set, ids, deadline).await?;
            left.retain(|draft| {
                let there = pointers.get(&draft.id);
                !there.is_some_and(|pointer| marks.has(&pointer.mark))
            });
            let cut = transactions(set, &left, &pointers, &marks.draw()).into_iter();
            let attempts = cut.map(|part| self.attempt_part(part, deadline).boxed());
            let failed: Vec<_> = stream::iter(attempts.collect::<Vec<_>>())
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            let failed: Vec<(Vec<&Draft>, CallError)> = failed.into_iter().flatten().collect();
            if failed.is_empty() {
                return Ok(());
            }
            let is_refusal = |(_, error): &(_, CallError)| *error == CallError::Refused;
            let pauses = !failed.iter().all(is_refusal);
            left = failed.into_iter().flat_map(|(drafts, _)| drafts).collect();
            if pauses {
                backoff.pause().await;
            }
        }
    }

    /// Attempts a transaction; gives the records back with the reason if it failed.
    async fn attempt_part<'a>(
        &self,
        (drafts, writes): Part<'a>,
        deadline: Deadline,
    ) -> Result<Option<(Vec<&'a Draft>, CallError)>, StoreError> {
        let failed = self.attempt_writes(&writes, deadline).await?;
        Ok(failed.map(|error| (drafts, error)))
    }

    /// The pointers of records, by id; those that were never there are left out.
    pub(super) async fn pointers(
        &self,
        set: &DataSet,
        ids: impl Iterator<Item = &str>,
        deadline: Deadline,
    ) -> Result<HashMap<String, Pointer>, StoreError> {
        let keys = ids.map(|id| pointer(&set.name, &set.generation, id));
        let items = self.db().get_many(Table::Records, keys.collect(), deadline);
        items.await?.iter().map(Pointer::of).collect()
    }
}

impl Draft {
    /// A record as it is stored at this time.
    pub(super) fn of(record: &Record, now: Timestamp) -> Self {
        let drawn = record.id().is_none().then(draw_id);
        let id = record.id().or(drawn.as_deref()).unwrap_or_default();
        Self {
            id: id.to_owned(),
            sk: document(record.timestamp(), id),
            json: to_json(record, drawn.as_deref(), now),
        }
    }

    /// What replaces the pointer that was read, and what moves the document with it.
    pub(super) fn writes(
        &self,
        set: &DataSet,
        read: Option<&Pointer>,
        mark: &str,
    ) -> impl Iterator<Item = Write> {
        let pk = partition(&set.name, &set.generation, shard_of(&self.id));
        let new = Pointer {
            mark: mark.to_owned(),
            at: Some(self.sk.clone()),
        };
        let old = read.and_then(|read| read.at.clone());
        let old = old.filter(|at| *at != self.sk);
        let removal = old.map(|at| remove_document(Key::new(pk.clone(), at)));
        let pointer = new.put(pointer(&set.name, &set.generation, &self.id), read);
        let mut item = Key::new(pk, &*self.sk).into_item();
        item.insert("doc".into(), attribute::text(&*self.json));
        item.insert("mark".into(), attribute::text(mark));
        let document = Write::Put(Put {
            table: Table::Records,
            item,
            condition: None,
        });
        [Write::Put(pointer), document].into_iter().chain(removal)
    }
}

impl Pointer {
    pub(super) fn of(item: &Item) -> Result<(String, Self), StoreError> {
        let corrupt = |what| StoreError::corrupt("a record", format!("it has no {what}"));
        let sk = attribute::read_text(item, "sk").and_then(|sk| sk.strip_prefix('i'));
        let mark = attribute::read_text(item, "mark").ok_or_else(|| corrupt("mark"))?;
        let pointer = Self {
            mark: mark.to_owned(),
            at: attribute::read_text(item, "at").map(str::to_owned),
        };
        Ok((sk.ok_or_else(|| corrupt("id"))?.to_owned(), pointer))
    }

    /// Puts it in the place of the one that was read.
    pub(super) fn put(self, key: Key, read: Option<&Self>) -> Put {
        let condition = match read {
            Some(read) => Condition::equals("mark", attribute::text(&*read.mark)),
            None => Condition::absent(),
        };
        let mut item = key.into_item();
        item.insert("mark".into(), attribute::text(self.mark));
        if let Some(at) = self.at {
            item.insert("at".into(), attribute::text(at));
        }
        Put {
            table: Table::Records,
            item,
            condition: Some(condition),
        }
    }
}

/// A document needs no condition: it only ever changes with its pointer.
pub(super) fn remove_document(key: Key) -> Write {
    Write::Delete(Delete {
        table: Table::Records,
        key,
        condition: None,
    })
}

/// Fifteen bytes at random, in hexadecimal digits.
fn draw_id() -> String {
    let bytes: [u8; 15] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last of those with the same id, in their order.
fn without_repeats(drafts: impl DoubleEndedIterator<Item = Draft>) -> Vec<Draft> {
    let mut seen = HashSet::new();
    let last = drafts.rev().filter(|draft| seen.insert(draft.id.clone()));
    let mut last: Vec<Draft> = last.collect();
    last.reverse();
    last
}

/// The document as it was said, with what it is given here at its end.
fn to_json(record: &Record, id: Option<&str>, now: Timestamp) -> String {
    let mut json = serde_json::to_string(record.body()).expect("a map of scalars is JSON");
    json.pop();
    let id = id.map(|id| format!("\"_id\":\"{id}\""));
    let updated = format!("\"{UPDATED_AT}\":\"{}\"", place::with_millis(now));
    for part in id.into_iter().chain([updated]) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&part);
    }
    json.push('}');
    json
}

/// Cuts what is to be stored into transactions.
fn transactions<'a>(
    set: &DataSet,
    drafts: &[&'a Draft],
    pointers: &HashMap<String, Pointer>,
    mark: &str,
) -> Vec<Part<'a>> {
    let mut cut: Vec<Part<'_>> = Vec::new();
    let mut bytes = BYTES;
    for draft in drafts {
        let writes: Vec<Write> = draft.writes(set, pointers.get(&draft.id), mark).collect();
        let size = draft.json.len() + 4 * draft.id.len() + OVERHEAD;
        let count = cut.last().map_or(WRITES, |(_, writes)| writes.len());
        if count + writes.len() > WRITES || bytes + size > BYTES {
            cut.push((Vec::new(), Vec::with_capacity(WRITES)));
            bytes = 0;
        }
        bytes += size;
        let (members, all) = cut.last_mut().expect("one was begun");
        members.push(draft);
        all.extend(writes);
    }
    cut
}

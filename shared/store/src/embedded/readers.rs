//! Reading records beside the engine.
//!
//! The engine works on one call at a time, and takes apart and writes out again each item of a
//! query. That is too slow for a set of a hundred thousand records, and everybody else would wait
//! for it. Its database is a SQLite file with a write-ahead log, in which connections of their own
//! read what was last committed while another one writes. So queries of records are answered from
//! here, with the JSON that the engine has stored. A write was committed before its caller heard
//! of it, so every later query sees it.
//!
//! Only queries in the store's own form, of whole items, are taken; all else, and whatever SQLite
//! refuses, is the engine's. A property test compares the two.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dynoxide::AttributeValue;
use dynoxide::storage::Storage;

use super::kept::Wanted;
use super::transport::Answer;
use crate::tables::{Table, TableNames};

/// Connections that are kept open: as many as a set of records has shards.
const IDLE: usize = 4;

/// DynamoDB developer guide, "Quotas": a page of a query.
const PAGE_BYTES: usize = 1024 * 1024;

/// How much of the file is read without a call of the system for each of its pages.
const MAPPED_BYTES: i64 = 1 << 30;

/// What a text has before it in the engine's columns of keys.
const TEXT: &str = "S:";

/// Connections to the engine's file.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
    table: String,
}

struct Reader(Storage);

impl Readers {
    /// None are open yet.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::default(),
            table: TableNames::default().of(Table::Records).to_owned(),
        }
    }

    /// The answer to a query of records; nothing if it is another one, or cannot be answered here.
    pub(super) async fn answer(self: &Arc<Self>, wanted: Wanted) -> Option<Answer> {
        let whole = wanted.table_name() == self.table && wanted.attributes()?.is_none();
        if !whole || wanted.pk().is_none() || wanted.range().is_none() {
            return None;
        }
        let readers = Arc::clone(self);
        // Reading waits for the disk.
        let read = tokio::task::spawn_blocking(move || readers.read(&wanted));
        read.await.ok()?
    }

    fn read(&self, wanted: &Wanted) -> Option<Answer> {
        let reader = self.take()?;
        let answer = reader.page(&self.table, wanted)?;
        self.give_back(reader);
        Some(answer)
    }

    fn take(&self) -> Option<Reader> {
        if let Some(reader) = self.idle.lock().ok()?.pop() {
            return Some(reader);
        }
        let storage = Storage::new(self.path.to_str()?).ok()?;
        let mapped = storage
            .conn()
            .pragma_update(None, "mmap_size", MAPPED_BYTES);
        mapped.ok()?;
        Some(Reader(storage))
    }

    fn give_back(&self, reader: Reader) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE
        {
            idle.push(reader);
        }
    }
}

impl Reader {
    fn page(&self, table: &str, wanted: &Wanted) -> Option<Answer> {
        let (range, bounds) = clause(wanted.range()?);
        let order = if wanted.scan_index_forward {
            "ASC"
        } else {
            "DESC"
        };
        let limit = wanted
            .limit
            .map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT item_json, item_size, sk FROM \"{table}\" WHERE pk = ?1{range} \
             ORDER BY sk {order} LIMIT {limit}"
        );
        let mut statement = self.0.conn().prepare_cached(&sql).ok()?;
        statement
            .raw_bind_parameter(1, stored(wanted.pk()?)?)
            .ok()?;
        for (at, bound) in (2..).zip(bounds) {
            statement.raw_bind_parameter(at, stored(bound)?).ok()?;
        }
        let mut rows = statement.raw_query();
        let mut page = Page::begin();
        while let Some(row) = rows.next().ok()? {
            let size = usize::try_from(row.get::<_, i64>(1).ok()?).ok()?;
            if !page.has_room(size) {
                return Some(page.finish(wanted.pk()?, true));
            }
            let sk = row.get_ref(2).ok()?.as_str().ok()?;
            let sk = sk.strip_prefix(TEXT)?;
            page.add(row.get_ref(0).ok()?.as_str().ok()?, size, sk);
        }
        let is_cut = wanted.limit.is_some_and(|limit| page.rows == limit);
        Some(page.finish(wanted.pk()?, is_cut))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

/// A text key as the engine stores it.
fn stored(key: &str) -> Option<String> {
    AttributeValue::S(key.to_owned()).to_key_string()
}

/// The conditions on the sort key, and what stands in them.
fn clause<'a>((from, to): (Bound<&'a str>, Bound<&'a str>)) -> (String, Vec<&'a str>) {
    let mut clause = String::new();
    let mut bounds = Vec::new();
    for (bound, including, excluding) in [(from, ">=", ">"), (to, "<=", "<")] {
        let (operator, key) = match bound {
            Bound::Included(key) => (including, key),
            Bound::Excluded(key) => (excluding, key),
            Bound::Unbounded => continue,
        };
        bounds.push(key);
        clause.push_str(&format!(" AND sk {operator} ?{}", bounds.len() + 1));
    }
    (clause, bounds)
}

/// An answer as it is written.
struct Page {
    body: Vec<u8>,
    rows: usize,
    size: usize,
    last: String,
}

impl Page {
    fn begin() -> Self {
        Self {
            body: br#"{"Items":["#.to_vec(),
            rows: 0,
            size: 0,
            last: String::new(),
        }
    }

    fn has_room(&self, size: usize) -> bool {
        self.rows == 0 || self.size + size <= PAGE_BYTES
    }

    fn add(&mut self, item: &str, size: usize, sk: &str) {
        if self.rows > 0 {
            self.body.push(b',');
        }
        self.rows += 1;
        self.size += size;
        self.body.extend_from_slice(item.as_bytes());
        self.last.clear();
        self.last.push_str(sk);
    }

    fn finish(mut self, pk: &str, there_may_be_more: bool) -> Answer {
        let counts = format!(r#"],"Count":{0},"ScannedCount":{0}"#, self.rows);
        self.body.extend_from_slice(counts.as_bytes());
        if there_may_be_more && self.rows > 0 {
            let key = serde_json::json!({ "pk": { "S": pk }, "sk": { "S": self.last } });
            self.body
                .extend_from_slice(format!(r#","LastEvaluatedKey":{key}"#).as_bytes());
        }
        self.body.push(b'}');
        Answer {
            status: 200,
            body: self.body.into(),
        }
    }
}

#[cfg(test)]
mod tests;

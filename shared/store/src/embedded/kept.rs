//! Partitions that are kept in memory, in front of the engine.
//!
//! A query of the engine reads, copies and writes out each item at some 10 µs, and waits for the
//! writes before it. What queries of events read again and again are the partitions of two
//! tables, the inbox and the manifests. They are kept here as the JSON they are answered in: read
//! from the engine when first asked for, changed by each write once the engine has carried it out
//! and before its caller hears of it. So an answer from here is what the engine would have said at
//! that moment.
//!
//! The engine is the only way to its file, and a write's effect on an item is the item itself, so
//! there is nothing to invalidate; a partition touched by a write that failed in the engine is
//! forgotten all the same. What is kept is bounded, and what is asked for in any other form than
//! the store's own queries goes to the engine.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::types::item_size;
use dynoxide::{AttributeValue, Item};
use serde::Deserialize;

use super::transport::Answer;
use crate::tables::{Table, TableNames};

/// The tables whose partitions are kept.
const TABLES: [Table; 2] = [Table::Inbox, Table::Manifests];

/// Memory for all partitions, in bytes of JSON.
const BYTES_MAX: usize = 48 * 1024 * 1024;

/// What a partition may take of it.
const PARTITION_MAX: usize = 16 * 1024 * 1024;

/// What each item and each partition takes beside its JSON, roughly.
const OVERHEAD: usize = 400;

/// Partitions of which is remembered that they were too large.
const REFUSED_MAX: usize = 10_000;

/// Queries of a partition that was too large until it is tried again, at first and at most.
const PATIENCE: u32 = 64;
const PATIENCE_MAX: u32 = 4096;

/// DynamoDB developer guide, "Quotas": a page of a query.
const PAGE_BYTES: usize = 1024 * 1024;

/// A table and a partition key.
type Place = (Table, String);

/// Partitions in memory.
#[derive(Debug, Default)]
pub(super) struct Kept {
    partitions: RwLock<Partitions>,
    /// Counts uses, to tell what was used last.
    uses: AtomicU64,
    names: TableNames,
}

#[derive(Debug, Default)]
struct Partitions {
    by_place: HashMap<Place, Partition>,
    /// Those that were too large when they were last read.
    too_large: HashMap<Place, Patience>,
    bytes: usize,
}

/// How many queries are left until a partition is tried again, and how many it will be then: an
/// attempt costs as much as what may be kept.
#[derive(Debug)]
struct Patience {
    left: u32,
    next: u32,
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    rows: BTreeMap<String, Row>,
    bytes: usize,
    used: AtomicU64,
}

/// An item as it is written out.
#[derive(Debug)]
struct Row {
    /// Names and values, the values as JSON.
    attributes: Vec<(String, String)>,
    /// By DynamoDB's rules.
    size: usize,
    bytes: usize,
}

/// What a write does to an item of a partition that is kept.
#[derive(Debug)]
pub(super) struct Change {
    place: Place,
    sk: String,
    row: Option<Row>,
}

/// A query in the form that the store sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Wanted {
    table_name: String,
    key_condition_expression: String,
    expression_attribute_values: HashMap<String, Text>,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: HashMap<String, String>,
    #[serde(default = "ascending")]
    scan_index_forward: bool,
    limit: Option<usize>,
    exclusive_start_key: Option<HashMap<String, Text>>,
    #[serde(rename = "ConsistentRead")]
    _consistent: Option<bool>,
}

fn ascending() -> bool {
    true
}

#[derive(Debug, Deserialize)]
enum Text {
    S(String),
}

impl Wanted {
    /// Reads a query; nothing if it has any other form.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The partition key.
    pub(super) fn pk(&self) -> Option<&str> {
        self.value(":pk")
    }

    /// The table's name.
    pub(super) fn table_name(&self) -> &str {
        &self.table_name
    }

    fn value(&self, name: &str) -> Option<&str> {
        let Text::S(text) = self.expression_attribute_values.get(name)?;
        Some(text)
    }

    /// The attributes to answer with, or all.
    fn attributes(&self) -> Option<Option<Vec<&str>>> {
        let Some(expression) = &self.projection_expression else {
            return Some(None);
        };
        let names = expression.split(", ").map(|name| {
            let meaning = self.expression_attribute_names.get(name)?;
            Some(meaning.as_str())
        });
        names.collect::<Option<Vec<_>>>().map(Some)
    }

    /// The sort keys, those behind the start key only. What DynamoDB refuses is the engine's to
    /// refuse.
    fn range(&self) -> Option<(Bound<&str>, Bound<&str>)> {
        let a = || self.value(":a");
        let (from, to) = match self.key_condition_expression.as_str() {
            "pk = :pk" => (None, None),
            "pk = :pk AND sk BETWEEN :a AND :b" => (Some(a()?), Some(self.value(":b")?)),
            "pk = :pk AND sk >= :a" => (Some(a()?), None),
            _ => return None,
        };
        let within =
            |key: &str| from.is_none_or(|from| from <= key) && to.is_none_or(|to| key <= to);
        let bound = |key: Option<_>| key.map_or(Bound::Unbounded, Bound::Included);
        let Some(start) = &self.exclusive_start_key else {
            return to.is_none_or(within).then(|| (bound(from), bound(to)));
        };
        let Text::S(start) = start.get("sk")?;
        let behind = Bound::Excluded(start.as_str());
        within(start).then(|| match self.scan_index_forward {
            true => (behind, bound(to)),
            false => (bound(from), behind),
        })
    }
}

/// Whether a range holds no key at all, which `BTreeMap` panics at.
fn is_empty((from, to): (Bound<&str>, Bound<&str>)) -> bool {
    let key = |bound| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    };
    let excludes = matches!(from, Bound::Excluded(_)) || matches!(to, Bound::Excluded(_));
    let ends = key(from).zip(key(to));
    ends.is_some_and(|(from, to)| from > to || (from == to && excludes))
}

impl Kept {
    /// The answer to a query of a partition that is kept.
    pub(super) fn answer(&self, wanted: &Wanted) -> Option<Answer> {
        let place = self.place(wanted)?;
        let partitions = self.partitions.read().ok()?;
        let partition = partitions.by_place.get(&place)?;
        partition.used.store(self.tick(), Ordering::Relaxed);
        partition.answer(wanted)
    }

    /// Whether the partition that a query asks for should be read whole, to be kept.
    pub(super) fn is_to_be_read(&self, wanted: &Wanted) -> bool {
        let (Some(place), Ok(mut partitions)) = (self.place(wanted), self.partitions.write())
        else {
            return false;
        };
        if let Some(patience) = partitions.too_large.get_mut(&place)
            && !patience.is_over()
        {
            return false;
        }
        wanted.range().is_some() && wanted.attributes().is_some()
    }

    /// Keeps the partition that a query asked for; nothing if it was too large to be read.
    pub(super) fn keep(&self, wanted: &Wanted, partition: Option<Partition>) {
        let (Some(place), Ok(mut partitions)) = (self.place(wanted), self.partitions.write())
        else {
            return;
        };
        match partition {
            Some(partition) => {
                partition.used.store(self.tick(), Ordering::Relaxed);
                partitions.keep(place, partition);
            }
            None => partitions.refuse(place),
        }
    }

    /// What a put will change, if its partition is kept.
    pub(super) fn put(&self, table_name: &str, item: &Item) -> Option<Change> {
        self.change(table_name, item, |item| Some(Row::of(item)))
    }

    /// What a deletion will change, if its partition is kept.
    pub(super) fn delete(&self, table_name: &str, key: &Item) -> Option<Change> {
        self.change(table_name, key, |_| None)
    }

    fn change(
        &self,
        table_name: &str,
        item: &Item,
        row: impl FnOnce(&Item) -> Option<Row>,
    ) -> Option<Change> {
        let place = (self.table(table_name)?, text(item, "pk")?.to_owned());
        let sk = text(item, "sk")?.to_owned();
        let partitions = self.partitions.read().ok()?;
        let is_kept = partitions.by_place.contains_key(&place);
        is_kept.then(|| Change {
            place,
            sk,
            row: row(item),
        })
    }

    /// Makes the changes of a write that the engine has carried out.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        if let Ok(mut partitions) = self.partitions.write() {
            for change in changes {
                partitions.apply(change);
            }
        }
    }

    /// Forgets the partitions of a write of which nobody knows what it did.
    pub(super) fn forget(&self, changes: &[Change]) {
        if let Ok(mut partitions) = self.partitions.write() {
            for change in changes {
                partitions.remove(&change.place);
            }
        }
    }

    fn place(&self, wanted: &Wanted) -> Option<Place> {
        Some((self.table(&wanted.table_name)?, wanted.pk()?.to_owned()))
    }

    fn table(&self, name: &str) -> Option<Table> {
        TABLES
            .into_iter()
            .find(|&table| self.names.of(table) == name)
    }

    fn tick(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            left: PATIENCE,
            next: PATIENCE,
        }
    }
}

impl Patience {
    fn is_over(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }
}

impl Partitions {
    fn keep(&mut self, place: Place, partition: Partition) {
        self.remove(&place);
        self.too_large.remove(&place);
        self.bytes += partition.bytes;
        self.by_place.insert(place, partition);
        self.make_room();
    }

    fn refuse(&mut self, place: Place) {
        self.remove(&place);
        // What is forgotten here is only tried again too early.
        if self.too_large.len() >= REFUSED_MAX {
            self.too_large.clear();
        }
        let patience = self.too_large.entry(place).or_default();
        patience.left = patience.next;
        patience.next = (patience.next * 2).min(PATIENCE_MAX);
    }

    fn remove(&mut self, place: &Place) {
        if let Some(partition) = self.by_place.remove(place) {
            self.bytes -= partition.bytes;
        }
    }

    fn apply(&mut self, change: Change) {
        let Some(partition) = self.by_place.get_mut(&change.place) else {
            return;
        };
        self.bytes -= partition.bytes;
        match change.row {
            Some(row) => partition.insert(change.sk, row),
            None => partition.take_out(&change.sk),
        }
        self.bytes += partition.bytes;
        if partition.is_too_large() {
            self.refuse(change.place);
        }
        self.make_room();
    }

    /// Forgets what was not used for longest.
    fn make_room(&mut self) {
        while self.bytes > BYTES_MAX {
            let oldest = self
                .by_place
                .iter()
                .min_by_key(|(_, partition)| partition.used.load(Ordering::Relaxed));
            let Some(place) = oldest.map(|(place, _)| place.clone()) else {
                return;
            };
            self.remove(&place);
        }
    }
}

impl Partition {
    /// A partition that nothing is in yet.
    pub(super) fn new() -> Self {
        Self {
            bytes: OVERHEAD,
            ..Self::default()
        }
    }

    /// Adds an item that was read from the engine. Says whether there may be more.
    pub(super) fn add(&mut self, item: &Item) -> bool {
        if let Some(sk) = text(item, "sk") {
            self.insert(sk.to_owned(), Row::of(item));
        }
        !self.is_too_large()
    }

    fn is_too_large(&self) -> bool {
        self.bytes > PARTITION_MAX
    }

    fn insert(&mut self, sk: String, row: Row) {
        self.bytes += row.bytes;
        if let Some(replaced) = self.rows.insert(sk, row) {
            self.bytes -= replaced.bytes;
        }
    }

    fn take_out(&mut self, sk: &str) {
        if let Some(row) = self.rows.remove(sk) {
            self.bytes -= row.bytes;
        }
    }

    fn answer(&self, wanted: &Wanted) -> Option<Answer> {
        let attributes = wanted.attributes()?;
        let range = wanted.range()?;
        let mut page = Page::new(attributes, wanted.limit);
        if !is_empty(range) {
            let rows = self.rows.range::<str, _>(range);
            let end = match wanted.scan_index_forward {
                true => page.fill(rows),
                false => page.fill(rows.rev()),
            };
            page.end = end;
        }
        Some(page.finish())
    }
}

impl Row {
    fn of(item: &Item) -> Self {
        let attributes: Vec<(String, String)> = item
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect();
        let text: usize = attributes
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        Self {
            attributes,
            size: item_size(item),
            bytes: text + OVERHEAD,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(of, _)| of == name)?;
        Some(&found.1)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.attributes.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// An answer as it is written.
struct Page<'a> {
    attributes: Option<Vec<&'a str>>,
    rows_max: usize,
    rows: usize,
    size: usize,
    body: Vec<u8>,
    /// The last row, if there may be more behind it.
    end: Option<&'a Row>,
}

impl<'a> Page<'a> {
    fn new(attributes: Option<Vec<&'a str>>, limit: Option<usize>) -> Self {
        Self {
            attributes,
            rows_max: limit.unwrap_or(usize::MAX),
            rows: 0,
            size: 0,
            body: br#"{"Items":["#.to_vec(),
            end: None,
        }
    }

    /// Writes rows until the page is full, and gives the last one if it is.
    fn fill(&mut self, rows: impl Iterator<Item = (&'a String, &'a Row)>) -> Option<&'a Row> {
        let mut last = None;
        for (_, row) in rows {
            if self.size + row.size > PAGE_BYTES && self.rows > 0 {
                return last;
            }
            self.write(row);
            last = Some(row);
            if self.rows == self.rows_max {
                return last;
            }
        }
        None
    }

    fn write(&mut self, row: &'a Row) {
        if self.rows > 0 {
            self.body.push(b',');
        }
        self.rows += 1;
        self.size += row.size;
        let body = &mut self.body;
        match &self.attributes {
            Some(names) => {
                let found = names
                    .iter()
                    .filter_map(|&name| Some((name, row.get(name)?)));
                write_item(body, found);
            }
            None => write_item(body, row.pairs()),
        }
    }

    fn finish(mut self) -> Answer {
        self.body.push(b']');
        if let Some(row) = self.end {
            self.body.extend_from_slice(br#","LastEvaluatedKey":"#);
            let key = ["pk", "sk"]
                .into_iter()
                .filter_map(|name| Some((name, row.get(name)?)));
            write_item(&mut self.body, key);
        }
        let counts = format!(r#","Count":{0},"ScannedCount":{0}}}"#, self.rows);
        self.body.extend_from_slice(counts.as_bytes());
        Answer {
            status: 200,
            body: self.body.into(),
        }
    }
}

/// Attribute names of these tables need no escapes.
fn write_item<'a>(body: &mut Vec<u8>, attributes: impl Iterator<Item = (&'a str, &'a str)>) {
    body.push(b'{');
    for (at, (name, value)) in attributes.enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.push(b'"');
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(br#"":"#);
        body.extend_from_slice(value.as_bytes());
    }
    body.push(b'}');
}

fn json(value: &AttributeValue) -> String {
    serde_json::to_string(value).expect("an attribute is JSON")
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    match item.get(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

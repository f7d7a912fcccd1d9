//! One partition, as the JSON that its items are answered in.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use dynoxide::types::item_size;
use dynoxide::{AttributeValue, Item};

use super::wanted::{Wanted, is_empty};
use crate::embedded::transport::Answer;

/// What a partition may take.
const PARTITION_MAX: usize = 16 * 1024 * 1024;

/// What each item and each partition takes beside its JSON, roughly.
const OVERHEAD: usize = 400;

/// DynamoDB developer guide, "Quotas": a page of a query.
const PAGE_BYTES: usize = 1024 * 1024;

/// A partition that is kept.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Partition {
    rows: BTreeMap<String, Row>,
    pub(super) bytes: usize,
    /// When it was last used, as [`Kept`](super::Kept) counts.
    pub(super) used: AtomicU64,
}

/// An item as it is written out.
#[derive(Debug)]
pub(super) struct Row {
    /// Names and values, the values as JSON.
    attributes: Vec<(String, String)>,
    /// By DynamoDB's rules.
    size: usize,
    bytes: usize,
}

impl Partition {
    /// A partition that nothing is in yet.
    pub(in crate::embedded) fn new() -> Self {
        Self {
            bytes: OVERHEAD,
            ..Self::default()
        }
    }

    /// Adds an item that was read from the engine. Says whether there may be more.
    pub(in crate::embedded) fn add(&mut self, item: &Item) -> bool {
        if let Some(sk) = text(item, "sk") {
            self.insert(sk.to_owned(), Row::of(item));
        }
        !self.is_too_large()
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.bytes > PARTITION_MAX
    }

    pub(super) fn insert(&mut self, sk: String, row: Row) {
        self.bytes += row.bytes;
        if let Some(replaced) = self.rows.insert(sk, row) {
            self.bytes -= replaced.bytes;
        }
    }

    pub(super) fn take_out(&mut self, sk: &str) {
        if let Some(row) = self.rows.remove(sk) {
            self.bytes -= row.bytes;
        }
    }

    pub(super) fn answer(&self, wanted: &Wanted) -> Option<Answer> {
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
    pub(super) fn of(item: &Item) -> Self {
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

/// A text among an item's attributes.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    match item.get(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}

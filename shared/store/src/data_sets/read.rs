//! Reading records in their order, page by page.
//!
//! The shards of a set are read side by side, each by a task of its own that is at most two pages
//! ahead, and merged here. So memory is bounded whatever the set holds, and a long read keeps all
//! cores busy.

use std::time::Duration;
use std::vec;

use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use weir_model::Timestamp;

use super::place::{SHARDS, parse_document, partition, span};
use super::set::DataSet;
use crate::attribute;
use crate::db::{Deadline, Item, OfItem, Order, Query, Table};
use crate::error::StoreError;
use crate::store::Store;

/// Records of a page, at most.
const PAGE: usize = 1_000;

/// How long a reader lasts: upkeep deletes what it reads half an hour after the set was emptied.
const LASTS: Duration = Duration::from_secs(600);

/// From when to when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordSpan {
    /// The first instant.
    pub start: Option<Timestamp>,
    /// The first instant behind it. With either end, records without a time are not in it.
    pub end: Option<Timestamp>,
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its `_id`.
    pub id: String,
    /// When it is of, if it says so.
    pub timestamp: Option<Timestamp>,
    /// The document as JSON, with `_id`, `_updated_at` and, as it was said, `_timestamp`.
    pub json: String,
}

/// Reads the records of a set by time and id.
///
/// Each record that nobody writes meanwhile is there exactly once. Dropping it ends the reading.
#[derive(Debug)]
pub struct RecordReader {
    plan: Option<Plan>,
    tasks: JoinSet<()>,
    shards: Vec<Shard>,
    order: Order,
    left: usize,
}

/// What will be read.
#[derive(Debug)]
struct Plan {
    store: Store,
    queries: Vec<Query>,
    deadline: Deadline,
}

/// A shard that is being read.
#[derive(Debug)]
struct Shard {
    pages: mpsc::Receiver<Message>,
    page: vec::IntoIter<StoredRecord>,
    is_over: bool,
}

/// A page; nothing after the last one.
type Message = Result<Option<Vec<StoredRecord>>, StoreError>;

impl Store {
    /// Reads the records of a set in a span of time, in the order of time and id or the other way
    /// round.
    pub fn read_records(
        &self,
        set: &DataSet,
        of: RecordSpan,
        order: Order,
        deadline: Deadline,
    ) -> RecordReader {
        let query = |shard| Query {
            table: Table::Records,
            pk: partition(&set.name, &set.generation, shard),
            sk: span(of.start, of.end),
            order,
            attributes: None,
            limit: None,
        };
        let end = Deadline::at(self.now().saturating_add(LASTS));
        let plan = Plan {
            store: self.clone(),
            queries: match of.is_empty() {
                true => Vec::new(),
                false => (0..SHARDS).map(query).collect(),
            },
            deadline: deadline.min(end),
        };
        RecordReader {
            plan: Some(plan),
            tasks: JoinSet::new(),
            shards: Vec::new(),
            order,
            left: usize::MAX,
        }
    }
}

impl RecordSpan {
    /// Whether its end is not behind its start.
    fn is_empty(&self) -> bool {
        let ends = self.start.zip(self.end);
        ends.is_some_and(|(start, end)| start >= end)
    }
}

impl RecordReader {
    /// Ends after so many records, and reads no more than it needs for them.
    #[must_use]
    pub fn at_most(mut self, records: usize) -> Self {
        self.left = records;
        let limit = u32::try_from(records).ok();
        if let (Some(plan), Some(limit)) = (&mut self.plan, limit) {
            let of_shard = |query: &mut Query| query.limit = Some(limit.max(1));
            plan.queries.iter_mut().for_each(of_shard);
        }
        self
    }

    /// The next records, at least one and at most a thousand; nothing after the last.
    ///
    /// # Errors
    /// When the store does not answer in time. The reading is over then.
    pub async fn next_page(&mut self) -> Result<Option<Vec<StoredRecord>>, StoreError> {
        if let Some(plan) = self.plan.take() {
            self.begin(plan);
        }
        let wanted = self.left.min(PAGE);
        let mut page = Vec::new();
        while page.len() < wanted {
            for shard in &mut self.shards {
                shard.fill().await?;
            }
            // Until one of them has to be filled again.
            match self.merge(wanted, &mut page) {
                0 => break,
                _ => continue,
            }
        }
        self.left -= page.len();
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    fn begin(&mut self, plan: Plan) {
        for query in plan.queries {
            let (sender, pages) = mpsc::channel(1);
            let reading = read_shard(plan.store.clone(), query, plan.deadline, sender);
            self.tasks.spawn(reading);
            self.shards.push(Shard {
                pages,
                page: Vec::new().into_iter(),
                is_over: false,
            });
        }
    }

    /// Moves records of all shards to the page, in order, until it is full or a shard's page is at
    /// its end; how many.
    fn merge(&mut self, wanted: usize, page: &mut Vec<StoredRecord>) -> usize {
        let before = page.len();
        while page.len() < wanted {
            let heads = self.shards.iter_mut().filter_map(Shard::head);
            let first = match self.order {
                Order::Ascending => heads.min_by(|a, b| a.place().cmp(&b.place())),
                Order::Descending => heads.max_by(|a, b| a.place().cmp(&b.place())),
            };
            let Some(first) = first else {
                break;
            };
            page.extend(first.page.next());
            if first.page.as_slice().is_empty() && !first.is_over {
                break;
            }
        }
        page.len() - before
    }
}

impl Shard {
    /// Sees to it that there is a record, unless there are no more.
    async fn fill(&mut self) -> Result<(), StoreError> {
        while self.page.as_slice().is_empty() && !self.is_over {
            let stopped = || StoreError::Unavailable("the reading was stopped".to_owned());
            match self.pages.recv().await.ok_or_else(stopped)?? {
                Some(page) => self.page = page.into_iter(),
                None => self.is_over = true,
            }
        }
        Ok(())
    }

    /// Itself, if it has a record.
    fn head(&mut self) -> Option<&mut Self> {
        (!self.page.as_slice().is_empty()).then_some(self)
    }

    /// The place of its next record.
    fn place(&self) -> Option<(Option<Timestamp>, &str)> {
        let next = self.page.as_slice().first()?;
        Some((next.timestamp, &next.id))
    }
}

/// Reads one shard to its end, to its limit, or until nobody wants more.
async fn read_shard(store: Store, query: Query, deadline: Deadline, pages: mpsc::Sender<Message>) {
    let mut left = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let mut from = None;
    loop {
        let read = store
            .db()
            .query_rows::<Document>(&query, from, deadline)
            .await;
        let (message, next) = match read {
            Ok(page) => (records(page.rows).map(Some), page.next),
            Err(error) => (Err(error.into()), None),
        };
        let failed = message.is_err();
        let count = message
            .as_ref()
            .map_or(0, |page| page.as_ref().map_or(0, Vec::len));
        left = left.saturating_sub(count);
        if pages.send(message).await.is_err() || failed {
            return;
        }
        from = next;
        if from.is_none() || left == 0 {
            break;
        }
    }
    // Nobody may want to hear it.
    let _ = pages.send(Ok(None)).await;
}

fn records(rows: Vec<Document>) -> Result<Vec<StoredRecord>, StoreError> {
    rows.into_iter().map(Document::into_record).collect()
}

/// What a page has of a document.
#[derive(Debug, Deserialize)]
struct Document {
    sk: Text,
    doc: Text,
}

#[derive(Debug, Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

impl Document {
    fn into_record(self) -> Result<StoredRecord, StoreError> {
        let corrupt = || StoreError::corrupt("a record", "its place is not readable");
        let (timestamp, id) = parse_document(self.sk.text).ok_or_else(corrupt)?;
        let json = self.doc.text;
        Ok(StoredRecord {
            id,
            timestamp,
            json,
        })
    }
}

impl OfItem for Document {
    fn of_item(item: Item) -> Option<Self> {
        let text = |name: &str| {
            let text = attribute::read_text(&item, name)?.to_owned();
            Some(Text { text })
        };
        Some(Self {
            sk: text("sk")?,
            doc: text("doc")?,
        })
    }
}

impl StoredRecord {
    pub(super) fn of(item: &Item) -> Option<Self> {
        Document::of_item(item.clone())?.into_record().ok()
    }
}

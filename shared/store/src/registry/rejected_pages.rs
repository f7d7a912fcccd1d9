//! Lists refused events, the newest first, by pages.

use std::time::Duration;

use weir_model::Timestamp;

use super::rejections::{Rejected, hour_of, partition, place_of, read_item};
use crate::db::{Deadline, Key, Order, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;

/// How far the clock of another process may be ahead of the reader's.
const SKEW: Duration = Duration::from_secs(60);

/// A page ends after so many reads that brought something, each of up to 1 MB, however little of
/// it was wanted.
const READS: usize = 8;

/// Which refused events are wanted.
#[derive(Debug, Clone)]
pub struct RejectionsAsk {
    /// None from before.
    pub since: Timestamp,
    /// Only those of this source.
    pub source: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended.
    pub from: Option<RejectionPlace>,
}

/// A place between two refused events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionPlace {
    /// The hour, counted from 1970.
    pub hour: i64,
    /// The item in the hour.
    pub item: String,
    /// How many of the item's events are before.
    pub index: u32,
}

/// A refused event and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRejection {
    /// When it was refused.
    pub at: Timestamp,
    /// Who sent it.
    pub source: String,
    /// What people call them; empty if nothing.
    pub label: String,
    /// Where it came in.
    pub door: String,
    /// What was refused, and why.
    pub rejected: Rejected,
}

/// A page of refused events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectionPage {
    /// The newest first; those of one request in their order.
    pub rejections: Vec<ListedRejection>,
    /// Where the next page begins, if there may be one.
    pub next: Option<RejectionPlace>,
}

impl Store {
    /// Lists refused events. A page may have fewer than wanted, even none, and still a next one.
    pub async fn rejections(
        &self,
        ask: &RejectionsAsk,
        deadline: Deadline,
    ) -> Result<RejectionPage, StoreError> {
        let newest = hour_of(self.now().saturating_add(SKEW));
        let first = ask
            .from
            .as_ref()
            .map_or(newest, |from| from.hour.min(newest));
        let mut page = RejectionPage::default();
        let mut reads = READS;
        for hour in (hour_of(ask.since)..=first).rev() {
            let Some(query) = hour_query(ask, hour) else {
                continue;
            };
            let mut from = None;
            loop {
                let found = self.db().query_page(&query, from, deadline).await?;
                for item in &found.items {
                    if page.add(ask, hour, item)? == Filled::Yes {
                        return Ok(page);
                    }
                }
                reads -= usize::from(!found.items.is_empty());
                if let (0, Some(last)) = (reads, found.items.last()) {
                    page.next = behind(hour, last);
                    return Ok(page);
                }
                from = found.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(page)
    }
}

/// Whether a page has all that was wanted.
#[derive(PartialEq)]
enum Filled {
    Yes,
    No,
}

impl RejectionPage {
    /// Adds what is wanted of an item.
    fn add(
        &mut self,
        ask: &RejectionsAsk,
        hour: i64,
        item: &crate::db::Item,
    ) -> Result<Filled, StoreError> {
        let (head, rejected) = read_item(item)
            .ok_or_else(|| StoreError::corrupt("refused events", "an item is not readable"))?;
        if ask
            .source
            .as_ref()
            .is_some_and(|wanted| *wanted != head.source)
        {
            return Ok(Filled::No);
        }
        let from = ask.from.as_ref().filter(|from| from.item == head.place);
        let seen = from.map_or(0, |from| from.index as usize);
        for (index, rejected) in rejected.into_iter().enumerate().skip(seen) {
            if self.rejections.len() == ask.limit {
                self.next = Some(RejectionPlace {
                    hour,
                    item: head.place,
                    index: u32::try_from(index).unwrap_or(u32::MAX),
                });
                return Ok(Filled::Yes);
            }
            self.rejections.push(ListedRejection {
                at: head.at,
                source: head.source.clone(),
                label: head.label.clone(),
                door: head.door.clone(),
                rejected,
            });
        }
        Ok(Filled::No)
    }
}

/// The query of an hour; none when the page before has shown all of it that is wanted.
fn hour_query(ask: &RejectionsAsk, hour: i64) -> Option<Query> {
    let oldest = place_of(ask.since);
    // Sorts behind every place.
    let newest = match &ask.from {
        Some(from) if from.hour == hour => from.item.clone(),
        _ => "~".to_owned(),
    };
    (oldest <= newest).then(|| Query {
        table: Table::Registry,
        pk: partition(hour),
        sk: SkRange::Between(oldest, newest),
        order: Order::Descending,
        attributes: None,
        limit: None,
    })
}

/// The place behind an item.
fn behind(hour: i64, item: &crate::db::Item) -> Option<RejectionPlace> {
    let item = Key::of(item)?.sk?;
    let index = u32::MAX;
    Some(RejectionPlace { hour, item, index })
}

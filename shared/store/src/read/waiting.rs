//! What the catalogue's counts of a series lack: the blocks that came after they were made.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use weir_model::{Block, BlockName, Day, Name, Series, Timestamp, Totals};

use super::{DayView, Detail, Span, inbox_query};
use crate::attribute;
use crate::catalogue::{Extent, Listed};
use crate::db::Deadline;
use crate::error::{StoreError, View};
use crate::keys;
use crate::store::Store;

/// Days without blocks between two days with some that are rather read along than left out.
const GAP: u32 = 7;

impl Store {
    /// The totals of the events of a listed series that its listed totals do not hold: blocks that
    /// no manifest has taken, and blocks that one took after the year was counted, which stay in
    /// the inbox until it is counted again.
    ///
    /// Exact but for the moments in which a day is published or a year counted, because the two go
    /// by the clock.
    pub async fn waiting_totals(
        &self,
        namespace: &Name,
        listed: &Listed,
        view: View,
    ) -> Result<Totals, StoreError> {
        let series = Series {
            namespace: namespace.clone(),
            name: listed.name.clone(),
        };
        let extent = Extent {
            shards: listed.shards,
            years: listed.years.clone(),
        };
        let deadline = Deadline::at(view.ends());
        let mut totals = Totals::default();
        let days = self.inbox_days(&series, listed.shards, deadline).await?;
        for span in spans(days) {
            let views = self.manifests_of(&series, span, deadline).await?;
            let views = views.into_iter().map(|view| (view.day, view)).collect();
            let days = (span.first, span.last);
            // Nothing is skipped: what a manifest took may have come after the count.
            let blocks = self
                .inbox(&series, &extent, days, &BTreeMap::new(), deadline)
                .await?;
            for (day, name, bytes) in blocks {
                if !is_counted(&views, listed, day, &name) {
                    totals.merge(&totals_of(day, &bytes)?);
                }
            }
        }
        view.check(self.now())?;
        Ok(totals)
    }

    /// The days that have blocks in the inbox.
    async fn inbox_days(
        &self,
        series: &Series,
        shards: u8,
        deadline: Deadline,
    ) -> Result<BTreeSet<Day>, StoreError> {
        let all = (keys::day(Day::first_of_year(0)), String::from("~"));
        let reads = (0..shards).map(async |shard| {
            let mut query = inbox_query(series, shard, all.0.clone(), all.1.clone());
            query.attributes = Some(vec!["sk"]);
            self.db().query_all(&query, deadline).await
        });
        let items: Vec<_> = stream::iter(reads).buffered(16).try_collect().await?;
        let days = items.iter().flatten().filter_map(|item| {
            let key = attribute::read_text(item, "sk")?;
            keys::parse_block(0, key).map(|(day, _)| day)
        });
        Ok(days.collect())
    }
}

/// Days of one year that are read together.
fn spans(days: BTreeSet<Day>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some(span)
                if span.last.year() == day.year() && day.number() - span.last.number() <= GAP =>
            {
                span.last = day;
            }
            _ => spans.push(Span {
                first: day,
                last: day,
                detail: Detail::Day,
            }),
        }
    }
    spans
}

/// Whether the listed totals hold a block.
fn is_counted(views: &BTreeMap<Day, DayView>, listed: &Listed, day: Day, name: &BlockName) -> bool {
    let taken = views.get(&day).and_then(|view| taken_at(view, name));
    let counted = listed.counted.get(&day.year());
    taken
        .zip(counted)
        .is_some_and(|(taken, counted)| taken <= *counted)
}

fn taken_at(view: &DayView, name: &BlockName) -> Option<Timestamp> {
    let took = view.took.iter().find(|took| took.names.contains(name))?;
    Some(took.at)
}

fn totals_of(day: Day, block: &[u8]) -> Result<Totals, StoreError> {
    let quarters = Block::quarters_of(day, block).map_err(StoreError::decode("a block"))?;
    Ok(quarters.total())
}

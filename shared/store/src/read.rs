//! Reading events and their totals.
//!
//! The order is what makes a read exact beside writers and the compactor: the extent of the
//! series, then the manifests, then the inbox without what those manifests took. A block that
//! moves into a manifest meanwhile is still in the inbox, because it is deleted no earlier than
//! 20 minutes after; one that the manifest names is never counted twice, because its name is only
//! dropped when it is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use weir_model::{
    Block, BlockName, Chunk, Day, DeadRun, Manifest, Quarters, Run, RunId, Series, StoredEvent,
    Timestamp, Took, Totals,
};

use crate::attribute;
use crate::catalogue::Extent;
use crate::db::{Deadline, Item, Key, Order, Query, SkRange, Table};
use crate::error::{StoreError, View};
use crate::keys;
use crate::store::Store;

mod waiting;

/// Taken names in a row from which on a reader asks around them instead of reading past them.
const SKIPPED_FROM: u64 = 64;

/// How far ahead the clock may be by which an expired chunk was deleted.
const SKEW: Duration = Duration::from_secs(120);

/// How much of a day's manifest is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The day's totals.
    Day,
    /// And those of its quarter-hours.
    Quarters,
    /// And where its events are.
    Events,
}

impl Detail {
    fn attributes(self) -> Vec<&'static str> {
        let wanted = match self {
            Self::Day => 4,
            Self::Quarters => 5,
            Self::Events => 6,
        };
        ["sk", "publish", "day", "took", "quarters", "runs"][..wanted].to_vec()
    }
}

/// Names one version of a manifest.
pub type PublishId = String;

/// One day of a series, as one view of the store shows it.
#[derive(Debug, Clone)]
pub struct DayView {
    /// Which day.
    pub day: Day,
    detail: Detail,
    published: Totals,
    quarters: Quarters,
    runs: Vec<Run>,
    took: Vec<Took>,
    blocks: Vec<(BlockName, Vec<u8>)>,
}

impl DayView {
    fn empty(day: Day, detail: Detail) -> Self {
        Self {
            day,
            detail,
            published: Totals::default(),
            quarters: Quarters::default(),
            runs: Vec::new(),
            took: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Totals of the whole day.
    pub fn total(&self) -> Result<Totals, StoreError> {
        let mut total = self.published.clone();
        for (_, bytes) in &self.blocks {
            total.merge(&self.quarters_of(bytes)?.total());
        }
        Ok(total)
    }

    /// Totals of its quarter-hours. Needs [`Detail::Quarters`].
    pub fn quarters(&self) -> Result<Quarters, StoreError> {
        debug_assert!(self.detail >= Detail::Quarters);
        let mut quarters = self.quarters.clone();
        for (_, bytes) in &self.blocks {
            quarters.merge(&self.quarters_of(bytes)?);
        }
        Ok(quarters)
    }

    fn quarters_of(&self, block: &[u8]) -> Result<Quarters, StoreError> {
        Block::quarters_of(self.day, block).map_err(StoreError::decode("a block"))
    }

    /// Whether the day has no events at all, expired ones included.
    pub fn is_empty(&self) -> bool {
        self.published.is_empty() && self.blocks.is_empty()
    }

    /// Blocks that no manifest has taken yet.
    pub fn waiting_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn waiting_events(&self) -> Result<Vec<StoredEvent>, StoreError> {
        let mut events = Vec::new();
        for (_, bytes) in &self.blocks {
            let block = Block::decode(self.day, bytes).map_err(StoreError::decode("a block"))?;
            events.extend(block.events);
        }
        Ok(events)
    }

    fn takes(&self, name: &BlockName) -> bool {
        self.took.iter().any(|took| took.names.contains(name))
    }
}

/// A run's chunks, by place.
type Pieces = HashMap<(RunId, usize), Vec<u8>>;

impl Store {
    /// Begins a view; what is read in it must be read before it ends.
    pub fn begin_view(&self) -> View {
        View::begin(self.now())
    }

    /// Reads the days of a series from `first` to `last`, in order, without those that have
    /// nothing. `detail` says how much of each is wanted.
    pub async fn days(
        &self,
        series: &Series,
        extent: &Extent,
        (first, last): (Day, Day),
        detail: impl Fn(Day) -> Detail,
        view: View,
    ) -> Result<Vec<DayView>, StoreError> {
        let deadline = Deadline::at(view.ends());
        let mut reads = Vec::new();
        for year in &extent.years {
            let from = first.max(Day::first_of_year(*year));
            let to = last.min(Day::last_of_year(*year));
            let spans = spans(from, to, &detail).into_iter();
            reads.extend(spans.map(|span| self.manifests_of(series, span, deadline)));
        }
        let manifests: Vec<Vec<DayView>> = stream::iter(reads).buffered(8).try_collect().await?;
        let mut days: BTreeMap<Day, DayView> = manifests
            .into_iter()
            .flatten()
            .map(|view| (view.day, view))
            .collect();
        for (day, name, bytes) in self
            .inbox(series, extent, (first, last), &days, deadline)
            .await?
        {
            let view = days
                .entry(day)
                .or_insert_with(|| DayView::empty(day, detail(day)));
            if !view.takes(&name) {
                view.blocks.push((name, bytes));
            }
        }
        view.check(self.now())?;
        Ok(days.into_values().filter(|day| !day.is_empty()).collect())
    }

    async fn manifests_of(
        &self,
        series: &Series,
        span: Span,
        deadline: Deadline,
    ) -> Result<Vec<DayView>, StoreError> {
        let query = Query {
            table: Table::Manifests,
            pk: keys::manifest_partition(series, span.first.year()),
            sk: SkRange::Between(keys::day(span.first), keys::day(span.last)),
            order: Order::Ascending,
            attributes: Some(span.detail.attributes()),
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        items
            .iter()
            .map(|item| read_day(item, span.detail))
            .collect()
    }

    /// Every block of the days, but for long ranges that manifests took.
    async fn inbox(
        &self,
        series: &Series,
        extent: &Extent,
        (first, last): (Day, Day),
        days: &BTreeMap<Day, DayView>,
        deadline: Deadline,
    ) -> Result<Vec<(Day, BlockName, Vec<u8>)>, StoreError> {
        let shards = (0..extent.shards).map(async |shard| {
            let mut blocks = Vec::new();
            let took = days
                .values()
                .flat_map(|day| day.took.iter().map(|took| (day.day, took)));
            for (from, to) in around(taken_ranges(took, shard), first, last) {
                let query = inbox_query(series, shard, from, to);
                for item in self.db().query_all(&query, deadline).await? {
                    blocks.push(read_block(shard, &item)?);
                }
            }
            Ok::<_, StoreError>(blocks)
        });
        let found: Vec<_> = stream::iter(shards).buffered(16).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The events of some hours of a day, in no particular order, without expired ones. Needs
    /// [`Detail::Events`].
    pub async fn events(
        &self,
        series: &Series,
        day: &DayView,
        (first, last): (u8, u8),
        view: View,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        debug_assert!(day.detail == Detail::Events);
        let now = self.now();
        let hours = first..=last;
        let runs: Vec<&Run> = day
            .runs
            .iter()
            .filter(|run| hours.contains(&run.hour))
            .collect();
        let mut events = day.waiting_events()?;
        events.retain(|event| hours.contains(&event.timestamp.hour()));
        if !runs.is_empty() {
            let deadline = Deadline::at(view.ends());
            let (from, to) = keys::chunk_hours(first, last);
            let range = SkRange::Between(from, to);
            let pieces = self.chunks(series, day.day, range, deadline).await?;
            for run in runs {
                read_run(day.day, run, &pieces, now, &mut events)?;
            }
        }
        view.check(self.now())?;
        events.retain(|event| event.is_live(now));
        Ok(events)
    }

    /// The chunks of a day in a range of keys, live or not.
    async fn chunks(
        &self,
        series: &Series,
        day: Day,
        range: SkRange,
        deadline: Deadline,
    ) -> Result<Pieces, StoreError> {
        let query = Query {
            table: Table::Chunks,
            pk: keys::chunk_partition(series, day),
            sk: range,
            order: Order::Ascending,
            attributes: Some(vec!["sk", "chunk"]),
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        Ok(items.iter().filter_map(read_chunk).collect())
    }

    /// One run's events, in time order, without chunks that have expired.
    pub async fn run_events(
        &self,
        series: &Series,
        day: Day,
        run: &Run,
        deadline: Deadline,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let range = SkRange::Prefix(keys::chunks_of_run(run.hour, run.id));
        let pieces = self.chunks(series, day, range, deadline).await?;
        let mut events = Vec::new();
        read_run(day, run, &pieces, self.now(), &mut events)?;
        Ok(events)
    }

    /// A day's manifest as it is now, for whoever means to publish the next one.
    pub async fn manifest(
        &self,
        series: &Series,
        day: Day,
        deadline: Deadline,
    ) -> Result<(Option<PublishId>, Manifest), StoreError> {
        let found = self
            .db()
            .get(Table::Manifests, manifest_key(series, day), deadline)
            .await?;
        let Some(item) = found else {
            return Ok((None, Manifest::default()));
        };
        let publish = attribute::read_text(&item, "publish").map(str::to_owned);
        let view = read_day(&item, Detail::Events)?;
        let dead = read_dead(&item)?;
        let DayView {
            quarters,
            runs,
            took,
            ..
        } = view;
        Ok((
            publish,
            Manifest {
                quarters,
                runs,
                dead,
                took,
            },
        ))
    }
}

/// Consecutive days of one year that are read alike.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: Day,
    last: Day,
    detail: Detail,
}

fn spans(first: Day, last: Day, detail: &impl Fn(Day) -> Detail) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut day = Some(first).filter(|first| *first <= last);
    while let Some(this) = day {
        let wanted = detail(this);
        match spans.last_mut() {
            Some(span) if span.detail == wanted => span.last = this,
            _ => spans.push(Span {
                first: this,
                last: this,
                detail: wanted,
            }),
        }
        day = this.next().filter(|next| *next <= last);
    }
    spans
}

/// Ranges of inbox keys of a shard that need not be read, in order. What several publishes took
/// in a row is one range.
pub(crate) fn taken_ranges<'a>(
    took: impl Iterator<Item = (Day, &'a Took)>,
    shard: u8,
) -> BTreeSet<(String, String)> {
    let mut ranges = Vec::new();
    for (day, took) in took {
        let of_shard = took.names.ranges().filter(|((at, _), ..)| *at == shard);
        ranges.extend(of_shard.map(|((_, writer), first, last)| (day, writer, first, last)));
    }
    ranges.sort_unstable();
    ranges.dedup_by(|next, range| {
        let adjoins =
            (next.0, next.1) == (range.0, range.1) && range.3.checked_add(1) == Some(next.2);
        if adjoins {
            range.3 = next.3;
        }
        adjoins
    });
    let long = ranges
        .into_iter()
        .filter(|(_, _, first, last)| last - first >= SKIPPED_FROM);
    let keys = long.map(|(day, writer, first, last)| {
        (
            keys::block_at(day, writer, first),
            keys::block_at(day, writer, last),
        )
    });
    keys.collect()
}

/// The key ranges around the skipped ones. Keys at the edges are read again, which is harmless.
pub(crate) fn around(
    skipped: BTreeSet<(String, String)>,
    first: Day,
    last: Day,
) -> Vec<(String, String)> {
    let mut ranges = Vec::new();
    let mut from = keys::day(first);
    for (begin, end) in skipped {
        ranges.push((from, begin));
        from = end;
    }
    ranges.push((from, format!("{}~", keys::day(last))));
    ranges
}

fn inbox_query(series: &Series, shard: u8, from: String, to: String) -> Query {
    Query {
        table: Table::Inbox,
        pk: keys::inbox_partition(series, shard),
        sk: SkRange::Between(from, to),
        order: Order::Ascending,
        attributes: Some(vec!["sk", "block"]),
        limit: None,
    }
}

pub(crate) fn manifest_key(series: &Series, day: Day) -> Key {
    Key {
        pk: keys::manifest_partition(series, day.year()),
        sk: Some(keys::day(day)),
    }
}

fn read_day(item: &Item, detail: Detail) -> Result<DayView, StoreError> {
    let day = attribute::read_text(item, "sk").and_then(keys::parse_day);
    let day = day.ok_or_else(|| StoreError::corrupt("a manifest", "it has no day"))?;
    let part = |name: &str| {
        attribute::read_bytes(item, name).ok_or_else(|| {
            StoreError::corrupt(
                format!("the manifest of {day}"),
                format!("it has no {name}"),
            )
        })
    };
    let failed = || StoreError::decode(format!("the manifest of {day}"));
    let mut view = DayView::empty(day, detail);
    view.published = Totals::decode(part("day")?).map_err(failed())?;
    view.took = Manifest::decode_took(part("took")?).map_err(failed())?;
    if detail >= Detail::Quarters {
        view.quarters = Quarters::decode(part("quarters")?).map_err(failed())?;
    }
    if detail >= Detail::Events {
        view.runs = Manifest::decode_runs(part("runs")?).map_err(failed())?.0;
    }
    Ok(view)
}

fn read_dead(item: &Item) -> Result<Vec<DeadRun>, StoreError> {
    let bytes = attribute::read_bytes(item, "runs").unwrap_or_default();
    Ok(Manifest::decode_runs(bytes)
        .map_err(StoreError::decode("a manifest"))?
        .1)
}

fn read_block(shard: u8, item: &Item) -> Result<(Day, BlockName, Vec<u8>), StoreError> {
    let named = attribute::read_text(item, "sk").and_then(|key| keys::parse_block(shard, key));
    let bytes = attribute::read_bytes(item, "block");
    let ((day, name), bytes) = named.zip(bytes).ok_or_else(|| {
        StoreError::corrupt("a block", format!("its key is {:?}", item.get("sk")))
    })?;
    Ok((day, name, bytes.to_vec()))
}

fn read_chunk(item: &Item) -> Option<((RunId, usize), Vec<u8>)> {
    let (_, run, position) = keys::parse_chunk(attribute::read_text(item, "sk")?)?;
    Some((
        (run, position),
        attribute::read_bytes(item, "chunk")?.to_vec(),
    ))
}

/// Adds a run's events. A chunk may be missing only if all its events have expired.
fn read_run(
    day: Day,
    run: &Run,
    pieces: &Pieces,
    now: Timestamp,
    events: &mut Vec<StoredEvent>,
) -> Result<(), StoreError> {
    for (position, chunk) in run.chunks.iter().enumerate() {
        match pieces.get(&(run.id, position)) {
            Some(bytes) => {
                let decoded = Chunk::decode(day, bytes).map_err(StoreError::decode("a chunk"))?;
                events.extend(decoded);
            }
            None if chunk
                .expires
                .is_some_and(|expires| expires <= now.saturating_add(SKEW)) => {}
            None => return Err(StoreError::Changed(format!("the events of {day}"))),
        }
    }
    Ok(())
}

//! One run: works through days until there are none or time is up.

use std::collections::{BTreeMap, HashMap};

use futures::{FutureExt as _, StreamExt as _, stream};
use tracing::{info, warn};
use weir_model::{Day, Series, Timestamp};
use weir_store::{Deadline, Published, ScanPosition, Store, StoreError, Upkeep};

use crate::Options;
use crate::find::{Taken, Tally};
use crate::limits::{LOOKING, SUMMARY_LASTS, SWEEPING};
use crate::pass::{Done, Passed, Place, Stamps, pass};
use crate::summary::count_year;

/// Items of the inbox that one page of a scan looks at; a page is 1 MB at most anyway.
const SCAN_PAGE: u32 = 1_000;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Manifests published.
    pub published: u64,
    /// Blocks folded in.
    pub blocks: u64,
    /// Their events.
    pub events: u64,
    /// Runs that were replaced by merged ones.
    pub merged: u64,
    /// Blocks deleted from the inbox.
    pub blocks_deleted: u64,
    /// Replaced runs whose chunks were deleted.
    pub runs_deleted: u64,
    /// Days that need no upkeep any more.
    pub finished: u64,
    /// Passes in vain, because another compactor published first or it is not known who did.
    pub lost: u64,
    /// Days that could not be worked on, and blocks that could not be read. The log says why.
    pub failed: u64,
    /// Blocks that the scan met, that no manifest was known to have taken, and that were not folded
    /// in: they wait for a later run.
    pub waiting: u64,
    /// Items of emptied data sets that were deleted.
    pub records_deleted: u64,
    /// Whether time was up before everything was looked at.
    pub more: bool,
}

impl Report {
    fn add(&mut self, done: Done) {
        self.blocks += done.blocks;
        self.events += done.events;
        self.merged += done.merged;
    }

    /// Whether the run changed anything.
    pub fn did_something(&self) -> bool {
        self.published + self.blocks_deleted + self.runs_deleted + self.finished > 0
    }
}

/// A run under way.
pub(crate) struct Run {
    store: Store,
    options: Options,
    stamps: Stamps,
    until: Timestamp,
    report: Report,
    /// Blocks that the scan has met, and that no manifest was known to have taken.
    met: u64,
    /// How often each day was published.
    publishes: HashMap<(Series, Day), u32>,
    /// Years whose totals may have changed, with a day of each.
    years: BTreeMap<(Series, u16), Place>,
}

/// A day to work on.
struct Work {
    place: Place,
    upkeep: Option<Upkeep>,
    /// How often it may be published.
    publishes: u32,
}

impl Run {
    pub(crate) fn new(store: &Store, options: Options, stamps: &Stamps) -> Self {
        Self {
            store: store.clone(),
            options,
            stamps: stamps.clone(),
            until: store.now().saturating_add(options.budget),
            report: Report::default(),
            met: 0,
            publishes: HashMap::new(),
            years: BTreeMap::new(),
        }
    }

    fn time_is_up(&self) -> bool {
        self.store.now() >= self.until
    }

    fn looking(&self) -> Deadline {
        Deadline::at(self.store.now().saturating_add(LOOKING))
    }

    /// Deletes records of data sets that were emptied, for a part of the time. What is left goes
    /// on in the next run.
    pub(crate) async fn sweep_records(&mut self) {
        let time = SWEEPING.min(self.options.budget / 8);
        let deadline = Deadline::at(self.store.now().saturating_add(time));
        match self.store.sweep_records(deadline).await {
            Ok(deleted) => self.report.records_deleted = deleted,
            Err(cause) => warn!(%cause, "no records could be deleted: {cause}"),
        }
    }

    /// Works on the days whose upkeep is due, from the one behind `behind` on.
    pub(crate) async fn keep_up(
        &mut self,
        behind: &mut Option<(Day, Series)>,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let now = self.store.now();
        let mut due = self.store.list_upkeep(self.looking()).await?;
        due.retain(|upkeep| upkeep.due <= now);
        if let Some(behind) = behind.take() {
            let begin =
                due.partition_point(|upkeep| (upkeep.day, &upkeep.series) <= (behind.0, &behind.1));
            due.rotate_left(begin);
        }
        // Half of the time is the inbox's, so that neither waits for the other for ever.
        let half = now.saturating_add(self.options.budget / 2);
        let works = due.into_iter().map(|upkeep| {
            let place = self.place(upkeep.series.clone(), upkeep.day);
            Work {
                place,
                upkeep: Some(upkeep),
                publishes: self.options.publishes,
            }
        });
        *behind = self.work(works.collect(), half, taken).await;
        Ok(())
    }

    /// Goes on with the scan of the inbox to its end, and works on the days that it finds.
    pub(crate) async fn scan(
        &mut self,
        position: &mut Option<ScanPosition>,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let mut tally = Tally::default();
        while !self.time_is_up() {
            let page = self
                .store
                .scan_inbox(position.clone(), SCAN_PAGE, self.looking());
            let (waiting, next) = page.await?;
            for block in waiting {
                self.met += u64::from(tally.add(block, taken));
            }
            let over = tally.take_over(&self.options.threshold, self.store.now());
            let works = over
                .into_iter()
                .filter_map(|place| self.work_on(place))
                .collect();
            if self.work(works, self.until, taken).await.is_some() {
                return Ok(());
            }
            *position = next;
            if position.is_none() {
                return Ok(());
            }
        }
        self.report.more = true;
        Ok(())
    }

    fn place(&self, series: Series, day: Day) -> Place {
        Place {
            store: self.store.clone(),
            stamps: self.stamps.clone(),
            series,
            day,
        }
    }

    /// A day that the scan has found, unless it has had its share.
    fn work_on(&self, place: (Series, Day)) -> Option<Work> {
        let published = self.publishes.get(&place).copied().unwrap_or(0);
        let publishes = self
            .options
            .publishes
            .checked_sub(published)
            .filter(|left| *left > 0)?;
        Some(Work {
            place: self.place(place.0, place.1),
            upkeep: None,
            publishes,
        })
    }

    /// Works on some days side by side; gives the last that was begun if time was up before all
    /// were.
    async fn work(
        &mut self,
        works: Vec<Work>,
        until: Timestamp,
        taken: &mut Taken,
    ) -> Option<(Day, Series)> {
        let options = self.options;
        let mut stopped_behind = None;
        let mut is_stopped = false;
        let passes = works.into_iter().map(|work| {
            async move {
                let place = work.place.clone();
                (place, work.passes(&options, until).await)
            }
            .boxed()
        });
        let mut passes = stream::iter(passes).buffered(options.days_at_once.max(1));
        while let Some((place, passes)) = passes.next().await {
            if passes.is_empty() {
                is_stopped = true;
            } else if !is_stopped {
                stopped_behind = Some((place.day, place.series.clone()));
            }
            for passed in passes {
                self.note(&place, passed, taken);
            }
        }
        self.report.more |= is_stopped;
        stopped_behind.filter(|_| is_stopped)
    }

    fn note(&mut self, place: &Place, passed: Result<Passed, StoreError>, taken: &mut Taken) {
        let Place { series, day, .. } = place;
        let passed = match passed {
            Ok(passed) => passed,
            Err(cause) => {
                self.report.failed += 1;
                warn!(%series, %day, %cause, "{day} of {series} could not be compacted: {cause}");
                return;
            }
        };
        self.report.failed += passed.done.unreadable;
        self.report.blocks_deleted += passed.done.blocks_deleted;
        self.report.runs_deleted += passed.done.runs_deleted;
        match passed.published {
            Some(Published::Mine) => {
                self.report.published += 1;
                self.report.add(passed.done);
                *self.publishes.entry((series.clone(), *day)).or_default() += 1;
                self.report.finished += u64::from(passed.finished);
                let year = (series.clone(), day.year());
                self.years.entry(year).or_insert_with(|| place.clone());
            }
            Some(Published::Lost | Published::Unknown) => self.report.lost += 1,
            None => {}
        }
        taken.remember((series.clone(), *day), passed.took);
    }

    /// Counts the years that have changed, if they were not counted lately.
    pub(crate) async fn finish(self) -> Report {
        for ((series, year), place) in &self.years {
            let since = self.store.now().saturating_sub(SUMMARY_LASTS);
            if let Err(cause) = count_year(place, since, self.looking()).await {
                warn!(%series, year, %cause, "{year} of {series} could not be counted: {cause}");
            }
        }
        let report = Report {
            waiting: self.met.saturating_sub(self.report.blocks),
            ..self.report
        };
        if report.did_something() {
            info!(
                ?report,
                "compacted {} blocks of {} events", report.blocks, report.events
            );
        }
        report
    }
}

impl Work {
    /// Passes over the day until there is nothing more to do; none if time is up already.
    async fn passes(
        mut self,
        options: &Options,
        until: Timestamp,
    ) -> Vec<Result<Passed, StoreError>> {
        let store = &self.place.store;
        let mut passes = Vec::new();
        while store.now() < until && passes.len() < self.publishes as usize {
            let upkeep = self.upkeep.take();
            let goes_by_upkeep = upkeep.is_some();
            let passed = pass(&self.place, upkeep, options).await;
            let goes_on = passed
                .as_ref()
                .is_ok_and(|p| p.more && p.published == Some(Published::Mine));
            passes.push(passed);
            if !goes_on {
                break;
            }
            if goes_by_upkeep {
                // The last pass has marked it anew.
                let deadline = Deadline::at(store.now().saturating_add(LOOKING));
                match store
                    .upkeep_of(&self.place.series, self.place.day, deadline)
                    .await
                {
                    Ok(upkeep) => self.upkeep = upkeep,
                    Err(cause) => passes.push(Err(cause)),
                }
            }
        }
        passes
    }
}

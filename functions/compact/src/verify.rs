//! Verifies: recounts each day from the very chunks that one version of its manifest names.

mod compare;
mod sweep;

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde::Serialize;
use tracing::info;
use weir_model::{Day, Manifest, Name, Quarters, Series, Timestamp};
use weir_store::{Deadline, Store, StoreError};

use crate::limits::{BLOCKS_STAY, PASS};
use crate::merge;
use compare::{compare_hour, compare_run, find_repeats};

/// How often a day is begun again when a chunk has gone or another has published.
const TRIES: usize = 10;

/// Names of a listing read at once.
const LISTED: usize = 100;

/// What to verify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Only this series.
    pub series: Option<Series>,
    /// Whether chunks that no manifest names are deleted. Crashes leave some behind; they cost
    /// only their storage.
    pub sweep: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Days that were compared.
    pub days: u64,
    /// Events that were counted.
    pub events: u64,
    /// Days of which some events have expired, so that not all totals could be recounted.
    pub incomplete: u64,
    /// Chunks that no manifest named.
    pub swept: u64,
    /// What does not agree.
    pub differences: Vec<Difference>,
    /// Whether time was up before everything was compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A disagreement of a manifest and its chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of which namespace.
    pub namespace: String,
    /// And name.
    pub name: String,
    /// On which UTC day.
    pub day: String,
    /// What it is.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} on {}: {}",
            self.namespace, self.name, self.day, self.what
        )
    }
}

/// Compares each day's manifest with the chunks it names.
///
/// Waiting blocks are not looked at: they are their own count. Safe beside writers, readers and
/// compactors; a day that changes meanwhile is begun again.
pub async fn verify(store: &Store, options: &VerifyOptions) -> Result<VerifyReport, StoreError> {
    let mut verifier = Verifier::new(store, Timestamp::MAX);
    let all = match &options.series {
        Some(series) => vec![series.clone()],
        None => verifier.listed().await?,
    };
    for series in &all {
        verifier.series(series, |_| 0).await?;
    }
    if options.sweep {
        verifier.sweep(options.series.as_ref()).await?;
    }
    Ok(verifier.tell())
}

/// Compares as many days as there is time for, in an order that is another for each `seed`: so a
/// store that is too large for one go is compared in several.
pub(crate) async fn verify_until(
    store: &Store,
    until: Timestamp,
    seed: i64,
) -> Result<VerifyReport, StoreError> {
    let mut verifier = Verifier::new(store, until);
    let mut all = verifier.listed().await?;
    all.sort_by_cached_key(|series| hash(seed, series));
    for series in &all {
        if verifier.report.more {
            break;
        }
        verifier.series(series, |year| hash(seed, year)).await?;
    }
    Ok(verifier.tell())
}

fn hash(seed: i64, what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, what).hash(&mut hasher);
    hasher.finish()
}

struct Verifier<'a> {
    store: &'a Store,
    /// When to stop.
    until: Timestamp,
    report: VerifyReport,
}

/// What recounting one day gave.
#[derive(Default)]
struct Recount {
    events: u64,
    is_incomplete: bool,
    differences: Vec<String>,
}

impl<'a> Verifier<'a> {
    fn new(store: &'a Store, until: Timestamp) -> Self {
        Self {
            store,
            until,
            report: VerifyReport::default(),
        }
    }

    fn tell(self) -> VerifyReport {
        let VerifyReport {
            days,
            swept,
            differences,
            more,
            ..
        } = &self.report;
        info!(
            days,
            swept,
            differences = differences.len(),
            more,
            "verified {days} days"
        );
        self.report
    }

    fn deadline(&self) -> Deadline {
        Deadline::at(self.store.now().saturating_add(PASS))
    }

    /// Every series there is.
    async fn listed(&self) -> Result<Vec<Series>, StoreError> {
        let mut all = Vec::new();
        let mut after: Option<Name> = None;
        loop {
            let page = self
                .store
                .namespaces(after.as_ref(), LISTED, self.deadline())
                .await?;
            for namespace in &page.entries {
                self.list_names(namespace, &mut all).await?;
            }
            after = page.entries.last().cloned();
            if !page.more {
                return Ok(all);
            }
        }
    }

    async fn list_names(&self, namespace: &Name, all: &mut Vec<Series>) -> Result<(), StoreError> {
        let mut after: Option<Name> = None;
        loop {
            let page = self
                .store
                .names(namespace, after.as_ref(), LISTED, self.deadline())
                .await?;
            all.extend(page.entries.iter().map(|listed| Series {
                namespace: namespace.clone(),
                name: listed.name.clone(),
            }));
            after = page.entries.last().map(|listed| listed.name.clone());
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Compares a series' days, year by year in the order of a key.
    async fn series(
        &mut self,
        series: &Series,
        key: impl Fn(u16) -> u64,
    ) -> Result<(), StoreError> {
        let extent = self.store.extent(series, self.deadline()).await?;
        let mut years: Vec<_> = extent.years.into_iter().collect();
        years.sort_by_key(|year| key(*year));
        for year in years {
            let days = self
                .store
                .published_days(series, year, self.deadline())
                .await?;
            for (day, _) in days {
                if self.store.now() >= self.until {
                    self.report.more = true;
                    return Ok(());
                }
                self.day(series, day).await?;
            }
        }
        Ok(())
    }

    async fn day(&mut self, series: &Series, day: Day) -> Result<(), StoreError> {
        let mut tries = 0;
        let recount = loop {
            tries += 1;
            match self.recount(series, day).await {
                // A run was replaced and its chunks deleted since the manifest was read.
                Err(StoreError::Changed(_)) if tries < TRIES => {}
                // It was read anew each time, so nobody has replaced it: the chunk is lost.
                Err(StoreError::Changed(what)) => {
                    break Recount {
                        differences: vec![format!("{what} are not all there")],
                        ..Recount::default()
                    };
                }
                other => break other?,
            }
        };
        self.report.days += 1;
        self.report.events += recount.events;
        self.report.incomplete += u64::from(recount.is_incomplete);
        self.report
            .differences
            .extend(recount.differences.into_iter().map(|what| Difference {
                namespace: series.namespace.as_str().to_owned(),
                name: series.name.as_str().to_owned(),
                day: day.to_string(),
                what,
            }));
        Ok(())
    }

    async fn recount(&self, series: &Series, day: Day) -> Result<Recount, StoreError> {
        let (_, manifest) = self.store.manifest(series, day, self.deadline()).await?;
        self.mend_upkeep(series, day, &manifest).await?;
        let mut recount = Recount::default();
        for hour in 0..24 {
            self.recount_hour(series, day, hour, &manifest, &mut recount)
                .await?;
        }
        Ok(recount)
    }

    async fn recount_hour(
        &self,
        series: &Series,
        day: Day,
        hour: u8,
        manifest: &Manifest,
        recount: &mut Recount,
    ) -> Result<(), StoreError> {
        let mut quarters = Quarters::default();
        let mut origins = HashSet::new();
        let mut is_complete = true;
        for run in manifest.runs.iter().filter(|run| run.hour == hour) {
            let events = self
                .store
                .run_events(series, day, run, self.deadline())
                .await?;
            recount.events += events.len() as u64;
            is_complete &= compare_run(run, &events, &mut recount.differences);
            quarters.merge(&Quarters::from_events(&events));
            find_repeats(hour, &events, &mut origins, &mut recount.differences);
        }
        recount.is_incomplete |= !is_complete;
        compare_hour(
            hour,
            manifest,
            is_complete.then_some(&quarters),
            &mut recount.differences,
        );
        Ok(())
    }

    /// A day that has work left and no upkeep item gets one.
    async fn mend_upkeep(
        &self,
        series: &Series,
        day: Day,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let now = self.store.now();
        let is_clean = manifest.took.is_empty()
            && manifest.dead.is_empty()
            && merge::due(&manifest.runs, day, now).next().is_none();
        if is_clean
            || self
                .store
                .upkeep_of(series, day, self.deadline())
                .await?
                .is_some()
        {
            return Ok(());
        }
        // By then whoever publishes just now has marked it.
        let due = now.saturating_add(BLOCKS_STAY);
        self.store
            .put_upkeep(series, day, due, self.deadline())
            .await
    }
}

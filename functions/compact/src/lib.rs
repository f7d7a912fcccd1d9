//! Scheduled upkeep: folds waiting blocks into manifests, merges runs, deletes what nobody needs
//! any more, records of emptied data sets among it, keeps the catalogue's counts, and verifies.
//!
//! [`Compactor::run`] is one bounded run. Everything it decides it reads anew, and the
//! conditional put of a manifest is its only commit point, so it may run beside writers, readers
//! and itself, and may be cut off at any line: dropping its future is a clean stop. What is kept
//! from run to run (where the scan stopped, what it saw taken) only tells where to look first.
//!
//! The way of a day is the way of the files: `find` tells that it has work, `pass` reads it and
//! publishes, in between `clean` deletes, `fold` takes blocks and `merge` replaces runs; `summary`
//! counts its year. [`verify`](verify()) stands apart; [`Upkeep`] does both within the time that a
//! function has.
//!
//! On AWS expired chunks are deleted by the table's TTL. On an embedded engine whoever runs the
//! compactor calls `Engine::sweep_expired` beside it.

mod clean;
mod find;
mod fold;
mod invocation;
mod limits;
mod merge;
mod pass;
mod run;
mod runs;
mod summary;
mod verify;

use std::time::Duration;

use weir_model::{Day, Series};
use weir_store::{ScanPosition, Share, Store, StoreError};

use find::Taken;
pub use find::Threshold;
pub use invocation::{Done, Upkeep};
use pass::Stamps;
pub use run::Report;
use run::Run;
pub use verify::{Difference, VerifyOptions, VerifyReport, verify};

/// How much a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A run begins nothing new after this time. What is under way then ends within a minute or
    /// two.
    pub budget: Duration,
    /// When a day's waiting blocks are folded in.
    pub threshold: Threshold,
    /// How much of a day one publish takes.
    pub share: Share,
    /// How often a run publishes one day, so that a hot series leaves time for the others.
    pub publishes: u32,
    /// Days that are worked on side by side.
    pub days_at_once: usize,
}

impl Options {
    /// A run on one machine, where runs follow each other every few seconds.
    pub fn slice() -> Self {
        Self {
            budget: Duration::from_secs(20),
            days_at_once: 1,
            ..Self::default()
        }
    }
}

impl Default for Options {
    /// A run of a function, which has 15 minutes at most (AWS Lambda developer guide, "Quotas").
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(600),
            threshold: Threshold::default(),
            share: Share {
                blocks: 2_000,
                bytes: 16 << 20,
            },
            publishes: 8,
            days_at_once: 4,
        }
    }
}

/// Does the upkeep of a store, run by run.
#[derive(Debug)]
pub struct Compactor {
    store: Store,
    options: Options,
    /// Where the scan of the inbox goes on; it begins at the front after a restart.
    scan: Option<ScanPosition>,
    /// Behind which day the work that was remembered goes on, if a run had no time for all.
    upkeep_behind: Option<(Day, Series)>,
    taken: Taken,
    stamps: Stamps,
}

impl Compactor {
    /// A compactor that has not looked anywhere yet.
    pub fn new(store: Store, options: Options) -> Self {
        Self {
            store,
            options,
            scan: None,
            upkeep_behind: None,
            taken: Taken::default(),
            stamps: Stamps::default(),
        }
    }

    /// One run: records of data sets that were emptied, then the days whose time has come, then
    /// the inbox from where the last scan stopped, then the catalogue's counts.
    ///
    /// A day that cannot be worked on is counted in the report and logged; an error is only
    /// returned when the store does not tell where there is work.
    pub async fn run(&mut self) -> Result<Report, StoreError> {
        let mut run = Run::new(&self.store, self.options, &self.stamps);
        let looked = self.look(&mut run).await;
        let report = run.finish().await;
        looked.map(|()| report)
    }

    /// One [`run`](Compactor::run) that begins nothing new after `budget`.
    pub async fn run_for(&mut self, budget: Duration) -> Result<Report, StoreError> {
        self.options.budget = budget;
        self.run().await
    }

    async fn look(&mut self, run: &mut Run) -> Result<(), StoreError> {
        run.sweep_records().await;
        run.keep_up(&mut self.upkeep_behind, &mut self.taken)
            .await?;
        run.scan(&mut self.scan, &mut self.taken).await
    }
}

/// One run that begins the scan of the inbox at its front.
pub async fn run(store: &Store, options: &Options) -> Result<Report, StoreError> {
    Compactor::new(store.clone(), *options).run().await
}

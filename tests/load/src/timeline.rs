//! A store whose clock is ours, so that a day of requests and compactions passes in seconds.
//!
//! Everything that happens in it is Weir's own code on Weir's own engine; only the time is told
//! by us. Its present lies in the past: a server that later opens the same data with the machine's
//! clock finds nothing from the future.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use weir::data::DataDirectory;
use weir_compact::{Compactor, Options};
use weir_model::{Day, Event, Timestamp};
use weir_store::db::Units;
use weir_store::embedded::Engine;
use weir_store::{
    Clock as _, Db, Deadline, IdempotencyKey, ManualClock, Store, Submission, SystemClock,
};

/// Between two compactions, as the template schedules them.
pub(crate) const PAUSE: Duration = Duration::from_secs(5 * 60);

/// How long upkeep may take until nothing is left of it: blocks stay for 20 minutes after they
/// were taken and replaced runs for an hour.
const SETTLING: u32 = 12 * 12;

/// A store and its time.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub(crate) store: Store,
    clock: ManualClock,
    compactor: Compactor,
    /// Held as long as the database is open.
    _data: Option<DataDirectory>,
}

impl Timeline {
    /// A store in memory that tells what its calls cost.
    pub(crate) async fn in_memory(start: Timestamp) -> Result<Self> {
        let clock = ManualClock::new(start);
        let engine = Engine::memory(Arc::new(clock.clone()))?;
        let timeline = Self::begin(engine, clock, None).await?;
        timeline.store.db().count_capacity();
        Ok(timeline)
    }

    /// A store in a new directory, which a server can open when this is gone.
    pub(crate) async fn in_directory(path: &Path, start: Timestamp) -> Result<Self> {
        let data = DataDirectory::open(path)?;
        let clock = ManualClock::new(start);
        let engine = Engine::open(&data.database(), Arc::new(clock.clone()))?;
        Self::begin(engine, clock, Some(data)).await
    }

    async fn begin(
        engine: Engine,
        clock: ManualClock,
        data: Option<DataDirectory>,
    ) -> Result<Self> {
        let db = Db::embedded(Arc::new(engine), Arc::new(clock.clone()));
        db.create_tables().await?;
        let store = Store::new(db);
        Ok(Self {
            compactor: Compactor::new(store.clone(), Options::default()),
            store,
            clock,
            _data: data,
        })
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the time be this.
    pub(crate) fn set(&self, now: Timestamp) {
        self.clock.set(now);
    }

    /// What the calls have cost so far.
    pub(crate) fn units(&self) -> Units {
        self.store.db().capacity()
    }

    /// Stores the events of one request; all of them must be new.
    pub(crate) async fn accept(&self, events: Vec<Event>, key: Option<String>) -> Result<()> {
        let count = events.len() as u64;
        let submission = Submission {
            events,
            key: key.map(IdempotencyKey),
            body: [0; 32],
            received: self.now(),
            arrived: self.now(),
            client: "load".to_owned(),
            door: "track",
        };
        let accepted = self.store.accept(submission).await?.accepted;
        ensure!(accepted == count, "{accepted} of {count} events are new");
        Ok(())
    }

    /// One run of upkeep.
    pub(crate) async fn compact(&mut self) -> Result<()> {
        let report = self.compactor.run().await?;
        ensure!(
            (report.failed, report.lost) == (0, 0),
            "a compaction failed: {report:?}"
        );
        Ok(())
    }

    /// Lets time pass, with a compaction every five minutes, until there is no upkeep left; says
    /// how many it took.
    pub(crate) async fn settle(&mut self) -> Result<u32> {
        let mut idle = 0;
        for run in 1..=SETTLING {
            self.clock.advance(PAUSE);
            self.compact().await?;
            // What has waited for less than 15 minutes is nowhere noted yet.
            idle = match self.has_upkeep().await? {
                true => 0,
                false => idle + 1,
            };
            if idle > 4 {
                return Ok(run);
            }
        }
        Err(anyhow::anyhow!("upkeep does not come to an end"))
    }

    async fn has_upkeep(&self) -> Result<bool> {
        let deadline = Deadline::at(self.now().saturating_add(PAUSE));
        let left = self.store.list_upkeep(deadline).await;
        Ok(!left.context("upkeep cannot be listed")?.is_empty())
    }
}

/// The beginning of the UTC day that began so many days before the machine's today.
pub(crate) fn days_ago(days: u32) -> Day {
    let today = SystemClock.now().day().number();
    Day::from_number(today - days).expect("today is long after 1970")
}

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_model::Timestamp;

use super::*;
use crate::clock::ManualClock;
use crate::db::{Db, Deadline};
use crate::embedded::Engine;
use crate::error::StoreError;
use crate::store::Store;

mod history;
mod leases;
mod pieces;

const MINUTE: Duration = Duration::from_secs(60);

struct Bench {
    store: Store,
    clock: ManualClock,
}

impl Bench {
    async fn start() -> Self {
        Self::with(BookmarkSizes::default()).await
    }

    async fn with(sizes: BookmarkSizes) -> Self {
        let start = Timestamp::parse("2024-05-15T10:20:30Z").unwrap();
        let clock = ManualClock::running(start);
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let db = Db::embedded(Arc::new(engine), Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        Self {
            store: Store::with_bookmark_sizes(db, sizes),
            clock,
        }
    }

    fn soon(&self) -> Deadline {
        Deadline::at(self.store.now().saturating_add(Duration::from_secs(30)))
    }

    async fn lease(&self, holder: &str) -> Leasing {
        let job = job("j");
        let leased = self.store.lease_job(&job, holder, 10 * MINUTE, self.soon());
        leased.await.unwrap()
    }

    async fn held(&self, holder: &str) -> Lease {
        match self.lease(holder).await {
            Leasing::Held(lease) => lease,
            Leasing::Busy { holder, .. } => panic!("{holder} has it"),
        }
    }

    async fn state(&self) -> JobState {
        let state = self.store.job(&job("j"), self.soon()).await.unwrap();
        state.expect("it was leased")
    }
}

fn job(name: &str) -> JobName {
    name.parse().unwrap()
}

fn at(n: u32) -> Value {
    json!({"bookmarks": {"s": {"n": n}}})
}

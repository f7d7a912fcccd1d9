//! Compaction in the background: a bounded run every few seconds, and the deletion of what has
//! expired, which DynamoDB does by itself elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use weir_compact::{Compactor, Options};
use weir_store::Store;
use weir_store::embedded::Engine;

/// Between two runs. Queries count what is not yet compacted just as well, so nobody waits for
/// it; a command that opens the store for a moment is over before the first run.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs between two sweeps of expired items: once a minute is often enough for housekeeping.
const SWEEP_EVERY: u32 = 12;

/// Pages of each table that a sweep looks at: some 500 items each, so 40,000 a minute, which is
/// more than one machine stores receipts.
const SWEEP_PAGES: usize = 80;

/// How long a run that is under way may still take when the process stops. It can be cut off at
/// any line, but what it has half done it would begin anew.
const LAST_RUN: Duration = Duration::from_secs(5);

/// Compacts until `stop` changes or its sender is gone.
pub(crate) async fn keep_up(store: Store, engine: Arc<Engine>, mut stop: watch::Receiver<()>) {
    let mut stopping = stop.clone();
    tokio::select! {
        () = work(store, engine, stop.clone()) => {}
        () = async {
            let _ = stopping.changed().await;
            sleep(LAST_RUN).await;
        } => {}
    }
    stop.mark_unchanged();
}

async fn work(store: Store, engine: Arc<Engine>, mut stop: watch::Receiver<()>) {
    let mut compactor = Compactor::new(store.clone(), Options::slice());
    for run in 1_u32.. {
        tokio::select! {
            () = sleep(PAUSE) => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = compactor.run().await {
            tracing::warn!(%error, "a compaction run ended early: {error}");
        }
        if run % SWEEP_EVERY == 0 {
            sweep(&store, &engine).await;
        }
    }
}

async fn sweep(store: &Store, engine: &Engine) {
    match engine.sweep_expired(store.db().names(), SWEEP_PAGES).await {
        Ok(0) => {}
        Ok(items) => tracing::debug!(items, "deleted {items} expired items"),
        Err(error) => tracing::warn!(%error, "could not delete what has expired: {error}"),
    }
}

//! Counts events for the metrics. What is counted for good is in the store.

use std::sync::atomic::{AtomicU64, Ordering};

/// Events since the last time that somebody asked.
#[derive(Debug, Default)]
pub struct Tally {
    stored: AtomicU64,
    refused: AtomicU64,
}

/// What a [`Tally`] has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
    /// Events that were acknowledged as stored, duplicates left out.
    pub stored: u64,
    /// Events of requests that were read and then answered with an error.
    pub refused: u64,
}

impl Tally {
    /// Counts events that are acknowledged.
    pub fn stored(&self, events: u64) {
        self.stored.fetch_add(events, Ordering::Relaxed);
    }

    /// Counts events whose request is answered with an error.
    pub fn refused(&self, events: u64) {
        self.refused.fetch_add(events, Ordering::Relaxed);
    }

    /// What was counted, and begins at zero again.
    pub fn take(&self) -> Events {
        Events {
            stored: self.stored.swap(0, Ordering::Relaxed),
            refused: self.refused.swap(0, Ordering::Relaxed),
        }
    }
}

//! Counts events for the metrics. What is counted for good is in the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Events since the last time that somebody asked.
#[derive(Debug, Default)]
pub struct Tally {
    stored: AtomicU64,
    refused: AtomicU64,
    /// By reason; the doors have few.
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

/// What a [`Tally`] has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// Events that were acknowledged as stored, duplicates left out.
    pub stored: u64,
    /// Events of requests that were read and then answered with an error.
    pub refused: u64,
    /// Events that were found bad, whatever their request was answered, by the reason's code.
    pub rejected: BTreeMap<&'static str, u64>,
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

    /// Counts events that were found bad for a reason.
    pub fn rejected(&self, reason: &'static str, events: u64) {
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        *rejected.entry(reason).or_default() += events;
    }

    /// What was counted, and begins at zero again.
    pub fn take(&self) -> Events {
        Events {
            stored: self.stored.swap(0, Ordering::Relaxed),
            refused: self.refused.swap(0, Ordering::Relaxed),
            rejected: std::mem::take(
                &mut self.rejected.lock().unwrap_or_else(PoisonError::into_inner),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_once_is_not_told_again() {
        let tally = Tally::default();
        tally.stored(3);
        tally.refused(2);
        tally.rejected("too-large", 1);
        tally.rejected("invalid-event", 2);
        tally.rejected("invalid-event", 3);
        let expected = Events {
            stored: 3,
            refused: 2,
            rejected: BTreeMap::from([("invalid-event", 5), ("too-large", 1)]),
        };
        assert_eq!(tally.take(), expected);
        assert_eq!(tally.take(), Events::default());
    }
}

//! What was counted: totals to be read at any time, and a hook that hears of each step.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::notice::guarded;

/// Why events were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Loss {
    /// They were refused when they were reported: a bad name, no object and no text.
    Refused,
    /// The buffer was full.
    Full,
    /// They could not be written as an event that a server takes.
    Unsendable,
    /// The server refused them.
    Rejected,
    /// Their batch was attempted so long ago that a repeat could count it twice.
    Stale,
    /// The client was closed before they were sent.
    Left,
}

impl Loss {
    /// Every reason.
    pub const ALL: [Loss; 6] = [
        Loss::Refused,
        Loss::Full,
        Loss::Unsendable,
        Loss::Rejected,
        Loss::Stale,
        Loss::Left,
    ];

    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Refused => "refused",
            Loss::Full => "full",
            Loss::Unsendable => "unsendable",
            Loss::Rejected => "rejected",
            Loss::Stale => "stale",
            Loss::Left => "left",
        }
    }
}

/// What a client has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Events taken in: reports that were not refused.
    pub reported: u64,
    /// Events that the server has answered for.
    pub delivered: u64,
    /// Of those, events that it had before, by their own ids.
    pub duplicates: u64,
    /// Batches that the server has answered for.
    pub batches: u64,
    /// Bytes of their bodies, as they were sent.
    pub bytes: u64,
    /// Attempts that failed and were made again.
    pub retries: u64,
    /// Events in memory now.
    pub buffered_events: u64,
    /// About what they take.
    pub buffered_bytes: u64,
    /// Events in the spool now.
    pub spooled_events: u64,
    /// What the spool's files take.
    pub spooled_bytes: u64,
    dropped: [u64; Loss::ALL.len()],
}

impl Statistics {
    /// Events dropped for a reason.
    pub fn dropped(&self, loss: Loss) -> u64 {
        self.dropped[loss as usize]
    }

    pub(crate) fn add_dropped(&mut self, events: u64, loss: Loss) {
        self.dropped[loss as usize] += events;
    }

    /// Events dropped for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

/// A step that a metrics system may count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// The server has answered for a batch.
    Delivered {
        /// Its events.
        events: u64,
        /// Its body, as it was sent.
        bytes: u64,
        /// How long the attempt took that succeeded.
        took: Duration,
    },
    /// An attempt failed and will be made again.
    Retry {
        /// The events it would have brought.
        events: u64,
        /// The status that was answered, if there was an answer.
        status: Option<u16>,
    },
    /// Events were dropped.
    Dropped {
        /// How many.
        events: u64,
        /// Why.
        loss: Loss,
    },
}

type Hook = dyn Fn(Measure) + Send + Sync;

/// The counters behind [`Statistics`].
#[derive(Default)]
pub(crate) struct Counters {
    delivered: AtomicU64,
    duplicates: AtomicU64,
    batches: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
    spooled_events: AtomicU64,
    spooled_bytes: AtomicU64,
    dropped: [AtomicU64; Loss::ALL.len()],
    hook: Option<Arc<Hook>>,
}

impl Counters {
    pub(crate) fn new(hook: Option<Arc<Hook>>) -> Self {
        Self {
            hook,
            ..Self::default()
        }
    }

    pub(crate) fn delivered(&self, events: u64, duplicates: u64, bytes: u64, took: Duration) {
        add(&self.delivered, events);
        add(&self.duplicates, duplicates);
        add(&self.batches, 1);
        add(&self.bytes, bytes);
        self.tell(Measure::Delivered {
            events,
            bytes,
            took,
        });
    }

    pub(crate) fn retry(&self, events: u64, status: Option<u16>) {
        add(&self.retries, 1);
        self.tell(Measure::Retry { events, status });
    }

    pub(crate) fn dropped(&self, events: u64, loss: Loss) {
        if events > 0 {
            add(&self.dropped[loss as usize], events);
            self.tell(Measure::Dropped { events, loss });
        }
    }

    pub(crate) fn spooled(&self, events: u64, bytes: u64) {
        self.spooled_events.store(events, Ordering::Relaxed);
        self.spooled_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The totals, but for what the buffer knows.
    pub(crate) fn read(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            delivered: read(&self.delivered),
            duplicates: read(&self.duplicates),
            batches: read(&self.batches),
            bytes: read(&self.bytes),
            retries: read(&self.retries),
            spooled_events: read(&self.spooled_events),
            spooled_bytes: read(&self.spooled_bytes),
            dropped: std::array::from_fn(|at| read(&self.dropped[at])),
            ..Statistics::default()
        }
    }

    fn tell(&self, measure: Measure) {
        if let Some(hook) = &self.hook {
            guarded("the metrics hook", || hook(measure));
        }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_reason_and_a_hook_that_panics_harms_nobody() {
        let counters = Counters::new(Some(Arc::new(|_| panic!("on purpose"))));
        for (at, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, at);
            counters.dropped(at as u64 + 1, loss);
        }
        let statistics = counters.read();
        assert_eq!(statistics.dropped(Loss::Left), 6);
        assert_eq!(statistics.dropped_in_all(), 21);
    }
}

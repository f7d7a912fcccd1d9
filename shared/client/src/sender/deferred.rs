//! Batches that failed again and again, or alone, and let others go first.

use tokio::time::Instant;

use crate::batch::Batch;
use crate::delivery::Deferred;

/// Those that pause, in no order: there are few.
#[derive(Debug, Default)]
pub(super) struct Queue(Vec<Deferred>);

impl Queue {
    pub(super) fn add(&mut self, deferred: Deferred) {
        self.0.push(deferred);
    }

    /// Takes the one whose pause ended first, if any has.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Batch> {
        let next = (0..self.0.len()).min_by_key(|&at| self.0[at].pause.until)?;
        (self.0[next].pause.until <= now).then(|| self.0.swap_remove(next).batch)
    }

    /// When the first pause ends.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.0.iter().map(|deferred| deferred.pause.until).min()
    }

    /// How many are not the reason themselves: the server fails, and perhaps for all.
    pub(super) fn unlucky(&self) -> usize {
        let unlucky = self.0.iter().filter(|deferred| !deferred.pause.is_own);
        unlucky.count()
    }

    /// Makes pauses as short as they may be.
    pub(super) fn hurry(&mut self) {
        for Deferred { pause, .. } in &mut self.0 {
            pause.until = pause.least;
        }
    }
}

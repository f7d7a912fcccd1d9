//! What is known of a batch's attempts: how old its key is, and whether it may be stored already.

use std::time::Duration;

use tokio::time::Instant;
use weir_model::Timestamp;

use crate::answer::{Again, Outcome};
use crate::pauses::{Bounds, Pace, Pauses};

/// The server promises to remember keys for 24 hours; clocks differ.
const REMEMBERED: Duration = Duration::from_secs(23 * 3600);

/// What of that hour a clock that was put back may have taken.
const PUT_BACK: Duration = Duration::from_secs(30 * 60);

/// So many rounds of failures, half a minute with the usual pauses, and others may go first.
const GIVES_WAY_AFTER: usize = 8;

/// The attempts at one batch.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// The time of day of the first.
    first: Timestamp,
    /// Whether that was in an earlier run of the program.
    is_earlier: bool,
    begun: Instant,
    /// Whether one of them may have been stored although nobody said so.
    is_doubtful: bool,
    pub(super) failures: usize,
    pub(super) pauses: Pauses,
}

/// How old a key is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// The server knows it.
    Known,
    /// The server may have forgotten it.
    Forgotten(Duration),
    /// It was first used at a time that is still to come: the clock was put back.
    Unknown,
}

impl Attempts {
    /// Those of a batch whose first attempt is now.
    pub(crate) fn begin(now: Timestamp, bounds: Bounds) -> Self {
        Self {
            first: now,
            is_earlier: false,
            begun: Instant::now(),
            is_doubtful: false,
            failures: 0,
            pauses: Pauses::new(bounds),
        }
    }

    /// Those of a batch that an earlier run has attempted; what became of that is not known.
    pub(crate) fn resume(first: Timestamp, bounds: Bounds) -> Self {
        Self {
            is_earlier: true,
            is_doubtful: true,
            ..Self::begin(first, bounds)
        }
    }

    /// How old the key is. In this run the time that has passed counts, however the time of day was
    /// changed; a jump forward may be the time that a machine was asleep, and counts too.
    pub(super) fn age(&self, now: Timestamp) -> Age {
        let passed = self.begun.elapsed();
        let wall_ms = now.as_millis().saturating_sub(self.first.as_millis());
        let wall = Duration::from_millis(u64::try_from(wall_ms).unwrap_or(0));
        let behind = Duration::from_millis(u64::try_from(-wall_ms).unwrap_or(0));
        let age = passed.max(wall);
        if age >= REMEMBERED {
            Age::Forgotten(age)
        } else if self.is_earlier && behind > PUT_BACK {
            Age::Unknown
        } else {
            Age::Known
        }
    }

    /// Notes a failure.
    pub(super) fn failed(&mut self, again: &Again) {
        self.failures += 1;
        self.is_doubtful |= again.is_doubtful;
    }

    /// Whether other batches go before the next attempt. Where nobody listens or nobody is let in
    /// they would fare no better, and a batch that was never attempted never gets too old.
    pub(super) fn give_way(&self, again: &Again, servers: usize) -> bool {
        let is_round_over = self.failures.is_multiple_of(servers);
        let is_answered = again.pace == Pace::Usual && again.status.is_some();
        let is_often = self.failures >= GIVES_WAY_AFTER * servers;
        is_round_over && (again.is_own || is_answered && is_often)
    }

    /// What to do about an outcome. A refusal says nothing about an earlier attempt, which may have
    /// been stored before whatever refuses now stood in the way: in pieces, under new keys, its
    /// events would be counted twice.
    pub(super) fn weigh(&self, outcome: Outcome) -> Outcome {
        let why = match &outcome {
            _ if !self.is_doubtful => return outcome,
            Outcome::Halve(detail) => detail.clone(),
            Outcome::Reject(bad) => bad.values().next().cloned().unwrap_or_default(),
            _ => return outcome,
        };
        Outcome::Again(Again::doubted(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn bounds() -> Bounds {
        Bounds {
            first: Duration::ZERO,
            longest: Duration::ZERO,
            slow: Duration::ZERO,
        }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millis(1_715_768_430_000 + hour * HOUR_MS).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_put_back_makes_no_key_younger() {
        let own = Attempts::begin(at(0), bounds());
        assert_eq!(own.age(at(-1000)), Age::Known);
        let earlier = Attempts::resume(at(0), bounds());
        assert_eq!(earlier.age(at(-1)), Age::Unknown);
        assert_eq!(earlier.age(at(0)), Age::Known);
        tokio::time::advance(Duration::from_secs(23 * 3600)).await;
        for attempts in [own, earlier] {
            let age = attempts.age(at(-1000));
            assert!(matches!(age, Age::Forgotten(_)), "{age:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_was_asleep_has_made_a_key_older() {
        let own = Attempts::begin(at(0), bounds());
        assert_eq!(own.age(at(22)), Age::Known);
        let age = Duration::from_secs(23 * 3600);
        assert_eq!(own.age(at(23)), Age::Forgotten(age));
    }
}

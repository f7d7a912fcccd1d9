//! The time, as a value that tests can move.
//!
//! Everything that compares or signs with the time of day takes it from a [`Clock`]. Pauses and
//! time-outs of single calls go by tokio's time instead, which tests pause.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use weir_model::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that all others take it from"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        clamp(millis(since))
    }
}

/// A clock for tests. Its clones and [`shifted`](ManualClock::shifted) handles share one base, so
/// that several processes of a test can disagree about the time and still move on together.
#[derive(Debug, Clone)]
pub struct ManualClock {
    base_ms: Arc<AtomicI64>,
    started: Option<Instant>,
    offset_ms: i64,
}

impl ManualClock {
    /// A clock that stands still until it is moved.
    pub fn new(start: Timestamp) -> Self {
        Self {
            base_ms: Arc::new(AtomicI64::new(start.as_millis())),
            started: None,
            offset_ms: 0,
        }
    }

    /// A clock that goes on with tokio's time, so that a deadline passes while a test's paused
    /// runtime skips over the pauses of a retry.
    pub fn running(start: Timestamp) -> Self {
        Self {
            started: Some(Instant::now()),
            ..Self::new(start)
        }
    }

    /// Another handle on this clock that is ahead of it by `offset_ms`, or behind if negative.
    #[must_use]
    pub fn shifted(&self, offset_ms: i64) -> Self {
        Self {
            offset_ms: self.offset_ms + offset_ms,
            ..self.clone()
        }
    }

    /// Moves all handles forward.
    pub fn advance(&self, by: Duration) {
        self.base_ms.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Moves all handles so that this one shows `now`.
    pub fn set(&self, now: Timestamp) {
        let base = now.as_millis() - self.offset_ms - self.ran_ms();
        self.base_ms.store(base, Ordering::SeqCst);
    }

    fn ran_ms(&self) -> i64 {
        self.started.map_or(0, |started| millis(started.elapsed()))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        clamp(self.base_ms.load(Ordering::SeqCst) + self.ran_ms() + self.offset_ms)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn clamp(millis: i64) -> Timestamp {
    let within = millis.clamp(Timestamp::MIN.as_millis(), Timestamp::MAX.as_millis());
    Timestamp::from_millis(within).expect("it was clamped to what a timestamp holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("a legal time")
    }

    #[test]
    fn a_shifted_handle_keeps_its_distance_when_the_clock_moves() {
        let clock = ManualClock::new(at(1_000_000));
        let behind = clock.shifted(-60_000);
        clock.advance(Duration::from_secs(30));
        assert_eq!(clock.now(), at(1_000_030));
        assert_eq!(behind.now(), at(999_970));
        behind.set(at(2_000_000));
        assert_eq!(clock.now(), at(2_000_060));
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_clock_goes_on_with_the_time_of_the_runtime() {
        let clock = ManualClock::running(at(1_000_000));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), at(1_000_005));
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), at(1_000_065));
        clock.set(at(7));
        assert_eq!(clock.now(), at(7));
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > at(1_700_000_000));
    }
}

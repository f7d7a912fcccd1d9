//! The gate that all requests to Pendo pass: so many a second, and none while Pendo wants none.
//!
//! Who comes first goes first: the turn is a lock whose holder waits and which is given on in order.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync;
use tokio::time::{Instant, sleep_until};
use weir_collector::http::Pace;

/// How late a request may be without the next one being later: timers tick in milliseconds, and a
/// limit of thousands a second must be reached all the same.
const SLACK: Duration = Duration::from_millis(20);

/// The slowest pace: a request a day.
const SLOWEST: f64 = 1.0 / 86_400.0;

/// The gate that requests pass one by one.
#[derive(Debug)]
pub struct Gate {
    interval: Duration,
    /// When the next request is due.
    due: sync::Mutex<Instant>,
    held_until: Mutex<Instant>,
}

impl Gate {
    /// Lets so many requests pass in a second, evenly; any number if there is no limit.
    pub fn new(requests_per_second: Option<f64>) -> Self {
        let now = Instant::now();
        Self {
            interval: requests_per_second.map_or(Duration::ZERO, interval),
            due: sync::Mutex::new(now),
            held_until: Mutex::new(now),
        }
    }

    /// Waits until a request may be sent.
    pub async fn pass(&self) {
        let mut due = self.due.lock().await;
        // The gate may be held, or held longer, while somebody waits at it.
        loop {
            let until = self.held_until().max(*due);
            if until <= Instant::now() {
                break;
            }
            sleep_until(until).await;
        }
        let earliest = Instant::now().checked_sub(SLACK).unwrap_or(*due);
        *due = earliest.max(*due) + self.interval;
    }

    /// Lets nothing pass for so long from now.
    pub fn hold(&self, wait: Duration) {
        let Some(until) = Instant::now().checked_add(wait) else {
            return;
        };
        let mut held = self.held();
        *held = until.max(*held);
    }

    fn held_until(&self) -> Instant {
        *self.held()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace for Gate {
    fn turn(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pass())
    }

    fn hold(&self, wait: Duration) {
        self.hold(wait);
    }
}

fn interval(requests_per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / requests_per_second.max(SLOWEST))
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;

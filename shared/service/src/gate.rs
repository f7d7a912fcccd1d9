//! How many requests may be under way at once.
//!
//! One more is refused at once. Left to wait, it would be answered when its client has long given
//! up, and so would everybody behind it; refused, it costs next to nothing and comes again, and
//! those that were let in are answered in time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// After how long a refused request should come again.
const RETRY: Duration = Duration::from_secs(1);

/// How often the log says that requests are refused.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// A bound on requests of one kind.
#[derive(Debug)]
pub struct Gate {
    kind: &'static str,
    slots: Arc<Semaphore>,
    refused: AtomicU64,
    warned: Mutex<Option<Instant>>,
}

/// A request's places, given back on drop.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    /// Lets so many requests of a kind be under way; the log calls them so.
    pub fn new(kind: &'static str, slots: usize) -> Arc<Gate> {
        Arc::new(Gate {
            kind,
            slots: Arc::new(Semaphore::new(slots)),
            refused: AtomicU64::new(0),
            warned: Mutex::new(None),
        })
    }

    /// Takes as many places as a request weighs.
    ///
    /// # Errors
    /// 503 `overloaded` when there are not so many.
    pub fn enter(&self, weight: u32) -> Result<Slot, Problem> {
        match Arc::clone(&self.slots).try_acquire_many_owned(weight) {
            Ok(permit) => Ok(Slot { _permit: permit }),
            Err(_) => Err(self.refuse()),
        }
    }

    /// Says whether there is a place, for whoever has something to do before taking it.
    ///
    /// # Errors
    /// 503 `overloaded` when there is none.
    pub fn look(&self) -> Result<(), Problem> {
        match self.slots.available_permits() {
            0 => Err(self.refuse()),
            _ => Ok(()),
        }
    }

    fn refuse(&self) -> Problem {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.warn();
        let detail = "too many requests are under way; nothing was done, try again";
        Problem::unavailable("overloaded", detail, RETRY)
    }

    /// Warns, if the last warning is some time ago.
    fn warn(&self) {
        let Ok(mut warned) = self.warned.try_lock() else {
            return; // Somebody is about to.
        };
        if warned.is_some_and(|last| last.elapsed() < WARN_EVERY) {
            return;
        }
        *warned = Some(Instant::now());
        let (kind, refused) = (self.kind, self.refused.swap(0, Ordering::Relaxed));
        tracing::warn!(kind, refused, "overloaded: {refused} {kind} refused");
    }
}

/// Middleware: lets a request through when there is a place for it.
pub async fn through(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.enter(1) {
        Ok(_slot) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::RETRY_AFTER;

    #[test]
    fn a_place_is_free_again_when_its_request_has_ended() {
        let gate = Gate::new("requests", 2);
        let (one, _other) = (gate.enter(1).unwrap(), gate.enter(1).unwrap());
        let refusal = gate.enter(1).unwrap_err();
        assert_eq!(refusal.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refusal.document().code, "overloaded");
        assert_eq!(refusal.headers()[RETRY_AFTER], "1");
        assert!(gate.look().is_err());
        drop(one);
        assert!(gate.look().is_ok());
        assert!(gate.enter(2).is_err(), "it weighs too much");
        assert!(gate.enter(1).is_ok());
    }

    #[test]
    fn many_refusals_are_one_warning_that_counts_them() {
        let gate = Gate::new("requests", 0);
        for _ in 0..100 {
            assert!(gate.enter(1).is_err());
        }
        // The first was told at once, and the others wait for the next second.
        assert_eq!(gate.refused.load(Ordering::Relaxed), 99);
        *gate.warned.lock().unwrap() = Some(Instant::now() - 2 * WARN_EVERY);
        assert!(gate.look().is_err());
        assert_eq!(gate.refused.load(Ordering::Relaxed), 0);
    }
}

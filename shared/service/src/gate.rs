//! How many requests may be under way at once.
//!
//! A few more wait for a moment, so that a burst is served; who has waited in vain, and whoever
//! comes when even the places to wait are taken, is refused. Left to wait without bound, they would
//! be answered when their clients have long given up, and so would everybody behind them; refused,
//! they cost little and come again. Little is not nothing: clients that repeat at once could keep a
//! machine busy with refusals alone, so a refusal is held back for a moment, which costs nothing.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::problem::Problem;

/// After how long a refused request should come again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a refusal is held back. Connections are bounded where they are accepted, so this bounds
/// how many refusals a second there can be.
const HELD_BACK: Duration = Duration::from_millis(500);

/// How often the log says that requests are refused.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// How many requests of a kind there may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Under way at once.
    pub at_once: usize,
    /// Waiting for that.
    pub waiting: usize,
    /// The longest that one waits.
    pub patience: Duration,
}

/// A bound on requests of one kind.
#[derive(Debug)]
pub struct Gate {
    kind: &'static str,
    bounds: Bounds,
    slots: Arc<Semaphore>,
    places_to_wait: Semaphore,
    refused: AtomicU64,
    warned: Mutex<Option<Instant>>,
}

/// A request's places among those under way, given back on drop.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    /// Lets so many requests of a kind be under way; the log calls them so.
    pub fn new(kind: &'static str, bounds: Bounds) -> Arc<Gate> {
        Arc::new(Gate {
            kind,
            bounds,
            slots: Arc::new(Semaphore::new(bounds.at_once)),
            places_to_wait: Semaphore::new(bounds.waiting),
            refused: AtomicU64::new(0),
            warned: Mutex::new(None),
        })
    }

    /// Takes as many places as a request weighs, and waits for them if there is a place to wait.
    ///
    /// # Errors
    /// 503 `overloaded` when there is none, or nothing came of the waiting.
    pub async fn enter(&self, weight: u32) -> Result<Slot, Problem> {
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_many_owned(weight) {
            return Ok(Slot { _permit: permit });
        }
        let Ok(_place) = self.places_to_wait.try_acquire() else {
            return Err(self.refuse());
        };
        let waited = Arc::clone(&self.slots).acquire_many_owned(weight);
        match timeout(self.bounds.patience, waited).await {
            Ok(Ok(permit)) => Ok(Slot { _permit: permit }),
            _ => Err(self.refuse()),
        }
    }

    /// Says whether there is a place, or one to wait, for whoever has something to do before
    /// taking it.
    ///
    /// # Errors
    /// 503 `overloaded` when there is none.
    pub fn look(&self) -> Result<(), Problem> {
        match self.slots.available_permits() + self.places_to_wait.available_permits() {
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
    match gate.enter(1).await {
        Ok(_slot) => next.run(request).await,
        Err(problem) => hold_back(problem).await,
    }
}

async fn hold_back(refusal: Problem) -> Response {
    sleep(HELD_BACK).await;
    refusal.into_response()
}

/// Middleware: the same, but a request whose body is not here yet gives its place back, since
/// whoever sends slowly must not keep others out. What comes after the body is bounded where it is
/// read.
pub async fn through_unless_slow(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    let place = match gate.enter(1).await {
        Ok(slot) => Arc::new(Mutex::new(Some(slot))),
        Err(problem) => return hold_back(problem).await,
    };
    let (parts, body) = request.into_parts();
    let body = Arriving {
        body,
        place: Arc::clone(&place),
    };
    let response = next.run(Request::from_parts(parts, Body::new(body))).await;
    drop(place);
    response
}

/// A body whose request has a place for as long as nobody has to wait for it.
struct Arriving {
    body: Body,
    place: Arc<Mutex<Option<Slot>>>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            drop(place.take());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use futures::future::pending;
    use futures::{FutureExt as _, stream};
    use http::header::RETRY_AFTER;
    use tower::ServiceExt as _;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn gate(at_once: usize, waiting: usize) -> Arc<Gate> {
        let patience = PATIENCE;
        let bounds = Bounds {
            at_once,
            waiting,
            patience,
        };
        Gate::new("requests", bounds)
    }

    /// What is known of it at once.
    fn at_once(gate: &Gate, weight: u32) -> Option<Result<Slot, Problem>> {
        gate.enter(weight).now_or_never()
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_request_has_ended() {
        let gate = gate(2, 0);
        let one = at_once(&gate, 1).unwrap().unwrap();
        let _other = at_once(&gate, 1).unwrap().unwrap();
        let refusal = at_once(&gate, 1).unwrap().unwrap_err();
        assert_eq!(refusal.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refusal.document().code, "overloaded");
        assert_eq!(refusal.headers()[RETRY_AFTER], "1");
        assert!(gate.look().is_err());
        drop(one);
        assert!(gate.look().is_ok());
        assert!(at_once(&gate, 2).unwrap().is_err(), "it weighs too much");
        assert!(at_once(&gate, 1).unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_wait_for_a_place_and_not_for_long() {
        let gate = gate(1, 1);
        let first = gate.enter(1).await.unwrap();
        let mut waiting = Box::pin(gate.enter(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(gate.look().is_err());
        assert!(at_once(&gate, 1).unwrap().is_err(), "nowhere to wait");
        drop(first);
        let second = waiting.await.unwrap();
        let began = tokio::time::Instant::now();
        assert!(gate.enter(1).await.is_err());
        assert_eq!(began.elapsed(), PATIENCE);
        drop(second);
        assert!(at_once(&gate, 1).unwrap().is_ok());
    }

    /// A router that lets one request through, whose answer is its body's length, or never comes.
    fn behind_one_place() -> Router {
        let routes = Router::new()
            .route(
                "/",
                post(|body: Bytes| async move { body.len().to_string() }),
            )
            .route("/hangs", post(|_: Bytes| pending::<()>()));
        routes.layer(from_fn_with_state(gate(1, 0), through_unless_slow))
    }

    async fn status(router: &Router, path: &str, body: Body) -> u16 {
        let request = Request::post(path).body(body).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        answer.status().as_u16()
    }

    #[tokio::test]
    async fn a_request_whose_body_is_on_its_way_takes_no_place() {
        let router = behind_one_place();
        let never = stream::pending::<Result<Bytes, std::io::Error>>();
        let mut slow = Box::pin(status(&router, "/", Body::from_stream(never)));
        assert!(slow.as_mut().now_or_never().is_none());
        assert_eq!(status(&router, "/", "here".into()).await, 200);
        assert!(slow.now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_held_back_while_others_are_served() {
        let router = behind_one_place();
        let mut long = Box::pin(status(&router, "/hangs", "here".into()));
        assert!(long.as_mut().now_or_never().is_none());
        let began = tokio::time::Instant::now();
        let refused = tokio::spawn({
            let router = router.clone();
            async move { status(&router, "/", "here".into()).await }
        });
        tokio::task::yield_now().await;
        assert!(!refused.is_finished());
        drop(long);
        assert_eq!(status(&router, "/", "here".into()).await, 200);
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(refused.await.unwrap(), 503);
        assert_eq!(began.elapsed(), HELD_BACK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_body_is_here_has_its_place_until_it_is_answered() {
        let router = behind_one_place();
        let mut long = Box::pin(status(&router, "/hangs", "here".into()));
        assert!(long.as_mut().now_or_never().is_none());
        assert_eq!(status(&router, "/", "here".into()).await, 503);
        drop(long);
        assert_eq!(status(&router, "/", "here".into()).await, 200);
    }

    #[tokio::test]
    async fn many_refusals_are_one_warning_that_counts_them() {
        let gate = gate(0, 0);
        for _ in 0..100 {
            assert!(gate.enter(1).await.is_err());
        }
        // The first was told at once, and the others wait for the next second.
        assert_eq!(gate.refused.load(Ordering::Relaxed), 99);
        *gate.warned.lock().unwrap() = Some(Instant::now() - 2 * WARN_EVERY);
        assert!(gate.look().is_err());
        assert_eq!(gate.refused.load(Ordering::Relaxed), 0);
    }
}

//! Where calls are held up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::{Predicate, Seen};

/// On which side of its effect a call is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing has happened yet.
    Before,
    /// It has taken effect, and its answer is on the way.
    After,
}

/// Holds calls up until it is opened. Dropping it does not open it: calls that it holds are lost.
#[derive(Clone)]
#[must_use = "calls are held up until the gate is opened"]
pub struct Gate(Arc<Barrier>);

impl Gate {
    pub(super) fn new(barrier: Arc<Barrier>) -> Self {
        Self(barrier)
    }

    /// Waits until a call was held up.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Waits until so many calls were held up.
    pub async fn reached_by(&self, calls: usize) {
        let mut reached = self.0.reached.subscribe();
        let enough = reached.wait_for(|so_far| *so_far >= calls).await;
        enough.expect("the barrier is held here");
    }

    /// How many calls were held up so far.
    pub fn held(&self) -> usize {
        *self.0.reached.borrow()
    }

    /// Lets all calls go, those that come later too.
    pub fn release(&self) {
        self.0.open.send_replace(true);
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gate = f.debug_struct("Gate");
        gate.field("held", &self.held())
            .field("open", &self.0.is_open())
            .finish()
    }
}

pub(super) struct Barrier {
    matches: Predicate,
    when: When,
    piece: Option<usize>,
    room: AtomicUsize,
    reached: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Barrier {
    /// Holds up `room` calls.
    pub(super) fn new(matches: Predicate, when: When, room: usize) -> Self {
        Self {
            matches,
            when,
            piece: None,
            room: AtomicUsize::new(room),
            reached: watch::Sender::new(0),
            open: watch::Sender::new(false),
        }
    }

    /// Holds up one item of a torn call.
    pub(super) fn for_piece(matches: Predicate, place: usize, when: When) -> Self {
        let piece = Some(place);
        Self {
            piece,
            ..Self::new(matches, when, 1)
        }
    }

    pub(super) fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Whether this call must wait here; it then takes its place.
    pub(super) fn stops(&self, when: When, piece: Option<usize>, seen: &Seen) -> bool {
        let here = (self.when, self.piece) == (when, piece);
        let stops = here && self.room.load(Ordering::SeqCst) > 0 && (self.matches)(seen);
        if stops {
            self.room.fetch_sub(1, Ordering::SeqCst);
        }
        stops
    }

    pub(super) async fn wait(&self) {
        self.reached.send_modify(|calls| *calls += 1);
        let mut open = self.open.subscribe();
        let opened = open.wait_for(|open| *open).await;
        opened.expect("the barrier is held here");
    }
}

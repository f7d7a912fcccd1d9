//! How many connections may be open, and which one goes when there is no room.
//!
//! Whoever opens connections and leaves them quiet, or sends a request's head byte by byte, must
//! not keep others out: when the room is full, the connection that has been quiet for longest
//! is told to leave. One with a request under way is never told so; when all are of that kind,
//! the next one waits to be accepted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A connection that was quiet for less than this may be about to send its next request.
const QUIET: Duration = Duration::from_secs(1);

/// What a place says while a request is under way.
const BUSY: u64 = u64::MAX;

/// The room for connections.
#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    began: Instant,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Arc<Standing>>,
}

/// How a connection stands.
#[derive(Debug)]
struct Standing {
    /// Since when it has been quiet, in milliseconds since the room was opened; or [`BUSY`].
    quiet_since: AtomicU64,
    leave: Notify,
}

/// A connection's place, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    number: u64,
    standing: Arc<Standing>,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Place>);

impl Room {
    pub(super) fn new(limit: usize) -> Arc<Room> {
        Arc::new(Room {
            limit,
            began: Instant::now(),
            open: Mutex::default(),
        })
    }

    /// Whether another connection may come. If not, the one that has been quiet for longest is
    /// told to leave; false if there is none such.
    pub(super) fn make(&self) -> bool {
        let mut open = self.open();
        if open.places.len() < self.limit {
            return true;
        }
        let since = |standing: &Standing| standing.quiet_since.load(Ordering::Relaxed);
        let longest = open.places.iter().min_by_key(|(_, place)| since(place));
        // A busy one is later than any time.
        let quiet = longest.filter(|(_, place)| {
            since(place).saturating_add(QUIET.as_millis() as u64) <= self.millis()
        });
        let Some((&number, standing)) = quiet else {
            return false;
        };
        standing.leave.notify_one();
        open.places.remove(&number);
        true
    }

    /// Gives a connection a place.
    pub(super) fn enter(self: &Arc<Room>) -> Arc<Place> {
        let standing = Arc::new(Standing {
            quiet_since: AtomicU64::new(self.millis()),
            leave: Notify::new(),
        });
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.places.insert(number, Arc::clone(&standing));
        Arc::new(Place {
            room: Arc::clone(self),
            number,
            standing,
        })
    }

    fn millis(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request begins.
    pub(super) fn busy(self: &Arc<Place>) -> Busy {
        self.standing.quiet_since.store(BUSY, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Waits until the place is wanted for another.
    pub(super) async fn told_to_leave(&self) {
        self.standing.leave.notified().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.room.millis();
        self.0.standing.quiet_since.store(now, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.open().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    async fn is_told(place: &Place) -> bool {
        timeout(Duration::ZERO, place.told_to_leave()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_quiet_for_longest_makes_room() {
        let room = Room::new(2);
        let first = room.enter();
        advance(Duration::from_millis(600)).await;
        let second = room.enter();
        assert!(!room.make(), "nobody has been quiet for long");
        advance(Duration::from_millis(600)).await;
        assert!(room.make());
        assert!(is_told(&first).await && !is_told(&second).await);
        assert!(room.make(), "one is on its way out");
        let _third = room.enter();
        drop(first);
        assert!(!room.make());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_not_cut_off() {
        let room = Room::new(1);
        let place = room.enter();
        let busy = place.busy();
        advance(Duration::from_secs(3600)).await;
        assert!(!room.make());
        drop(busy);
        assert!(!room.make(), "its client may send another at once");
        advance(QUIET).await;
        assert!(room.make());
        assert!(is_told(&place).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_makes_room() {
        let room = Room::new(1);
        let place = room.enter();
        assert!(!room.make());
        drop(place);
        assert!(room.make());
    }
}

//! How much memory the requests in flight may hold together.
//!
//! A reservation grows as its request grows and is given back when it is dropped, so a request
//! pays for what it holds and not for what it might hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory of all requests in flight.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// A request's share of a [`Budget`], given back on drop.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

/// The budget does not hold as much as was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Arc<Budget> {
        let used = AtomicUsize::new(0);
        Arc::new(Budget { limit, used })
    }

    /// A reservation of nothing, to grow.
    pub fn open(self: &Arc<Self>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }

    /// Bytes reserved now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let within = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, within)
            .map(|_| ())
            .map_err(|_| Exhausted)
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Reservation {
    /// Reserves more.
    ///
    /// # Errors
    /// When the budget does not hold it; the reservation stays as it was.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Bytes reserved by this one.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_comes_back_on_drop() {
        let budget = Budget::new(100);
        let mut one = budget.open();
        one.grow(60).unwrap();
        let mut other = budget.open();
        assert_eq!(other.grow(41), Err(Exhausted));
        assert_eq!((budget.used(), other.bytes()), (60, 0));
        drop(one);
        assert_eq!(other.grow(100), Ok(()));
        drop(other);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_request_for_more_than_can_be_counted_is_refused() {
        let budget = Budget::new(usize::MAX);
        let mut reservation = budget.open();
        reservation.grow(1).unwrap();
        assert_eq!(reservation.grow(usize::MAX), Err(Exhausted));
    }
}

//! What calls cost, in DynamoDB's units.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// Read and write units. A strongly consistent read of 4 KB is a read unit, a write of 1 KB a
/// write unit, and a write in a transaction two (DynamoDB developer guide, "Read and write
/// operations").
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// Units of reads.
    pub read: f64,
    /// Units of writes, transactions and deletions included.
    pub write: f64,
}

#[derive(Debug, Default)]
pub(super) struct Capacity {
    on: AtomicBool,
    units: Mutex<Units>,
}

impl Capacity {
    pub(super) fn switch_on(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// What to ask for in a request.
    pub(super) fn wanted(&self) -> Option<ReturnConsumedCapacity> {
        self.is_on().then_some(ReturnConsumedCapacity::Total)
    }

    pub(super) fn add_read(&self, consumed: &[ConsumedCapacity]) {
        self.add(consumed, |units, more| units.read += more);
    }

    pub(super) fn add_write(&self, consumed: &[ConsumedCapacity]) {
        self.add(consumed, |units, more| units.write += more);
    }

    fn add(&self, consumed: &[ConsumedCapacity], to: impl FnOnce(&mut Units, f64)) {
        let more: f64 = consumed
            .iter()
            .filter_map(ConsumedCapacity::capacity_units)
            .sum();
        if more > 0.0 {
            to(&mut self.units.lock().expect("adding does not panic"), more);
        }
    }

    pub(super) fn so_far(&self) -> Units {
        *self.units.lock().expect("adding does not panic")
    }
}

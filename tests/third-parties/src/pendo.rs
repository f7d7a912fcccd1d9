//! Pendo: the aggregation pipeline, metadata, history of visitors and reports (engageapi.pendo.io).
//!
//! It does as much of a pipeline as collectors ask for, and refuses what it does not understand, so
//! that no test passes by luck. Its clock stands still at the fixture's time.

mod awkward;
mod desk;
mod filter;
mod fixture;
mod large;
mod order;
mod pipeline;
mod plain;
mod row;
mod series;
mod shelves;
mod source;

use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::front::Front;
use crate::recorded::Recorded;
use desk::Books;

pub use fixture::{Fixture, KEY, NOW};
pub use row::Row;
pub use source::Source;

/// A Pendo on this machine.
#[derive(Debug)]
pub struct Pendo {
    front: Front<Books>,
}

impl Pendo {
    /// Begins to answer.
    ///
    /// # Panics
    /// When this machine gives no port or no thread.
    pub fn start(fixture: Fixture) -> Pendo {
        let front = Front::start(Books::new(fixture));
        Pendo { front }
    }

    /// The address in the place of `https://app.pendo.io`.
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// A key that is let in.
    pub fn credentials(&self) -> Value {
        self.front.credentials()
    }

    /// Every request so far, or as many of the newest as the fixture keeps. Its `place` is that of
    /// [`Pendo::fail`].
    pub fn requests(&self) -> Vec<Recorded> {
        self.front.requests()
    }

    /// How many requests there were so far.
    pub fn asked(&self) -> usize {
        self.front.log().asked()
    }

    /// How many requests were under way at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.front.log().most_at_once()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.front.log().forget();
    }

    /// Every answer begins so much later from now on.
    pub fn delay(&self, by: Duration) {
        self.front.vendor().delay(by);
    }

    /// What time it is from now on, in milliseconds since 1970.
    pub fn set_now(&self, now: i64) {
        self.front.vendor().set_now(now);
    }

    /// The only key that is let in from now on.
    pub fn set_key(&self, key: &str) {
        self.front.vendor().set_key(key);
    }

    /// The fields of accounts (`account`) or visitors (`visitor`) from now on.
    pub fn set_metadata(&self, kind: &str, fields: Value) {
        self.front.vendor().set_metadata(kind, fields);
    }

    /// Adds rows behind those that are there.
    pub fn add(&self, source: Source, rows: impl IntoIterator<Item = Value>) {
        self.front.vendor().add(source, rows);
    }

    /// Puts a row in the place of the one with its id, or behind the others.
    ///
    /// # Panics
    /// When rows of this source have no id.
    pub fn put(&self, source: Source, row: Value) {
        self.front.vendor().put(source, row);
    }

    /// Removes the row with an id.
    ///
    /// # Panics
    /// When rows of this source have no id.
    pub fn remove(&self, source: Source, id: &str) {
        self.front.vendor().remove(source, id);
    }

    /// The rows that are there, as the fixture has them.
    pub fn rows(&self, source: Source) -> Vec<Value> {
        self.front.vendor().rows(source)
    }

    /// The next request goes wrong.
    pub fn fail_next(&self, failure: Failure) {
        self.fail("", 0, 1, failure);
    }

    /// Of the requests whose place contains `at`, `after` go well, and then `times` go wrong.
    ///
    /// The place of a pipeline is like `/api/v1/aggregation/featureEvents parent=<f0>`, that of a
    /// history its path and ` parent=<…>` with the visitor's id, others' their path.
    pub fn fail(&self, at: &str, after: u64, times: u64, failure: Failure) {
        self.front.plan(at, after, times, failure);
    }

    /// The next `times` requests for what belongs to a parent (a feature, page, guide, track type or
    /// visitor) go wrong.
    pub fn fail_parent(&self, id: &str, times: u64, failure: Failure) {
        self.fail(&desk::parent_mark(id), 0, times, failure);
    }

    /// Nothing that was planned goes wrong any more.
    pub fn heal(&self) {
        self.front.heal();
    }
}

/// An error of Pendo's form, as an answer that may be planned.
pub fn refused(status: u16, message: &str) -> Failure {
    Failure::status(status, &json!({"message": message}))
}

/// Too many requests; it says when to come back, or does not.
pub fn throttled(retry_after_seconds: Option<u64>) -> Failure {
    let failure = refused(429, "too many requests");
    match retry_after_seconds {
        Some(seconds) => failure.with_header("retry-after", &seconds.to_string()),
        None => failure,
    }
}

#[cfg(test)]
mod tests;

//! What every source must be able to do, as tests.
//!
//! A test describes its [`World`]: a third party on a local address that fails on demand, and how a
//! new run makes its source. [`every_source_must`] then reads it undisturbed, counts the requests
//! that this takes, and reads it again and again with one thing going wrong each time: at each
//! request in turn, in each way there is, and from each state that the source has told. What the
//! sink holds in the end must be what the undisturbed run left there.
//!
//! The third party must answer the same to the same question for as long as the world lasts, and
//! the source's own clock must stand still.

mod claims;
mod gathered;
mod table;

use crate::source::Source;

pub use claims::{
    every_source_must, keep_its_bookmark_on_failure, obey_a_429, repeat_safely, resume,
    stop_at_a_state, tell_its_schema_first,
};
pub use gathered::Gathered;
pub use table::Table;

/// A third party that fails on demand, and the sources that read it.
pub trait World: Sync {
    /// What reads it.
    type Source: Source;

    /// A source as a new run makes it, which remembers nothing of the others.
    fn source(&self) -> Self::Source;

    /// Has one request fail: the next, or the one that comes after so many have been answered.
    /// Requests for tokens do not count.
    fn fail(&self, after: usize, failure: Failure);

    /// Forgets failures that have not happened yet.
    fn recover(&self);

    /// How many requests it has received so far, those for tokens not counted.
    fn requests(&self) -> usize;

    /// Whether a run goes on with the rest when something of it is refused, so that its bookmark
    /// may be one that an undisturbed run never has.
    fn goes_on_beside_refusals(&self) -> bool {
        false
    }
}

/// How a third party fails once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Too many requests; it says to come back at once, or in a second at most. The source's
    /// run goes on.
    Throttled,
    /// Too many requests for hours to come. The run ends, and the next one goes on.
    Exhausted,
    /// An error of its own, like 503. Repeated, the request succeeds.
    Unavailable,
    /// The connection ends in the middle of the answer. Repeated, the request succeeds.
    CutOff,
    /// An answer that is not JSON, or not all of it, with status 200.
    Malformed,
    /// No permission: 403.
    Refused,
}

#[cfg(test)]
mod tests;

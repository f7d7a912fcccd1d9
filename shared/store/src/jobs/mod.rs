//! Jobs: how far each has come, who runs it now, and what became of its runs.
//!
//! A job is one item of the table `bookmarks`: its bookmark, the outputs that are under way, and
//! the lease. Every write of it draws a new version, on the condition that fence and version are
//! those that its writer last saw. So a holder whose lease has been taken over, one that was
//! frozen, and a put that arrives late can change nothing, and a bookmark only ever moves by the
//! hand of the one who holds the lease. Clocks decide when a lease may be taken over, never who is
//! right.
//!
//! A bookmark that is too long for that item is in pieces beside it, under a name that the item has.
//!
//! The runs of a job are items of a partition of their own, kept for 90 days.

mod history;
mod lease;
mod name;
mod pieces;
mod state;

pub use history::{JobOutcome, JobRun};
pub use lease::{Lease, LeaseError, Leasing};
pub use name::{JobName, JobNameError};
pub use pieces::BookmarkSizes;
pub use state::JobState;

#[cfg(test)]
mod tests;

//! The interleavings that the design of the store answers for, one by one, by name.
//!
//! Processes meet over one engine; a gate stops one of them at a call. A process that is frozen
//! is a future that nobody polls, so that it does not see time pass. After each turn of events
//! the totals and the events themselves must be exactly those that were accepted.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where it stopped"
)]

mod blocks;
mod clocks;
mod compactors;
mod jobs;
mod late;
mod pieces;
mod readers;
mod records;
mod regrouped;
mod repeats;
mod scene;
mod shards;
mod thaw;
mod torn;
mod verifying;

//! Compaction over an engine in memory.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where it stopped"
)]

mod cleaning;
mod cut_off;
mod finding;
mod folding;
mod invocations;
mod merging;
mod support;
mod verifying;

//! What this function answers over HTTP, on an engine in memory.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail as their tests do"
)]

mod aggregates;
mod catalogue;
mod oracle;
mod pages;
mod parameters;
mod random;
mod raw;
mod rejected;
mod world;

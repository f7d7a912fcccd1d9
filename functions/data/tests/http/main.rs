//! What this function answers over HTTP, on an engine in memory.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail as their tests do"
)]

mod access;
mod groups;
mod pages;
mod random;
mod records;
mod status;
mod world;
mod writing;

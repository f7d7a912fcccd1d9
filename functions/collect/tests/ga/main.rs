//! The collectors of Google Analytics against a Google on this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod golden;
mod pages;
mod suite;
mod tap;
mod world;

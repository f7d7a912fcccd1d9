//! Runs against an engine in memory: what happens to bookmark and records when anything goes wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod data_set;
mod data_sets;
mod faults;
mod files;
mod leases;
mod points;
mod source;
mod world;

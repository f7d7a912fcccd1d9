//! The program itself, as its users run it: every test starts real processes on a directory of
//! its own and on free ports.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod clients;
mod collecting;
mod data_sets;
mod deployed_jobs;
mod importing;
mod jobs;
mod keys;
mod pendo;
mod restarts;
mod serving;
mod stacks;
mod taps;
mod world;
mod write_keys;

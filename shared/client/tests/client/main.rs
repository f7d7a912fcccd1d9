//! The client against a server of the tests' own, which fails in every way there is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod buffer;
mod crash;
mod end;
mod faults;
mod https;
mod random;
mod server;
mod spool;
mod wake;
mod world;

//! Jobs that read Pendo, against a stand-in for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod columns;
mod jobs;
mod rounds;
mod tap;
mod world;

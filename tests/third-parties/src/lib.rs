//! Stand-ins for the vendors that collectors read: servers on this machine that answer as the
//! vendors' documents say, from fixtures, and go wrong when a test wants them to.
//!
//! Each runs on a thread of its own, so that a test whose time stands still can talk to it, and ends
//! when it is dropped. They check what the vendors check, and nothing else about a request is
//! assumed: what a collector sent can be looked at.

mod answer;
mod failure;
mod front;
mod log;
mod recorded;
mod reply;
mod server;

pub mod google;
pub mod pendo;
pub mod pingdom;

pub use failure::Failure;
pub use google::Google;
pub use pendo::{Fixture as PendoFixture, Pendo};
pub use pingdom::Pingdom;
pub use recorded::Recorded;

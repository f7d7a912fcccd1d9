//! Reports events to a Weir from a program, without ever holding it up or failing it.
//!
//! ```no_run
//! use std::time::Duration;
//! use serde_json::json;
//! use weir_client::{Client, Trigger};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .server("https://weir.example.org")
//!     .write_key("wk_…")
//!     .label("web")
//!     .spool("/var/lib/shop/events")
//!     .on_notice(|notice| eprintln!("{}: {}", notice.code, notice.text))
//!     .build()?;
//! client.report(json!({"plan": "pro", "value": 49.5}))?;
//! client.record_trigger(Trigger::new(7, "viewed", "blog post"))?;
//! let left = client.close(Duration::from_secs(10)).await;
//! assert_eq!(left.lost, 0);
//! # Ok(())
//! # }
//! ```
//!
//! The way of an event is the way of the files. A [`Report`] or a [`Trigger`] is checked on the
//! thread that reports it, as far as that costs little, and becomes an `entry` in the `buffer`. The
//! `sender`, on a thread of its own, has entries `encode`d as lines of JSON, writes them into the
//! `spool` if there is one, and makes `batch`es of them; a `delivery` takes each batch from where
//! it waits to where it ends, and the `courier` brings it to the server, attempt for attempt.
//! `answer` is the one place that knows what the server's answers mean.
//!
//! What must hold, and why it does:
//!
//! - **Reporting does not wait.** It walks over the event once, takes a lock for a push, and wakes
//!   the sender only when that has asked for it. Nothing is written as JSON there.
//! - **Memory is bounded.** What is in the buffer, being encoded or under way counts as held until
//!   it is through; what does not fit is refused and counted, or waits, or takes the place of the
//!   oldest, as the program has chosen.
//! - **Each event is counted once.** A batch has a key; every repeat has the same key and the same
//!   bytes, so the server knows it. A batch is only taken apart if no attempt at it can have been
//!   stored, and its pieces have keys of their own: once an answer was lost, even a refusal means
//!   that the same goes again. After 23 hours, one less than the server remembers keys for, a batch
//!   that was attempted is no longer sent.
//! - **Nothing is lost in silence.** Whatever is dropped is counted by reason and told as a notice.
//! - **A spool survives a crash.** Events are in it a few hundredths of a second after they were
//!   reported, and a batch's key and borders are on the disk before it is first attempted; an
//!   attempt that cannot be noted is not made. What a spool cannot vouch for is set aside for
//!   people as a `*.stale` file, counted and told.
//!
//! What the program must heed: callbacks are quick and neither flush nor close, a process that
//! forks builds its client afterwards, and two clients never share a spool.

mod answer;
mod auth;
mod batch;
pub mod blocking;
mod buffer;
mod builder;
mod client;
mod clock;
mod courier;
mod delivery;
mod encode;
mod entry;
mod http;
mod https;
mod key;
mod lines;
mod notice;
mod options;
mod pauses;
mod refused;
mod report;
mod secret;
mod sender;
mod servers;
mod spool;
mod statistics;
mod trigger;
mod weigh;

pub use buffer::WhenFull;
pub use builder::{BuildError, Builder};
pub use client::Client;
pub use https::HttpsError;
pub use notice::{Level, Notice, codes};
pub use options::Compression;
pub use refused::Refused;
pub use report::{Message, Report};
pub use sender::Left;
pub use servers::AddressError;
pub use spool::{Durability, SpoolError};
pub use statistics::{Loss, Measure, Statistics};
pub use trigger::Trigger;

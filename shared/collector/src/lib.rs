//! Collecting: what a collector says, what drives it, and where its records go.
//!
//! A [`Source`] reads a third party and tells an [`Output`] what it finds, as Singer's messages. The
//! [`run`] takes them to a [`Sink`] and keeps the bookmark: it moves only over what the sink has
//! made durable. Outbound HTTP and secrets are here, too, so that every source waits, retries and
//! keeps quiet in the same way.

mod fault;
pub mod http;
mod limits;
pub mod message;
mod output;
mod report;
mod runner;
pub mod secrets;
pub mod sink;
mod source;
pub mod suite;
mod weight;

pub use fault::Fault;
pub use limits::Limits;
pub use message::{Message, RecordMessage, Schema, State};
pub use output::{Output, Stopped};
pub use report::{Ended, Report, Skip, Skips};
pub use runner::{Keep, run};
pub use sink::{AnySink, Patience, Repeats, Sink, SinkError};
pub use source::{Source, SourceError};

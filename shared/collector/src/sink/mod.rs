//! Where records go.
//!
//! A sink may gather what it is given; what [`flush`](Sink::flush) has returned for is durable. The
//! runner saves a bookmark only after that, so whatever happens in between is delivered again by
//! the next run. A sink says with [`repeats`](Sink::repeats) what that does to it.

mod any;
mod backdrop;
mod data_set;
mod data_sets;
mod files;
mod identity;
mod lines;

use std::time::Duration;

use thiserror::Error;

use crate::fault::Fault;
use crate::message::Message;
use crate::report::Skips;

pub use any::AnySink;
pub use backdrop::{BackdropSink, CHUNK, Renewal};
pub use data_set::DataSetSink;
pub use data_sets::DataSetsSink;
pub use files::{FileFormat, FilesSink};
pub use lines::LinesSink;

/// Takes what a source hands on.
pub trait Sink: Send {
    /// Takes messages, in order. They need not be durable when this returns.
    ///
    /// # Errors
    /// When they could not be taken; the run ends.
    fn write(
        &mut self,
        messages: Vec<Message>,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When some of it may not be; the run ends, and nothing is saved.
    fn flush(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Names the outputs that the coming [`flush`](Sink::flush) will bring into being, if they
    /// must go again when the run dies before the bookmark is saved. The runner keeps the names
    /// beside the bookmark first.
    fn plan(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Removes outputs that a run planned and did not live to count. They may not exist, or be
    /// removed already.
    ///
    /// # Errors
    /// When one may still be there; the run does not begin.
    fn discard(&mut self, _names: &[String]) -> impl Future<Output = Result<(), SinkError>> + Send {
        async { Ok(()) }
    }

    /// Forgets what was written since the last flush, because no bookmark will cover it.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What it has left out of all that is flushed, because it cannot be taken.
    fn skips(&self) -> Skips {
        Skips::default()
    }

    /// What becomes of records that are delivered again.
    fn repeats(&self) -> Repeats {
        Repeats::Replace
    }

    /// How much to gather before a flush.
    fn patience(&self) -> Patience;
}

/// What becomes of a record that a sink is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It replaces the first: what was written may be flushed whether a bookmark covers it or not.
    Replace,
    /// It is there twice: what no bookmark covers must be abandoned.
    Double,
}

/// How much to gather before a flush: whichever is reached first. The bookmark is saved at the next
/// state then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Records.
    pub records: u64,
    /// Since the last flush.
    pub time: Duration,
}

/// Why a sink did not take something, named by what the runner does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SinkError {
    /// Nothing but a person mends it: the run fails.
    #[error("{0}")]
    Final(Fault),
    /// It is not there, or has too much to do: the run ends, and the next one delivers again.
    #[error("{fault}")]
    Later {
        /// What is the matter.
        fault: Fault,
        /// When it is worth coming back, if it said so.
        after: Option<Duration>,
    },
}

impl From<Fault> for SinkError {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

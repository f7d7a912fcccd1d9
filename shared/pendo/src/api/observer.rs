//! Who is told how a run comes along.

use std::fmt;
use std::time::Duration;

use weir_model::Timestamp;

use crate::streams::StreamId;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was read.
    Complete,
    /// It could not be read, or not for all parents.
    Failed,
}

/// Is told how a run comes along. It must be quick: rows wait meanwhile.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A stream has told so many records in this run, and its bookmark is this one.
    fn progress(&self, _stream: StreamId, _records: u64, _bookmark: Option<Timestamp>) {}

    /// A stream is read to its end, or as far as it can be.
    fn finished(&self, _stream: StreamId, _outcome: Outcome, _records: u64, _took: Duration) {}

    /// An answer has begun, or there was none: without a status. `took` has the waits and the
    /// attempts before it in it.
    fn request(&self, _stream: StreamId, _status: Option<u16>, _took: Duration) {}
}

/// Nobody.
impl Observer for () {}

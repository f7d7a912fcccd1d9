//! What a collector is: something that reads a third party and hands on messages.
//!
//! A source decides nothing about delivery. It does not sleep, does not retry a sink and keeps no
//! bookmark: it reads from where a state says, tells what it finds to an [`Output`], and says how
//! far it has come as often as it can.

use std::time::Duration;

use thiserror::Error;

use crate::fault::Fault;
use crate::message::State;
use crate::output::{Output, Stopped};

/// Reads a third party.
pub trait Source: Send {
    /// Reads on from `state`, or from the beginning of what is wanted, to the end of what there is.
    ///
    /// The schema of a stream goes before its first record. A state says that all before it may be
    /// considered delivered; the next run resumes from it, so it must not name what was not yet
    /// handed on, and never go back. Records carry what makes a repeat replace them (`_id`, or the
    /// schema's key properties), because a run that dies is read again from its last state.
    fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// Why a source ended before its end, named by what the runner does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// Nothing but a person mends it: the run fails.
    #[error("{0}")]
    Final(Fault),
    /// The third party wants us later, or is not there: the run ends, and the next one goes on from
    /// the bookmark.
    #[error("{fault}")]
    Later {
        /// What is the matter.
        fault: Fault,
        /// When it is worth coming back, if the third party said so.
        after: Option<Duration>,
    },
    /// The runner wanted no more.
    #[error("stopped")]
    Stopped,
}

impl SourceError {
    /// An error that nothing but a person mends.
    pub fn failed(fault: impl Into<Fault>) -> Self {
        Self::Final(fault.into())
    }
}

impl From<Stopped> for SourceError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<String> for SourceError {
    fn from(message: String) -> Self {
        Self::Final(Fault::new(message))
    }
}

impl From<Fault> for SourceError {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

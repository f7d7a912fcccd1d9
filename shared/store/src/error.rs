//! What can go wrong when the store is read or kept.

use thiserror::Error;
use weir_model::{DecodeError, Timestamp};

use crate::db::{CallError, ReadError};

/// Why something could not be read or kept. The variants say what a caller can do.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store did not answer; try again later.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// Reading took longer than a consistent view lasts; ask for less.
    #[error("reading took longer than {0} s, which is as long as one view of the store lasts")]
    TooSlow(u64),
    /// What was read changed under the reader; read again.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// What is stored cannot be understood.
    #[error("cannot read {what}: {cause}")]
    Corrupt {
        /// Which item.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The call was refused for a reason that no repeat mends.
    #[error("the store refused: {0}")]
    Refused(String),
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>, cause: impl ToString) -> Self {
        Self::Corrupt {
            what: what.into(),
            cause: cause.to_string(),
        }
    }

    pub(crate) fn decode(what: impl Into<String>) -> impl FnOnce(DecodeError) -> Self {
        let what = what.into();
        move |cause| Self::corrupt(what, cause)
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(why) => Self::Unavailable(why),
            ReadError::Invalid(why) => Self::Refused(why),
        }
    }
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused | CallError::Invalid(_) => Self::Refused(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// A view of the store that began at one time and must end soon.
///
/// Blocks are deleted no earlier than 20 minutes after a manifest names them, and replaced runs
/// an hour later, so what a reader saw named is still there while its view lasts.
#[derive(Debug, Clone, Copy)]
pub struct View {
    began: Timestamp,
}

impl View {
    /// Seconds that a view lasts. API Gateway gives up on a function after 30 (Amazon API Gateway
    /// developer guide, "Quotas for HTTP APIs"), so this answer still arrives.
    pub const SECONDS: u64 = 25;

    pub(crate) fn begin(now: Timestamp) -> Self {
        Self { began: now }
    }

    /// When the view ends.
    pub fn ends(&self) -> Timestamp {
        self.began
            .saturating_add(std::time::Duration::from_secs(Self::SECONDS))
    }

    /// Fails if the view has lasted too long, by the wall clock.
    pub fn check(&self, now: Timestamp) -> Result<(), StoreError> {
        if now > self.ends() {
            Err(StoreError::TooSlow(Self::SECONDS))
        } else {
            Ok(())
        }
    }
}

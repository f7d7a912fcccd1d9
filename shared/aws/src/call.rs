//! Calls that failed, in words for whoever made them.

use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use thiserror::Error;

/// Why a call to AWS failed.
#[derive(Debug, Error)]
pub enum CallError {
    /// What it is about is not there.
    #[error("there is no {what}")]
    Missing {
        /// A kind and a name.
        what: String,
    },
    /// It was refused, or not answered.
    #[error("cannot {action} the {what}: {cause}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// A kind and a name.
        what: String,
        /// What AWS, or the connection to it, says.
        cause: String,
    },
}

/// Turns an error of the SDK into words.
pub(crate) fn failed<E, R>(action: &'static str, what: String, error: &SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    if error.code() == Some("ResourceNotFoundException") {
        return CallError::Missing { what };
    }
    let cause = DisplayErrorContext(error).to_string();
    CallError::Failed {
        action,
        what,
        cause,
    }
}

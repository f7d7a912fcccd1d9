//! Why a secret cannot be had.

use thiserror::Error;

use crate::fault::Fault;
use crate::sink::SinkError;

/// Why a secret cannot be had. It names the secret and the key, and never shows a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretsError {
    /// The name is none.
    #[error(
        "{0:?} is no name of a secret: use 1 to 128 letters, digits, dots, dashes and underscores, not a dot first"
    )]
    Name(String),
    /// There is no such secret.
    #[error("{place} does not exist")]
    Missing {
        /// Which file or secret.
        place: String,
    },
    /// It is there, and is not what it must be.
    #[error("{place}: {problem}")]
    Invalid {
        /// Which file or secret.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Whoever asks may not read it.
    #[error("{place}: {cause}; {hint}")]
    Denied {
        /// Which file or secret.
        place: String,
        /// What the system or the service said.
        cause: String,
        /// Who has to allow it, and how.
        hint: &'static str,
    },
    /// It could not be read this time.
    #[error("{place}: {cause}")]
    Unavailable {
        /// Which file or secret.
        place: String,
        /// What the system or the service said.
        cause: String,
    },
}

/// A secret that is not there for a while may be there later; one that is wrong is for a person.
impl From<SecretsError> for SinkError {
    fn from(error: SecretsError) -> Self {
        let fault = Fault::new(&error);
        match error {
            SecretsError::Unavailable { .. } => Self::Later { fault, after: None },
            _ => Self::Final(fault),
        }
    }
}

impl From<SecretsError> for Fault {
    fn from(error: SecretsError) -> Self {
        Fault::new(error)
    }
}

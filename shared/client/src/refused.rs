//! Why an event is not taken in.

use thiserror::Error;
use weir_model::limits::NESTING;

/// Why an event was refused when it was reported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is a number, a list, or something else that is neither an object nor a text.
    #[error("{0} is no event: an object or a text is")]
    Kind(&'static str),
    /// A part of it is not legal.
    #[error("{field} {reason}")]
    Field {
        /// Which part.
        field: String,
        /// Why.
        reason: String,
    },
    /// Its arrays and objects nest too deep.
    #[error("it is nested deeper than the {NESTING} levels allowed")]
    TooDeep,
    /// The program's own function for event types panicked.
    #[error("the function for event types panicked")]
    Panicked,
    /// It takes more memory than the whole buffer may.
    #[error("it takes {0} bytes, more than the whole buffer may")]
    TooLarge(usize),
    /// The buffer is full.
    #[error("the buffer is full")]
    Full,
    /// The client was closed, or its sender has stopped.
    #[error("the client is closed")]
    Closed,
}

impl Refused {
    pub(crate) fn field(field: impl Into<String>, reason: impl ToString) -> Self {
        Self::Field {
            field: field.into(),
            reason: reason.to_string(),
        }
    }
}

//! Why a request has failed, by what its caller can do.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::fault::Fault;
use crate::sink::SinkError;
use crate::source::SourceError;

/// Why a request has failed, by what its caller can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// The request cannot be sent as it is.
    Invalid,
    /// 401: read the secret again, once.
    Unauthorized,
    /// Refused for good.
    Refused {
        /// With which status.
        status: StatusCode,
    },
    /// The answer is larger than what is taken.
    TooLarge,
    /// The answer is not what it must be.
    Malformed,
    /// No answer, or only failures, as often as it was tried.
    Unavailable,
    /// The server wants us later than we wait.
    RetryLater {
        /// When, if it said so.
        after: Option<Duration>,
    },
}

/// Why a request has failed. Neither its text nor its `Debug` holds an address with its query, a
/// secret that was sent, or a body.
#[derive(Clone, Error)]
#[error("{message}")]
pub struct HttpError {
    kind: HttpErrorKind,
    message: String,
    body: Bytes,
}

impl HttpError {
    pub(super) fn new(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            body: Bytes::new(),
        }
    }

    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// What its caller can do.
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }

    /// Whether the secret that was sent is not good (any more).
    pub fn is_unauthorized(&self) -> bool {
        self.kind == HttpErrorKind::Unauthorized
    }

    /// The status, if it was refused for good.
    pub fn status(&self) -> Option<StatusCode> {
        match self.kind {
            HttpErrorKind::Refused { status } => Some(status),
            HttpErrorKind::Unauthorized => Some(StatusCode::UNAUTHORIZED),
            _ => None,
        }
    }

    /// The beginning of the body of the answer that refused, up to 64 KB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body of the answer that refused, if it is JSON of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    fn fault(&self) -> Fault {
        Fault::new(&self.message)
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// What passes by itself is for later; the rest a person mends.
impl From<HttpError> for SourceError {
    fn from(error: HttpError) -> Self {
        let fault = error.fault();
        match error.kind {
            HttpErrorKind::RetryLater { after } => Self::Later { fault, after },
            HttpErrorKind::Unavailable | HttpErrorKind::Malformed => {
                let after = None;
                Self::Later { fault, after }
            }
            _ => Self::Final(fault),
        }
    }
}

impl From<HttpError> for SinkError {
    fn from(error: HttpError) -> Self {
        let fault = error.fault();
        match error.kind {
            HttpErrorKind::RetryLater { after } => Self::Later { fault, after },
            HttpErrorKind::Unavailable | HttpErrorKind::Malformed => {
                let after = None;
                Self::Later { fault, after }
            }
            _ => Self::Final(fault),
        }
    }
}

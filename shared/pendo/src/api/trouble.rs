//! Why something could not be read, by what follows.

use std::io;

use http::StatusCode;
use weir_collector::http::{HttpError, HttpErrorKind};
use weir_collector::{Fault, SourceError};

use crate::ordered::{Broken, Gone};

/// What follows on a refusal with 403.
pub(crate) const FORBIDDEN: &str = "Pendo answers 403: see that the integration key \
    (\"x_pendo_integration_key\") may read this";

/// Why something could not be read, by what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing can be read: the run ends.
    End(SourceError),
    /// This cannot be read, for as long as nobody mends it; other things can.
    Refused(Fault),
    /// Pendo does not answer as it must, as often as it was asked.
    Unavailable(Fault),
}

impl Trouble {
    /// What it is for a stream that is read at once: without it the run fails, or is for later.
    pub(crate) fn of_stream(self) -> Result<Fault, SourceError> {
        match self {
            Trouble::Refused(fault) => Ok(fault),
            Trouble::Unavailable(fault) => Err(SourceError::Later { fault, after: None }),
            Trouble::End(error) => Err(error),
        }
    }
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Trouble {
        let fault = Fault::new(&error);
        match error.kind() {
            HttpErrorKind::Unauthorized | HttpErrorKind::RetryLater { .. } => {
                Trouble::End(error.into())
            }
            HttpErrorKind::Unavailable => Trouble::Unavailable(fault),
            _ if error.status() == Some(StatusCode::FORBIDDEN) => {
                Trouble::Refused(fault.hint(FORBIDDEN))
            }
            // It stays malformed, however often it is asked for: somebody has to look.
            HttpErrorKind::Malformed
            | HttpErrorKind::Refused { .. }
            | HttpErrorKind::TooLarge
            | HttpErrorKind::Invalid => Trouble::Refused(fault),
        }
    }
}

/// A file for what waits is this machine's: other parents would not do better.
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        let message = format!("a temporary file for ids: {error}");
        Trouble::End(SourceError::failed(message))
    }
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Trouble {
        Trouble::End(SourceError::failed(broken.to_string()))
    }
}

/// The run is over already.
impl From<Gone> for Trouble {
    fn from(_: Gone) -> Trouble {
        Trouble::End(SourceError::Stopped)
    }
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Trouble {
        Trouble::End(error)
    }
}

//! The one place that turns the errors of the store, and of what is built on it here, into answers.
//! Logs the cause.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use weir_store::db::ReadError;
use weir_store::{AcceptError, StoreError};

use crate::clients::RegistrationError;
use crate::problem::Problem;
use crate::write_keys::NewKeyError;

/// After how long a request should come again when the store did not answer.
const STORE_RETRY: Duration = Duration::from_secs(2);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match &error {
            StoreError::Unavailable(_) | StoreError::Changed(_) => {
                tracing::warn!(%error, "answered 503: {error}");
                let detail = "the store did not answer in time; try again";
                Problem::unavailable("store-unavailable", detail, STORE_RETRY).caused_by(&error)
            }
            StoreError::TooSlow(seconds) => {
                tracing::warn!(%error, "answered 503: {error}");
                let detail = format!("this took longer than {seconds} s; ask for less at a time");
                Problem::unavailable("too-slow", detail, STORE_RETRY)
            }
            StoreError::Corrupt { .. } | StoreError::Refused(_) => defect(&error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        StoreError::from(error).into()
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Problem {
        match &error {
            AcceptError::KeyReused => {
                let detail = "this key was used with another body within a day; nothing was stored";
                Problem::unprocessable("idempotency-key-reused", detail)
            }
            AcceptError::NotStored(_) => {
                tracing::warn!(%error, "answered 503: {error}");
                let detail = "nothing was stored; send the same again";
                Problem::unavailable("not-stored", detail, STORE_RETRY).caused_by(&error)
            }
            AcceptError::RepeatUnderKey { key, cause } => {
                tracing::warn!(
                    cause,
                    "answered 503: a request may be stored in part: {cause}"
                );
                let detail = "the request may be stored in part; the same body under the key in \
                              Idempotency-Key completes it";
                Problem::unavailable("repeat-with-key", detail, STORE_RETRY)
                    .with_header(IDEMPOTENCY_KEY, key)
                    .with_member("idempotencyKey", key.as_str())
                    .caused_by(&error)
            }
            AcceptError::RepeatWithIds { cause } => {
                tracing::warn!(
                    cause,
                    "answered 503: a request may be stored in part: {cause}"
                );
                let detail = "the request may be stored in part; send the same events again: \
                              those stored are known by their ids";
                Problem::unavailable("repeat-with-ids", detail, STORE_RETRY).caused_by(&error)
            }
            AcceptError::OutcomeUnknown => {
                tracing::error!("answered 503: whether a request is stored could not be found out");
                let detail = "the store did not say whether the request is stored";
                Problem::unavailable("outcome-unknown", detail, STORE_RETRY)
            }
            AcceptError::Defect(_) => defect(&error),
        }
    }
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Problem {
        match error {
            RegistrationError::Invalid { field, reason } => {
                Problem::bad_request("invalid-client", format!("{field}: {reason}"))
                    .with_field(field, reason)
            }
            RegistrationError::Exists(_) => {
                Problem::new(StatusCode::CONFLICT, "client-exists", error.to_string())
            }
            RegistrationError::Store(error) => error.into(),
        }
    }
}

impl From<NewKeyError> for Problem {
    fn from(error: NewKeyError) -> Problem {
        match error {
            NewKeyError::Rate => Problem::bad_request("invalid-key", error.to_string())
                .with_field("rate", "a rate is at least one request a second"),
            NewKeyError::Exists => {
                Problem::new(StatusCode::CONFLICT, "key-exists", error.to_string())
            }
            NewKeyError::Store(error) => error.into(),
        }
    }
}

fn defect(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "answered 500: {error}");
    Problem::internal().caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::RETRY_AFTER;

    fn check(error: impl Into<Problem>, status: u16, code: &str) -> Problem {
        let problem = error.into();
        assert_eq!(problem.status().as_u16(), status);
        assert_eq!(problem.document().code, code);
        assert_eq!(
            problem.headers().contains_key(RETRY_AFTER),
            status == 503,
            "{code}"
        );
        let sent = serde_json::to_string(problem.document()).unwrap();
        assert!(!sent.contains("planted"), "the cause is not sent: {sent}");
        problem
    }

    #[test]
    fn a_cause_is_never_sent() {
        let cause = || "planted".to_owned();
        check(StoreError::Unavailable(cause()), 503, "store-unavailable");
        check(StoreError::Changed(cause()), 503, "store-unavailable");
        check(StoreError::Refused(cause()), 500, "internal");
        check(
            StoreError::Corrupt {
                what: cause(),
                cause: cause(),
            },
            500,
            "internal",
        );
        check(ReadError::Unavailable(cause()), 503, "store-unavailable");
        check(AcceptError::NotStored(cause()), 503, "not-stored");
        check(AcceptError::Defect(cause()), 500, "internal");
    }

    #[test]
    fn what_may_be_stored_says_how_to_go_on() {
        let error = AcceptError::RepeatUnderKey {
            key: "made-up".into(),
            cause: "planted".into(),
        };
        let problem = check(error, 503, "repeat-with-key");
        assert_eq!(problem.headers()["idempotency-key"], "made-up");
        assert_eq!(problem.document().members["idempotencyKey"], "made-up");
        let cause = "planted".to_owned();
        check(AcceptError::RepeatWithIds { cause }, 503, "repeat-with-ids");
        check(AcceptError::OutcomeUnknown, 503, "outcome-unknown");
        check(AcceptError::KeyReused, 422, "idempotency-key-reused");
    }
}

//! Why a request was not answered as hoped, and whether it is worth another try.

use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use thiserror::Error;

/// A Weir's own code for what no repeat mends. A gateway's 500 has none.
pub(crate) const DEFECT: &str = "internal";

/// Why there is no such answer.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    /// Nothing came back, or not all of it.
    #[error("no answer from {server}: {cause}")]
    Cut {
        /// Where the request went.
        server: String,
        /// What happened.
        cause: String,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(Refusal),
}

/// What a server says when it refuses.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: StatusCode,
    /// What to tell people.
    pub(crate) detail: String,
    /// The fields at fault.
    pub(crate) errors: Vec<FieldRefusal>,
    is_defect: bool,
    retry_after: Option<Duration>,
}

/// A field at fault.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldRefusal {
    /// The position of the event in the request.
    pub(crate) index: Option<usize>,
    /// The field or parameter.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.is_empty() {
            true => write!(f, "the server answered {}", self.status),
            false => f.write_str(&self.detail),
        }?;
        let told = |error: &&FieldRefusal| !self.detail.contains(&error.reason);
        for FieldRefusal {
            index,
            field,
            reason,
        } in self.errors.iter().filter(told).take(5)
        {
            match index {
                Some(index) => write!(f, "; event {index}, {field}: {reason}")?,
                None => write!(f, "; {field}: {reason}")?,
            }
        }
        Ok(())
    }
}

impl ApiError {
    /// Whether the same request may succeed later.
    pub(super) fn passes(&self) -> bool {
        match self {
            ApiError::Cut { .. } => true,
            ApiError::Refused(refusal) => {
                refusal.status.is_server_error() && !refusal.is_defect
                    || refusal.status == StatusCode::TOO_MANY_REQUESTS
                    || refusal.status == StatusCode::REQUEST_TIMEOUT
            }
        }
    }

    /// What may help.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            ApiError::Cut { .. } => Some("is it running, and is its address right?"),
            ApiError::Refused(Refusal { status, .. }) => match *status {
                StatusCode::UNAUTHORIZED => {
                    Some("is the client's secret right, and has it not been revoked?")
                }
                StatusCode::FORBIDDEN => Some("a client may do what its scopes say"),
                _ => None,
            },
        }
    }

    /// Whether the request is known to have changed nothing: every 4xx says so.
    pub(crate) fn says_nothing_was_stored(&self) -> bool {
        matches!(self, ApiError::Refused(refusal) if refusal.status.is_client_error())
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            ApiError::Cut { .. } => None,
            ApiError::Refused(refusal) => refusal.retry_after,
        }
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(self, ApiError::Refused(refusal) if refusal.status == StatusCode::UNAUTHORIZED)
    }
}

/// Reads a problem document, an OAuth error, or neither.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Told {
        code: String,
        detail: String,
        error: String,
        error_description: String,
        errors: Vec<FieldRefusal>,
    }
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let detail = [told.detail, told.error_description, told.error];
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Refusal {
        status,
        detail: detail
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        errors: told.errors,
        is_defect: told.code == DEFECT,
        retry_after: seconds.map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_one_line() {
        let check = |body: &str, expected: &str| {
            let told = refusal(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
            assert_eq!(told.to_string(), expected);
        };
        check("", "the server answered 400 Bad Request");
        check("<html>", "the server answered 400 Bad Request");
        check(r#"{"error":"invalid_client"}"#, "invalid_client");
        check(
            r#"{"error":"x","error_description":"unknown client"}"#,
            "unknown client",
        );
        check(
            r#"{"detail":"1 event is bad","errors":[{"index":3,"field":"value","reason":"no number"}]}"#,
            "1 event is bad; event 3, value: no number",
        );
        check(
            r#"{"detail":"tz: no such zone","errors":[{"field":"tz","reason":"no such zone"}]}"#,
            "tz: no such zone",
        );
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let told = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            ApiError::Refused(refusal(status, &HeaderMap::new(), body.as_bytes())).passes()
        };
        let passes = |status| told(status, "");
        assert!([408, 429, 500, 502, 503, 504].into_iter().all(passes));
        assert!(![400, 401, 403, 404, 413, 422].into_iter().any(passes));
        assert!(!told(500, r#"{"code":"internal"}"#));
        assert!(told(503, r#"{"code":"not-stored"}"#));
    }
}

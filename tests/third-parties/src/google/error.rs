//! Refusals in Google's words (developers.google.com, "Google Analytics Data API": errors, "Limits
//! and quotas").

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;

/// Which quota is exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaKind {
    /// Too many requests at once.
    Concurrent,
    /// The hour's tokens of the property.
    Hourly,
    /// The hour's tokens of the property for this project.
    HourlyOfProject,
    /// The day's tokens of the property.
    Daily,
    /// Too many errors of the server in the last hour.
    ServerErrors,
}

const LEARN: &str = "To learn more, see \
    https://developers.google.com/analytics/devguides/reporting/data/v1/quotas";

impl QuotaKind {
    fn message(self) -> String {
        let what = match self {
            QuotaKind::Concurrent => {
                "Exhausted concurrent requests quota. Please wait for requests to complete before \
                 sending more."
            }
            QuotaKind::Hourly => {
                "Exhausted property tokens per hour. These quota tokens will return in under an hour."
            }
            QuotaKind::HourlyOfProject => {
                "Exhausted property tokens for a project per hour. These quota tokens will return \
                 in under an hour."
            }
            QuotaKind::Daily => {
                "Exhausted property tokens per day. These quota tokens will return in under 24 hours."
            }
            QuotaKind::ServerErrors => {
                "Exhausted server errors per project per hour. These quota tokens will return in \
                 under an hour."
            }
        };
        format!("{what} {LEARN}")
    }
}

/// An exhausted quota, as an answer that may be planned.
pub fn quota_error(kind: QuotaKind) -> Failure {
    Failure::status(429, &body(429, "RESOURCE_EXHAUSTED", &kind.message()))
}

/// Any other error of Google's form, as an answer that may be planned.
pub fn refused(code: u16, status: &str, message: &str) -> Failure {
    Failure::status(code, &body(code, status, message))
}

pub(crate) fn exhausted(kind: QuotaKind) -> Answer {
    Answer::new(429, body(429, "RESOURCE_EXHAUSTED", &kind.message()))
}

pub(crate) fn invalid(message: &str) -> Answer {
    Answer::new(400, body(400, "INVALID_ARGUMENT", message))
}

pub(crate) fn unauthenticated() -> Answer {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, \
        login cookie or other valid authentication credential. See \
        https://developers.google.com/identity/sign-in/web/devconsole-project.";
    let answer = Answer::new(401, body(401, "UNAUTHENTICATED", message));
    answer.header(
        "www-authenticate",
        r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#,
    )
}

pub(crate) fn no_access() -> Answer {
    let message = "User does not have sufficient permissions for this property. To learn more about \
        Property ID, see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id.";
    Answer::new(403, body(403, "PERMISSION_DENIED", message))
}

pub(crate) fn no_such(path: &str) -> Answer {
    let message = format!("The requested URL {path} was not found on this server.");
    Answer::new(404, body(404, "NOT_FOUND", &message))
}

fn body(code: u16, status: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "status": status}})
}

//! The one form in which Weir's own endpoints report that something went wrong: a problem document
//! (RFC 9457) with a stable `code`, and the one place that turns the errors of the crates below
//! into it.
//!
//! A cause is logged here, once, and never sent: it may name tables, hosts or other people's data.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The media type of a problem document (RFC 9457 section 6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Field errors beyond this many are counted, not listed.
pub const MAX_FIELD_ERRORS: usize = 100;

/// An answer that says what went wrong. Small, so that it travels well in a `Result`.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    document: ProblemDocument,
    headers: HeaderMap,
    cause: Option<String>,
}

/// Why an answer is what it is, among the extensions of a response: never sent, but at hand for
/// whoever runs a router in a process of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause(pub String);

/// What a problem looks like on the wire.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub type_uri: Cow<'static, str>,
    /// The phrase that belongs to the status.
    #[schema(example = "Bad Request")]
    pub title: Cow<'static, str>,
    /// The HTTP status, repeated.
    #[schema(example = 400)]
    pub status: u16,
    /// Names the problem for programs; it does not change between versions.
    #[schema(example = "invalid-event")]
    pub code: Cow<'static, str>,
    /// Says for people what went wrong this time, and what is allowed.
    pub detail: String,
    /// The fields at fault, up to 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
    /// Members that belong to one code only.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The position of the event in the request, from 0, when a request can hold several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The field or parameter, as it was sent.
    pub field: String,
    /// What is wrong with it and what is allowed.
    pub reason: String,
}

impl Problem {
    /// A problem with a status, a stable code and a text for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        let document = ProblemDocument {
            type_uri: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Problem")),
            status: status.as_u16(),
            code: Cow::Borrowed(code),
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
        };
        Problem(Box::new(Inner {
            status,
            code,
            document,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 400 `invalid-parameter`: a query parameter, named, with what it may be.
    pub fn parameter(field: impl Into<String>, reason: impl Into<String>) -> Problem {
        let (field, reason) = (field.into(), reason.into());
        Problem::bad_request("invalid-parameter", format!("{field}: {reason}"))
            .with_field(field, reason)
    }

    /// 404 `not-found`.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413 `too-large`.
    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 415 `unsupported-media-type`.
    pub fn unsupported(detail: impl Into<String>) -> Problem {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Problem::new(status, "unsupported-media-type", detail)
    }

    /// 422.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 500 `internal`. The text is the same for all: whoever calls this logs the cause.
    pub fn internal() -> Problem {
        let detail = "something failed inside the server, and its log says what";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 503, with the time after which it is worth trying again.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, after: Duration) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_retry_after(after)
    }

    /// Adds a field at fault.
    #[must_use]
    pub fn with_field(self, field: impl Into<String>, reason: impl Into<String>) -> Problem {
        self.with_errors([FieldProblem {
            index: None,
            field: field.into(),
            reason: reason.into(),
        }])
    }

    /// Adds fields at fault. Those beyond [`MAX_FIELD_ERRORS`] are left out, and the member
    /// `errorsLeftOut` counts them.
    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = FieldProblem>) -> Problem {
        let mut errors = errors.into_iter();
        let room = MAX_FIELD_ERRORS - self.0.document.errors.len();
        self.0.document.errors.extend(errors.by_ref().take(room));
        match errors.count() {
            0 => self,
            more => self.with_member("errorsLeftOut", more),
        }
    }

    /// Adds a member of its own to the document.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Problem {
        let members = &mut self.0.document.members;
        members.insert(name.into(), value.into());
        self
    }

    /// Keeps what caused it, as a [`Cause`] that is not sent. Whoever calls this logs it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Problem {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Adds `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Problem {
        let seconds = after.as_millis().div_ceil(1000).clamp(1, u64::MAX.into());
        self.with_header(RETRY_AFTER, &seconds.to_string())
    }

    /// Adds `WWW-Authenticate`.
    #[must_use]
    pub fn with_challenge(self, challenge: &str) -> Problem {
        self.with_header(WWW_AUTHENTICATE, challenge)
    }

    /// Adds a header. A value that no header can carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Names the problem for programs.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is sent as the body.
    pub fn document(&self) -> &ProblemDocument {
        &self.0.document
    }

    /// What is sent beside the body.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = self.document();
        write!(formatter, "{}: {}", document.code, document.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0.document)
            .expect("a problem document has text keys and finite numbers");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        let media_type = HeaderValue::from_static(PROBLEM_JSON);
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        if let Some(cause) = self.0.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn sent(problem: Problem) -> (HeaderMap, Value) {
        let response = problem.into_response();
        let headers = response.headers().clone();
        let body = to_bytes(response.into_body(), 100_000).await.unwrap();
        (headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_is_sent_as_a_document() {
        let problem = Problem::bad_request("invalid-event", "1 event is invalid")
            .with_field("value", "NaN is not a finite number")
            .with_member("limitBytes", 5);
        let (headers, body) = sent(problem).await;
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        let expected = serde_json::json!({
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "code": "invalid-event",
            "detail": "1 event is invalid",
            "errors": [{"field": "value", "reason": "NaN is not a finite number"}],
            "limitBytes": 5,
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_cause_stays_with_the_answer_and_is_not_sent() {
        let response = Problem::internal().caused_by("planted").into_response();
        assert_eq!(
            response.extensions().get(),
            Some(&Cause("planted".to_owned()))
        );
        let (_, body) = sent(Problem::internal().caused_by("planted")).await;
        assert!(!body.to_string().contains("planted"), "{body}");
    }

    #[tokio::test]
    async fn a_hundred_field_errors_are_listed_and_the_rest_counted() {
        let error = |index| FieldProblem {
            index: Some(index),
            field: "value".into(),
            reason: "missing".into(),
        };
        let problem =
            Problem::bad_request("invalid-event", "many").with_errors((0..103).map(error));
        let (_, body) = sent(problem).await;
        let errors = body["errors"].as_array().unwrap();
        assert_eq!(
            (errors.len(), &errors[99]["index"]),
            (100, &Value::from(99))
        );
        assert_eq!(body["errorsLeftOut"], 3);
    }

    #[tokio::test]
    async fn the_time_to_wait_is_in_whole_seconds_and_never_none() {
        for (wait_ms, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")] {
            let after = Duration::from_millis(wait_ms);
            let (headers, _) = sent(Problem::unavailable("busy", "busy", after)).await;
            assert_eq!(headers[RETRY_AFTER], seconds);
        }
    }
}

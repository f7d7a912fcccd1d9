//! How Backdrop's clients are told that something went wrong: `{"status":"error","message":…}`,
//! or `{"messages":[…]}` for records that break the rules.
//!
//! What other parts of Weir answer with a problem document is said in this form here: the status
//! and the time to wait stay, and the problem's text becomes the message.

use std::fmt;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_service::Problem;
use weir_service::problem::PROBLEM_JSON;
use weir_store::StoreError;

/// A problem document is far smaller.
const PROBLEM_BYTES: usize = 1024 * 1024;

/// Messages beyond this many are left out.
const MESSAGES: usize = 100;

/// An answer that says what went wrong. Small, so that it travels well in a `Result`.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    said: Said,
    headers: HeaderMap,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    Message(ErrorDocument),
    Messages {
        messages: Vec<String>,
        /// Which record each is about.
        records: Vec<usize>,
    },
}

/// What went wrong, in Backdrop's form.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackdropError)]
pub(crate) struct ErrorDocument {
    /// Always `error`.
    #[schema(example = "error")]
    status: &'static str,
    /// Says for people what went wrong, and what is allowed.
    message: String,
}

/// What is wrong with records that were sent.
// It only describes what is written.
#[derive(ToSchema)]
#[schema(as = BackdropMessages)]
#[expect(dead_code, reason = "it only describes what is written")]
pub(crate) struct MessagesDocument {
    /// What is wrong, once for each key that is, up to 100 times.
    messages: Vec<String>,
    /// The position of the record that each of them is about, from 0.
    records: Vec<usize>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        let message = message.into();
        Refusal::saying(
            status,
            Said::Message(ErrorDocument {
                status: "error",
                message,
            }),
        )
    }

    fn saying(status: StatusCode, said: Said) -> Refusal {
        let headers = HeaderMap::new();
        Refusal(Box::new(Inner {
            status,
            said,
            headers,
        }))
    }

    /// 400.
    pub(crate) fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 with what is wrong with the records of a request, by their positions.
    pub(crate) fn records(wrong: Vec<(usize, String)>) -> Refusal {
        let (records, messages) = wrong.into_iter().take(MESSAGES).unzip();
        let said = Said::Messages { messages, records };
        Refusal::saying(StatusCode::BAD_REQUEST, said)
    }

    /// 401, with the challenge that clients expect.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Refusal {
        let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED, message);
        refusal.0.headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        refusal
    }

    /// 500. The cause is logged, and not sent.
    pub(crate) fn internal(cause: &impl fmt::Display) -> Refusal {
        tracing::error!(%cause, "a data set cannot be read: {cause}");
        Problem::internal().into()
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, message)
    }
}

const CHALLENGE: HeaderValue = HeaderValue::from_static("bearer");

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        let mut refusal = Refusal::new(problem.status(), problem.document().detail.clone());
        refusal.0.headers = problem.headers().clone();
        if problem.status() == StatusCode::UNAUTHORIZED {
            refusal.0.headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        refusal
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Problem::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Inner {
            status,
            said,
            headers,
        } = *self.0;
        let body = serde_json::to_vec(&said).expect("texts alone can be written");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// Says a problem document in Backdrop's form; leaves every other answer as it is. For what
/// refuses requests before they come here.
pub async fn in_backdrops_form(response: Response) -> Response {
    let content_type = response.headers().get(CONTENT_TYPE);
    if content_type.is_none_or(|value| value != PROBLEM_JSON) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, PROBLEM_BYTES).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = problem["detail"]
        .as_str()
        .unwrap_or("Internal Server Error");
    let mut response = Refusal::new(parts.status, detail).into_response();
    for (name, value) in &parts.headers {
        if !response.headers().contains_key(name) && *name != CONTENT_LENGTH {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

//! Answers in the words of a door's own clients.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use weir_service::Problem;

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

/// The headers of a problem that hold whatever its body says.
pub(crate) fn headers(problem: &Problem) -> HeaderMap {
    let kept = [RETRY_AFTER, WWW_AUTHENTICATE].into_iter();
    kept.filter_map(|name| {
        let value = problem.headers().get(&name)?.clone();
        Some((name, value))
    })
    .collect()
}

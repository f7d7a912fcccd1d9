//! Errors in the form that OAuth2 gives them (RFC 6749 section 5.2).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use weir_service::Problem;

/// An answer that says what went wrong.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    body: ErrorBody,
    /// Boxed, so that the error travels well in a `Result`.
    headers: Box<HeaderMap>,
}

/// What it looks like on the wire.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct ErrorBody {
    /// One of OAuth2's codes.
    #[schema(example = "invalid_client")]
    pub(crate) error: &'static str,
    /// Says for people what went wrong this time.
    pub(crate) error_description: String,
}

impl OAuthError {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> OAuthError {
        let body = ErrorBody {
            error,
            error_description: plain(description.into()),
        };
        OAuthError {
            status,
            body,
            headers: Box::default(),
        }
    }

    /// 400: a parameter is missing, comes twice or does not belong.
    pub(crate) fn invalid_request(description: impl Into<String>) -> OAuthError {
        OAuthError::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 400: the scope is unknown or not the client's to ask for.
    pub(crate) fn invalid_scope(description: impl Into<String>) -> OAuthError {
        OAuthError::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    /// 400: another grant than client credentials.
    pub(crate) fn unsupported_grant_type() -> OAuthError {
        let description = "grant_type is client_credentials here";
        OAuthError::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            description,
        )
    }

    /// The client did not prove who it is: 401. An unknown client, a wrong secret and a revoked
    /// client are told the same, because which it is helps only those who guess.
    pub(crate) fn invalid_client(description: impl Into<String>) -> OAuthError {
        let mut error = OAuthError::new(StatusCode::UNAUTHORIZED, "invalid_client", description);
        let challenge = HeaderValue::from_static("Basic realm=\"weir\", charset=\"UTF-8\"");
        error.headers.insert(WWW_AUTHENTICATE, challenge);
        error
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.body.error
    }
}

/// RFC 6749 section 5.2 admits printable ASCII in a description, without quotes and backslashes.
fn plain(description: String) -> String {
    let plain = |character: char| match character {
        '"' | '\\' => '\'',
        ' '..='~' => character,
        _ => '?',
    };
    description.chars().map(plain).collect()
}

/// What the edge finds wrong with a request is OAuth's `invalid_request`; what is wrong with us
/// keeps its status and `Retry-After`.
impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> OAuthError {
        let (status, code) = match problem.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (StatusCode::BAD_REQUEST, "invalid_request"),
            status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                (status, "temporarily_unavailable")
            }
            status if status.is_server_error() => (status, "server_error"),
            status => (status, "invalid_request"),
        };
        let mut error = OAuthError::new(status, code, problem.document().detail.as_str());
        if let Some(after) = problem.headers().get(RETRY_AFTER) {
            error.headers.insert(RETRY_AFTER, after.clone());
        }
        error
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        (self.status, NO_STORE, *self.headers, Json(self.body)).into_response()
    }
}

/// RFC 6749 section 5.1: nothing in between may keep an answer that carries or concerns a token.
pub(crate) const NO_STORE: [(http::HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];

//! Alooma's endpoint, as its Python SDK speaks to it.
//!
//! The SDK sends again, event by event and for ever, whatever is not answered by a 2xx. So what
//! can never be accepted gets one, says so in its body, and is listed as refused. A 400 tells it
//! that its token is bad.

mod list;
mod wrapped;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use weir_model::limits::EVENTS_PER_REQUEST;
use weir_service::auth::KeyHolder;
use weir_service::{Problem, Service};

use crate::door::answer;
use crate::door::body::{TextBody, Unread};
use crate::door::fault::Fault;
use crate::door::visit::{Mapped, Taken, Visit};
use list::Cut;
use wrapped::Defaults;

const DOOR: &str = "alooma";

/// What the SDK should send at most in one request: a fraction of what is taken, and some
/// thousands of events.
const REQUEST_BYTES: u32 = 1_000_000;

/// Events of one body: more than fit the largest one that the SDK sends.
const EVENTS_MAX: usize = 10 * EVENTS_PER_REQUEST;

/// A token as it stands in a path.
type Token = Result<Path<String>, PathRejection>;

/// Tells clients of Alooma how much they may send at once.
#[utoipa::path(
    get,
    path = "/",
    tag = "alooma",
    responses((status = 200, description = "`maxRequestSize`, in bytes"))
)]
pub(crate) async fn limits() -> Response {
    answer::json(StatusCode::OK, &json!({"maxRequestSize": REQUEST_BYTES}))
}

/// Says whether a token, which is a write key, is good.
#[utoipa::path(
    get,
    path = "/verify/{token}",
    tag = "alooma",
    params(("token" = String, Path, description = "The write key")),
    responses(
        (status = 200, description = "It is"),
        (status = 400, description = "It is not"),
        (status = 429, description = "The key is over its rate"),
        (status = 503, description = "Try again after Retry-After"),
    )
)]
pub(crate) async fn verify(State(service): State<Arc<Service>>, token: Token) -> Response {
    match holder(&service, token).await {
        Ok(_) => answer::json(StatusCode::OK, &json!({"valid": true})),
        Err(problem) => refuse(&problem),
    }
}

/// Stores events of Alooma's Python SDK.
///
/// The body is a JSON array of events as the SDK wraps them; the token is a write key. What cannot
/// be accepted is answered by 200 all the same, counted under `rejected`, and listed as refused:
/// the SDK would repeat it for ever. After a 5xx the same events may be sent again in any
/// grouping: each `@uuid` is counted once within a day.
#[utoipa::path(
    post,
    path = "/pysdk/{token}",
    tag = "alooma",
    params(("token" = String, Path, description = "The write key")),
    request_body(content = Vec<serde_json::Value>, content_type = "application/json"),
    responses(
        (status = 200, description = "How many events were accepted, known already, and rejected"),
        (status = 400, description = "The token is not good"),
        (status = 429, description = "The key is over its rate"),
        (status = 503, description = "Try again after Retry-After"),
    )
)]
pub(crate) async fn pysdk(
    State(service): State<Arc<Service>>,
    token: Token,
    request: Request,
) -> Response {
    match store(&service, token, request).await {
        Ok(taken) => answer::json(StatusCode::OK, &described(taken)),
        Err(problem) => refuse(&problem),
    }
}

async fn store(
    service: &Service,
    token: Token,
    request: Request,
) -> Result<(Taken, Option<String>), Problem> {
    let received = service.now();
    let (token, holder) = holder(service, token).await?;
    let (Parts { headers, .. }, body) = request.into_parts();
    let visit = Visit {
        service,
        holder: &holder,
        door: DOOR,
        received,
    };
    let body = match TextBody::read(service, &headers, body).await {
        Ok(body) => body,
        Err(Unread::Again(problem)) => return Err(problem),
        Err(Unread::Final(fault, shown)) => {
            return refused_whole(&visit, fault, &shown, &token).await;
        }
    };
    let text = body.as_str();
    match list::cut(text, EVENTS_MAX) {
        Cut::Events(pieces) => {
            let mapped = map(&pieces, &holder, &token);
            drop(pieces);
            visit.take(mapped).await.map(|taken| (taken, None))
        }
        Cut::TooMany => {
            let detail = format!("the body has more than the {EVENTS_MAX} events allowed");
            refused_whole(&visit, Fault::too_large(detail), text, &token).await
        }
        Cut::NoArray => {
            let fault = Fault::new("invalid-json", "the body is not a JSON array");
            refused_whole(&visit, fault, text, &token).await
        }
    }
}

fn map(pieces: &[&str], holder: &KeyHolder, token: &str) -> Mapped {
    let defaults = Defaults {
        namespace: holder.namespace_or_label(),
        name: &holder.label,
    };
    let events = pieces
        .iter()
        .map(|piece| wrapped::read(piece, defaults).map_err(|fault| fault.of(piece, token)));
    events.collect()
}

/// A body of which nothing can be used is one rejected event: nobody knows how many it holds.
async fn refused_whole(
    visit: &Visit<'_>,
    fault: Fault,
    payload: &str,
    token: &str,
) -> Result<(Taken, Option<String>), Problem> {
    let rejection = fault.rejection(payload, token);
    let message = rejection.detail.clone();
    let mapped = Mapped {
        rejections: rejection.into(),
        ..Mapped::default()
    };
    let taken = visit.take(mapped).await?;
    Ok((taken, Some(message)))
}

async fn holder(service: &Service, token: Token) -> Result<(String, KeyHolder), Problem> {
    let Path(token) = token.map_err(|_| {
        // What was sent is a key, perhaps, and is not repeated.
        Problem::bad_request("unknown-key", "the token is not readable")
    })?;
    let holder = service.holder(&token).await?;
    Ok((token, holder))
}

fn described((taken, message): (Taken, Option<String>)) -> serde_json::Value {
    let mut body = json!({
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "rejected": taken.rejected,
    });
    if let Some(message) = message {
        body["message"] = message.into();
    }
    body
}

/// To the SDK, a 400 and nothing else means that its token is bad.
fn refuse(problem: &Problem) -> Response {
    let status = match problem.status() {
        StatusCode::UNAUTHORIZED => StatusCode::BAD_REQUEST,
        status => status,
    };
    let body = json!({"code": problem.code(), "message": problem.document().detail});
    let mut headers = answer::headers(problem);
    headers.remove(http::header::WWW_AUTHENTICATE);
    (headers, answer::json(status, &body)).into_response()
}

//! What today's tracking SDKs speak: the HTTP tracking API that Segment began, and RudderStack and
//! others took over.
//!
//! Its clients take a 400 as final, and come again after a 429 or a 5xx. They send many messages
//! at a time and never hear of single ones: a bad one is listed as refused, and the others are
//! stored.

mod batch;
mod call;
mod message;
mod messages;
mod pixel;
mod python;
mod time;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use weir_service::auth::basic_key;
use weir_service::{Problem, Service};

use crate::door::answer;
use crate::door::body::{TextBody, Unread};
use call::Bodies;
use messages::Sender;

pub(crate) use pixel::{__path_pixel, pixel};

/// Stores messages of Segment-style SDKs.
///
/// The write key comes by HTTP Basic as the user, or as `writeKey` in the body; the body is JSON
/// of any media type, gzip if `Content-Encoding` says so. A message that is bad is listed as
/// refused, and the others are stored. Each `messageId` is counted once within a day, so after a
/// 5xx the same messages may be sent again.
#[utoipa::path(
    post,
    path = "/v1/{call}",
    tag = "segment",
    security(("writeKey" = []), ()),
    params(("call" = String, Path, description = "track, identify, page, screen, group, alias, \
        or their first letter: one message of that kind; batch or b: `{\"batch\": [...]}`, whose \
        messages have a `type`")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored, except for messages that are listed as refused"),
        (status = 400, description = "Broken JSON, or too large a body: nothing is stored"),
        (status = 401, description = "No write key, or not a good one"),
        (status = 404, description = "No such call"),
        (status = 429, description = "The key is over its rate"),
        (status = 503, description = "Try again after Retry-After"),
    )
)]
pub(crate) async fn call(
    State(service): State<Arc<Service>>,
    Path(call): Path<String>,
    request: Request,
) -> Response {
    let Some(bodies) = Bodies::parse(&call) else {
        return no_such_call().into_response();
    };
    match store(&service, bodies, request).await {
        Ok(()) => answer::json(StatusCode::OK, &json!({"success": true})),
        Err(problem) => refuse(&problem),
    }
}

fn no_such_call() -> Problem {
    Problem::not_found(
        "there is no such call: track, identify, page, screen, group, alias and batch",
    )
}

async fn store(service: &Service, bodies: Bodies, request: Request) -> Result<(), Problem> {
    let received = service.now();
    let (Parts { headers, .. }, body) = request.into_parts();
    let sender = match basic_key(&headers) {
        Some(key) => Some(Sender::of(service, key).await?),
        None => None,
    };
    let body = match TextBody::read(service, &headers, body).await {
        Ok(body) => body,
        Err(Unread::Again(problem)) => return Err(problem),
        Err(Unread::Final(fault, shown)) => {
            return Err(messages::refuse(service, sender, fault, &shown, received).await);
        }
    };
    let stored = messages::store(service, body.as_str(), bodies, sender, received);
    stored.await.map(drop)
}

fn refuse(problem: &Problem) -> Response {
    let body = json!({
        "success": false,
        "code": problem.code(),
        "message": problem.document().detail,
    });
    let answer = answer::json(problem.status(), &body);
    (answer::headers(problem), answer).into_response()
}

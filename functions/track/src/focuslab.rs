//! FocusLab's triggers, as Brockman and the browser tracker send them.
//!
//! These clients look at the status alone: 201 is recorded, 400 and 401 are final, and anything
//! else comes again. So whatever can never be accepted is a 400, too large a body included.

mod trigger;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use weir_service::{Problem, Service};

use crate::door::answer;
use crate::door::body::{TextBody, Unread};
use crate::door::fault::Fault;
use crate::door::visit::{Mapped, Visit};

const DOOR: &str = "focuslab";

const API_KEY: &str = "x-fl-api-key";

/// The paths beside the documented one; they do the same.
pub(crate) const OTHER_PATHS: [&str; 3] =
    ["/api/v1/trigger", "/api/v1/triggers/", "/api/v1/triggers"];

/// Records a trigger.
///
/// For clients of FocusLab, with a write key in place of their API key. The object is the event's
/// namespace, the action its name, `actor_id` its actor; identities, attributes and variables are
/// kept as properties. The same without the final slash, and under `/api/v1/triggers/`.
///
/// A trigger has no id: when an answer is lost, or has the code `outcome-unknown`, sending it again
/// may count it twice. Any other 5xx means that nothing is stored.
#[utoipa::path(
    post,
    path = "/api/v1/trigger/",
    tag = "focuslab",
    request_body(content = inline(TriggerSchema), content_type = "application/json"),
    params(("X-FL-API-KEY" = String, Header, description = "The write key")),
    responses(
        (status = 201, description = "Recorded"),
        (status = 400, description = "A bad trigger: nothing is stored, and it is listed as refused"),
        (status = 401, description = "No write key, or not a good one"),
        (status = 429, description = "The key is over its rate"),
        (status = 503, description = "Try again after Retry-After"),
    )
)]
pub(crate) async fn trigger(State(service): State<Arc<Service>>, request: Request) -> Response {
    match record(&service, request).await {
        Ok(()) => answer::json(StatusCode::CREATED, &json!({"status": "recorded"})),
        Err(problem) => refuse(&problem),
    }
}

/// What a client sends.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it only describes")]
struct TriggerSchema {
    /// Who did it: a text or a number.
    #[schema(example = "7f3a")]
    actor_id: String,
    /// What was done.
    #[schema(example = "viewed", min_length = 1, max_length = 120)]
    action: String,
    /// What it was done to.
    #[schema(example = "blog post", min_length = 1, max_length = 120)]
    object: String,
    /// What connects the person's activity: texts, numbers, or lists of these.
    captured_identities: Option<std::collections::HashMap<String, String>>,
    /// What the person is filtered by.
    captured_attributes: Option<std::collections::HashMap<String, String>>,
    /// What describes the event.
    variables: Option<std::collections::HashMap<String, String>>,
}

async fn record(service: &Service, request: Request) -> Result<(), Problem> {
    let received = service.now();
    let (Parts { headers, .. }, body) = request.into_parts();
    let key = api_key(&headers)?;
    let holder = service.holder(key).await?;
    let visit = Visit {
        service,
        holder: &holder,
        door: DOOR,
        received,
    };
    let body = match TextBody::read(service, &headers, body).await {
        Ok(body) => body,
        Err(Unread::Again(problem)) => return Err(problem),
        Err(Unread::Final(fault, shown)) => return Err(bad(&visit, fault, &shown, key).await),
    };
    let text = body.as_str();
    match trigger::read(text) {
        Ok(event) => visit.take(Mapped::from_iter([Ok(event)])).await.map(drop),
        Err(fault) => Err(bad(&visit, fault, text, key).await),
    }
}

fn api_key(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(API_KEY).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| {
        let detail = "X-FL-API-KEY: is missing or not readable";
        Problem::new(StatusCode::UNAUTHORIZED, "unknown-key", detail)
    })
}

/// Writes a bad trigger down. The client is told, so it is the same if that fails.
async fn bad(visit: &Visit<'_>, fault: Fault, payload: &str, key: &str) -> Problem {
    visit.service.tally().refused(1);
    let rejection = fault.rejection(payload, key);
    let problem = Problem::bad_request(rejection.reason, rejection.detail.as_str());
    let _ = visit.refuse(rejection.into()).await;
    problem
}

fn refuse(problem: &Problem) -> Response {
    let body = json!({
        "status": "error",
        "code": problem.code(),
        "message": problem.document().detail,
    });
    (
        answer::headers(problem),
        answer::json(problem.status(), &body),
    )
        .into_response()
}

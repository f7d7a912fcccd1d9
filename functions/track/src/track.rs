//! `POST /api/track/`: the Tracking API.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};
use weir_service::auth::{Scope, basic_key};
use weir_service::body::ReceivedBody;
use weir_service::secret::WriteKey;
use weir_service::{Caller, Problem, ProblemDocument, Service};
use weir_store::{IdempotencyKey, Submission};

use crate::answer::{self, Counts};
use crate::body::Form;
use crate::check::{self, Refusal};
use crate::door::fault::Fault;
use crate::key;

/// Keys of this door are not those of another.
const DOOR: &str = "track";

/// Stores events.
///
/// The body is one event, a JSON array of events, `{"events": [...]}`, newline-delimited JSON
/// (`application/x-ndjson`), or one event form-encoded; gzip or zstd if `Content-Encoding` says so.
/// An event has `namespace` and `name` (1 to 120 characters), `value` (a finite number), and may
/// have `timestamp` (ISO 8601, Unix seconds or milliseconds; else the time of receipt), `id` (at
/// most 128 characters; counted once per series within a day, whatever request brings it again),
/// `actor`, `properties` (an object) and `expires`. Other fields join the properties.
///
/// One event is answered with itself, as it is stored; several with their counts. If one is bad,
/// none is stored. A repeat with the same `Idempotency-Key` within a day is counted once and
/// answered alike. A 5xx means that nothing is stored, except for the codes `repeat-with-key` (a
/// repeat under the named key completes it), `repeat-with-ids` (every event has an id, and the same
/// events may be sent again: those stored are known by their ids) and `outcome-unknown`.
#[utoipa::path(
    post,
    path = "/api/track/",
    tag = "track",
    request_body(content = inline(EventSchema), description = "One event or many"),
    params(("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request, 1 to 255 visible ASCII characters")),
    security(("oauth2" = ["write"]), ("writeKey" = [])),
    responses(
        (status = 201, description = "Stored: the event, or the counts of many", body = Counts),
        (status = 400, description = "Bad events, each named; nothing is stored", body = ProblemDocument),
        (status = 401, description = "No token or write key, or not a good one", body = ProblemDocument),
        (status = 403, description = "The token lacks the scope write", body = ProblemDocument),
        (status = 413, description = "Over 4 MB, 32 MB decompressed, or 10,000 events", body = ProblemDocument),
        (status = 415, description = "A media type or an encoding that is not known", body = ProblemDocument),
        (status = 422, description = "The key was used with another body", body = ProblemDocument),
        (status = 429, description = "The client is over its rate", body = ProblemDocument),
        (status = 503, description = "Try again after Retry-After", body = ProblemDocument),
    )
)]
pub(crate) async fn track(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Problem> {
    let received = service.now();
    let (parts, body) = request.into_parts();
    let sender = Sender::of(&service, &parts).await?;
    let read = read(&service, &parts.headers, body).await;
    let arrived = service.now();
    let (key, form, body) = match read {
        Ok(read) => read,
        Err(problem) => return Err(sender.refuse_unread(problem).await),
    };
    let text = body.text()?;
    let batch = match form.read(text) {
        Ok(batch) => batch,
        Err(problem) => return Err(sender.refuse_body(problem, text).await),
    };
    let (one, sent) = (batch.is_one(), batch.events());
    let refused = || service.tally().refused(sent);
    let events = match check::all(batch, sender.key()) {
        Ok(events) => events,
        Err(refusal) => {
            refused();
            return Err(sender.refuse(refusal).await);
        }
    };
    let first = if one { events.first().cloned() } else { None };
    let submission = Submission {
        events,
        key,
        body: Sha256::digest(body.bytes()).into(),
        received,
        arrived,
        client: sender.caller.client.to_string(),
        door: DOOR,
    };
    let accepted = service.store.accept(submission).await;
    let accepted = accepted.inspect_err(|_| refused())?;
    service.tally().stored(accepted.accepted);
    Ok(match first {
        Some(event) => answer::of_one(&event, accepted),
        None => answer::of_many(accepted),
    })
}

/// Reads what does not depend on the events: the request's own key, and a body that is text.
async fn read(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Option<IdempotencyKey>, Form, ReceivedBody), Problem> {
    let key = key::read(headers)?;
    let form = Form::of(headers)?;
    let mut body = service.read_body(headers, body).await?;
    // Parsed events take about as much again as their text.
    body.charge(body.bytes().len())?;
    body.text()?;
    Ok((key, form, body))
}

/// Who sends, and under whose name what is refused is written down. Clients of this door read
/// their answers, so those are the same if that fails.
struct Sender<'a> {
    service: &'a Service,
    caller: Caller,
    /// The key that let them in, if one did: it is in nothing that is written down.
    write_key: Option<WriteKey>,
}

impl Sender<'_> {
    async fn of<'a>(service: &'a Service, parts: &Parts) -> Result<Sender<'a>, Problem> {
        Ok(Sender {
            service,
            caller: service.authorize(parts, Scope::Write).await?,
            write_key: basic_key(&parts.headers),
        })
    }

    fn key(&self) -> &str {
        self.write_key.as_ref().map_or("", WriteKey::expose)
    }

    async fn refuse(&self, refusal: Refusal) -> Problem {
        let Refusal {
            problem,
            rejections,
        } = refusal;
        let source = (&self.caller).into();
        let _ = self.service.reject(&source, DOOR, rejections).await;
        problem
    }

    /// A body that holds no events, or more than it may: nobody knows how many.
    async fn refuse_body(&self, problem: Problem, text: &str) -> Problem {
        let fault = Fault::new(problem.code(), problem.document().detail.as_str());
        let rejections = fault.rejection(text, self.key()).into();
        let refusal = Refusal {
            problem,
            rejections,
        };
        self.refuse(refusal).await
    }

    /// A request that would be refused again, of whose body nothing can be shown.
    async fn refuse_unread(&self, problem: Problem) -> Problem {
        match problem.status() {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => self.refuse_body(problem, "").await,
            _ => problem,
        }
    }
}

/// Stores events: the same without the final slash.
#[utoipa::path(
    post,
    path = "/api/track",
    tag = "track",
    request_body(content = inline(EventSchema), description = "One event or many"),
    security(("oauth2" = ["write"]), ("writeKey" = [])),
    responses((status = 201, description = "As for /api/track/", body = Counts))
)]
pub(crate) async fn track_without_slash(
    state: State<Arc<Service>>,
    request: Request,
) -> Result<Response, Problem> {
    track(state, request).await
}

/// An event as a client sends it.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it only describes")]
struct EventSchema {
    /// What the event belongs to.
    #[schema(example = "Frontend", min_length = 1, max_length = 120)]
    namespace: String,
    /// What happened.
    #[schema(example = "pageView", min_length = 1, max_length = 120)]
    name: String,
    /// How much of it.
    #[schema(example = 1)]
    value: f64,
    /// When; the time of receipt if it is missing.
    #[schema(example = "2020-11-12T11:10:00Z")]
    timestamp: Option<String>,
    /// The client's own name for the event.
    id: Option<String>,
    /// Who did it.
    actor: Option<String>,
    /// Anything else about it, up to 32 KB.
    properties: Option<std::collections::HashMap<String, String>>,
    /// From when on the event need not be kept.
    expires: Option<String>,
}

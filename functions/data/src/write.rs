//! Records come in: stored, changed, deleted, all of them removed. Either all records of a request
//! keep the rules, or nothing is stored.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_model::Record;
use weir_model::limits::EVENTS_PER_REQUEST;
use weir_service::body::ReceivedBody;
use weir_service::{Scope, Service};
use weir_store::{Deadline, Patched};

use crate::document::Refusals;
use crate::extent::Extent;
use crate::place::{Asked, unknown};
use crate::refusal::{ErrorDocument, MessagesDocument, Refusal};

/// How long storing may take: API Gateway gives up after 30 s (Amazon API Gateway developer guide,
/// "Quotas for HTTP APIs"), and the body has to arrive before.
const WRITE_TIME: Duration = Duration::from_secs(20);

/// Bytes that a parsed value takes beside its text: a list has room for twice as many when it has
/// just grown.
const VALUE_BYTES: usize = 2 * size_of::<Value>();

/// What is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackdropDone)]
pub(crate) struct Done {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// What was done, where that has to be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    message: Option<String>,
}

impl Done {
    fn answer(message: Option<String>) -> Response {
        let status = "ok";
        let mut response = Json(Done { status, message }).into_response();
        let no_cache = HeaderValue::from_static("no-cache");
        response.headers_mut().insert(CACHE_CONTROL, no_cache);
        response
    }
}

fn deadline(service: &Service) -> Deadline {
    Deadline::at(service.now().saturating_add(WRITE_TIME))
}

/// Stores records.
///
/// One, or a list. A record with the `_id` of one that is there replaces it. With a bad record
/// nothing is stored. After a 5xx some may be stored; sending all of them again is safe where they
/// have ids.
#[utoipa::path(
    post,
    path = "/data/{group}/{type}",
    operation_id = "store_records",
    tag = "data",
    security(("dataSetToken" = []), ("oauth2" = ["write"])),
    params(
        ("group" = String, Path, description = "The first part of the data set's name."),
        ("type" = String, Path, description = "The second part."),
    ),
    request_body(
        content = Value,
        description = "A flat JSON object, or a list of up to 10,000, perhaps compressed. Keys are \
            two or more letters, digits and `_`, not beginning with a digit; of those that begin \
            with `_` there may be `_id`, `_timestamp`, `_start_at` and `_end_at`.",
    ),
    responses(
        (status = 200, description = "All of them are stored.", body = Done),
        (status = 400, description = "Records that break the rules: `messages`; a body that is no \
            JSON: `message`.", body = MessagesDocument),
        Refusals,
    )
)]
pub(crate) async fn post(
    State(service): State<Arc<Service>>,
    asked: Asked,
    body: Body,
) -> Result<Response, Refusal> {
    let mut received = Received::of(&service, &asked, body).await?;
    let listed = received.extent.listed;
    if listed > EVENTS_PER_REQUEST {
        service.tally().refused(listed as u64);
        let message = format!("a request has up to {EVENTS_PER_REQUEST} records, not {listed}");
        return Err(Refusal::bad(message));
    }
    let records = records(received.json()?).inspect_err(|(count, _)| {
        service.tally().refused(*count as u64);
    });
    let records = records.map_err(|(_, refusal)| refusal)?;
    let stored = service
        .store
        .put_records(&asked.set, &records, deadline(&service));
    stored.await?;
    service.tally().stored(records.len() as u64);
    Ok(Done::answer(None))
}

/// Empties a data set.
///
/// The body is an empty list; nothing else is taken.
#[utoipa::path(
    put,
    path = "/data/{group}/{type}",
    operation_id = "empty_data_set",
    tag = "data",
    security(("dataSetToken" = []), ("oauth2" = ["write"])),
    params(
        ("group" = String, Path, description = "The first part of the data set's name."),
        ("type" = String, Path, description = "The second part."),
    ),
    request_body(content = Value, description = "`[]`"),
    responses(
        (status = 200, description = "It has no records.", body = Done),
        (status = 400, description = "Another body.", body = ErrorDocument),
        Refusals,
    )
)]
pub(crate) async fn put(
    State(service): State<Arc<Service>>,
    asked: Asked,
    body: Body,
) -> Result<Response, Refusal> {
    let mut received = Received::of(&service, &asked, body).await?;
    if received.json()? != Value::Array(Vec::new()) {
        let message = "Not implemented: you can only pass an empty JSON list";
        return Err(Refusal::bad(message));
    }
    let name = &asked.set.name;
    let emptied = service
        .store
        .empty_data_set(name, deadline(&service))
        .await?;
    match emptied {
        Some(_) => Ok(Done::answer(Some(format!("{name} now contains 0 records")))),
        None => Err(unknown()),
    }
}

/// Changes some keys of a record, and leaves the others as they are.
#[utoipa::path(
    patch,
    path = "/data/{group}/{type}/{id}",
    operation_id = "change_record",
    tag = "data",
    security(("dataSetToken" = []), ("oauth2" = ["write"])),
    params(
        ("group" = String, Path, description = "The first part of the data set's name."),
        ("type" = String, Path, description = "The second part."),
        ("id" = String, Path, description = "The record's `_id`, percent-encoded."),
    ),
    request_body(content = Value, description = "A JSON object with the keys to change."),
    responses(
        (status = 200, description = "It is changed.", body = Done),
        (status = 400, description = "The record would break the rules: `messages`; a body that is \
            no JSON object: `message`.", body = MessagesDocument),
        Refusals,
    )
)]
pub(crate) async fn patch(
    State(service): State<Arc<Service>>,
    asked: Asked,
    body: Body,
) -> Result<Response, Refusal> {
    let mut received = Received::of(&service, &asked, body).await?;
    let Value::Object(changes) = received.json()? else {
        return Err(Refusal::bad("a record is changed by a JSON object"));
    };
    let patched = service
        .store
        .patch_record(&asked.set, &asked.id, &changes, deadline(&service));
    match patched.await? {
        Patched::Done => Ok(Done::answer(None)),
        Patched::Missing => Err(no_record(&asked.id)),
        Patched::Invalid(messages) => {
            let all = messages.into_iter().map(|message| (0, message));
            Err(Refusal::records(all.collect()))
        }
    }
}

/// Deletes a record.
#[utoipa::path(
    delete,
    path = "/data/{group}/{type}/{id}",
    operation_id = "delete_record",
    tag = "data",
    security(("dataSetToken" = []), ("oauth2" = ["write"])),
    params(
        ("group" = String, Path, description = "The first part of the data set's name."),
        ("type" = String, Path, description = "The second part."),
        ("id" = String, Path, description = "The record's `_id`, percent-encoded."),
    ),
    responses(
        (status = 200, description = "It is gone.", body = Done),
        Refusals,
    )
)]
pub(crate) async fn delete(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    asked.authorize(&service, Scope::Write).await?;
    let deleted = service
        .store
        .delete_record(&asked.set, &asked.id, deadline(&service));
    match deleted.await? {
        true => Ok(Done::answer(None)),
        false => Err(no_record(&asked.id)),
    }
}

fn no_record(id: &str) -> Refusal {
    let shown: String = id.chars().take(80).collect();
    Refusal::not_found(format!("No record found with id {shown:?}"))
}

/// The body of a request that may write, and how much there is in it.
struct Received {
    body: ReceivedBody,
    extent: Extent,
}

impl Received {
    async fn of(service: &Service, asked: &Asked, body: Body) -> Result<Received, Refusal> {
        asked.authorize(service, Scope::Write).await?;
        let body = service.read_body(&asked.parts.headers, body).await?;
        let extent = Extent::of(body.bytes());
        Ok(Received { body, extent })
    }

    /// Its JSON, with memory set aside for it.
    fn json(&mut self) -> Result<Value, Refusal> {
        let length = self.body.bytes().len();
        if length == 0 {
            let message = "Expected JSON request body but received zero bytes.";
            return Err(Refusal::bad(message));
        }
        let values = self.extent.values.saturating_mul(VALUE_BYTES);
        self.body.charge(length.saturating_add(values))?;
        serde_json::from_slice(self.body.bytes())
            .map_err(|error| Refusal::bad(format!("Error parsing JSON: \"{error}\"")))
    }
}

/// The records of a body, or how many there were and why they are refused.
fn records(body: Value) -> Result<Vec<Record>, (usize, Refusal)> {
    let listed = match body {
        Value::Array(listed) => listed,
        one => vec![one],
    };
    let count = listed.len();
    let (mut records, mut messages) = (Vec::with_capacity(count), Vec::new());
    for (position, record) in listed.into_iter().enumerate() {
        match check(record) {
            Ok(record) => records.push(record),
            Err(wrong) => messages.extend(wrong.into_iter().map(|message| (position, message))),
        }
    }
    match messages.is_empty() {
        true => Ok(records),
        false => Err((count, Refusal::records(messages))),
    }
}

fn check(record: Value) -> Result<Record, Vec<String>> {
    match record {
        Value::Object(record) => Record::check(record),
        other => {
            let kind = match other {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::String(_) => "a text",
                _ => "a list",
            };
            Err(vec![format!("a record is a JSON object, and not {kind}")])
        }
    }
}

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
    asked.authorize(&service, Scope::Write).await?;
    let mut body = service.read_body(&asked.parts.headers, body).await?;
    let listed = Extent::of(body.bytes()).listed;
    if listed > EVENTS_PER_REQUEST {
        service.tally().refused(listed as u64);
        let message = format!("a request has up to {EVENTS_PER_REQUEST} records, not {listed}");
        return Err(Refusal::bad(message));
    }
    let records = records(parse(&mut body)?).inspect_err(|(count, _)| {
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
    asked.authorize(&service, Scope::Write).await?;
    let mut body = service.read_body(&asked.parts.headers, body).await?;
    if parse(&mut body)? != Value::Array(Vec::new()) {
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
    asked.authorize(&service, Scope::Write).await?;
    let mut body = service.read_body(&asked.parts.headers, body).await?;
    let Value::Object(changes) = parse(&mut body)? else {
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

/// How much there is in a JSON text, told before it takes memory. Of what is no JSON it may say
/// anything.
#[derive(Debug, Default, PartialEq, Eq)]
struct Extent {
    /// Its values and the keys of its objects, those of inner ones included.
    values: usize,
    /// The values of the list that it is, if it is one.
    listed: usize,
}

impl Extent {
    fn of(json: &[u8]) -> Extent {
        let is_list = json.trim_ascii_start().starts_with(b"[");
        let (mut values, mut listed, mut depth) = (1, usize::from(is_list), 0_usize);
        let mut bytes = json.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => pass_text(&mut bytes),
                b'[' | b'{' => {
                    depth += 1;
                    values += 1;
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' | b':' => {
                    values += 1;
                    listed += usize::from(is_list && depth == 1 && *byte == b',');
                }
                _ => {}
            }
        }
        Extent { values, listed }
    }
}

fn pass_text(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// The JSON of a body, with memory set aside for it.
fn parse(body: &mut ReceivedBody) -> Result<Value, Refusal> {
    let length = body.bytes().len();
    if length == 0 {
        let message = "Expected JSON request body but received zero bytes.";
        return Err(Refusal::bad(message));
    }
    let values = Extent::of(body.bytes()).values;
    body.charge(length.saturating_add(values.saturating_mul(VALUE_BYTES)))?;
    serde_json::from_slice(body.bytes())
        .map_err(|error| Refusal::bad(format!("Error parsing JSON: \"{error}\"")))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extent(json: &str) -> (usize, usize) {
        let Extent { values, listed } = Extent::of(json.as_bytes());
        (values, listed)
    }

    #[test]
    fn values_and_records_are_counted_outside_of_texts() {
        assert_eq!(extent("[0,0,0]"), (4, 3));
        assert_eq!(extent(" [[1,2],[3]]"), (6, 2));
        assert_eq!(extent("{\"a,[\":\"\\\",{\",\"b\":1}"), (5, 0));
        assert_eq!(extent("\"a,b"), (1, 0));
    }

    /// The values and keys of a document.
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(list) => list.iter().map(count).sum(),
            Value::Object(map) => map.values().map(|value| 1 + count(value)).sum(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn no_fewer_are_counted_than_there_are(
            texts in proptest::collection::vec(".{0,6}", 0..5),
            numbers in proptest::collection::vec(any::<i32>(), 1..5),
        ) {
            let map = texts.iter().map(|text| (text.clone(), Value::from(text.clone())));
            let map = Value::Object(map.collect());
            let list = serde_json::json!([map, numbers, [], {}, texts]);
            let extent = Extent::of(list.to_string().as_bytes());
            prop_assert!(extent.values >= count(&list));
            prop_assert_eq!(extent.listed, 5);
        }
    }
}

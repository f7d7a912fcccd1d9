//! Failures, and what DynamoDB answers in them.

use serde_json::{Map, Value, json};
use weir_store::embedded::{Answer, Cut};

use super::Seen;

/// A way for a call to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The connection is cut, and the call never arrives.
    BeforeEffect,
    /// The call is carried out, and its answer is lost.
    AfterEffect,
    /// Refused: too many calls.
    Throttle,
    /// Refused: another write is under way. A read is throttled instead.
    Conflict,
    /// An internal error, and nothing was done.
    ServerError,
    /// Half a batch is done, and the rest comes back. Calls that are no batches are throttled.
    Partly,
}

impl Failure {
    /// Every way.
    pub const ALL: [Self; 6] = [
        Self::BeforeEffect,
        Self::AfterEffect,
        Self::Throttle,
        Self::Conflict,
        Self::ServerError,
        Self::Partly,
    ];
}

/// The code of the error that an answer carries, without what stands before it.
pub fn error_code(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let code = body["__type"].as_str()?;
    Some(code.rsplit('#').next().unwrap_or(code).to_owned())
}

pub(super) fn lost() -> Cut {
    Cut("lost on purpose".to_owned())
}

pub(super) fn server_error() -> Answer {
    error(500, "InternalServerError", json!({}))
}

pub(super) fn throttle(seen: &Seen) -> Answer {
    match seen.is("TransactWriteItems") {
        true => cancelled(seen, |place| {
            if place == 0 {
                "ThrottlingError"
            } else {
                "None"
            }
        }),
        false => error(400, "ProvisionedThroughputExceededException", json!({})),
    }
}

pub(super) fn conflict(seen: &Seen) -> Answer {
    match seen.operation() {
        "TransactWriteItems" => cancelled(seen, |place| {
            if place == 0 {
                "TransactionConflict"
            } else {
                "None"
            }
        }),
        "PutItem" | "DeleteItem" => error(400, "TransactionConflictException", json!({})),
        _ => throttle(seen),
    }
}

/// A cancelled transaction with a reason for the item at each place.
pub(super) fn cancelled(seen: &Seen, reason: impl Fn(usize) -> &'static str) -> Answer {
    let items = seen.body()["TransactItems"].as_array().map_or(0, Vec::len);
    let reasons: Vec<Value> = (0..items)
        .map(|place| json!({ "Code": reason(place) }))
        .collect();
    error(
        400,
        "TransactionCanceledException",
        json!({ "CancellationReasons": reasons }),
    )
}

fn error(status: u16, code: &str, mut body: Value) -> Answer {
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    body["message"] = "on purpose".into();
    Answer {
        status,
        body: body.to_string().into(),
    }
}

/// The first half of a batch as a call of its own, and what is left of the batch.
pub(super) fn halve(seen: &Seen) -> Option<(Seen, Value)> {
    let batch = seen.body()["RequestItems"].as_object()?;
    let (mut half, mut rest) = (Map::new(), Map::new());
    for (name, requests) in batch {
        let (mut first, mut second) = (requests.clone(), requests.clone());
        let list = |requests: &mut Value| match requests.get_mut("Keys") {
            Some(keys) => keys.as_array_mut().map(std::mem::take),
            None => requests.as_array_mut().map(std::mem::take),
        };
        let mut done = list(&mut first)?;
        let left = done.split_off(done.len() / 2);
        list(&mut second)?;
        put_list(&mut half, name, first, done);
        put_list(&mut rest, name, second, left);
    }
    if half.is_empty() {
        return None;
    }
    let mut body = seen.body().clone();
    body["RequestItems"] = half.into();
    Some((seen.with_body(&body), rest.into()))
}

fn put_list(batch: &mut Map<String, Value>, name: &str, mut requests: Value, list: Vec<Value>) {
    if list.is_empty() {
        return;
    }
    match requests.get_mut("Keys") {
        Some(keys) => *keys = list.into(),
        None => requests = list.into(),
    }
    batch.insert(name.to_owned(), requests);
}

/// An answer to half a batch, with the other half given back.
pub(super) fn with_rest(answer: Answer, rest: Value) -> Answer {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer;
    };
    if answer.status != 200 {
        return answer;
    }
    let left = if body.get("Responses").is_some() {
        "UnprocessedKeys"
    } else {
        "UnprocessedItems"
    };
    body[left] = merged(body[left].take(), rest);
    let body = body.to_string().into();
    Answer { body, ..answer }
}

/// What was left of the half as well goes with the rest.
fn merged(left: Value, mut rest: Value) -> Value {
    for (name, requests) in left.as_object().into_iter().flatten() {
        let more = requests.get("Keys").unwrap_or(requests).as_array().cloned();
        let entry = rest.as_object_mut().expect("it is a map").entry(name);
        let entry = entry.or_insert_with(|| {
            let mut none = requests.clone();
            match none.get_mut("Keys") {
                Some(keys) => *keys = json!([]),
                None => none = json!([]),
            }
            none
        });
        let list = match entry.get_mut("Keys") {
            Some(_) => entry["Keys"].as_array_mut(),
            None => entry.as_array_mut(),
        };
        list.expect("it is a list")
            .extend(more.into_iter().flatten());
    }
    rest
}

//! Checks every event of a request: all of them are good, or nothing is stored.

use weir_model::{Event, EventDefaults, FieldError};
use weir_service::problem::MAX_FIELD_ERRORS;
use weir_service::{FieldProblem, Problem, Rejection, Rejections};

use crate::body::Batch;
use crate::door::fault::Fault;

/// The code of a request with a bad event, and the reason of each.
const INVALID: &str = "invalid-event";

/// Why nothing of a request is stored.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub(crate) problem: Problem,
    /// Every bad event.
    pub(crate) rejections: Rejections,
}

/// Reads all events, or names what is wrong with each bad one. The key that they were sent with is
/// not written down.
pub(crate) fn all(batch: Batch<'_>, key: &str) -> Result<Vec<Event>, Refusal> {
    let defaults = EventDefaults::default();
    match batch {
        Batch::One(text) => {
            let event = Event::from_json(text, &defaults);
            event
                .map(|event| vec![event])
                .map_err(|errors| refuse_one(errors, text, key))
        }
        Batch::Fields(fields) => {
            let payload = without_key(&fields, key);
            let event = Event::from_form(fields, &defaults);
            event
                .map(|event| vec![event])
                .map_err(|errors| refuse_one(errors, &payload, key))
        }
        Batch::Many(texts) => many(&texts, &defaults, key),
    }
}

fn refuse_one(errors: Vec<FieldError>, payload: &str, key: &str) -> Refusal {
    let rejections = reject(&errors, payload, key).into();
    refuse(name(None, errors), rejections)
}

/// A form as it was sent, its keys taken out while they are not encoded yet.
fn without_key(fields: &[(String, String)], key: &str) -> String {
    let hide = |text: &str| match key {
        "" => text.to_owned(),
        key => text.replace(key, "***"),
    };
    let hidden: Vec<(String, String)> = fields
        .iter()
        .map(|(name, value)| match name.as_str() {
            "writeKey" => (name.clone(), "***".to_owned()),
            _ => (hide(name), hide(value)),
        })
        .collect();
    serde_urlencoded::to_string(&hidden).unwrap_or_default()
}

fn many(texts: &[&str], defaults: &EventDefaults, key: &str) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::with_capacity(texts.len());
    let (mut problems, mut rejections) = (Vec::new(), Rejections::default());
    for (index, text) in texts.iter().enumerate() {
        match Event::from_json(text, defaults) {
            Ok(event) => events.push(event),
            Err(errors) => {
                rejections.add(INVALID, || reject(&errors, text, key));
                if problems.len() < MAX_FIELD_ERRORS {
                    problems.extend(name(Some(index), errors));
                }
            }
        }
    }
    match rejections.is_empty() {
        true => Ok(events),
        false => Err(refuse(problems, rejections)),
    }
}

fn name(index: Option<usize>, errors: Vec<FieldError>) -> Vec<FieldProblem> {
    let named = errors
        .into_iter()
        .map(|FieldError { field, reason }| FieldProblem {
            index,
            field,
            reason,
        });
    named.collect()
}

fn reject(errors: &[FieldError], payload: &str, key: &str) -> Rejection {
    let named = errors
        .iter()
        .map(|FieldError { field, reason }| format!("{field}: {reason}"));
    let detail = named.collect::<Vec<_>>().join("; ");
    Fault::new(INVALID, detail).rejection(payload, key)
}

fn refuse(problems: Vec<FieldProblem>, rejections: Rejections) -> Refusal {
    let bad = rejections.count();
    let noun = if bad == 1 { "event is" } else { "events are" };
    let detail = format!("{bad} {noun} invalid; nothing was stored");
    Refusal {
        problem: Problem::bad_request(INVALID, detail).with_errors(problems),
        rejections,
    }
}

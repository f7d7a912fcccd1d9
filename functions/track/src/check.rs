//! Checks every event of a request: all of them are good, or nothing is stored.

use weir_model::{Event, EventDefaults, FieldError};
use weir_service::problem::MAX_FIELD_ERRORS;
use weir_service::{FieldProblem, Problem, Rejection};

use crate::body::Batch;

/// The code of a request with a bad event, and the reason of each.
const INVALID: &str = "invalid-event";

/// Why nothing of a request is stored.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub(crate) problem: Problem,
    /// Every bad event.
    pub(crate) rejections: Vec<Rejection>,
}

/// Reads all events, or names what is wrong with each bad one.
pub(crate) fn all(batch: Batch<'_>) -> Result<Vec<Event>, Refusal> {
    let defaults = EventDefaults::default();
    match batch {
        Batch::One(text) => one(Event::from_json(text, &defaults), || text.to_owned()),
        Batch::Fields(fields) => {
            let payload = serde_urlencoded::to_string(&fields).unwrap_or_default();
            one(Event::from_form(fields, &defaults), || payload)
        }
        Batch::Many(texts) => many(&texts, &defaults),
    }
}

fn one(
    event: Result<Event, Vec<FieldError>>,
    payload: impl FnOnce() -> String,
) -> Result<Vec<Event>, Refusal> {
    event.map(|event| vec![event]).map_err(|errors| {
        let rejections = vec![reject(&errors, &payload())];
        refuse(name(None, errors), rejections)
    })
}

fn many(texts: &[&str], defaults: &EventDefaults) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::with_capacity(texts.len());
    let (mut problems, mut rejections) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match Event::from_json(text, defaults) {
            Ok(event) => events.push(event),
            Err(errors) => {
                rejections.push(reject(&errors, text));
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

fn reject(errors: &[FieldError], payload: &str) -> Rejection {
    let named = errors
        .iter()
        .map(|FieldError { field, reason }| format!("{field}: {reason}"));
    let detail = named.collect::<Vec<_>>().join("; ");
    Rejection::new(INVALID, detail, payload)
}

fn refuse(problems: Vec<FieldProblem>, rejections: Vec<Rejection>) -> Refusal {
    let bad = rejections.len();
    let noun = if bad == 1 { "event is" } else { "events are" };
    let detail = format!("{bad} {noun} invalid; nothing was stored");
    Refusal {
        problem: Problem::bad_request(INVALID, detail).with_errors(problems),
        rejections,
    }
}

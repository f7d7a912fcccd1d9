//! Checks every event of a request: all of them are good, or nothing is stored.

use weir_model::{Event, EventDefaults, FieldError};
use weir_service::problem::MAX_FIELD_ERRORS;
use weir_service::{FieldProblem, Problem};

use crate::body::Batch;

/// Reads all events, or names what is wrong with each bad one.
pub(crate) fn all(batch: Batch<'_>) -> Result<Vec<Event>, Problem> {
    let defaults = EventDefaults::default();
    match batch {
        Batch::One(text) => Event::from_json(text, &defaults)
            .map(|event| vec![event])
            .map_err(|errors| refuse(1, name(None, errors))),
        Batch::Fields(fields) => Event::from_form(fields, &defaults)
            .map(|event| vec![event])
            .map_err(|errors| refuse(1, name(None, errors))),
        Batch::Many(texts) => many(&texts, &defaults),
    }
}

fn many(texts: &[&str], defaults: &EventDefaults) -> Result<Vec<Event>, Problem> {
    let mut events = Vec::with_capacity(texts.len());
    let (mut bad, mut problems) = (0, Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match Event::from_json(text, defaults) {
            Ok(event) => events.push(event),
            Err(errors) => {
                bad += 1;
                if problems.len() < MAX_FIELD_ERRORS {
                    problems.extend(name(Some(index), errors));
                }
            }
        }
    }
    if bad == 0 {
        Ok(events)
    } else {
        Err(refuse(bad, problems))
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

fn refuse(bad: usize, problems: Vec<FieldProblem>) -> Problem {
    let noun = if bad == 1 { "event is" } else { "events are" };
    let detail = format!("{bad} {noun} invalid; nothing was stored");
    Problem::bad_request("invalid-event", detail).with_errors(problems)
}

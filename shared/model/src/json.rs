//! Strict JSON: what a client sends is read as it was meant, or refused.
//!
//! `serde_json` takes the last of two equal keys, rounds integers silently, and recurses to a
//! depth of its own. Here duplicate keys, integers that no double holds and deep nesting are
//! errors. Values are borrowed from the body as they stand there until it is known what they are,
//! so the text of numbers in properties is kept to the last digit.

mod event;
mod fields;
mod form;
mod keys;
mod number;
mod properties;
mod split;
mod walk;
mod write;

use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::limits::{EVENTS_PER_REQUEST, NESTING};
use crate::series::Name;
use crate::text::Shown;

pub use split::split;
pub use write::push_text;

/// Why JSON text is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Broken(String),
    /// An object has a key twice.
    #[error("the key {} comes twice in an object", Shown(.0))]
    RepeatedKey(String),
    /// Its arrays and objects nest deeper than allowed.
    #[error("nested deeper than the {0} levels allowed")]
    TooDeep(usize),
    /// It holds more events than a request may.
    #[error("more events than the {EVENTS_PER_REQUEST} that one request may bring")]
    TooManyEvents,
    /// It is JSON, but no event and no list of events.
    #[error("neither an event, nor a list of events, nor an object with a list named events")]
    NotEvents,
    /// Beside the list of events stands what belongs to none of them.
    #[error("the key {} stands beside events, where it would belong to no event", Shown(.0))]
    StrayKey(String),
}

impl JsonError {
    fn broken(error: &serde_json::Error) -> Self {
        JsonError::Broken(error.to_string())
    }
}

/// How complex JSON text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Arrays and objects inside each other, the outermost included; at most 127.
    pub depth: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth: NESTING }
    }
}

/// What is wrong with one field of an event.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{field} {reason}")]
pub struct FieldError {
    /// The field's name; `event` if the whole is not an object.
    pub field: String,
    /// Why, with the value and what is allowed.
    pub reason: String,
}

/// What events have that do not say so themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventDefaults {
    /// The namespace.
    pub namespace: Option<Name>,
    /// The name.
    pub name: Option<Name>,
}

/// Checks that a text is one JSON value without duplicate keys and within the limits.
pub fn check(text: &str, limits: JsonLimits) -> Result<(), JsonError> {
    walk::check(text, limits.depth)
}

/// Copies a value without white space between its tokens. Numbers and strings keep their text.
pub fn compact(value: &RawValue) -> Box<str> {
    compact_text(value.get()).into()
}

/// White space matters only between the quotes of a string.
fn compact_text(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(|c: char| c == '"' || c.is_ascii_whitespace()) {
        let (before, from) = rest.split_at(place);
        compact.push_str(before);
        let end = if from.starts_with('"') {
            string_end(from)
        } else {
            0
        };
        compact.push_str(&from[..end]);
        rest = &from[end.max(1)..];
    }
    compact.push_str(rest);
    compact
}

/// Where a string that begins with a quote ends, behind its last quote.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return place + 1,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;

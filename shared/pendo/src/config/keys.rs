//! A configuration, read key by key, with errors that name the file and the key.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use weir_collector::Fault;

use crate::names::closest;

/// Texts longer than this are cut in messages.
const SHOWN_CHARS: usize = 80;

/// The keys of a configuration. `null` counts as not given.
pub(super) struct Keys<'a> {
    file: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(file: &'a str, map: &'a Map<String, Value>) -> Keys<'a> {
        Keys { file, map }
    }

    /// A key's value, whatever it is.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A key's value, where an empty text means that there is none.
    pub(super) fn given(&self, key: &str) -> Option<&'a Value> {
        let is_empty = |value: &&Value| value.as_str().is_some_and(|text| text.trim().is_empty());
        self.get(key).filter(|value| !is_empty(value))
    }

    /// An error that names this file and a key.
    pub(super) fn error(&self, key: &str, why: impl fmt::Display) -> Fault {
        Fault::new(format_args!("{}: {key} {why}", self.file))
    }

    /// An error about a value that is not allowed.
    pub(super) fn wrong(&self, key: &str, value: &Value, wanted: &str) -> Fault {
        self.error(
            key,
            format_args!("is {}: it must be {wanted}", shown(value)),
        )
    }

    /// A text that must be there and not be empty. `what` says what it is, for the error.
    pub(super) fn required_text(&self, key: &str, what: &str) -> Result<&'a str, Fault> {
        match self.given(key) {
            Some(Value::String(text)) => Ok(text.trim()),
            Some(other) => Err(self.wrong(key, other, what)),
            None => Err(self.error(key, format_args!("is missing: it is {what}"))),
        }
    }

    /// A whole number of a range, or a text with one.
    pub(super) fn whole(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Fault> {
        let (from, to) = (range.start(), range.end());
        let wanted = format!("a whole number from {from} to {to}");
        let is_whole = |n: f64| n.fract() == 0.0 && n >= *from as f64 && n <= *to as f64;
        let number = self.number(key, &wanted, is_whole)?;
        Ok(number.map(|number| number as u64))
    }

    /// A number that is allowed, or a text with one. `wanted` says which are.
    pub(super) fn number(
        &self,
        key: &str,
        wanted: &str,
        is_allowed: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, Fault> {
        let Some(value) = self.given(key) else {
            return Ok(None);
        };
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        match number.filter(|number| is_allowed(*number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, value, wanted)),
        }
    }

    /// True or false, or a text with either.
    pub(super) fn switch(&self, key: &str) -> Result<Option<bool>, Fault> {
        match self.given(key) {
            None => Ok(None),
            Some(Value::Bool(switch)) => Ok(Some(*switch)),
            Some(Value::String(text)) if text.trim().eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.trim().eq_ignore_ascii_case("false") => {
                Ok(Some(false))
            }
            Some(other) => Err(self.wrong(key, other, "true or false")),
        }
    }

    /// Notes about keys that are not among those known. Never shows their values.
    pub(super) fn unknown(&self, known: &[&str]) -> Vec<String> {
        let unknown = self.map.keys().filter(|key| !known.contains(&key.as_str()));
        let note = |key: &String| match closest(key, known.iter().copied()) {
            Some(close) => format!("{}: {key} is ignored: did you mean {close}?", self.file),
            None => format!("{}: {key} is ignored", self.file),
        };
        unknown.map(note).collect()
    }
}

/// A value for a message: what it is, and of simple ones the value itself.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => {
            let cut: String = text.chars().take(SHOWN_CHARS).collect();
            format!("the text {cut:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

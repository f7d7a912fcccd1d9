//! How much memory a record takes, roughly.

use serde_json::{Map, Value};

/// What a value costs beside its text: the value itself, its place in a map, an allocation.
const PER_VALUE: usize = 64;

/// Bytes that a record takes, roughly.
pub(crate) fn of(record: &Map<String, Value>) -> usize {
    record
        .iter()
        .map(|(key, value)| key.len() + of_value(value))
        .sum()
}

fn of_value(value: &Value) -> usize {
    PER_VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of_value).sum(),
            Value::Object(map) => of(map),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

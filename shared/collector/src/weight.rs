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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_weighs_its_texts_and_its_values_at_every_level() {
        let weight = |value: Value| match value {
            Value::Object(record) => of(&record),
            _ => unreachable!("it is an object"),
        };
        assert_eq!(weight(json!({})), 0);
        let flat = weight(json!({"key": "text", "n": 1}));
        assert_eq!(flat, 3 + 4 + 1 + 2 * PER_VALUE);
        let nested = weight(json!({"a": [{"key": "text", "n": 1}]}));
        assert_eq!(nested, 1 + 2 * PER_VALUE + flat);
    }
}

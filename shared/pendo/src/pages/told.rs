//! Which rows of an answer were told already, when it is asked for again.
//!
//! Rows are known by their content: an answer may come in another order, and a row that has changed
//! meanwhile is to be told again. Equal rows are counted, because events may well be equal in all
//! selected fields. A row takes 16 bytes and the space that the table keeps free.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value};

/// The content of a row, in 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Print(u64);

/// Which rows were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    rows: HashMap<Print, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// How often such a row was told.
    told: u32,
    /// How often it was met since the answer was asked for again.
    met: u32,
}

impl Print {
    /// Of a record.
    pub(crate) fn of(record: &Map<String, Value>) -> Print {
        let mut hasher = DefaultHasher::new();
        add_map(record, &mut hasher);
        Print(hasher.finish())
    }
}

// A map's own hash sorts its keys first. The same row has its keys in the same order.
fn add_map(map: &Map<String, Value>, hasher: &mut DefaultHasher) {
    map.len().hash(hasher);
    for (key, value) in map {
        key.hash(hasher);
        add(value, hasher);
    }
}

fn add(value: &Value, hasher: &mut DefaultHasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(truth) => truth.hash(hasher),
        Value::Number(number) => number.hash(hasher),
        Value::String(text) => text.hash(hasher),
        Value::Array(values) => {
            values.len().hash(hasher);
            values.iter().for_each(|value| add(value, hasher));
        }
        Value::Object(map) => add_map(map, hasher),
    }
}

impl Told {
    /// Whether a row is to be told: it was met more often than it was told.
    pub(crate) fn is_new(&mut self, print: Print) -> bool {
        let count = self.rows.entry(print).or_default();
        count.met += 1;
        let is_new = count.met > count.told;
        count.told = count.told.max(count.met);
        is_new
    }

    /// The rows come again.
    pub(crate) fn again(&mut self) {
        for count in self.rows.values_mut() {
            count.met = 0;
        }
    }

    /// Other rows come.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn print(value: Value) -> Print {
        match value {
            Value::Object(record) => Print::of(&record),
            _ => unreachable!("it is an object"),
        }
    }

    #[test]
    fn rows_are_known_by_their_content() {
        let row = || print(json!({"a": {"b": [1, null, "x"]}, "n": 1.5}));
        assert_eq!(row(), row());
        for other in [
            json!({"a": {"b": [1, null, "y"]}, "n": 1.5}),
            json!({"a": {"b": [1, null, "x"]}, "n": 1.25}),
            json!({"a": {"b": [1, "x"]}, "n": 1.5}),
            json!({"n": 1.5}),
        ] {
            assert_ne!(row(), print(other));
        }
    }

    #[test]
    fn equal_rows_are_told_as_often_as_there_are() {
        let mut told = Told::default();
        let row = print(json!({"a": 1}));
        assert!(told.is_new(row) && told.is_new(row));
        told.again();
        assert_eq!([told.is_new(row), told.is_new(row)], [false, false]);
        assert!(told.is_new(row));
        told.again();
        told.again();
        assert!(!told.is_new(row));
        told.clear();
        assert!(told.is_new(row));
    }
}

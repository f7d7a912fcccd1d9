//! `sort`: by one field after another, `-` before those that go down; what is missing comes first.

use std::cmp::Ordering;

use serde_json::Value;

use super::row::Row;

/// Puts rows in order; those that are equal stay as they were.
pub(crate) fn sort(rows: &mut [Row], keys: &[String]) {
    rows.sort_by(|one, other| {
        let mut each = keys.iter().map(|key| compare_by(one, other, key));
        each.find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
    });
}

fn compare_by(one: &Row, other: &Row, key: &str) -> Ordering {
    match key.strip_prefix('-') {
        Some(key) => compare_by(one, other, key).reverse(),
        None => match (one.get(key), other.get(key)) {
            (Some(one), Some(other)) => compare(&one, &other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        },
    }
}

/// Booleans before numbers before texts before the rest.
pub(crate) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => numbers(one, other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)),
    }
}

fn numbers(one: &Value, other: &Value) -> Ordering {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => {
            let float = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
            float(one).total_cmp(&float(other))
        }
    }
}

/// Which kind of value it is; only those of one kind can be compared.
pub(crate) fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

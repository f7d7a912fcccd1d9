//! How much memory a message takes, about, room that it does not use included, and whether it is not nested too deep: one walk, on
//! the thread that reports, without writing anything.

use serde_json::{Map, Value};
use weir_model::limits::NESTING;

use crate::refused::Refused;

/// A member of an object beside the bytes of its key and of what its value points to: key, value,
/// hash, and its place in the index.
const MEMBER_BYTES: usize = size_of::<(String, Value)>() + 24;

/// The bytes that an object takes beside itself, if it may be an event's properties.
pub(crate) fn object(object: &Map<String, Value>) -> Result<usize, Refused> {
    members(object, NESTING).ok_or(Refused::TooDeep)
}

/// The same for an object that stands inside the properties.
pub(crate) fn member(object: &Map<String, Value>) -> Result<usize, Refused> {
    members(object, NESTING - 1).ok_or(Refused::TooDeep)
}

fn members(object: &Map<String, Value>, left: usize) -> Option<usize> {
    let left = left.checked_sub(1)?;
    object.iter().try_fold(0, |sum, (key, member)| {
        Some(sum + MEMBER_BYTES + key.capacity() + value(member, left)?)
    })
}

fn value(value: &Value, left: usize) -> Option<usize> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(0),
        Value::String(text) => Some(text.capacity()),
        Value::Array(items) => list(items, left),
        Value::Object(object) => members(object, left),
    }
}

fn list(items: &Vec<Value>, left: usize) -> Option<usize> {
    let left = left.checked_sub(1)?;
    let room = items.capacity() * size_of::<Value>();
    items
        .iter()
        .try_fold(room, |sum, item| Some(sum + value(item, left)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Map<String, Value> {
        let inner = (1..levels).fold(json!(1), |inner, level| match level % 2 {
            0 => json!([inner]),
            _ => json!({"a": inner}),
        });
        Map::from_iter([("a".to_owned(), inner)])
    }

    #[test]
    fn as_deep_as_the_server_allows_and_no_deeper() {
        assert!(object(&nested(NESTING)).is_ok());
        assert_eq!(object(&nested(NESTING + 1)), Err(Refused::TooDeep));
        assert!(member(&nested(NESTING - 1)).is_ok());
        assert_eq!(member(&nested(NESTING)), Err(Refused::TooDeep));
    }

    #[test]
    fn a_message_weighs_at_least_its_text() {
        let message = json!({"a": "x".repeat(1000), "b": ["y".repeat(500)], "c": 1});
        let bytes = object(message.as_object().unwrap()).unwrap();
        assert!((1500..3000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn room_that_is_not_used_weighs_as_well() {
        let (text, list) = (String::with_capacity(10_000), Vec::with_capacity(1000));
        let members = [("a", Value::String(text)), ("b", Value::Array(list))];
        let message = members.map(|(key, value)| (key.to_owned(), value));
        let bytes = object(&Map::from_iter(message)).unwrap();
        assert!(bytes >= 10_000 + 1000 * size_of::<Value>(), "{bytes}");
    }
}

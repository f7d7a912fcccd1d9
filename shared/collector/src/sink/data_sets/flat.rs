//! Records with objects and lists in them, as the flat documents of data sets.
//!
//! An object's fields go under its key and theirs, with `_` between: `{"metadata_auto": {"id": 1}}`
//! is `metadata_auto_id`. A list is its JSON as text. A key that a data set does not take has `_`
//! in the place of each character that is not allowed, and a few digits of its hash, so that two
//! keys never become one.
//!
//! The `_id` is a hash of the stream and its key properties, of which some may be null: an event
//! without an account still has its visitor. A stream without key properties is one document. The
//! `_timestamp` is that of the first bookmark property, if the record has it.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::message::{RecordMessage, Schema};

/// Digits of a hash that tell keys apart.
const KEY_DIGITS: usize = 8;

/// What makes flat documents of a stream's records.
#[derive(Debug)]
pub(super) struct Flat {
    keys: Vec<String>,
    time: Option<String>,
}

impl Flat {
    pub(super) fn of(schema: &Schema) -> Flat {
        Flat {
            keys: schema.key_properties.clone(),
            time: schema.bookmark_properties.first().cloned(),
        }
    }

    /// The record as a flat document, with its `_id` and `_timestamp`.
    pub(super) fn record(&self, message: RecordMessage) -> RecordMessage {
        let record = message.record;
        let mut flat = Map::with_capacity(record.len() + 2);
        flat.insert("_id".to_owned(), self.id(&message.stream, &record).into());
        let time = self.time.as_ref().and_then(|key| record.get(key));
        if let Some(Value::String(time)) = time {
            flat.insert("_timestamp".to_owned(), time.as_str().into());
        }
        for (key, value) in record {
            put(&mut flat, key, value);
        }
        RecordMessage {
            record: flat,
            ..message
        }
    }

    fn id(&self, stream: &Arc<str>, record: &Map<String, Value>) -> String {
        let value = |key: &String| record.get(key).cloned().unwrap_or(Value::Null);
        let mut parts = vec![Value::String(stream.to_string())];
        parts.extend(self.keys.iter().map(value));
        hash(&Value::Array(parts).to_string())
    }
}

fn put(flat: &mut Map<String, Value>, key: String, value: Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                put(flat, format!("{key}_{field}"), value);
            }
        }
        Value::Object(_) => set(flat, &key, Value::Null),
        Value::Array(_) => set(flat, &key, Value::String(value.to_string())),
        value => set(flat, &key, value),
    }
}

fn set(flat: &mut Map<String, Value>, key: &str, value: Value) {
    let name = match is_taken_as_it_is(key) && !flat.contains_key(key) {
        true => key.to_owned(),
        false => renamed(key),
    };
    flat.insert(name, value);
}

/// Whether a data set takes the key, and does not take it for one of its own.
fn is_taken_as_it_is(key: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    key.len() >= 2 && key.as_bytes()[0].is_ascii_alphabetic() && key.bytes().all(legal)
}

fn renamed(key: &str) -> String {
    let legal = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => '_',
    };
    let text: String = key.chars().map(legal).collect();
    let first = match text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => "",
        false => "k",
    };
    format!("{first}{text}_{}", &hash(key)[..KEY_DIGITS])
}

fn hash(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use weir_model::Record;

    fn flat(keys: &[&str], record: Value) -> Map<String, Value> {
        let Value::Object(record) = record else {
            unreachable!("it is an object")
        };
        let flat = Flat {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            time: Some("lastupdated".to_owned()),
        };
        let message = RecordMessage {
            stream: "visitors".into(),
            record,
            time_extracted: None,
        };
        flat.record(message).record
    }

    fn without_id(record: Value) -> Value {
        let mut flat = flat(&["visitor_id"], record);
        flat.shift_remove("_id");
        Value::Object(flat)
    }

    #[test]
    fn objects_become_fields_and_lists_become_text() {
        let record = json!({
            "visitor_id": "v", "num": 3.7, "gone": null, "empty": {},
            "metadata_auto": {"id": "x", "ids": ["a", {"b": 1}], "deep": {"er": true}},
        });
        let expected = json!({
            "visitor_id": "v", "num": 3.7, "gone": null, "empty": null,
            "metadata_auto_id": "x", "metadata_auto_ids": "[\"a\",{\"b\":1}]",
            "metadata_auto_deep_er": true,
        });
        assert_eq!(without_id(record), expected);
    }

    #[test]
    fn the_time_is_that_of_the_bookmark() {
        let time = "2024-01-01T00:00:00.005000Z";
        assert_eq!(without_id(json!({"lastupdated": time}))["_timestamp"], time);
        let none = without_id(json!({"lastupdated": null}));
        assert_eq!(none, json!({"lastupdated": null}));
    }

    #[test]
    fn an_id_is_of_the_keys_alone_and_some_may_be_missing() {
        let id = |record: Value| flat(&["visitor_id", "account_id"], record)["_id"].clone();
        let first = id(json!({"visitor_id": "v", "account_id": null, "n": 1}));
        assert_eq!(first, id(json!({"n": 2, "visitor_id": "v"})));
        let others = [
            json!({"visitor_id": null, "account_id": "v"}),
            json!({"visitor_id": "v", "account_id": ""}),
            json!({"visitor_id": "null"}),
        ];
        for other in others {
            assert_ne!(first, id(other));
        }
        let single = flat(&[], json!({"a1": 1}))["_id"].clone();
        assert_eq!(single, flat(&[], json!({"a1": 2}))["_id"]);
    }

    #[test]
    fn what_was_made_flat_is_a_record_and_no_key_hides_another() {
        let record = json!({
            "visitor_id": "v", "_id": "x", "größe": 1, "grüße": 2, "Plan Name": 3, "Plan-Name": 4,
            "aa": {"bb": 1, "": 2, " ": 3}, "aa_bb": 5, "_private": 6, "1st": 7, "x": 8,
        });
        let flat = flat(&["visitor_id"], record);
        let mut values: Vec<u64> = flat.values().filter_map(Value::as_u64).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8], "{flat:?}");
        assert_eq!(Record::check(flat).err(), None);
    }
}

//! Records with objects and lists in them, as the flat documents of data sets.
//!
//! An object's fields go under its key and theirs, with `_` between: `{"metadata_auto": {"id": 1}}`
//! is `metadata_auto_id`. A list is its JSON as text. A key that a data set does not take has `_`
//! in the place of each character that is not allowed, and a few digits of its hash. So has a field
//! that would be called as one that is less deep: no two fields ever become one, and a field is
//! called the same in whatever order the record has its keys.
//!
//! The `_id` is a hash of the stream and its key properties, of which some may be null: an event
//! without an account still has its visitor. A record whose keys are all null is told from others by
//! all that is in it. A stream without key properties is one document. The `_timestamp` is that of
//! the first bookmark property, if the record has it and data sets take it: what is no time there,
//! or is before 1970, is not theirs to refuse.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use weir_model::Record;

use crate::message::Schema;

/// Digits of a hash that tell keys apart, as long as they do.
const KEY_DIGITS: usize = 8;

/// Where the time of a document is.
const TIMESTAMP: &str = "_timestamp";

/// What makes flat documents of a stream's records.
#[derive(Debug)]
pub(super) struct Flat {
    keys: Vec<String>,
    time: Option<String>,
}

/// A flat document.
#[derive(Debug)]
pub(super) struct Document {
    /// The stream and the values of its keys, as JSON: what the document is called in messages.
    pub(super) keys: String,
    pub(super) body: Map<String, Value>,
}

/// A value that is no object, under the keys that lead to it.
struct Leaf {
    path: Vec<String>,
    value: Value,
}

impl Flat {
    pub(super) fn of(schema: &Schema) -> Flat {
        Flat {
            keys: schema.key_properties.clone(),
            time: schema.bookmark_properties.first().cloned(),
        }
    }

    /// The record as a flat document, with its `_id` and `_timestamp`.
    pub(super) fn document(&self, stream: &str, record: Map<String, Value>) -> Document {
        let (keys, has_some) = self.keys(stream, &record);
        let time = self.time(&record);
        let fields = fields(record);
        let id = match has_some {
            true => hash(&keys),
            false => hash(&json!([keys, BTreeMap::from_iter(&fields)]).to_string()),
        };
        let mut body = Map::with_capacity(fields.len() + 2);
        body.insert("_id".to_owned(), id.into());
        body.extend(time.map(|time| (TIMESTAMP.to_owned(), time)));
        body.extend(fields);
        Document { keys, body }
    }

    /// What tells the record from others, and whether it does.
    fn keys(&self, stream: &str, record: &Map<String, Value>) -> (String, bool) {
        let values = self.keys.iter().map(|key| record.get(key));
        let values: Vec<&Value> = values.map(|value| value.unwrap_or(&Value::Null)).collect();
        let has_some = values.is_empty() || values.iter().any(|value| !value.is_null());
        let all: Vec<Value> = std::iter::once(stream.into())
            .chain(values.into_iter().cloned())
            .collect();
        (Value::Array(all).to_string(), has_some)
    }

    fn time(&self, record: &Map<String, Value>) -> Option<Value> {
        let time = record.get(self.time.as_ref()?)?;
        let document = Map::from_iter([(TIMESTAMP.to_owned(), time.clone())]);
        let is_taken = Record::check(document).is_ok();
        is_taken.then(|| time.clone())
    }
}

/// The fields of a record, each under a name of its own.
fn fields(record: Map<String, Value>) -> Map<String, Value> {
    let mut leaves = Vec::with_capacity(record.len());
    for (key, value) in record {
        gather(vec![key], value, &mut leaves);
    }
    let owners = owners(&leaves);
    let mut fields = Map::with_capacity(leaves.len());
    for leaf in &leaves {
        let plain = leaf.path.join("_");
        let name = match owners.get(&plain) {
            Some(path) if *path == leaf.path.as_slice() => plain,
            _ => {
                let is_free = |name: &str| !owners.contains_key(name) && !fields.contains_key(name);
                renamed(&leaf.path, is_free)
            }
        };
        fields.insert(name, leaf.value.clone());
    }
    fields
}

fn gather(path: Vec<String>, value: Value, leaves: &mut Vec<Leaf>) {
    let value = match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let path = path.iter().cloned().chain([field]).collect();
                gather(path, value, leaves);
            }
            return;
        }
        Value::Object(_) => Value::Null,
        Value::Array(_) => Value::String(value.to_string()),
        value => value,
    };
    leaves.push(Leaf { path, value });
}

/// Which field has each name that a data set takes: the one that is least deep, and of several the
/// first by its keys.
fn owners(leaves: &[Leaf]) -> HashMap<String, &[String]> {
    let mut owners: HashMap<String, &[String]> = HashMap::with_capacity(leaves.len());
    for leaf in leaves {
        let plain = leaf.path.join("_");
        if !is_taken_as_it_is(&plain) {
            continue;
        }
        let owner = owners.entry(plain).or_insert(&leaf.path);
        let rank = |path: &[String]| (path.len(), path.to_vec());
        if rank(&leaf.path) < rank(owner) {
            *owner = &leaf.path;
        }
    }
    owners
}

/// Whether a data set takes the key, and does not take it for one of its own.
fn is_taken_as_it_is(key: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    key.len() >= 2 && key.as_bytes()[0].is_ascii_alphabetic() && key.bytes().all(legal)
}

/// A name that a data set takes, with as many digits of the path's hash as it takes to be free.
fn renamed(path: &[String], is_free: impl Fn(&str) -> bool) -> String {
    let legal = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => '_',
    };
    let text: String = path.join("_").chars().map(legal).collect();
    let first = match text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => "",
        false => "k",
    };
    let hash = hash(&json!(path).to_string());
    let name = |digits: usize| format!("{first}{text}_{}", &hash[..digits]);
    let free = (KEY_DIGITS..hash.len())
        .map(name)
        .find(|name| is_free(name));
    free.unwrap_or_else(|| name(hash.len()))
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
        flat.document("visitors", record).body
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
    fn a_time_that_no_data_set_takes_is_not_the_documents() {
        for time in [
            json!("soon"),
            json!("1969-12-31T23:59:59.999000Z"),
            json!("2024-01-01"),
            json!(1_704_067_200_000_i64),
            json!(["2024-01-01T00:00:00Z"]),
        ] {
            let flat = flat(
                &["visitor_id"],
                json!({"visitor_id": "v", "lastupdated": time}),
            );
            assert_eq!(flat.get("_timestamp"), None, "{time}");
            assert!(flat.contains_key("lastupdated"), "{time}");
            assert_eq!(Record::check(flat).err(), None, "{time}");
        }
    }

    #[test]
    fn no_field_hides_another_in_whatever_order_they_are() {
        let one = json!({"p": {"q": {"r": 1}, "q_r": 2}, "p_q_r": 3, "p_q": {"r": 4}});
        let other = json!({"p_q": {"r": 4}, "p_q_r": 3, "p": {"q_r": 2, "q": {"r": 1}}});
        let (one, other) = (without_id(one), without_id(other));
        assert_eq!(one, other);
        assert_eq!(one["p_q_r"], 3);
        let values = one.as_object().expect("an object").values();
        let mut values: Vec<u64> = values.filter_map(Value::as_u64).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2, 3, 4], "{one}");
        // Without the plain one it is the least deep, and of those the first.
        let nested = without_id(json!({"p_q": {"r": 4}, "p": {"q_r": 2, "q": {"r": 1}}}));
        assert_eq!(nested["p_q_r"], 2);
        // A name that is made up gives way to one that is there.
        let taken = one.as_object().expect("an object").keys();
        let taken = taken.filter(|key| *key != "p_q_r").cloned();
        let taken = taken.map(|key| (key, json!(7)));
        let mut record = Map::from_iter(taken);
        let many = json!({"p": {"q": {"r": 1}, "q_r": 2}, "p_q_r": 3, "p_q": {"r": 4}});
        record.extend(many.as_object().expect("an object").clone());
        let flat = flat(&[], Value::Object(record));
        assert_eq!(flat.values().filter(|value| value.is_u64()).count(), 7);
    }

    #[test]
    fn records_without_any_key_are_told_apart_by_all_that_is_in_them() {
        let id = |record: Value| flat(&["visitor_id", "account_id"], record)["_id"].clone();
        let one = id(json!({"visitor_id": null, "a": {"b": 1, "c": 2}}));
        assert_eq!(one, id(json!({"a": {"c": 2, "b": 1}, "visitor_id": null})));
        assert_ne!(one, id(json!({"visitor_id": null, "a": {"b": 1, "c": 3}})));
        assert_ne!(one, id(json!({"visitor_id": "", "a": {"b": 1, "c": 2}})));
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
            json!({"visitor_id": null}),
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

//! What makes a repeated record replace the first: its `_id`.
//!
//! Data sets replace by `_id`. A run that dies delivers a little again, so a record without one
//! would be there twice. It is given one made of its schema's key properties; where there are
//! none, it is refused. A key that a record lacks, or that is null, is a value as any other: an event
//! of no account is told from those of accounts. A record that lacks all of them is refused.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::fault::Fault;
use crate::message::{RecordMessage, Schema};

/// The keys of each stream, and the ids they make.
#[derive(Debug, Default)]
pub(super) struct Identities {
    keys: HashMap<Arc<str>, Vec<String>>,
}

impl Identities {
    /// Notes the key properties of a stream.
    pub(super) fn learn(&mut self, schema: Schema) {
        self.keys.insert(schema.stream, schema.key_properties);
    }

    /// The document of a record, with an `_id`.
    pub(super) fn document(&self, message: RecordMessage) -> Result<Map<String, Value>, Fault> {
        let RecordMessage { stream, record, .. } = message;
        if record.contains_key("_id") {
            return Ok(record);
        }
        let id = self.id(&stream, &record)?;
        let mut document = Map::with_capacity(record.len() + 1);
        document.insert("_id".to_owned(), Value::String(id));
        document.extend(record);
        Ok(document)
    }

    fn id(&self, stream: &Arc<str>, record: &Map<String, Value>) -> Result<String, Fault> {
        let keys = self.keys.get(stream).map_or(&[][..], Vec::as_slice);
        if keys.is_empty() {
            return Err(Fault::new(format!(
                "a record of {stream} has no _id, and the stream has no key properties"
            ))
            .hint("without either, a repeated record could not replace the first"));
        }
        let values: Vec<&Value> = keys
            .iter()
            .map(|key| record.get(key).unwrap_or(&Value::Null))
            .collect();
        if values.iter().all(|value| value.is_null()) {
            let keys = keys.join(", nor ");
            return Err(Fault::new(format!("a record of {stream} has no {keys}")));
        }
        let texts = values.iter().map(|value| value.to_string());
        let parts: Vec<String> = std::iter::once(stream.to_string()).chain(texts).collect();
        // Values are JSON and hold no such character, so no two keys give the same text.
        let hash = Sha256::digest(parts.join("\u{1f}"));
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identities(keys: &[&str]) -> Identities {
        let mut identities = Identities::default();
        identities.learn(Schema {
            stream: "visits".into(),
            schema: json!({}),
            key_properties: keys.iter().map(|key| (*key).to_owned()).collect(),
            bookmark_properties: Vec::new(),
        });
        identities
    }

    fn id(keys: &[&str], record: Value) -> Result<String, Fault> {
        let Value::Object(record) = record else {
            unreachable!("it is an object")
        };
        let message = RecordMessage {
            stream: "visits".into(),
            record,
            time_extracted: None,
        };
        let document = identities(keys).document(message)?;
        Ok(document["_id"].as_str().expect("an id is text").to_owned())
    }

    #[test]
    fn a_record_keeps_its_own_id() {
        assert_eq!(
            id(&["_id"], json!({"_id": "a", "n": 1})).as_deref(),
            Ok("a")
        );
    }

    #[test]
    fn key_properties_make_an_id_and_nothing_else_does() {
        let first = id(&["day", "page"], json!({"day": "x", "page": 1, "n": 1}));
        let again = id(&["day", "page"], json!({"n": 2, "page": 1, "day": "x"}));
        let other = id(&["day", "page"], json!({"day": "x", "page": "1", "n": 1}));
        assert_eq!(first, again);
        assert_ne!(first, other);
    }

    #[test]
    fn without_keys_a_record_is_refused() {
        let fault = id(&[], json!({"n": 1})).expect_err("no id");
        assert!(fault.message.contains("no key properties"), "{fault}");
        let fault = id(&["day"], json!({"n": 1})).expect_err("no id");
        assert_eq!(fault.message, "a record of visits has no day");
        let fault = id(&["day", "page"], json!({"day": null, "n": 1})).expect_err("no id");
        assert_eq!(fault.message, "a record of visits has no day, nor page");
    }

    #[test]
    fn a_key_that_is_null_or_not_there_is_a_value_of_its_own() {
        let none = id(&["day", "page"], json!({"day": "x"}));
        let null = id(&["day", "page"], json!({"day": "x", "page": null}));
        assert!(none.is_ok(), "{none:?}");
        assert_eq!(none, null);
        for other in [json!("null"), json!(""), json!(0), json!(false)] {
            let other = id(&["day", "page"], json!({"day": "x", "page": other}));
            assert_ne!(none, other);
        }
        assert_ne!(none, id(&["page", "day"], json!({"day": "x"})));
    }
}

//! Records of data sets: flat JSON documents, as Backdrop's clients send them.
//!
//! The rules, and the words in which a document is refused, are Backdrop's: its clients and their
//! logs know them. A document that has passed is kept as it was said; its time is read beside it.

mod check;
mod name;
mod settings;

use serde_json::{Map, Value};

use crate::timestamp::Timestamp;

pub use name::{DataSetName, DataSetNameError};
pub use settings::DataSetSettings;

/// Bytes of an `_id`: it is part of two sort keys of at most 1,024 bytes (DynamoDB developer
/// guide, "Quotas"), the longer of which has a time before it.
pub const RECORD_ID_BYTES: usize = 900;

/// Bytes of a record as compact JSON: an item holds 400 KB (DynamoDB developer guide, "Quotas"),
/// the id twice and the key included.
pub const RECORD_BYTES: usize = 350_000;

/// The key that is the server's to set.
pub const UPDATED_AT: &str = "_updated_at";

/// A document that keeps the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    body: Map<String, Value>,
    timestamp: Option<Timestamp>,
}

impl Record {
    /// Checks a document. `_updated_at` is taken out of it: whoever stores it says when that was.
    ///
    /// # Errors
    /// Every message, in the order of the keys.
    pub fn check(mut body: Map<String, Value>) -> Result<Self, Vec<String>> {
        body.shift_remove(UPDATED_AT);
        let messages = check::messages(&body);
        if !messages.is_empty() {
            return Err(messages);
        }
        let timestamp = body.get("_timestamp").and_then(Value::as_str);
        let timestamp = timestamp.and_then(|text| check::time(text).ok());
        Ok(Self { body, timestamp })
    }

    /// The `_id`, if it came with one.
    pub fn id(&self) -> Option<&str> {
        self.body.get("_id").and_then(Value::as_str)
    }

    /// When it is of, if it says so.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The document, as it was said.
    pub fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// The document itself.
    pub fn into_body(self) -> Map<String, Value> {
        self.body
    }
}

#[cfg(test)]
mod tests;

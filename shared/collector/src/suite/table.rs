//! What a sink that replaces by key holds after a sequence of messages.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::message::{Message, RecordMessage};

/// What a sink that replaces by key holds: the records of each stream by their key properties.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    keys: HashMap<Arc<str>, Vec<String>>,
    records: BTreeMap<(Arc<str>, String), Value>,
}

impl Table {
    /// What is there after the messages.
    pub fn after<'m>(messages: impl IntoIterator<Item = &'m Message>) -> Self {
        let mut table = Self::default();
        for message in messages {
            table.take(message);
        }
        table
    }

    /// Takes one more message.
    pub fn take(&mut self, message: &Message) {
        match message {
            Message::Schema(schema) => {
                let keys = schema.key_properties.clone();
                self.keys.insert(Arc::clone(&schema.stream), keys);
            }
            Message::Record(record) => {
                let key = (Arc::clone(&record.stream), self.key(record));
                let document = Value::Object(record.record.clone());
                self.records.insert(key, document);
            }
            Message::Empty { stream } => self.records.retain(|(of, _), _| of != stream),
            Message::State(_) => {}
        }
    }

    /// The records by stream and key.
    pub fn records(&self) -> &BTreeMap<(Arc<str>, String), Value> {
        &self.records
    }

    /// A record without key properties is its own key.
    fn key(&self, message: &RecordMessage) -> String {
        match self.keys.get(&message.stream) {
            Some(keys) if !keys.is_empty() => keys
                .iter()
                .map(|key| message.record.get(key).unwrap_or(&Value::Null).to_string())
                .collect::<Vec<_>>()
                .join("\u{1f}"),
            _ => Value::Object(message.record.clone()).to_string(),
        }
    }
}

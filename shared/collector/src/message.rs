//! The messages of a collector: Singer's, and one more.
//!
//! SCHEMA, RECORD and STATE mean what they mean in the Singer specification: a schema comes before
//! the first record of its stream, and a state means that everything before it may be considered
//! delivered. [`Message::Empty`] is Weir's own; there is no line for it.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use weir_model::Timestamp;

/// What a source hands on.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// What a stream's records look like.
    Schema(Schema),
    /// One record.
    Record(RecordMessage),
    /// How far the source has come.
    State(State),
    /// What the sink holds of the stream is replaced by what follows.
    Empty {
        /// The stream.
        stream: Arc<str>,
    },
}

/// What a stream's records look like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schema {
    /// The stream.
    pub stream: Arc<str>,
    /// A JSON Schema of an object.
    pub schema: Value,
    /// The keys that tell a record from all others; a record with the same replaces it.
    pub key_properties: Vec<String>,
    /// The keys that tell how far the stream has come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bookmark_properties: Vec<String>,
}

/// One record of a stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordMessage {
    /// The stream.
    pub stream: Arc<str>,
    /// The document.
    pub record: Map<String, Value>,
    /// When it was read from the third party.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_extracted: Option<Timestamp>,
}

/// How far a source has come: what it resumes from. Weir's own sources write
/// `{"bookmarks": {"<stream>": {"<field>": "<date or time>"}}}`.
#[derive(Debug, Clone, PartialEq)]
pub struct State(pub Value);

impl State {
    /// The bookmark of a stream's field, if it is text.
    pub fn bookmark(&self, stream: &str, field: &str) -> Option<&str> {
        self.0.get("bookmarks")?.get(stream)?.get(field)?.as_str()
    }

    /// A state with one stream's one bookmark.
    pub fn of(stream: &str, field: &str, value: impl Into<String>) -> Self {
        let field = Map::from_iter([(field.to_owned(), Value::String(value.into()))]);
        let stream = Map::from_iter([(stream.to_owned(), Value::Object(field))]);
        let whole = Map::from_iter([("bookmarks".to_owned(), Value::Object(stream))]);
        Self(Value::Object(whole))
    }
}

/// A message as a line of JSON has it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
enum Line<'a> {
    Schema(&'a Schema),
    Record(&'a RecordMessage),
    State { value: &'a Value },
}

impl Message {
    /// Writes the message as Singer's line of JSON. [`Message::Empty`] has none.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_line(&self, to: &mut impl io::Write) -> io::Result<()> {
        let line = match self {
            Message::Schema(schema) => Line::Schema(schema),
            Message::Record(record) => Line::Record(record),
            Message::State(State(value)) => Line::State { value },
            Message::Empty { .. } => return Ok(()),
        };
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(message: &Message) -> String {
        let mut line = Vec::new();
        message.write_line(&mut line).expect("memory takes it");
        String::from_utf8(line).expect("JSON is text")
    }

    #[test]
    fn a_schema_is_singers_line() {
        let schema = Schema {
            stream: "checks".into(),
            schema: json!({"type": "object"}),
            key_properties: vec!["_id".to_owned()],
            bookmark_properties: Vec::new(),
        };
        assert_eq!(
            line(&Message::Schema(schema)),
            "{\"type\":\"SCHEMA\",\"stream\":\"checks\",\"schema\":{\"type\":\"object\"},\
             \"key_properties\":[\"_id\"]}\n"
        );
    }

    #[test]
    fn a_record_is_singers_line() {
        let Value::Object(record) = json!({"_id": "a", "n": 1.5}) else {
            unreachable!("it is an object")
        };
        let record = RecordMessage {
            stream: "checks".into(),
            record,
            time_extracted: Timestamp::parse("2026-01-02T03:04:05Z").ok(),
        };
        assert_eq!(
            line(&Message::Record(record)),
            "{\"type\":\"RECORD\",\"stream\":\"checks\",\"record\":{\"_id\":\"a\",\"n\":1.5},\
             \"time_extracted\":\"2026-01-02T03:04:05Z\"}\n"
        );
    }

    #[test]
    fn a_state_is_singers_line_and_an_emptying_is_none() {
        let state = State::of("checks", "hour", "2026-01-02T03:00:00Z");
        assert_eq!(
            state.bookmark("checks", "hour"),
            Some("2026-01-02T03:00:00Z")
        );
        assert_eq!(state.bookmark("checks", "day"), None);
        assert_eq!(
            line(&Message::State(state)),
            "{\"type\":\"STATE\",\"value\":{\"bookmarks\":{\"checks\":\
             {\"hour\":\"2026-01-02T03:00:00Z\"}}}}\n"
        );
        let stream = "checks".into();
        assert_eq!(line(&Message::Empty { stream }), "");
    }
}

//! What is reported: an object or a text, and what the program says about it.

use serde::Serialize;
use serde_json::{Map, Value};

/// An event's own content.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// An object, which becomes the event's properties.
    Object(Map<String, Value>),
    /// A text, which becomes the property `message`.
    Text(String),
}

impl Message {
    /// A member of the object; a text has none.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Message::Object(object) => object.get(key),
            Message::Text(_) => None,
        }
    }
}

/// A message with what one event has of its own. Objects, texts and JSON values become one by
/// themselves, so this is only named to override what the client says of all events:
///
/// ```
/// # use serde_json::json;
/// weir_client::Report::new(json!({"plan": "pro"})).event_type("signup").metadata("host", "web-1");
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is instead, if it is no message.
    pub(crate) message: Result<Message, &'static str>,
    pub(crate) label: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) metadata: Option<Box<Map<String, Value>>>,
}

impl Report {
    /// A report of a message.
    pub fn new(message: impl Into<Report>) -> Self {
        message.into()
    }

    /// A report of anything that serialises to an object or a text.
    pub fn serialize(message: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(message).map(Self::from)
    }

    /// The event's namespace, instead of the client's label.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The event's name, instead of what the client's event type says.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Something about the event that is not of its message; kept in the property `_metadata`.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let metadata = self.metadata.get_or_insert_default();
        metadata.insert(key.into(), value.into());
        self
    }

    fn of(message: Result<Message, &'static str>) -> Self {
        Self {
            message,
            label: None,
            event_type: None,
            metadata: None,
        }
    }
}

impl From<Message> for Report {
    fn from(message: Message) -> Self {
        Self::of(Ok(message))
    }
}

impl From<Map<String, Value>> for Report {
    fn from(object: Map<String, Value>) -> Self {
        Message::Object(object).into()
    }
}

impl From<String> for Report {
    fn from(text: String) -> Self {
        Message::Text(text).into()
    }
}

impl From<&str> for Report {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Value> for Report {
    fn from(value: Value) -> Self {
        Self::of(match value {
            Value::Object(object) => Ok(Message::Object(object)),
            Value::String(text) => Ok(Message::Text(text)),
            Value::Null => Err("null"),
            Value::Bool(_) => Err("a truth value"),
            Value::Number(_) => Err("a number"),
            Value::Array(_) => Err("a list"),
        })
    }
}

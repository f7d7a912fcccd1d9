//! From an entry to the line of JSON that the server reads. Every line that comes out of here is
//! one that the server takes: what it would refuse is refused here, and named.

use std::fmt;
use std::io::Write as _;

use serde::Serialize;
use serde_json::{Map, Number, Value};
use thiserror::Error;
use weir_model::limits::PROPERTIES_BYTES;
use weir_model::{Event, EventDefaults, FieldError, Name, Timestamp};

use crate::entry::{Content, Entry};
use crate::report::Message;
use crate::trigger::Trigger;

/// What an event says about itself beside its message.
const METADATA: &str = "_metadata";

/// Numbers below are read as seconds, not as milliseconds.
const MILLIS_FROM: i64 = 100_000_000_000;

/// Why an event cannot be sent.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum Unsendable {
    #[error("its properties have {0} bytes, more than the {PROPERTIES_BYTES} allowed")]
    TooLarge(usize),
    #[error("its value {0} is an integer that a double cannot hold")]
    Inexact(Number),
    #[error("its {METADATA} is no object, so the metadata of the client cannot join it")]
    Metadata,
    #[error("{}", Listed(.0))]
    Fields(Vec<FieldError>),
}

struct Listed<'a>(&'a [FieldError]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Writes events as lines.
#[derive(Debug)]
pub(crate) struct Encoder {
    label: Name,
    metadata: Map<String, Value>,
}

impl Encoder {
    pub(crate) fn new(label: Name, metadata: Map<String, Value>) -> Self {
        Self { label, metadata }
    }

    /// Appends an event as a line. Nothing is appended if it cannot be sent.
    pub(crate) fn line(&self, entry: &Entry, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let start = out.len();
        let written = match &entry.content {
            Content::Message {
                message,
                namespace,
                name,
                metadata,
            } => {
                let namespace = namespace.as_ref().unwrap_or(&self.label);
                begin(
                    out,
                    namespace,
                    name.as_ref().unwrap_or(&self.label),
                    entry.time,
                );
                self.message(message, metadata.as_deref(), out)
            }
            Content::Trigger {
                trigger,
                namespace,
                name,
            } => {
                begin(out, namespace, name, entry.time);
                self.trigger(trigger, out)
            }
            Content::Event(event) => native(event, out),
        };
        match &written {
            Ok(()) => out.push(b'\n'),
            Err(_) => out.truncate(start),
        }
        written
    }

    fn message(
        &self,
        message: &Message,
        own: Option<&Map<String, Value>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsendable> {
        out.extend(b",\"value\":");
        match message.get("value") {
            Some(Value::Number(number)) => json(out, exact(number)?),
            _ => out.push(b'1'),
        }
        let mut properties = Properties::begin(out);
        match message {
            Message::Text(text) => properties.member("message", text),
            Message::Object(object) if own.is_none() && self.metadata.is_empty() => {
                properties.members(object.iter());
            }
            Message::Object(object) => {
                properties.members(object.iter().filter(|(key, _)| *key != METADATA));
            }
        }
        if own.is_some() || !self.metadata.is_empty() {
            let metadata = self.merge(message.get(METADATA), own)?;
            properties.member(METADATA, &metadata);
        }
        properties.end()
    }

    /// The event's own members win over those given with it, and these over the client's.
    fn merge(
        &self,
        in_message: Option<&Value>,
        own: Option<&Map<String, Value>>,
    ) -> Result<Map<String, Value>, Unsendable> {
        let mut merged = self.metadata.clone();
        let copy = |map: &Map<String, Value>| map.clone().into_iter();
        merged.extend(own.into_iter().flat_map(copy));
        match in_message {
            None => {}
            Some(Value::Object(object)) => merged.extend(copy(object)),
            Some(_) => return Err(Unsendable::Metadata),
        }
        Ok(merged)
    }

    fn trigger(&self, trigger: &Trigger, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        out.extend(b",\"value\":1,\"actor\":");
        json(out, &trigger.actor);
        let mut properties = Properties::begin(out);
        for (field, group) in trigger.groups.iter().filter(|(_, group)| !group.is_empty()) {
            properties.member(field, group);
        }
        if !self.metadata.is_empty() {
            properties.member(METADATA, &self.metadata);
        }
        properties.end()
    }
}

fn begin(out: &mut Vec<u8>, namespace: &Name, name: &Name, time: Timestamp) {
    out.extend(b"{\"namespace\":");
    json(out, namespace.as_str());
    out.extend(b",\"name\":");
    json(out, name.as_str());
    out.extend(b",\"timestamp\":");
    match time.as_millis() {
        millis if millis >= MILLIS_FROM => json(out, &millis),
        _ => json(out, &time),
    }
}

/// Properties that are being written.
struct Properties<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Properties<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.extend(b",\"properties\":");
        let start = out.len();
        out.push(b'{');
        Self { out, start }
    }

    fn members<'m>(&mut self, members: impl Iterator<Item = (&'m String, &'m Value)>) {
        members.for_each(|(key, value)| self.member(key, value));
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        if self.out.len() > self.start + 1 {
            self.out.push(b',');
        }
        json(self.out, key);
        self.out.push(b':');
        json(self.out, value);
    }

    fn end(self) -> Result<(), Unsendable> {
        self.out.push(b'}');
        let bytes = self.out.len() - self.start;
        self.out.push(b'}');
        match bytes <= PROPERTIES_BYTES {
            true => Ok(()),
            false => Err(Unsendable::TooLarge(bytes)),
        }
    }
}

/// A number as the server takes it: an integer must be a double.
fn exact(number: &Number) -> Result<&Number, Unsendable> {
    let integer = number.as_i64().map(i128::from);
    match integer.or(number.as_u64().map(i128::from)) {
        Some(integer) if integer as f64 as i128 != integer => {
            Err(Unsendable::Inexact(number.clone()))
        }
        _ => Ok(number),
    }
}

/// An event of Weir's own has public fields, so it is read back as the server will read it. What
/// is written is what was read: on one line, whatever its properties looked like.
fn native(event: &Event, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let mut text = String::new();
    event.write_json(&mut text);
    let read = Event::from_json(&text, &EventDefaults::default()).map_err(Unsendable::Fields)?;
    text.clear();
    read.write_json(&mut text);
    out.extend(text.as_bytes());
    Ok(())
}

fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out.by_ref(), value)
        .expect("texts, numbers and JSON values can be written to memory");
}

#[cfg(test)]
mod tests;

//! Splits a body into the texts of its events.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::JsonError;
use super::keys::Key;
use crate::limits::EVENTS_PER_REQUEST;

/// The events of a body: one object, an array, or an object with an array `events` and nothing
/// else. What the events are is left to [`Event::from_json`](crate::Event::from_json).
pub fn split(body: &str) -> Result<Vec<&RawValue>, JsonError> {
    match body.trim_ascii_start().bytes().next() {
        Some(b'[') => list(body),
        Some(b'{') => object(body),
        _ => {
            whole(body)?;
            Err(JsonError::NotEvents)
        }
    }
}

fn whole(body: &str) -> Result<&RawValue, JsonError> {
    serde_json::from_str(body).map_err(|error| JsonError::broken(&error))
}

fn list(text: &str) -> Result<Vec<&RawValue>, JsonError> {
    let too_many = RefCell::new(false);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    List {
        too_many: &too_many,
    }
    .deserialize(&mut deserializer)
    .and_then(|events| deserializer.end().map(|()| events))
    .map_err(|error| match too_many.take() {
        true => JsonError::TooManyEvents,
        false => JsonError::broken(&error),
    })
}

fn object(body: &str) -> Result<Vec<&RawValue>, JsonError> {
    // Most bodies are one event, and are passed over once only. The key may be written with
    // escapes, but no client does so who means the list.
    if !body.contains("\"events\"") {
        return Ok(vec![whole(body)?]);
    }
    let outline: Outline<'_> = serde_json::Deserializer::from_str(body)
        .deserialize_map(OutlineVisitor)
        .map_err(|error| JsonError::broken(&error))?;
    // Whatever stands behind the object is refused here.
    let body = whole(body)?;
    let events = match outline.events {
        Some(events) if !outline.is_event && events.get().starts_with('[') => events,
        _ => return Ok(vec![body]),
    };
    match outline.stray {
        Some(key) if key == "events" => Err(JsonError::RepeatedKey(key)),
        Some(key) => Err(JsonError::StrayKey(key)),
        None => list(events.get()),
    }
}

/// Borrows the items of an array, up to as many as a request may bring.
struct List<'f> {
    too_many: &'f RefCell<bool>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = items.next_element()? {
            if events.len() == EVENTS_PER_REQUEST {
                *self.too_many.borrow_mut() = true;
                return Err(A::Error::custom("too many events"));
            }
            events.push(event);
        }
        Ok(events)
    }
}

/// What an object that may be a list of events has.
#[derive(Default)]
struct Outline<'a> {
    events: Option<&'a RawValue>,
    /// It has what only an event has.
    is_event: bool,
    /// The first key besides the first `events`.
    stray: Option<String>,
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut outline = Outline::default();
        while let Some(Key(key)) = entries.next_key()? {
            let value = entries.next_value()?;
            outline.is_event |= matches!(&*key, "namespace" | "name" | "value");
            if key == "events" && outline.events.is_none() {
                outline.events = Some(value);
            } else if outline.stray.is_none() {
                outline.stray = Some(key.into_owned());
            }
        }
        Ok(outline)
    }
}

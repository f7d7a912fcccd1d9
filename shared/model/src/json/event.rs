//! Reads one event from its JSON text.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Fields, Input};
use super::keys::Key;
use super::{EventDefaults, FieldError};
use crate::event::Event;
use crate::text::ShownJson;

impl Event {
    /// Reads the JSON text of one event. Numbers may be written as strings; `null` is as good as
    /// a field left out; unknown fields join the properties. Every bad field is named.
    pub fn from_json(text: &str, defaults: &EventDefaults) -> Result<Event, Vec<FieldError>> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = deserializer
            .deserialize_map(FieldsVisitor)
            .and_then(|fields| deserializer.end().map(|()| fields));
        match fields {
            Ok(fields) => fields.check(defaults),
            Err(error) => Err(vec![not_an_object(text, &error)]),
        }
    }
}

fn not_an_object(text: &str, error: &serde_json::Error) -> FieldError {
    let reason = if error.is_data() {
        format!("{} is not a JSON object", ShownJson(text.trim()))
    } else {
        format!("is not JSON: {error}")
    };
    FieldError {
        field: "event".to_owned(),
        reason,
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(Key(key)) = entries.next_key()? {
            let value: &RawValue = entries.next_value()?;
            fields.insert(key, Input::Json(value.get()));
        }
        Ok(fields)
    }
}

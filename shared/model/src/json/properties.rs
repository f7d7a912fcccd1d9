//! Properties: an object of the client's own, which the fields that Weir does not know join.

use std::borrow::Cow;

use super::JsonError;
use super::compact_text;
use super::fields::{Errors, Input};
use super::walk;
use super::write::push_text;
use crate::limits::{NESTING, PROPERTIES_BYTES};
use crate::text::ShownJson;

/// Fields that Weir does not know.
#[derive(Debug, Default)]
pub(super) struct Extras<'a> {
    fields: Vec<(Cow<'a, str>, Input<'a>)>,
    /// The least that they take as JSON text.
    bytes: usize,
}

impl<'a> Extras<'a> {
    pub(super) fn push(&mut self, key: Cow<'a, str>, input: Input<'a>) {
        let (Input::Json(text) | Input::Form(text)) = input;
        // White space inside a value does not count, so only its first byte is sure to.
        self.bytes = self.bytes.saturating_add(key.len() + 5 + text.len().min(1));
        // Past the limit the event is refused anyhow, and nothing more is kept.
        if self.bytes <= PROPERTIES_BYTES {
            self.fields.push((key, input));
        }
    }

    /// Joins the fields to the properties that were sent, as one compact object; `None` if that
    /// is empty.
    pub(super) fn join(self, sent: Option<Input<'_>>, errors: &mut Errors) -> Option<Box<str>> {
        let object = match sent.map(object).transpose() {
            Ok(object) => object.flatten(),
            Err(reason) => {
                errors.push("properties", reason);
                return None;
            }
        };
        if self.bytes > PROPERTIES_BYTES {
            errors.push("properties", too_large());
            return None;
        }
        if self.fields.is_empty() {
            return object.filter(|object| object != "{}").map(Into::into);
        }
        self.extend(object.unwrap_or_else(|| "{}".to_owned()), errors)
    }

    fn extend(self, object: String, errors: &mut Errors) -> Option<Box<str>> {
        let mut keys = match walk::keys_of(&object) {
            Ok(keys) => keys,
            Err(error) => {
                errors.push("properties", error.to_string());
                return None;
            }
        };
        let mut joined = object.strip_suffix('}').unwrap_or(&object).to_owned();
        for (key, input) in self.fields {
            match value(input) {
                Ok(value) => push_entry(&mut joined, &key, &value),
                Err(reason) => errors.push(&key, reason),
            }
            if let Err(key) = keys.insert(key) {
                errors.push(&key, "comes twice, if it joins the properties".to_owned());
            }
        }
        joined.push('}');
        if joined.len() > PROPERTIES_BYTES {
            errors.push("properties", too_large());
        }
        Some(joined.into())
    }
}

fn push_entry(object: &mut String, key: &str, value: &str) {
    if object.len() > 1 {
        object.push(',');
    }
    push_text(object, key);
    object.push(':');
    object.push_str(value);
}

fn too_large() -> String {
    format!("are larger than the {PROPERTIES_BYTES} bytes allowed as compact JSON")
}

/// The properties as they were sent, checked.
fn object(sent: Input<'_>) -> Result<Option<String>, String> {
    let (Input::Json(json) | Input::Form(json)) = sent;
    let json = json.trim();
    if json == "null" || (json.is_empty() && matches!(sent, Input::Form(_))) {
        return Ok(None);
    }
    if !json.starts_with('{') {
        return Err(format!("{} is not an object", ShownJson(json)));
    }
    let object = checked(json, NESTING)?;
    if object.len() > PROPERTIES_BYTES {
        Err(too_large())
    } else {
        Ok(Some(object))
    }
}

/// The value of a field that joins the properties, inside which it is one level deep already.
fn value(input: Input<'_>) -> Result<String, String> {
    match input {
        Input::Json(json) => checked(json, NESTING - 1),
        Input::Form(text) => {
            let mut value = String::with_capacity(text.len() + 2);
            push_text(&mut value, text);
            Ok(value)
        }
    }
}

fn checked(json: &str, depth: usize) -> Result<String, String> {
    walk::check(json, depth).map_err(|error| match error {
        JsonError::TooDeep(_) => JsonError::TooDeep(NESTING).to_string(),
        other => other.to_string(),
    })?;
    Ok(compact_text(json))
}

//! What the metadata of a catalog's stream chooses of its schema.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::shape::CLOSED;

/// What is said of a field or of the stream, by its breadcrumb.
#[derive(Debug, Default)]
pub(super) struct Chosen<'a>(HashMap<Vec<&'a str>, &'a Map<String, Value>>);

impl<'a> Chosen<'a> {
    /// Reads the metadata of a catalog's stream. What is none is passed over.
    pub(super) fn of(metadata: Option<&'a Value>) -> Chosen<'a> {
        let list = metadata.and_then(Value::as_array);
        let read = |one: &'a Value| {
            let place = one.get("breadcrumb")?.as_array()?;
            let place: Option<Vec<&str>> = place.iter().map(Value::as_str).collect();
            Some((place?, one.get("metadata")?.as_object()?))
        };
        Chosen(list.into_iter().flatten().filter_map(read).collect())
    }

    /// What is said of the stream.
    pub(super) fn stream(&self) -> Option<&'a Map<String, Value>> {
        self.0.get(&[][..]).copied()
    }

    /// The names of fields that are selected by name.
    pub(super) fn named(&self) -> impl Iterator<Item = &'a str> {
        let is_named = |map: &Map<String, Value>| switch(map, "selected") == Some(true);
        let named = self.0.iter().filter(move |(_, map)| is_named(map));
        named.filter_map(|(place, _)| match place.as_slice() {
            ["properties", field] => Some(*field),
            _ => None,
        })
    }

    /// Leaves of a schema the fields that are wanted, at every level and in lists. An object of
    /// which none is wanted is closed: without a field it would be open, and all of it told.
    pub(super) fn retain(&self, schema: &mut Value, is_automatic: impl Fn(&str) -> bool) {
        self.retain_within(schema, &[], &is_automatic);
    }

    fn retain_within(
        &self,
        schema: &mut Value,
        place: &[&str],
        is_automatic: &dyn Fn(&str) -> bool,
    ) {
        let Some(words) = schema.as_object_mut() else {
            return;
        };
        if let Some(items) = words.get_mut("items") {
            self.retain_within(items, &[place, &["items"]].concat(), &|_| false);
        }
        let Some(Value::Object(fields)) = words.get_mut("properties") else {
            return;
        };
        let is_open = fields.is_empty();
        fields.retain(|field, schema| {
            let place = [place, &["properties", field]].concat();
            let is_wanted = is_automatic(field) || self.is_wanted(&place, schema);
            self.retain_within(schema, &place, &|_| false);
            is_wanted
        });
        if is_open {
            words.shift_remove(CLOSED);
        } else if fields.is_empty() {
            words.insert(CLOSED.to_owned(), false.into());
        }
    }

    /// Whether a field is wanted: if nothing is said, it is.
    fn is_wanted(&self, place: &[&str], schema: &Value) -> bool {
        let older = || schema.get("selected").and_then(is_true);
        let Some(map) = self.0.get(place) else {
            return older().unwrap_or(true);
        };
        match map.get("inclusion").and_then(Value::as_str) {
            Some("automatic") => true,
            Some("unsupported") => false,
            _ => {
                let said = switch(map, "selected").or_else(older);
                said.or_else(|| switch(map, "selected-by-default"))
                    .unwrap_or(true)
            }
        }
    }
}

/// A key that is true or false, or a text with either.
pub(super) fn switch(map: &Map<String, Value>, key: &str) -> Option<bool> {
    is_true(map.get(key)?)
}

/// What a value says, if it is true or false, or a text with either.
pub(super) fn is_true(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) => text.to_lowercase().parse().ok(),
        other => other.as_bool(),
    }
}

/// A schema without what is no keyword of JSON Schema but of catalogs.
pub(super) fn plain(mut schema: Value) -> Value {
    if let Some(map) = schema.as_object_mut() {
        map.retain(|key, _| !["additional_properties", "inclusion", "selected"].contains(&&**key));
        if let Some(Value::Object(fields)) = map.get_mut("properties") {
            fields
                .values_mut()
                .for_each(|field| *field = plain(field.take()));
        }
        if let Some(items) = map.get_mut("items") {
            *items = plain(items.take());
        }
        if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
            choices
                .iter_mut()
                .for_each(|choice| *choice = plain(choice.take()));
        }
    }
    schema
}

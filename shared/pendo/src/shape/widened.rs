//! Schemas that allow what has come.
//!
//! A value that does not fit its field is told as it is. Whoever reads the records holds them against
//! the schema, so before the first such record the schema is told again, with the kinds of values
//! that have come. As long as all values fit, schemas stay what the catalog has.

use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Map, Value, json};

/// The names of the kinds, each in the place of its bit.
const NAMES: [&str; 6] = ["null", "number", "string", "boolean", "array", "object"];

/// What a schema says of values of one kind.
const OF_KIND: [&str; 3] = ["format", "items", "anyOf"];

/// Kinds of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// Those that a schema names, and null, of which it is known elsewhere whether it fits.
    pub(super) fn named(names: &[&str]) -> Kinds {
        let is_named = |kind: &str| match kind {
            "number" => names
                .iter()
                .any(|name| ["number", "integer"].contains(name)),
            kind => kind == "null" || names.contains(&kind),
        };
        let places = NAMES.iter().enumerate();
        let bits = places.map(|(place, kind)| u8::from(is_named(kind)) << place);
        Kinds(bits.sum())
    }

    /// Whether a value is of one of them.
    pub(crate) fn has(self, value: &Value) -> bool {
        self.0 & bit(value) != 0
    }
}

fn bit(value: &Value) -> u8 {
    match value {
        Value::Null => 1,
        Value::Number(_) => 2,
        Value::String(_) => 4,
        Value::Bool(_) => 8,
        Value::Array(_) => 16,
        Value::Object(_) => 32,
    }
}

/// Kinds of values that have come beside those of a field's schema.
#[derive(Debug, Default)]
pub(super) struct Odd(AtomicU8);

impl Odd {
    /// Notes a value; says whether it is the first of its kind.
    pub(super) fn note(&self, value: &Value) -> bool {
        let bit = bit(value);
        // Most values that do not fit are of a kind that has come before.
        self.0.load(Ordering::Relaxed) & bit == 0
            && self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// The schema of a field that allows them, too.
    pub(super) fn widen(&self, schema: &mut Value) {
        let bits = self.0.load(Ordering::Relaxed);
        let mut names = names(schema);
        if bits == 0 || names.is_empty() {
            return;
        }
        for (place, name) in NAMES.iter().enumerate() {
            if bits & (1 << place) != 0 && !names.contains(name) {
                names.push(name);
            }
        }
        let types = json!(names);
        if let Some(words) = schema.as_object_mut() {
            words.retain(|word, _| !OF_KIND.contains(&&**word));
            words.insert("type".to_owned(), types);
        }
    }
}

/// The names of the types that a schema allows; none, if it allows everything.
fn names(schema: &Value) -> Vec<&'static str> {
    let choices = schema.get("anyOf").and_then(Value::as_array);
    let schemas = choices.map_or(std::slice::from_ref(schema), Vec::as_slice);
    let types = schemas.iter().filter_map(|schema| schema.get("type"));
    let all = [NAMES[0], "integer"]
        .into_iter()
        .chain(NAMES.into_iter().skip(1));
    let types: Vec<&Value> = types.collect();
    let is_named = |name: &&'static str| {
        types.iter().any(|types| match types {
            Value::Array(list) => list.iter().any(|one| one == *name),
            one => *one == *name,
        })
    };
    all.filter(is_named).collect()
}

/// The fields within a schema of an object, or of a list of objects.
pub(super) fn within(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    let is_list = schema.get("items").is_some();
    let object = if is_list {
        schema.get_mut("items")?
    } else {
        schema
    };
    object.get_mut("properties")?.as_object_mut()
}

//! What streams a tap has, and which of them and of their fields are wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weir_collector::{Fault, Schema};

use crate::any_source::schema;
use crate::query::{Definition, Entrypoint};

/// A stream of a tap.
#[derive(Debug)]
pub(super) struct Stream {
    entrypoint: Entrypoint,
    schema: Schema,
}

/// The fields that are wanted of each stream that is.
pub(super) type Selections = BTreeMap<String, BTreeSet<String>>;

impl Stream {
    pub(super) fn of(definition: &Definition) -> Result<Stream, Fault> {
        Ok(Stream {
            entrypoint: definition.entrypoint,
            schema: schema(definition)?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.schema.stream
    }

    /// Whether there is anything to be told from before today.
    pub(super) fn has_past(&self) -> bool {
        matches!(self.entrypoint, Entrypoint::Pingdom | Entrypoint::Ga)
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        let properties = self.schema.schema["properties"].as_object();
        properties
            .into_iter()
            .flat_map(|map| map.keys().map(String::as_str))
    }

    /// Fields without which a record cannot be told from others, nor its place be found.
    fn is_automatic(&self, field: &str) -> bool {
        let schema = &self.schema;
        let mut keys = schema
            .key_properties
            .iter()
            .chain(&schema.bookmark_properties);
        keys.any(|key| key == field)
    }

    fn entry(&self) -> Value {
        let schema = &self.schema;
        let method = match self.has_past() {
            true => "INCREMENTAL",
            false => "FULL_TABLE",
        };
        let mut metadata = vec![json!({"breadcrumb": [], "metadata": {
            "inclusion": "available",
            "selected": true,
            "table-key-properties": schema.key_properties,
            "forced-replication-method": method,
            "valid-replication-keys": schema.bookmark_properties,
        }})];
        metadata.extend(self.fields().map(|field| {
            let inclusion = match self.is_automatic(field) {
                true => json!({"inclusion": "automatic"}),
                false => json!({"inclusion": "available", "selected-by-default": true}),
            };
            json!({"breadcrumb": ["properties", field], "metadata": inclusion})
        }));
        json!({
            "tap_stream_id": self.name(),
            "stream": self.name(),
            "schema": schema.schema,
            "key_properties": schema.key_properties,
            "metadata": metadata,
        })
    }
}

/// The catalog of all streams. They are selected, so that it can be given back as it is.
pub(super) fn of(streams: &[Stream]) -> Value {
    let entries: Vec<Value> = streams.iter().map(Stream::entry).collect();
    json!({"streams": entries})
}

/// Reads from a catalog what is wanted; without one it is everything.
pub(super) fn select(streams: &[Stream], catalog: Option<&Value>) -> Result<Selections, Fault> {
    let all = |stream: &Stream| {
        let fields = stream.fields().map(str::to_owned).collect();
        (stream.name().to_owned(), fields)
    };
    let Some(catalog) = catalog else {
        return Ok(streams.iter().map(all).collect());
    };
    let entries = catalog
        .get("streams")
        .and_then(Value::as_array)
        .ok_or_else(|| {
            Fault::new("the catalog has no list of streams").hint("make one with --discover")
        })?;
    let mut selections = Selections::new();
    for entry in entries.iter().filter(|entry| is_selected(entry, &[])) {
        let name = entry
            .get("tap_stream_id")
            .or(entry.get("stream"))
            .and_then(Value::as_str);
        let name =
            name.ok_or_else(|| Fault::new("a stream of the catalog has no tap_stream_id"))?;
        let stream = streams.iter().find(|stream| stream.name() == name);
        let stream = stream.ok_or_else(|| no_such_stream(name, streams))?;
        let is_wanted =
            |field: &&str| stream.is_automatic(field) || is_selected(entry, &["properties", field]);
        let fields = stream
            .fields()
            .filter(is_wanted)
            .map(str::to_owned)
            .collect();
        selections.insert(name.to_owned(), fields);
    }
    Ok(selections)
}

/// Whether the metadata at a breadcrumb, or the entry itself as older catalogs have it, selects.
fn is_selected(entry: &Value, breadcrumb: &[&str]) -> bool {
    let list = entry.get("metadata").and_then(Value::as_array);
    let at = |one: &&Value| {
        one.get("breadcrumb")
            .is_some_and(|place| *place == json!(breadcrumb))
    };
    let metadata = list
        .into_iter()
        .flatten()
        .find(at)
        .and_then(|one| one.get("metadata"));
    let switch = |key: &str| {
        metadata
            .and_then(|map| map.get(key))
            .and_then(Value::as_bool)
    };
    let older = || match breadcrumb {
        [] => entry.get("selected").and_then(Value::as_bool),
        _ => None,
    };
    switch("selected")
        .or_else(older)
        .or_else(|| switch("selected-by-default"))
        .unwrap_or(false)
}

fn no_such_stream(name: &str, streams: &[Stream]) -> Fault {
    let names: Vec<&str> = streams.iter().map(Stream::name).collect();
    let fault = Fault::new(format_args!(
        "the catalog selects {name}, which the configuration does not have"
    ));
    fault.hint(format_args!("there are {}", names.join(", ")))
}

//! A stream of a catalog.
//!
//! The catalog's own schema says what is told, so that custom fields are those of the catalog, and
//! one of an older discovery, or of the published tap, goes on to be good.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use weir_collector::Fault;

use crate::catalog::is_automatic;
use crate::config::Config;
use crate::discover::Custom;
use crate::schema;
use crate::selection::chosen::{Chosen, is_true, switch};
use crate::selection::unknown;
use crate::streams::StreamId;

/// A stream that a catalog selects.
pub(super) struct Entry<'a> {
    pub(super) id: StreamId,
    value: &'a Value,
    chosen: Chosen<'a>,
}

/// The streams that a catalog selects, as it has them.
pub(super) fn selected(catalog: &Value) -> Result<Vec<Entry<'_>>, Fault> {
    let streams = catalog
        .get("streams")
        .and_then(Value::as_array)
        .ok_or_else(|| {
            Fault::new("the catalog has no list of streams").hint("make one with --discover")
        })?;
    let mut entries = Vec::new();
    let mut names = BTreeSet::new();
    for (index, value) in streams.iter().enumerate() {
        let name = name(value).ok_or_else(|| {
            Fault::new(format_args!(
                "the catalog's streams[{index}] has no tap_stream_id"
            ))
        })?;
        if !names.insert(name) {
            return Err(Fault::new(format_args!(
                "the catalog has the stream {name} twice"
            )));
        }
        let chosen = Chosen::of(value.get("metadata"));
        match (is_selected(value, &chosen), StreamId::of_name(name)) {
            (true, Some(id)) => entries.push(Entry { id, value, chosen }),
            (true, None) => return Err(unknown("the catalog", name)),
            (false, _) => {}
        }
    }
    Ok(entries)
}

fn name(entry: &Value) -> Option<&str> {
    let name = entry.get("tap_stream_id").or(entry.get("stream"));
    name.and_then(Value::as_str)
}

/// Whether the metadata of the stream, or the entry or its schema as older catalogs have it, selects.
fn is_selected(entry: &Value, chosen: &Chosen<'_>) -> bool {
    let said = |key| chosen.stream().and_then(|map| switch(map, key));
    let older = |map: Option<&Value>| map.and_then(|map| is_true(map.get("selected")?));
    said("selected")
        .or_else(|| older(Some(entry)))
        .or_else(|| older(entry.get("schema")))
        .or_else(|| said("selected-by-default"))
        .unwrap_or(false)
}

impl Entry<'_> {
    /// The schema of the fields that are wanted.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn schema(&self, config: &Config) -> Result<Value, Fault> {
        let id = self.id;
        let has_fields = |schema: &&Value| {
            let fields = schema.get("properties").and_then(Value::as_object);
            fields.is_some_and(|fields| !fields.is_empty())
        };
        let schema = self.value.get("schema").filter(has_fields).ok_or_else(|| {
            Fault::new(format_args!(
                "the catalog's stream {id} has no schema with properties"
            ))
            .hint("make the catalog again with --discover")
        })?;
        let mut schema = schema.clone();
        let own = schema::of(id, &Custom::default());
        let is_automatic = |field: &str| is_automatic(id, config.period, field);
        self.note_differences(&schema, &own, config);
        mend(&mut schema, &own, is_automatic);
        self.chosen.retain(&mut schema, is_automatic);
        Ok(schema)
    }

    /// Says where the catalog is of another discovery.
    fn note_differences(&self, schema: &Value, own: &Value, config: &Config) {
        let id = self.id;
        let fields = |schema: &Value| names(schema).map(str::to_owned).collect::<BTreeSet<_>>();
        let (theirs, own) = (fields(schema), fields(own));
        let gone: Vec<&str> = self
            .chosen
            .named()
            .filter(|field| !theirs.contains(*field))
            .collect();
        if !gone.is_empty() {
            let gone = gone.join(", ");
            tracing::warn!(
                stream = %id,
                "the catalog selects fields of {id} that its schema does not have: {gone}"
            );
        }
        let new: Vec<&str> = own.difference(&theirs).map(String::as_str).collect();
        if !new.is_empty() {
            let new = new.join(", ");
            tracing::info!(
                stream = %id,
                "the catalog is of an older discovery: {id} has {new}, too"
            );
        }
        let keys = self
            .chosen
            .stream()
            .and_then(|map| map.get("table-key-properties"));
        let own = id.keys(config.period);
        if keys.is_some_and(|keys| *keys != Value::from(own.clone())) {
            let own = own.join(", ");
            tracing::info!(
                stream = %id,
                "the catalog is of another discovery: records of {id} are told apart by {own}"
            );
        }
    }
}

fn names(schema: &Value) -> impl Iterator<Item = &str> {
    let fields = schema.get("properties").and_then(Value::as_object);
    fields.into_iter().flat_map(Map::keys).map(String::as_str)
}

/// Adds the fields without which records cannot be told apart, and gives those that the published
/// tap has of a wrong type their own.
fn mend(schema: &mut Value, own: &Value, is_automatic: impl Fn(&str) -> bool) {
    const MISTYPED: &str = "track_type_name";
    let own = own["properties"].as_object().into_iter().flatten();
    let Some(fields) = schema["properties"].as_object_mut() else {
        return;
    };
    for (name, field) in own {
        let is_mistyped = name == MISTYPED && fields.contains_key(name);
        if is_mistyped || is_automatic(name) && !fields.contains_key(name) {
            fields.insert(name.clone(), field.clone());
        }
    }
}

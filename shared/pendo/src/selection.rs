//! Which streams and fields are wanted.

mod chosen;
mod entry;

use std::sync::Arc;

use serde_json::{Map, Value};
use weir_collector::{Fault, Schema};

use crate::catalog::is_automatic;
use crate::config::Config;
use crate::discover::Custom;
use crate::names::closest;
use crate::schema;
use crate::shape::Shape;
use crate::streams::StreamId;

/// The streams that are wanted, in the order of the catalog.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The streams.
    pub streams: Vec<SelectedStream>,
}

/// A stream that is wanted.
#[derive(Debug, Clone)]
pub struct SelectedStream {
    /// Which it is.
    pub id: StreamId,
    /// What is told of it: selected fields alone.
    pub schema: Schema,
    /// What is taken of its rows.
    pub shape: Arc<Shape>,
}

impl Selection {
    /// Reads what a catalog selects. A field is wanted unless it is said that it is not; a stream
    /// is not unless it is said that it is.
    ///
    /// # Errors
    /// When the catalog is not what it must be, or selects a stream that there is not, or a child
    /// without its parent.
    pub fn from_catalog(catalog: &Value, config: &Config) -> Result<Selection, Fault> {
        let entries = entry::selected(catalog)?;
        if entries.is_empty() {
            tracing::warn!(
                "the catalog selects no stream: in its streams' metadata with an empty breadcrumb, \
                 set \"selected\": true"
            );
        }
        let stream = |entry: &entry::Entry<'_>| {
            let schema = entry.schema(config)?;
            Ok(SelectedStream::new(entry.id, schema, config))
        };
        let streams = entries
            .iter()
            .map(stream)
            .collect::<Result<Vec<_>, Fault>>()?;
        Selection::of(streams, "the catalog")
    }

    /// All fields of all streams.
    pub fn all(config: &Config, custom: &Custom) -> Selection {
        let stream = |id| SelectedStream::new(id, schema::of(id, custom), config);
        Selection {
            streams: StreamId::ALL.into_iter().map(stream).collect(),
        }
    }

    /// Reads what a job's document wants: a list of streams, `["visitors"]`, or an object of them
    /// with their fields, `{"visitors": ["lastupdated"], "pages": true}`. `place` names it in
    /// errors.
    ///
    /// # Errors
    /// When it is neither, or names no stream, or a stream or a field that there is not, or a child
    /// without its parent.
    pub fn named(
        streams: &Value,
        place: &str,
        config: &Config,
        custom: &Custom,
    ) -> Result<Selection, Fault> {
        let all = Value::Bool(true);
        let named: Vec<(&str, &Value)> = match streams {
            Value::Array(list) => list
                .iter()
                .map(|name| name.as_str().map(|name| (name, &all)))
                .collect::<Option<_>>()
                .ok_or_else(|| wrong(place))?,
            Value::Object(map) => map
                .iter()
                .map(|(name, fields)| (name.as_str(), fields))
                .collect(),
            _ => return Err(wrong(place)),
        };
        let mut streams = Vec::new();
        for (name, fields) in named {
            let id = StreamId::of_name(name).ok_or_else(|| unknown(place, name))?;
            if fields == &Value::Bool(false) {
                continue;
            }
            let schema = named_fields(id, schema::of(id, custom), fields, place, config)?;
            streams.push(SelectedStream::new(id, schema, config));
        }
        match streams.is_empty() {
            true => Err(names_none(place)),
            false => Selection::of(streams, place),
        }
    }

    /// A stream, if it is wanted.
    pub fn stream(&self, id: StreamId) -> Option<&SelectedStream> {
        self.streams.iter().find(|stream| stream.id == id)
    }

    /// Puts streams into the order of the catalog, each once.
    fn of(mut streams: Vec<SelectedStream>, place: &str) -> Result<Selection, Fault> {
        streams.sort_by_key(|stream| stream.id);
        streams.dedup_by_key(|stream| stream.id);
        let selection = Selection { streams };
        let alone = selection.streams.iter().filter_map(|stream| {
            let parent = stream.id.parent()?;
            let is_alone = selection.stream(parent).is_none();
            is_alone.then(|| format!("{} without {parent}", stream.id))
        });
        let alone: Vec<String> = alone.collect();
        match alone.is_empty() {
            true => Ok(selection),
            false => Err(
                Fault::new(format_args!("{place} selects {}", alone.join(", ")))
                    .hint("a child is read parent by parent: select its parent, too"),
            ),
        }
    }
}

impl SelectedStream {
    /// A stream of which all fields of a schema are wanted.
    fn new(id: StreamId, schema: Value, config: &Config) -> SelectedStream {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let shape = Arc::new(Shape::of(id, config.period, &schema));
        let schema = Schema {
            stream: id.name().into(),
            schema: chosen::plain(schema),
            key_properties: texts(&id.keys(config.period)),
            bookmark_properties: texts(id.replication_key(config.period).as_slice()),
        };
        SelectedStream { id, schema, shape }
    }
}

/// The fields of a schema that are named, and those that are never left out.
fn named_fields(
    id: StreamId,
    mut schema: Value,
    names: &Value,
    place: &str,
    config: &Config,
) -> Result<Value, Fault> {
    let Some(fields) = schema["properties"].as_object_mut() else {
        return Ok(schema);
    };
    let names: Vec<&str> = match names {
        Value::Bool(true) => return Ok(schema),
        Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<_>>(),
        _ => None,
    }
    .ok_or_else(|| {
        let fault = Fault::new(format_args!("{place}: {id} is no list of fields"));
        fault.hint("name fields, or write true for all of them")
    })?;
    if let Some(name) = names.iter().find(|name| !fields.contains_key(**name)) {
        return Err(unknown_field(place, id, name, fields));
    }
    fields.retain(|field, _| {
        names.contains(&field.as_str()) || is_automatic(id, config.period, field)
    });
    Ok(schema)
}

fn wrong(place: &str) -> Fault {
    let fault = Fault::new(format_args!(
        "{place} is neither a list of streams nor an object of them"
    ));
    fault.hint("write [\"features\", \"feature_events\"], or {\"visitors\": [\"lastupdated\"]}")
}

fn names_none(place: &str) -> Fault {
    let fault = Fault::new(format_args!("{place} names no stream"));
    fault.hint("name some, as [\"features\", \"feature_events\"], or leave it out for all of them")
}

/// An error about a stream that there is not.
fn unknown(place: &str, name: &str) -> Fault {
    let names = StreamId::ALL.map(StreamId::name);
    let fault = Fault::new(format_args!(
        "{place} selects {name:?}, which Pendo does not have"
    ));
    match closest(name, names) {
        Some(close) => fault.hint(format_args!("did you mean {close}?")),
        None => fault.hint(format_args!("there are {}", names.join(", "))),
    }
}

fn unknown_field(place: &str, id: StreamId, name: &str, fields: &Map<String, Value>) -> Fault {
    let names = || fields.keys().map(String::as_str);
    let fault = Fault::new(format_args!("{place}: {id} has no field {name:?}"));
    match closest(name, names()) {
        Some(close) => fault.hint(format_args!("did you mean {close}?")),
        None => {
            let names: Vec<&str> = names().collect();
            fault.hint(format_args!("there are {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests;

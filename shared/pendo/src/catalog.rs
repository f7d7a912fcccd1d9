//! The catalog of streams that discovery tells.
//!
//! It is the one of Singer's `tap-pendo` 1.2.0, with what that lacks: the stream `reports`, the
//! keys that tell all records apart, the parents of children, and the names of track types as
//! texts.

use serde_json::{Map, Value, json};

use crate::config::{Config, Period};
use crate::discover::Custom;
use crate::schema;
use crate::streams::{Kind, StreamId};

/// The catalog of all streams, with the custom fields of accounts and visitors.
pub fn catalog(config: &Config, custom: &Custom) -> Value {
    let entry = |stream| entry(stream, config.period, custom);
    let entries: Vec<Value> = StreamId::ALL.into_iter().map(entry).collect();
    json!({"streams": entries})
}

/// Whether a field is told whatever is selected: without it a record could not be told from others,
/// nor its place be found.
pub(crate) fn is_automatic(stream: StreamId, period: Period, field: &str) -> bool {
    stream.keys(period).contains(&field) || stream.replication_key(period) == Some(field)
}

fn entry(stream: StreamId, period: Period, custom: &Custom) -> Value {
    let schema = schema::of(stream, custom);
    let fields = schema["properties"].as_object();
    let mut metadata = vec![json!({"breadcrumb": [], "metadata": about(stream, period)})];
    let of_period = |field: &&String| !is_of_other_period(stream, period, field);
    for field in fields.into_iter().flat_map(Map::keys).filter(of_period) {
        let inclusion = match is_automatic(stream, period, field) {
            true => "automatic",
            false => "available",
        };
        metadata.push(json!({
            "breadcrumb": ["properties", field],
            "metadata": {"inclusion": inclusion},
        }));
    }
    json!({
        "stream": stream.name(),
        "tap_stream_id": stream.name(),
        "schema": schema,
        "metadata": metadata,
    })
}

fn about(stream: StreamId, period: Period) -> Map<String, Value> {
    let mut about = Map::new();
    about.insert(
        "table-key-properties".to_owned(),
        json!(stream.keys(period)),
    );
    let key = stream.replication_key(period);
    let method = key.map_or("FULL_TABLE", |_| "INCREMENTAL");
    about.insert("forced-replication-method".to_owned(), json!(method));
    if let Some(key) = key {
        about.insert("valid-replication-keys".to_owned(), json!([key]));
    }
    if let Some(parent) = stream.parent() {
        about.insert("parent-tap-stream-id".to_owned(), json!(parent.name()));
    }
    about
}

/// Whether a field is the one that counts by what is not asked for. The published tap says nothing
/// of it, so that it can be neither selected nor not.
fn is_of_other_period(stream: StreamId, period: Period, field: &str) -> bool {
    let other = match period {
        Period::Day => Period::Hour,
        Period::Hour => Period::Day,
    };
    matches!(stream.kind(), Kind::Events(_)) && field == other.field()
}

#[cfg(test)]
mod tests;

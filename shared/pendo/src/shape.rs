//! What is taken of a stream's rows, compiled from its schema.
//!
//! A shape knows for each key that Pendo sends which field it becomes, if any, and whether reading
//! on needs its value. A key is looked at once: what came of it is remembered, because rows repeat
//! their keys.

mod fields;
mod kind;
mod widened;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::config::Period;
use crate::streams::{EventTime, Kind, StreamId};
use fields::Watched;
pub(crate) use fields::{Field, Fields, Slot, Watch};
pub(crate) use kind::{CLOSED, Type};

/// What is taken of a stream's rows, by name and type.
#[derive(Debug)]
pub struct Shape {
    stream: StreamId,
    fields: Fields,
    /// How often a field had a value that its schema does not allow, of a kind that was new.
    odds: AtomicU32,
}

impl Shape {
    /// Compiles a schema, of which all fields are wanted.
    pub(crate) fn of(stream: StreamId, period: Period, schema: &Value) -> Shape {
        let fields = Fields::of(schema.get("properties"), "");
        let fields = match is_lifted(stream) {
            true => fields.lifting("metadata", "metadata_", GROUPS),
            false => fields,
        };
        Shape {
            stream,
            fields: fields.watching(&watches(stream, period)),
            odds: AtomicU32::new(0),
        }
    }

    /// What reading on needs of rows, and none of their fields.
    pub(crate) fn of_ids(stream: StreamId) -> Shape {
        // Entities have the same time whatever events are counted by.
        Shape::of(stream, Period::Day, &json!({}))
    }

    /// Whose rows they are.
    pub(crate) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Says that a row has a value which the schema does not allow.
    pub(crate) fn note_odd(&self) {
        self.odds.fetch_add(1, Ordering::Release);
    }

    /// How often the schema was found too narrow so far.
    pub(crate) fn odds(&self) -> u32 {
        self.odds.load(Ordering::Acquire)
    }

    /// A schema that allows what has come beside it so far.
    pub(crate) fn widened(&self, mut schema: Value) -> Value {
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            self.fields.widen(properties);
        }
        schema
    }

    /// The fields of a row itself.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// What is needed of the groups of metadata.
const GROUPS: &[Watched] = &[
    (
        "auto",
        &[
            ("lastupdated", Watch::LastUpdated),
            ("lastvisit", Watch::LastVisit),
        ],
    ),
    ("pendo", &[("donotprocess", Watch::DoNotProcess)]),
];

/// Whether the metadata of a stream's rows is lifted into the record.
fn is_lifted(stream: StreamId) -> bool {
    matches!(stream, StreamId::Accounts | StreamId::Visitors)
}

fn watches(stream: StreamId, period: Period) -> Vec<(&'static str, Watch)> {
    match stream.kind() {
        Kind::Entity(kind) if is_lifted(stream) => {
            vec![(kind.id, Watch::Id), ("metadata", Watch::Metadata)]
        }
        Kind::Entity(kind) => vec![(kind.id, Watch::Id), (kind.time, Watch::Time)],
        Kind::Reports => vec![("id", Watch::Id), ("lastUpdatedAt", Watch::Time)],
        Kind::Events(kind) => vec![(EventTime::field(kind.time, period), Watch::Time)],
        // A moment's time is the later of both.
        Kind::History => vec![("ts", Watch::Time), ("lastTs", Watch::Time)],
        Kind::Metadata(_) => Vec::new(),
    }
}

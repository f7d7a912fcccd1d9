//! Rows: what Pendo answers, parsed straight into records.
//!
//! A row is never a tree of all that was sent. What a stream's [`Shape`] does not want is passed
//! over as it arrives; what it wants is renamed, lifted and converted on the way.

mod caught;
mod convert;
mod seed;
mod time;

use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer};
use serde_json::{Map, Value};

use crate::selection::SelectedStream;
use crate::shape::{Shape, Type};
use crate::streams::{Kind, StreamId};
use caught::Caught;
use convert::Misfit;
use seed::FieldsSeed;

/// One row: its record, and what reading on needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The selected fields, renamed, lifted and converted.
    pub record: Map<String, Value>,
    /// About how much memory it takes.
    pub bytes: usize,
    /// Its id, of an entity.
    pub id: Option<String>,
    /// Its time in milliseconds: the last change of an entity or a report, an event's day, hour or
    /// browser's time, a history's `modified_ts`. None if there is none that can be read.
    pub time: Option<i64>,
    /// When a visitor was last changed or seen, in milliseconds.
    pub last_seen: Option<i64>,
    /// Whether a visitor's history must not be asked for.
    pub do_not_process: bool,
}

/// Parses a row straight into its record. What is not wanted is passed over and never built.
#[derive(Debug, Clone)]
pub struct RowSeed {
    shape: Arc<Shape>,
    extra: Arc<[(&'static str, Value)]>,
}

impl RowSeed {
    /// For the rows of a stream. `extra` are fields that all its rows get, if they are wanted: the
    /// `visitor_id` of a history.
    pub fn new(stream: &SelectedStream, extra: Vec<(&'static str, Value)>) -> RowSeed {
        RowSeed::of(Arc::clone(&stream.shape), extra)
    }

    fn of(shape: Arc<Shape>, extra: Vec<(&'static str, Value)>) -> RowSeed {
        RowSeed {
            shape,
            extra: extra.into(),
        }
    }

    /// Adds to a record what is not where the record has it.
    fn complete(&self, record: &mut Map<String, Value>, caught: &mut Caught) {
        let fields = self.shape.fields();
        let mut add = |name: &str, value: Value| {
            if fields.named(name).is_some() {
                record.insert(name.to_owned(), value);
            }
        };
        if let Some(value) = caught.last_updated.take() {
            let time = convert::scalar(&Type::Time, value).unwrap_or_else(|Misfit(value)| {
                let field = fields.named("lastupdated");
                caught.is_odd |= field.is_some_and(|field| field.note_odd(&value));
                value
            });
            add("lastupdated", time);
        }
        if self.shape.stream().kind() == Kind::History {
            let text = caught.time.and_then(time::text_of_millis);
            text.into_iter()
                .for_each(|text| add("modified_ts", text.into()));
        }
        for (name, value) in self.extra.iter() {
            add(name, value.clone());
        }
    }
}

/// For rows of which no record is told, but their ids are needed.
pub(crate) fn rows_id_only(stream: StreamId) -> RowSeed {
    RowSeed::of(Arc::new(Shape::of_ids(stream)), Vec::new())
}

impl<'de> DeserializeSeed<'de> for RowSeed {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Row, D::Error> {
        let mut caught = Caught::default();
        let seed = FieldsSeed {
            stream: self.shape.stream(),
            fields: self.shape.fields(),
            caught: &mut caught,
        };
        let mut record = seed.deserialize(json)?;
        self.complete(&mut record, &mut caught);
        if caught.is_odd {
            self.shape.note_odd();
        }
        let is_visitor = self.shape.stream() == StreamId::Visitors;
        Ok(Row {
            bytes: bytes(&record),
            record,
            last_seen: caught.time.max(caught.last_visit).filter(|_| is_visitor),
            id: caught.id,
            time: caught.time,
            do_not_process: caught.do_not_process,
        })
    }
}

/// About how much memory a record takes.
fn bytes(record: &Map<String, Value>) -> usize {
    record
        .iter()
        .map(|(name, value)| name.len() + bytes_of(value))
        .sum()
}

fn bytes_of(value: &Value) -> usize {
    /// The value itself, its place in a map, and its allocation.
    const EACH: usize = 64;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(bytes_of).sum(),
        Value::Object(fields) => bytes(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests;

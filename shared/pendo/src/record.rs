//! Rows: what Pendo answers, parsed straight into records.

use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _};
use serde_json::{Map, Value};

use crate::selection::SelectedStream;
use crate::shape::Shape;
use crate::streams::StreamId;

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
    _shape: Arc<Shape>,
    _extra: Arc<[(&'static str, Value)]>,
}

impl RowSeed {
    /// For the rows of a stream. `extra` are fields that all its rows get, if they are wanted: the
    /// `visitor_id` of a history.
    pub fn new(stream: &SelectedStream, extra: Vec<(&'static str, Value)>) -> RowSeed {
        RowSeed {
            _shape: Arc::clone(&stream.shape),
            _extra: extra.into(),
        }
    }
}

/// For rows of which no record is told, but their ids are needed.
#[expect(dead_code, reason = "a signature")]
pub(crate) fn rows_id_only(_stream: StreamId) -> RowSeed {
    RowSeed {
        _shape: Arc::new(Shape {}),
        _extra: Arc::new([]),
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, _json: D) -> Result<Row, D::Error> {
        Err(D::Error::custom("not yet"))
    }
}

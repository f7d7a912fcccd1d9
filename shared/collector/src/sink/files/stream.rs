//! What is known of each stream.

use std::sync::Arc;

use object_store::path::PathPart;
use serde_json::{Map, Value};
use weir_store::Clock;

use crate::fault::Fault;
use crate::message::{RecordMessage, Schema};
use crate::sink::files::columns::Columns;
use crate::sink::files::date::DayNumber;
use crate::sink::files::encode::FileFormat;

/// The field that says when a record is from.
const TIMESTAMP: &str = "_timestamp";

/// What a snapshot's directory begins with.
pub(super) const SNAPSHOT: &str = "snapshot=";

/// What is known of each stream. There are few.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Stream>);

/// What is known of a stream.
#[derive(Debug)]
pub(super) struct Stream {
    name: Arc<str>,
    /// Its name, as a part of a path.
    part: String,
    /// Where its files are, below the place, once that is known.
    directory: Option<String>,
    schema: Option<Schema>,
    pub(super) columns: Option<Arc<Columns>>,
}

impl Streams {
    /// The number of a stream.
    pub(super) fn index(&mut self, name: &Arc<str>) -> usize {
        let known = self.0.iter().position(|stream| stream.name == *name);
        known.unwrap_or_else(|| {
            self.0.push(Stream {
                name: Arc::clone(name),
                part: PathPart::from(&**name).as_ref().to_owned(),
                directory: None,
                schema: None,
                columns: None,
            });
            self.0.len() - 1
        })
    }

    pub(super) fn get(&self, index: usize) -> &Stream {
        &self.0[index]
    }

    /// Takes a schema, and says whether it changes how records are written.
    pub(super) fn learn(&mut self, index: usize, schema: &Schema, format: FileFormat) -> bool {
        let stream = &mut self.0[index];
        if stream.schema.as_ref() == Some(schema) {
            return false;
        }
        stream.schema = Some(schema.clone());
        if format != FileFormat::Parquet {
            return false;
        }
        let columns = Columns::of(&schema.schema, stream.columns.as_deref());
        let differ = stream.columns.as_deref() != Some(&columns);
        if differ {
            stream.columns = Some(Arc::new(columns));
        }
        differ
    }

    /// Says which snapshot its files are in, if it has any.
    pub(super) fn place(&mut self, index: usize, snapshot: Option<&str>) {
        let stream = &mut self.0[index];
        stream.directory = Some(match snapshot {
            Some(snapshot) => format!("{}/{SNAPSHOT}{snapshot}", stream.part),
            None => stream.part.clone(),
        });
    }
}

impl Stream {
    /// Its name, as a part of a path.
    pub(super) fn part(&self) -> &str {
        &self.part
    }

    /// Where its files are, below the place, once that is known.
    pub(super) fn directory(&self) -> Option<&str> {
        self.directory.as_deref()
    }

    /// The date of a record.
    pub(super) fn date(&self, message: &RecordMessage, clock: &dyn Clock) -> DayNumber {
        let text = |key: &str| message.record.get(key).and_then(Value::as_str);
        let bookmarks = self
            .schema
            .iter()
            .flat_map(|schema| &schema.bookmark_properties);
        let own = [TIMESTAMP].into_iter().chain(bookmarks.map(String::as_str));
        let own = own.filter_map(text).find_map(DayNumber::of_text);
        own.unwrap_or_else(|| {
            let time = message.time_extracted.unwrap_or_else(|| clock.now());
            DayNumber::of_seconds(time.as_millis().div_euclid(1000))
        })
    }

    /// Writes a record as a line of JSON.
    pub(super) fn write_line(
        record: &Map<String, Value>,
        columns: Option<&Columns>,
        lines: &mut Vec<u8>,
    ) {
        match columns {
            Some(columns) => columns.write_line(record, lines),
            None => serde_json::to_writer(&mut *lines, record).expect("memory takes it"),
        }
        lines.push(b'\n');
    }

    /// The columns of a format that has some.
    ///
    /// # Errors
    /// When no schema has said what they are.
    pub(super) fn columns(&self, format: FileFormat) -> Result<Option<Arc<Columns>>, Fault> {
        match (format, &self.columns) {
            (FileFormat::Parquet, None) => Err(Fault::new(format!(
                "stream {:?}: a record came before its schema, which Parquet's columns are from",
                self.name
            ))),
            (_, columns) => Ok(columns.clone()),
        }
    }
}

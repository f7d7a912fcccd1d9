//! What a run tells: schemas, records, and states at borders.
//!
//! A border is a place where all that was told is covered by a state that can be written. There are
//! far more of them than states: one in a few seconds is enough, and fewer if the state is large.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use weir_collector::{Output, Schema, SourceError};
use weir_model::Timestamp;

use crate::api::{Observer, Outcome};
use crate::selection::SelectedStream;
use crate::shape::Shape;
use crate::state::Book;
use crate::streams::StreamId;

/// How often a state is told.
const EVERY: Duration = Duration::from_secs(5);

/// A state of so many bytes takes a second more.
const BYTES_A_SECOND: usize = 20 * 1024;

/// The observer hears of every so many records.
const OBSERVED: u64 = 256;

/// How often states are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Every few seconds.
    Usual,
    /// At every border.
    EveryBorder,
}

/// Tells what a run finds.
pub(crate) struct Teller<'a> {
    output: &'a mut Output,
    observer: &'a dyn Observer,
    /// What is said of how far it has come.
    pub(crate) book: Book,
    pace: Pace,
    due: Instant,
    /// Whether anything was told since the last border.
    is_beyond: bool,
    /// Whether there was a border since the last state.
    has_border: bool,
    current: Option<Current>,
}

/// The stream whose records are told.
struct Current {
    stream: StreamId,
    name: Arc<str>,
    keys: Vec<String>,
    records: u64,
    began: Instant,
    schema: Schema,
    shape: Arc<Shape>,
    /// Of how many odd values the schema knows that was told.
    odds: u32,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(
        output: &'a mut Output,
        observer: &'a dyn Observer,
        book: Book,
        pace: Pace,
    ) -> Teller<'a> {
        Teller {
            output,
            observer,
            book,
            pace,
            due: Instant::now() + EVERY,
            is_beyond: false,
            has_border: false,
            current: None,
        }
    }

    /// Whether the run is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.output.is_stopping()
    }

    /// Begins a stream, with its schema.
    pub(crate) async fn begin(&mut self, stream: &SelectedStream) -> Result<(), SourceError> {
        self.book.failures.begin(stream.id);
        self.current = Some(Current {
            stream: stream.id,
            name: Arc::clone(&stream.schema.stream),
            keys: stream.schema.key_properties.clone(),
            records: 0,
            began: Instant::now(),
            schema: stream.schema.clone(),
            shape: Arc::clone(&stream.shape),
            odds: 0,
        });
        Ok(self.output.schema(stream.schema.clone()).await?)
    }

    /// Tells what records look like: as selected, and as those have come that fit nowhere. What was
    /// read ahead, or by an earlier pass, makes no difference to the first: columns are from it.
    async fn schema(&mut self) -> Result<(), SourceError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        current.odds = current.shape.odds();
        let mut schema = current.schema.clone();
        schema.schema = current.shape.widened(schema.schema);
        Ok(self.output.schema(schema).await?)
    }

    /// Tells a record of the stream that was begun. A key that Pendo leaves out is null: whoever
    /// tells records apart by their keys needs all of them.
    pub(crate) async fn record(
        &mut self,
        mut record: Map<String, Value>,
    ) -> Result<(), SourceError> {
        if self.is_schema_too_narrow() {
            self.schema().await?;
        }
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        for key in &current.keys {
            if !record.contains_key(key) {
                record.insert(key.clone(), Value::Null);
            }
        }
        current.records += 1;
        self.is_beyond = true;
        self.output.record(&current.name, record).await?;
        if current.records.is_multiple_of(OBSERVED) {
            self.observe();
        }
        Ok(())
    }

    /// Whether rows have come that the schema does not allow which was told.
    fn is_schema_too_narrow(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.odds != current.shape.odds())
    }

    /// All that was told is covered by what `write` puts into the book, which it does if a state is
    /// due.
    pub(crate) async fn border(
        &mut self,
        write: impl FnOnce(&mut Book),
    ) -> Result<(), SourceError> {
        self.is_beyond = false;
        self.has_border = true;
        if !self.is_due() {
            return Ok(());
        }
        write(&mut self.book);
        self.state().await
    }

    /// The last word before an error ends the run: a state, if the last border was just now.
    pub(crate) async fn last_word(&mut self, write: impl FnOnce(&mut Book)) {
        if self.has_border && !self.is_beyond {
            write(&mut self.book);
            // The run ends anyway.
            let _ = self.state().await;
        }
    }

    /// Ends a stream. Its place is in the book already.
    pub(crate) fn end(&mut self) {
        self.observe();
        if let Some(current) = self.current.take() {
            let took = current.began.elapsed();
            let outcome = match self.book.failures.has(current.stream) {
                true => Outcome::Failed,
                false => Outcome::Complete,
            };
            self.observer
                .finished(current.stream, outcome, current.records, took);
        }
    }

    /// Tells the state.
    pub(crate) async fn state(&mut self) -> Result<(), SourceError> {
        let state = self.book.state();
        let wait = match self.pace {
            Pace::Usual => EVERY + Duration::from_secs(self.seconds_for(&state.0)),
            Pace::EveryBorder => Duration::ZERO,
        };
        self.due = Instant::now() + wait;
        self.is_beyond = false;
        self.has_border = false;
        Ok(self.output.state(state).await?)
    }

    fn is_due(&self) -> bool {
        self.pace == Pace::EveryBorder || self.output.is_stopping() || Instant::now() >= self.due
    }

    fn seconds_for(&self, state: &Value) -> u64 {
        (text_bytes(state) / BYTES_A_SECOND) as u64
    }

    fn observe(&self) {
        if let Some(current) = &self.current {
            let bookmark = self.book.bookmark(current.stream).ok().flatten();
            let bookmark = bookmark.and_then(|time| Timestamp::from_millis(time).ok());
            self.observer
                .progress(current.stream, current.records, bookmark);
        }
    }
}

/// How long the texts in a state are, which is about all of its size.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(map) => map.iter().map(|(key, v)| key.len() + text_bytes(v)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

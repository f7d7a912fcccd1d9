//! Where a source puts what it finds.
//!
//! Messages gather in batches, so that handing one on costs next to nothing, and batches wait in a
//! short queue, so that a slow sink holds its source up instead of filling memory. A batch ends
//! with its first state: the runner can save after any batch that has one, and need not look into
//! it to find the place.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use weir_model::Timestamp;
use weir_model::record::RECORD_ID_BYTES;
use weir_store::Clock;

use crate::message::{Message, RecordMessage, Schema, State};
use crate::report::Skips;
use crate::source::SourceError;
use crate::weight;

/// Messages of a batch at most.
const BATCH_MESSAGES: usize = 512;
/// Bytes of a batch, roughly, after which it goes on.
const BATCH_BYTES: usize = 256 * 1024;
/// Characters by which a record is named that is left out.
const NAMED_CHARS: usize = 100;
/// Batches between a source and its sink.
const QUEUE: usize = 4;

/// The runner wants no more. A source returns it: `?` makes a `SourceError::Stopped` of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// Where a source puts what it finds.
#[derive(Debug)]
pub struct Output {
    batch: Batch,
    bytes: usize,
    queue: mpsc::Sender<Handed>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    /// When the messages at hand were read; kept until a state or a full batch, because asking the
    /// clock for each record costs more than handing it on.
    extracted: Option<Timestamp>,
}

/// The messages between two hand-overs.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    /// The state that ends the batch; it is the last of the messages, too.
    pub(crate) state: Option<State>,
}

/// What comes out of the queue.
#[derive(Debug)]
pub(crate) enum Handed {
    /// Messages.
    Batch(Batch),
    /// The source has ended; nothing follows.
    End(Result<(), SourceError>),
}

/// What a run and its source both see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    stop: AtomicBool,
    skips: Mutex<Skips>,
}

/// The runner's end of an output.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) queue: mpsc::Receiver<Handed>,
    pub(crate) shared: Arc<Shared>,
}

impl Output {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> (Output, Incoming) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let output = Output {
            batch: Batch::default(),
            bytes: 0,
            queue: sender,
            shared: Arc::clone(&shared),
            clock,
            extracted: None,
        };
        let incoming = Incoming {
            queue: receiver,
            shared,
        };
        (output, incoming)
    }

    /// Tells what the records of a stream look like, before the first of them.
    ///
    /// # Errors
    /// When the runner wants no more.
    pub async fn schema(&mut self, schema: Schema) -> Result<(), Stopped> {
        self.add(Message::Schema(schema), 0).await
    }

    /// Hands on a record; waits while the sink is slower than the source. One whose `_id` is longer
    /// than any may be is left out.
    ///
    /// # Errors
    /// When the runner wants no more.
    pub async fn record(
        &mut self,
        stream: &Arc<str>,
        record: Map<String, Value>,
    ) -> Result<(), Stopped> {
        if let Some(bytes) = too_long_an_id(&record) {
            self.skip(
                format_args!("a record of {stream}, {}", named(&record)),
                format_args!("its _id has {bytes} bytes; up to {RECORD_ID_BYTES} are allowed"),
            );
            return Ok(());
        }
        let bytes = weight::of(&record);
        let time_extracted = Some(self.extracted());
        let record = RecordMessage {
            stream: Arc::clone(stream),
            record,
            time_extracted,
        };
        self.add(Message::Record(record), bytes).await
    }

    /// Says that what the sink holds of a stream is replaced by what follows.
    ///
    /// # Errors
    /// When the runner wants no more.
    pub async fn empty(&mut self, stream: &Arc<str>) -> Result<(), Stopped> {
        let stream = Arc::clone(stream);
        self.add(Message::Empty { stream }, 0).await
    }

    /// Says how far the source has come. What it handed on before counts even if this fails.
    ///
    /// # Errors
    /// When the runner wants no more after this state: the time is up.
    pub async fn state(&mut self, state: State) -> Result<(), Stopped> {
        self.batch.messages.push(Message::State(state.clone()));
        self.batch.state = Some(state);
        self.hand_on().await?;
        match self.is_stopping() {
            true => Err(Stopped),
            false => Ok(()),
        }
    }

    /// Whether the runner wants the source to end with its next state. One that has states by the
    /// clock tells its next one at once.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Notes that something was left out. It is logged, counted, and named in the run's report.
    pub fn skip(&mut self, what: impl fmt::Display, why: impl fmt::Display) {
        tracing::warn!(%what, %why, "left out {what}: {why}");
        self.shared.note_skip(what.to_string(), why.to_string());
    }

    /// Hands on what is left, and how the source has ended.
    pub(crate) async fn finish(&mut self, ended: Result<(), SourceError>) {
        if !self.batch.messages.is_empty() {
            // When this fails, nobody listens any more, so nobody misses it.
            let _ = self.hand_on().await;
        }
        let _ = self.queue.send(Handed::End(ended)).await;
    }

    async fn add(&mut self, message: Message, bytes: usize) -> Result<(), Stopped> {
        self.batch.messages.push(message);
        self.bytes += bytes;
        if self.batch.messages.len() < BATCH_MESSAGES && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.hand_on().await
    }

    async fn hand_on(&mut self) -> Result<(), Stopped> {
        self.bytes = 0;
        self.extracted = None;
        let batch = std::mem::take(&mut self.batch);
        self.queue
            .send(Handed::Batch(batch))
            .await
            .map_err(|_| Stopped)
    }

    fn extracted(&mut self) -> Timestamp {
        *self.extracted.get_or_insert_with(|| self.clock.now())
    }
}

/// The length of an `_id` that no data set takes: a path of many hundred characters is in it, and
/// no later run would get past it.
fn too_long_an_id(record: &Map<String, Value>) -> Option<usize> {
    let bytes = record.get("_id")?.as_str()?.len();
    (bytes > RECORD_ID_BYTES).then_some(bytes)
}

/// The beginning of what a record is called.
fn named(record: &Map<String, Value>) -> String {
    let id = record.get("humanId").or(record.get("_id"));
    let id = id.and_then(Value::as_str).unwrap_or_default();
    id.chars().take(NAMED_CHARS).chain(['…']).collect()
}

impl Shared {
    /// Asks the source to end with its next state.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn skips(&self) -> Skips {
        self.skips
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note_skip(&self, what: String, why: String) {
        self.skips
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(what, why);
    }
}

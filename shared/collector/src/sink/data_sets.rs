//! The data sets of one group of this installation: each stream has its own, named as the stream.
//!
//! Records of such streams are as their third party has them, and those of data sets are flat, so
//! they are made flat on their way. What is flat is delivered by a [`DataSetSink`] each. A document
//! that no data set takes, because it is too large, is left out and told of: it is its third party's,
//! and the next run would find it again.
//!
//! All sets are looked for before the first record is read: a run of hours must not find out at
//! its last stream that a set is missing.

mod flat;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weir_model::{DataSetName, Record};
use weir_store::{Deadline, Store};

use crate::fault::Fault;
use crate::message::{Message, RecordMessage, Schema};
use crate::report::Skips;
use crate::sink::data_set::failed;
use crate::sink::{DataSetSink, Patience, Sink, SinkError};
use flat::{Document, Flat};

/// How long it may take to look for a data set.
const TIME: Duration = Duration::from_secs(30);
/// Characters by which a document is named that is left out.
const NAMED_CHARS: usize = 100;

/// Delivers each stream to the data set of its name.
#[derive(Debug)]
pub struct DataSetsSink {
    store: Store,
    group: String,
    sets: BTreeMap<Arc<str>, Set>,
    /// What was left out of what is flushed.
    skips: Skips,
    /// What was left out since.
    waiting_skips: Skips,
}

/// A stream's data set, and how its records become flat.
#[derive(Debug)]
struct Set {
    sink: DataSetSink,
    flat: Flat,
}

impl DataSetsSink {
    /// Delivers to the data sets of this group, of which those of `streams` must be there.
    ///
    /// # Errors
    /// When some are not, naming all of them; when a name cannot be a data set's; when the store
    /// does not say.
    pub async fn open(store: Store, group: &str, streams: &[&str]) -> Result<Self, SinkError> {
        let mut missing = Vec::new();
        for stream in streams {
            let name = name(group, stream)?;
            let deadline = Deadline::at(store.now().saturating_add(TIME));
            let found = store.data_set(&name, deadline).await;
            if found.map_err(|error| failed(&name, &error))?.is_none() {
                missing.push(name);
            }
        }
        match missing.as_slice() {
            [] => Ok(Self {
                store,
                group: group.to_owned(),
                sets: BTreeMap::new(),
                skips: Skips::default(),
                waiting_skips: Skips::default(),
            }),
            missing => Err(SinkError::Final(none_of(missing))),
        }
    }

    fn learn(&mut self, schema: &Schema) -> Result<(), Fault> {
        let flat = Flat::of(schema);
        if let Some(set) = self.sets.get_mut(&schema.stream) {
            set.flat = flat;
            return Ok(());
        }
        let name = name(&self.group, &schema.stream)?;
        let sink = DataSetSink::new(self.store.clone(), name);
        let set = Set { sink, flat };
        self.sets.insert(Arc::clone(&schema.stream), set);
        Ok(())
    }

    fn set(&mut self, stream: &str) -> Result<&mut Set, Fault> {
        let set = self.sets.get_mut(stream);
        set.ok_or_else(|| Fault::new(format!("{stream} has a record before its schema")))
    }

    async fn record(&mut self, message: RecordMessage) -> Result<(), SinkError> {
        let RecordMessage { stream, record, .. } = message;
        let set = self.set(&stream)?;
        let Document { keys, body } = set.flat.document(&stream, record);
        match Record::check(body) {
            Ok(record) => set.sink.add(record).await,
            Err(messages) => {
                self.leave_out(&keys, &messages.join(", "));
                Ok(())
            }
        }
    }

    fn leave_out(&mut self, keys: &str, why: &str) {
        let mut what: String = keys.chars().take(NAMED_CHARS).collect();
        if what.len() < keys.len() {
            what.push('…');
        }
        tracing::warn!(%what, %why, "left out the record {what}: {why}");
        self.waiting_skips
            .note(format!("the record {what}"), why.to_owned());
    }
}

impl Sink for DataSetsSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        for message in messages {
            match message {
                Message::Schema(schema) => self.learn(&schema)?,
                Message::Record(record) => self.record(record).await?,
                Message::Empty { stream } => self.set(&stream)?.sink.empty().await?,
                Message::State(_) => {}
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        for set in self.sets.values_mut() {
            set.sink.flush().await?;
        }
        self.skips.add(std::mem::take(&mut self.waiting_skips));
        Ok(())
    }

    async fn abandon(&mut self) {
        for set in self.sets.values_mut() {
            set.sink.abandon().await;
        }
        self.waiting_skips = Skips::default();
    }

    fn skips(&self) -> Skips {
        self.skips.clone()
    }

    fn patience(&self) -> Patience {
        Patience {
            records: 4_000,
            time: Duration::from_secs(30),
        }
    }
}

fn name(group: &str, stream: &str) -> Result<DataSetName, Fault> {
    DataSetName::new(group, stream).map_err(Fault::new)
}

fn none_of(missing: &[DataSetName]) -> Fault {
    let names: Vec<&str> = missing.iter().map(DataSetName::as_str).collect();
    let (are, sets, them) = match names.len() {
        1 => ("is", "data set", "it"),
        _ => ("are", "data sets", "them"),
    };
    let fault = Fault::new(format!("there {are} no {sets} {}", names.join(", ")));
    fault.hint(format!(
        "make {them}: for set in {}; do weir dataset create $set; done",
        names.join(" ")
    ))
}

//! The data sets of one group of this installation: each stream has its own, named as the stream.
//!
//! Records of such streams are as their third party has them, and those of data sets are flat, so
//! they are made flat on their way. What is flat is delivered by a [`DataSetSink`] each.
//! All sets are looked for before the first record is read: a run of hours must not find out at
//! its last stream that a set is missing.

mod flat;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weir_model::DataSetName;
use weir_store::{Deadline, Store};

use crate::fault::Fault;
use crate::message::{Message, Schema};
use crate::sink::{DataSetSink, Patience, Sink, SinkError};
use flat::Flat;

/// How long it may take to look for a data set.
const TIME: Duration = Duration::from_secs(30);

/// Delivers each stream to the data set of its name.
#[derive(Debug)]
pub struct DataSetsSink {
    store: Store,
    group: String,
    sets: BTreeMap<Arc<str>, Set>,
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
            if found.map_err(|error| unsaid(&name, &error))?.is_none() {
                missing.push(name);
            }
        }
        match missing.as_slice() {
            [] => Ok(Self {
                store,
                group: group.to_owned(),
                sets: BTreeMap::new(),
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

    /// Hands on what is of one stream, in order; a run of it is written at once.
    async fn hand_on(&mut self, stream: &str, messages: Vec<Message>) -> Result<(), SinkError> {
        self.set(stream)?.sink.write(messages).await
    }
}

impl Sink for DataSetsSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        let mut gathered: (Arc<str>, Vec<Message>) = ("".into(), Vec::new());
        for message in messages {
            let (stream, message) = match message {
                Message::Schema(schema) => {
                    self.learn(&schema)?;
                    continue;
                }
                Message::State(_) => continue,
                Message::Record(record) => {
                    let stream = Arc::clone(&record.stream);
                    let record = self.set(&stream)?.flat.record(record);
                    (stream, Message::Record(record))
                }
                Message::Empty { stream } => (Arc::clone(&stream), Message::Empty { stream }),
            };
            if gathered.0 != stream && !gathered.1.is_empty() {
                let messages = std::mem::take(&mut gathered.1);
                self.hand_on(&gathered.0, messages).await?;
            }
            gathered.0 = stream;
            gathered.1.push(message);
        }
        match gathered {
            (_, messages) if messages.is_empty() => Ok(()),
            (stream, messages) => self.hand_on(&stream, messages).await,
        }
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        for set in self.sets.values_mut() {
            set.sink.flush().await?;
        }
        Ok(())
    }

    async fn abandon(&mut self) {
        for set in self.sets.values_mut() {
            set.sink.abandon().await;
        }
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

fn unsaid(name: &DataSetName, error: &weir_store::StoreError) -> SinkError {
    SinkError::Later {
        fault: Fault::new(format!("data set {name}: {error}")),
        after: None,
    }
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

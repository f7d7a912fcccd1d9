//! A data set of this installation.
//!
//! Records are checked as the HTTP door checks them, and one that is invalid fails the run before
//! anything of it is stored: a collector that makes such records has to be mended. Each write reads
//! the set first, so that one that was emptied or made anew meanwhile gets the records. A job has
//! one data set, whatever its streams are called, and [`Message::Empty`] empties it.

use std::time::Duration;

use weir_model::{DataSetName, Record};
use weir_store::{DataSet, Deadline, Store, StoreError};

use crate::fault::Fault;
use crate::message::{Message, RecordMessage};
use crate::sink::identity::Identities;
use crate::sink::{Patience, Sink, SinkError};
use crate::weight;

/// Records that are stored at once: as many batches as the store has under way.
const AT_ONCE: usize = 400;
/// Bytes of records, roughly, after which they are stored early.
const AT_ONCE_BYTES: usize = 4 << 20;
/// How long storing them may take, throttling included.
const TIME: Duration = Duration::from_secs(60);

/// Delivers to a data set.
#[derive(Debug)]
pub struct DataSetSink {
    store: Store,
    name: DataSetName,
    identities: Identities,
    waiting: Vec<Record>,
    waiting_bytes: usize,
}

/// What a message asks for, once it is checked.
#[derive(Debug)]
enum Step {
    Put(Record),
    Empty,
}

impl DataSetSink {
    /// Delivers to the set of this name. It must exist when the first record comes.
    pub fn new(store: Store, name: DataSetName) -> Self {
        Self {
            store,
            name,
            identities: Identities::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    fn step(&mut self, message: Message) -> Result<Option<Step>, Fault> {
        Ok(match message {
            Message::Schema(schema) => {
                self.identities.learn(schema);
                None
            }
            Message::Record(record) => Some(Step::Put(self.check(record)?)),
            Message::Empty { .. } => Some(Step::Empty),
            Message::State(_) => None,
        })
    }

    async fn take(&mut self, step: Step) -> Result<(), SinkError> {
        match step {
            Step::Put(record) => self.add(record).await,
            Step::Empty => self.empty().await,
        }
    }

    /// Takes a record that is checked.
    pub(super) async fn add(&mut self, record: Record) -> Result<(), SinkError> {
        self.waiting_bytes += weight::of(record.body());
        self.waiting.push(record);
        match self.waiting.len() >= AT_ONCE || self.waiting_bytes >= AT_ONCE_BYTES {
            true => self.put().await,
            false => Ok(()),
        }
    }

    fn check(&self, message: RecordMessage) -> Result<Record, Fault> {
        let document = self.identities.document(message)?;
        let id = document["_id"].to_string();
        Record::check(document).map_err(|messages| {
            let messages = messages.join(", ");
            Fault::new(format!("record {id} for {}: {messages}", self.name))
        })
    }

    async fn put(&mut self) -> Result<(), SinkError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let set = self.set().await?;
        let put = self
            .store
            .put_records(&set, &self.waiting, self.deadline())
            .await;
        put.map_err(|error| self.failed(&error))?;
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// What waits belongs to what is replaced.
    pub(super) async fn empty(&mut self) -> Result<(), SinkError> {
        self.forget();
        let emptied = self
            .store
            .empty_data_set(&self.name, self.deadline())
            .await
            .map_err(|error| self.failed(&error))?;
        emptied.map(|_| ()).ok_or_else(|| self.missing())
    }

    async fn set(&self) -> Result<DataSet, SinkError> {
        let set = self.store.data_set(&self.name, self.deadline()).await;
        let set = set.map_err(|error| self.failed(&error))?;
        set.ok_or_else(|| self.missing())
    }

    fn deadline(&self) -> Deadline {
        Deadline::at(self.store.now().saturating_add(TIME))
    }

    fn missing(&self) -> SinkError {
        let name = &self.name;
        let fault = Fault::new(format!("there is no data set {name}"));
        SinkError::Final(fault.hint(format!("make it: weir dataset create {name}")))
    }

    fn failed(&self, error: &StoreError) -> SinkError {
        failed(&self.name, error)
    }
}

/// What a run does about a store that did not do what a data set needs.
pub(super) fn failed(name: &DataSetName, error: &StoreError) -> SinkError {
    let fault = Fault::new(format!("data set {name}: {error}"));
    match error {
        StoreError::Unavailable(_) | StoreError::TooSlow(_) | StoreError::Changed(_) => {
            SinkError::Later { fault, after: None }
        }
        StoreError::Corrupt { .. } | StoreError::Refused(_) => SinkError::Final(fault),
    }
}

impl Sink for DataSetSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        // All are checked before the first is acted on: what is invalid must not turn up when the
        // set was emptied for it.
        let steps = messages.into_iter().map(|message| self.step(message));
        let steps: Vec<Option<Step>> = steps
            .collect::<Result<_, Fault>>()
            .map_err(SinkError::Final)?;
        for step in steps.into_iter().flatten() {
            self.take(step).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.put().await
    }

    async fn abandon(&mut self) {
        self.forget();
    }

    fn patience(&self) -> Patience {
        Patience {
            records: 4_000,
            time: Duration::from_secs(30),
        }
    }
}

//! Records as files, in S3 or in a directory: `{stream}/date=YYYY-MM-DD/{batch}-{n}.jsonl.gz`, or
//! `.parquet`.
//!
//! **Whole or not at all.** A file comes into being by one put, or by the completion of an upload;
//! locally it is written beside its place, synced, and renamed.
//!
//! **Each record once.** All files between two flushes are of one batch, whose random name is in
//! theirs. None of them exists before [`flush`](Sink::flush): what grows too large to be held is
//! uploaded, and waits to be completed. The runner writes the batch's name
//! ([`plan`](Sink::plan)) beside the bookmark before, and takes it away with the same write that
//! moves the bookmark. A run that finds one there removes the files of that batch
//! ([`discard`](Sink::discard)): no bookmark covers them.
//!
//! **Memory is flat.** Lines are gathered by date up to a bound; then the largest date's are
//! encoded, and encoded bytes up to another, then the largest are uploaded. Thousands of dates at
//! once make smaller files, not a larger process.
//!
//! **An emptied stream** is a new snapshot: what follows goes to `{stream}/snapshot={batch}/`, and
//! what was there stays. The newest snapshot is the stream, and runs that do not empty it go on in
//! that. One that holds no records yet has an empty `_{batch}-empty`.
//!
//! The date is that of the record's `_timestamp`, else of its first bookmark property, else of its
//! extraction, in UTC.

mod columns;
mod date;
mod encode;
mod file;
mod partition;
mod place;
mod s3;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use weir_aws::SdkConfig;
use weir_store::{Clock, SystemClock};

use crate::fault::Fault;
use crate::message::{Message, RecordMessage};
use crate::sink::{Patience, Repeats, Sink, SinkError};

pub use encode::FileFormat;
use partition::{Partition, Partitions};
use place::Place;
use stream::Streams;

/// How much is gathered before files are completed: fewer and larger files read faster.
const PATIENCE: Patience = Patience {
    records: 1_000_000,
    time: Duration::from_secs(300),
};

/// How many files are completed at once.
const COMPLETED_AT_ONCE: usize = 8;

/// Records as files, in S3 or in a directory.
#[derive(Debug)]
pub struct FilesSink {
    place: Place,
    format: FileFormat,
    clock: Arc<dyn Clock>,
    batch: Option<String>,
    streams: Streams,
    partitions: Partitions,
    /// Snapshots that the coming flush begins, named as batches are.
    snapshots: BTreeSet<String>,
}

impl FilesSink {
    /// Opens the place at `url`: `s3://bucket/prefix`, which needs access to AWS, or
    /// `file:///directory`, which is made if it is not there.
    ///
    /// # Errors
    /// When the address is neither, or the directory cannot be made, or there is no access.
    pub fn open(url: &str, format: FileFormat, access: Option<&SdkConfig>) -> Result<Self, Fault> {
        Ok(Self {
            place: Place::open(url, access)?,
            format,
            clock: Arc::new(SystemClock),
            batch: None,
            streams: Streams::default(),
            partitions: Partitions::new(format),
            snapshots: BTreeSet::new(),
        })
    }

    /// Takes the time of day from this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The name that all files until the next flush have in theirs; a later one sorts later.
    fn batch(&mut self) -> String {
        let batch = self.batch.get_or_insert_with(|| {
            let now = self.clock.now();
            let text = now.to_string();
            let seconds = text[..19].chars().filter(char::is_ascii_alphanumeric);
            let seconds: String = seconds.collect();
            let millis = now.as_millis() % 1000;
            format!("{seconds}{millis:03}Z-{:016x}", rand::random::<u64>())
        });
        batch.clone()
    }

    async fn take(&mut self, message: Message) -> Result<(), SinkError> {
        match message {
            Message::Schema(schema) => {
                let stream = self.streams.index(&schema.stream);
                match self.streams.learn(stream, &schema, self.format) {
                    true => self.partitions.seal_stream(stream, &self.place).await,
                    false => Ok(()),
                }
            }
            Message::Record(record) => self.record(&record).await,
            Message::Empty { stream } => {
                let batch = self.batch();
                let stream = self.streams.index(&stream);
                self.streams.place(stream, Some(&batch));
                let directory = self.streams.get(stream).directory();
                let directory = directory.expect("it was said above");
                self.snapshots.insert(format!("{directory}/{batch}"));
                self.partitions.seal_stream(stream, &self.place).await
            }
            Message::State(_) => Ok(()),
        }
    }

    async fn record(&mut self, message: &RecordMessage) -> Result<(), SinkError> {
        if self.batch.is_none() {
            self.batch();
        }
        let index = self.streams.index(&message.stream);
        if self.streams.get(index).directory().is_none() {
            self.find(index).await?;
        }
        let batch = self.batch.as_deref().expect("it was drawn above");
        let stream = self.streams.get(index);
        let date = stream.date(message, self.clock.as_ref());
        let to = (batch, &self.place);
        self.partitions
            .add((index, stream), date, &message.record, to)
            .await
    }

    /// Finds where the files of a stream are that was not emptied by this run.
    async fn find(&mut self, index: usize) -> Result<(), SinkError> {
        let part = self.streams.get(index).part();
        let snapshot = self.place.newest_snapshot(part).await?;
        self.streams.place(index, snapshot.as_deref());
        Ok(())
    }
}

/// One after the other: encoding takes memory, and completing takes time.
async fn encode(partitions: &mut [Partition], place: &Place) -> Result<(), SinkError> {
    for partition in partitions {
        partition.encode(place).await?;
    }
    Ok(())
}

async fn abandon(partitions: Vec<Partition>) {
    for partition in partitions {
        partition.abandon().await;
    }
}

impl Sink for FilesSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        for message in messages {
            self.take(message).await?;
        }
        Ok(())
    }

    fn plan(&mut self) -> Vec<String> {
        let mut names = self.snapshots.clone();
        names.extend(self.partitions.batches());
        names.into_iter().collect()
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        let mut partitions = self.partitions.take();
        let mut snapshots = std::mem::take(&mut self.snapshots);
        self.batch = None;
        let place = &self.place;
        if let Err(error) = encode(&mut partitions, place).await {
            abandon(partitions).await;
            return Err(error);
        }
        for partition in &partitions {
            snapshots.remove(&partition.batch());
        }
        let done = futures::stream::iter(partitions)
            .map(|partition| partition.complete(place))
            .buffer_unordered(COMPLETED_AT_ONCE);
        let done = done.collect::<Vec<_>>().await;
        done.into_iter().collect::<Result<(), SinkError>>()?;
        for empty in &snapshots {
            place.mark(empty).await?;
        }
        Ok(())
    }

    async fn discard(&mut self, names: &[String]) -> Result<(), SinkError> {
        for name in names {
            self.place.discard(name).await?;
        }
        Ok(())
    }

    async fn abandon(&mut self) {
        self.batch = None;
        self.snapshots.clear();
        abandon(self.partitions.take()).await;
    }

    fn repeats(&self) -> Repeats {
        Repeats::Double
    }

    fn patience(&self) -> Patience {
        PATIENCE
    }
}

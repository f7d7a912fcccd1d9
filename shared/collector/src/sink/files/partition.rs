//! Records of one stream and date, and how many of them memory holds.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use object_store::path::Path;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::sink::SinkError;
use crate::sink::files::columns::Columns;
use crate::sink::files::date::DayNumber;
use crate::sink::files::encode::{Encoder, FileFormat};
use crate::sink::files::file::File;
use crate::sink::files::place::Place;
use crate::sink::files::stream::Stream;

/// How much memory holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of lines that are gathered, over all partitions.
    pub(super) lines_bytes: usize,
    /// Encoded bytes that are held, over all partitions.
    pub(super) encoded_bytes: usize,
    /// Encoded bytes of one file that make a part of an upload: S3 wants 5 MiB at least.
    pub(super) part_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            lines_bytes: 8 << 20,
            encoded_bytes: 16 << 20,
            part_bytes: 6 << 20,
        }
    }
}

/// All partitions of a batch.
#[derive(Debug)]
pub(super) struct Partitions {
    format: FileFormat,
    pub(super) bounds: Bounds,
    open: HashMap<(usize, DayNumber), Partition>,
    /// Those that hold nothing and take nothing any more.
    sealed: Vec<Partition>,
    lines_bytes: usize,
    encoded_bytes: usize,
    /// How many partitions there were.
    count: u32,
}

/// Records of one stream and date.
#[derive(Debug)]
pub(super) struct Partition {
    format: FileFormat,
    directory: String,
    date: DayNumber,
    batch: String,
    number: u32,
    columns: Option<Arc<Columns>>,
    lines: Vec<u8>,
    file: Option<File>,
    sealed: Vec<File>,
}

impl Partitions {
    pub(super) fn new(format: FileFormat) -> Self {
        Self {
            format,
            bounds: Bounds::default(),
            open: HashMap::new(),
            sealed: Vec::new(),
            lines_bytes: 0,
            encoded_bytes: 0,
            count: 0,
        }
    }

    /// Takes a record, and makes room if memory holds too much.
    pub(super) async fn add(
        &mut self,
        (index, stream): (usize, &Stream),
        date: DayNumber,
        record: &Map<String, Value>,
        (batch, place): (&str, &Place),
    ) -> Result<(), SinkError> {
        let key = (index, date);
        let partition = match self.open.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                self.count += 1;
                free.insert(Partition {
                    format: self.format,
                    directory: stream.directory().unwrap_or(stream.part()).to_owned(),
                    date,
                    batch: batch.to_owned(),
                    number: self.count,
                    columns: stream.columns(self.format)?,
                    lines: Vec::new(),
                    file: None,
                    sealed: Vec::new(),
                })
            }
        };
        let before = partition.lines.len();
        Stream::write_line(record, partition.columns.as_deref(), &mut partition.lines);
        let lines_bytes = partition.lines.len();
        self.lines_bytes += lines_bytes - before;
        match lines_bytes >= self.format.step_bytes() || self.lines_bytes > self.bounds.lines_bytes
        {
            true => self.relieve(place).await,
            false => Ok(()),
        }
    }

    /// Encodes the most lines of one partition, and uploads what is enough, or too much.
    async fn relieve(&mut self, place: &Place) -> Result<(), SinkError> {
        let most = self
            .open
            .iter()
            .max_by_key(|(_, partition)| partition.lines.len());
        let Some((&key, _)) = most else {
            return Ok(());
        };
        self.encode(key, place).await?;
        while self.encoded_bytes > self.bounds.encoded_bytes {
            let most = self
                .open
                .iter()
                .max_by_key(|(_, partition)| partition.held_bytes());
            let Some((&key, _)) = most else {
                return Ok(());
            };
            self.seal_file(key, place).await?;
        }
        Ok(())
    }

    async fn encode(&mut self, key: (usize, DayNumber), place: &Place) -> Result<(), SinkError> {
        let partition = self.open.get_mut(&key).expect("it was found here");
        let (lines, held) = (partition.lines.len(), partition.held_bytes());
        partition.encode(place).await?;
        if partition.held_bytes() >= self.bounds.part_bytes {
            partition.upload(place).await?;
        }
        self.lines_bytes -= lines;
        self.encoded_bytes = self.encoded_bytes + partition.held_bytes() - held;
        Ok(())
    }

    async fn seal_file(&mut self, key: (usize, DayNumber), place: &Place) -> Result<(), SinkError> {
        let partition = self.open.get_mut(&key).expect("it was found here");
        self.encoded_bytes -= partition.held_bytes();
        partition.seal_file(place).await
    }

    /// Ends the partitions of a stream, because what follows goes elsewhere or is of another form.
    pub(super) async fn seal_stream(
        &mut self,
        index: usize,
        place: &Place,
    ) -> Result<(), SinkError> {
        let keys = self.open.keys().filter(|(stream, _)| *stream == index);
        for key in keys.copied().collect::<Vec<_>>() {
            self.encode(key, place).await?;
            self.seal_file(key, place).await?;
            self.sealed.extend(self.open.remove(&key));
        }
        Ok(())
    }

    /// What the coming files have in their names, with the directory that they are below.
    pub(super) fn batches(&self) -> Vec<String> {
        let all = self.open.values().chain(&self.sealed);
        let names: BTreeSet<String> = all.map(Partition::batch).collect();
        names.into_iter().collect()
    }

    /// How many bytes memory holds.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        let all = self.open.values().chain(&self.sealed);
        all.map(|partition| partition.lines.len() + partition.held_bytes())
            .sum()
    }

    /// Gives all partitions away.
    pub(super) fn take(&mut self) -> Vec<Partition> {
        let empty = Self {
            bounds: self.bounds,
            ..Self::new(self.format)
        };
        let Self { open, sealed, .. } = std::mem::replace(self, empty);
        open.into_values().chain(sealed).collect()
    }
}

impl Partition {
    /// What its files have in their names, with the directory that they are below.
    pub(super) fn batch(&self) -> String {
        format!("{}/{}", self.directory, self.batch)
    }

    fn held_bytes(&self) -> usize {
        self.file.as_ref().map_or(0, File::held_bytes)
    }

    /// Where its next file goes.
    fn path(&self, place: &Place) -> Result<Path, Fault> {
        let (batch, number, file) = (&self.batch, self.number, self.sealed.len());
        let (date, ending) = (self.date.date(), self.format.ending());
        let name = format!("date={date}/{batch}-{number}-{file}.{ending}");
        place.path(&format!("{}/{name}", self.directory))
    }

    /// Moves its lines into its file.
    pub(super) async fn encode(&mut self, place: &Place) -> Result<(), SinkError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.lines);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::new(self.path(place)?, Encoder::new(self.columns.as_ref())?),
        };
        // What fails can still be abandoned.
        let added = file.add(lines).await;
        self.file = Some(file);
        Ok(added?)
    }

    /// Uploads what its file holds, as a part.
    async fn upload(&mut self, place: &Place) -> Result<(), SinkError> {
        match &mut self.file {
            Some(file) => file.upload(place).await,
            None => Ok(()),
        }
    }

    /// Uploads its file to the end; the next lines go into another.
    async fn seal_file(&mut self, place: &Place) -> Result<(), SinkError> {
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        let sealed = file.seal(place).await;
        self.sealed.push(file);
        sealed
    }

    /// Brings its files into being; all lines must be in them. When one fails, nothing is left of it
    /// and of those after it.
    pub(super) async fn complete(self, place: &Place) -> Result<(), SinkError> {
        let mut files = self.sealed.into_iter().chain(self.file);
        while let Some(file) = files.next() {
            if let Err(error) = file.complete(place).await {
                for file in files {
                    file.abandon().await;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes its files back.
    pub(super) async fn abandon(self) {
        for file in self.sealed.into_iter().chain(self.file) {
            file.abandon().await;
        }
    }
}

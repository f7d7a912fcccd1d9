//! Remembers which batches of an import were sent and which were stored, so that an import that
//! was interrupted goes on without counting anything twice.
//!
//! A journal is a file of JSON lines that is only appended to. A batch is written down before it
//! is sent: where it begins and ends in the input, and its key. It is written down again when
//! the server has confirmed it. A batch that was sent and not confirmed is sent again as it was,
//! under the same key, which the server honours for a day.
//!
//! An input is recognised by its first batch, not by its name: a file that was moved is still
//! the same, and so is one that has grown, or has been mended after the part that is stored.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use weir_model::Timestamp;
use weir_service::secret::{hex, random_bytes};

use super::batch::Batch;
use super::source::{Beginning, Head};
use crate::failure::Failure;

/// How long a batch may be sent again: the server knows a key for 24 hours, and the hour covers
/// clocks that differ and the time a batch takes.
const KEYS_LAST: Duration = Duration::from_secs(23 * 3600);

/// The version of the journal's form, and of how keys derive from batches.
const VERSION: u32 = 1;

/// An import as far as it has come.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    header: Header,
    batches: BTreeMap<u64, Sent>,
    finished: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    version: u32,
    /// Random, so that the same lines in another import have other keys.
    identity: String,
    input: String,
    started_ms: i64,
    first: Beginning,
}

/// A batch that was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    /// Where it ends in the input.
    pub(crate) to: u64,
    /// The key it was sent under.
    pub(crate) key: String,
    at_ms: i64,
    stored: Option<Stored>,
}

impl Sent {
    /// Whether the server has confirmed it.
    pub(crate) fn is_stored(&self) -> bool {
        self.stored.is_some()
    }
}

/// What the server made of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// Events stored.
    pub(crate) accepted: u64,
    /// Events left out because their id was there already.
    pub(crate) duplicates: u64,
}

impl std::ops::AddAssign for Stored {
    fn add_assign(&mut self, other: Stored) {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
    }
}

/// A line of the journal after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Sent {
        from: u64,
        to: u64,
        key: String,
        at_ms: i64,
    },
    Stored {
        from: u64,
        #[serde(flatten)]
        stored: Stored,
    },
    Refused {
        from: u64,
    },
    Finished {
        at_ms: i64,
    },
}

/// Where the imports to one target are remembered.
#[derive(Debug, Clone)]
pub(crate) struct Journals(PathBuf);

/// What tells the imports of an input apart before its first batch is sent.
pub(crate) fn draw_identity() -> String {
    hex(&random_bytes::<16>())
}

impl Journals {
    /// Keeps journals in a directory, which is made when the first one is.
    pub(crate) fn new(directory: PathBuf) -> Journals {
        Journals(directory)
    }

    /// How much of an input has to be known to recognise it.
    pub(crate) fn first_bytes(&self) -> Result<usize> {
        Ok(self
            .headers()?
            .iter()
            .map(|(_, header)| header.first.bytes)
            .max()
            .unwrap_or(0))
    }

    /// Finds the latest import of the input that begins so.
    pub(crate) fn find(&self, head: &Head) -> Result<Option<Journal>> {
        let mut headers = self.headers()?;
        headers.sort_by_key(|(_, header)| std::cmp::Reverse(header.started_ms));
        let same = headers.into_iter().find(|(_, header)| {
            header.version == VERSION && head.beginning(header.first.bytes as u64) == header.first
        });
        same.map(|(path, _)| Journal::open(path)).transpose()
    }

    /// Begins a journal, right before the first batch of an import is sent.
    pub(crate) fn create(
        &self,
        identity: &str,
        input: &str,
        first: Beginning,
        now: Timestamp,
    ) -> Result<Journal> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .with_context(|| format!("cannot make {}", self.0.display()))?;
        let header = Header {
            version: VERSION,
            identity: identity.into(),
            input: input.into(),
            started_ms: now.as_millis(),
            first,
        };
        let path = self.0.join(format!("{identity}.ndjson"));
        let file = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        lock(&file, &path)?;
        let mut journal = Journal {
            path,
            file,
            header,
            batches: BTreeMap::new(),
            finished: None,
        };
        let line = serde_json::to_string(&journal.header)?;
        journal.append(&line)?;
        // The directory, too: a journal that a power cut takes away would be begun anew, under
        // other keys.
        File::open(&self.0)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("cannot write {}", self.0.display()))?;
        Ok(journal)
    }

    fn headers(&self) -> Result<Vec<(PathBuf, Header)>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => bail!("cannot read {}: {error}", self.0.display()),
        };
        let mut headers = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "ndjson")
            {
                // One without a whole header was never used.
                headers.extend(read_header(&path).map(|header| (path, header)));
            }
        }
        Ok(headers)
    }
}

fn read_header(path: &Path) -> Option<Header> {
    let file = File::open(path).ok()?;
    let mut line = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(file), &mut line).ok()?;
    serde_json::from_str(&line).ok()
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Failure::new("another process is importing this input at the moment").into())
        }
        Err(fs::TryLockError::Error(error)) => bail!("cannot lock {}: {error}", path.display()),
    }
}

impl Journal {
    fn open(path: PathBuf) -> Result<Journal> {
        let cannot = || format!("cannot read {}", path.display());
        let mut file = File::options()
            .read(true)
            .append(true)
            .open(&path)
            .with_context(cannot)?;
        lock(&file, &path)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(cannot)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        // A line that was cut off by a power cut was not acted on.
        file.set_len(whole as u64)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .with_context(cannot)?;
        let mut lines = text[..whole].lines();
        let header = serde_json::from_str(lines.next().unwrap_or_default()).with_context(cannot)?;
        let mut journal = Journal {
            path: path.clone(),
            file,
            header,
            batches: BTreeMap::new(),
            finished: None,
        };
        for line in lines {
            journal.take(serde_json::from_str(line).with_context(cannot)?)?;
        }
        Ok(journal)
    }

    /// What the keys of this import derive from.
    pub(crate) fn identity(&self) -> &str {
        &self.header.identity
    }

    /// What was sent, by where it begins.
    pub(crate) fn batches(&self) -> &BTreeMap<u64, Sent> {
        &self.batches
    }

    /// When it was begun.
    pub(crate) fn started(&self) -> Timestamp {
        Timestamp::from_millis(self.header.started_ms).unwrap_or(Timestamp::MIN)
    }

    /// When it was finished, if nothing was sent after that.
    pub(crate) fn finished(&self) -> Option<Timestamp> {
        self.finished
    }

    /// What is stored of it.
    pub(crate) fn stored(&self) -> Stored {
        let mut sum = Stored::default();
        self.batches
            .values()
            .filter_map(|sent| sent.stored)
            .for_each(|stored| sum += stored);
        sum
    }

    /// Whether anything of it is.
    pub(crate) fn has_stored(&self) -> bool {
        self.batches.values().any(Sent::is_stored)
    }

    /// Batches whose fate is unknown and whose keys are no longer valid.
    pub(crate) fn stale(&self, now: Timestamp) -> Vec<u64> {
        let oldest = now.saturating_sub(KEYS_LAST).as_millis();
        let stale = self
            .batches
            .iter()
            .filter(|(_, sent)| !sent.is_stored() && sent.at_ms < oldest);
        stale.map(|(from, _)| *from).collect()
    }

    /// Takes a batch for stored without having heard so.
    pub(crate) fn assume_stored(&mut self, from: u64) -> Result<()> {
        self.stored_batch(from, Stored::default())
    }

    /// Forgets that a batch was sent, so that it may be cut and sent anew.
    pub(crate) fn forget(&mut self, from: u64) -> Result<()> {
        self.write(Line::Refused { from })
    }

    /// Writes down that a batch is about to be sent.
    pub(crate) fn sending(&mut self, batch: &Batch, now: Timestamp) -> Result<()> {
        // A key is valid from when it is first used.
        if self.batches.contains_key(&batch.from) {
            return Ok(());
        }
        let (from, to, key) = (batch.from, batch.to, batch.key.clone());
        self.write(Line::Sent {
            from,
            to,
            key,
            at_ms: now.as_millis(),
        })
    }

    /// Writes down that the server has stored a batch.
    pub(crate) fn stored_batch(&mut self, from: u64, stored: Stored) -> Result<()> {
        self.write(Line::Stored { from, stored })
    }

    /// Writes down that the server has refused a batch and stored nothing of it.
    pub(crate) fn refused(&mut self, from: u64) -> Result<()> {
        self.write(Line::Refused { from })
    }

    /// Writes down that everything is stored.
    pub(crate) fn finish(&mut self, now: Timestamp) -> Result<()> {
        self.write(Line::Finished {
            at_ms: now.as_millis(),
        })
    }

    fn write(&mut self, line: Line) -> Result<()> {
        self.append(&serde_json::to_string(&line)?)?;
        self.take(line)
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn take(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Sent {
                from,
                to,
                key,
                at_ms,
            } => {
                self.finished = None;
                self.batches.insert(
                    from,
                    Sent {
                        to,
                        key,
                        at_ms,
                        stored: None,
                    },
                );
            }
            Line::Stored { from, stored } => {
                let sent = self.batches.get_mut(&from);
                let sent = sent.with_context(|| format!("{} is damaged", self.path.display()))?;
                sent.stored = Some(stored);
            }
            Line::Refused { from } => _ = self.batches.remove(&from),
            Line::Finished { at_ms } => self.finished = Timestamp::from_millis(at_ms).ok(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

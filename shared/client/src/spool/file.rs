//! A file of the spool: the events of one batch, and what has become of it.
//!
//! It is a log. Its head names the key that the batch will have; then come events as they are
//! reported. Before the batch is attempted for the first time, a plan is written behind them and
//! the file is synced: which lines go under which key, and when that was first tried. When the
//! server wants the batch in pieces, another plan follows. So whenever the program dies, its next
//! run finds the same bytes under the same key, or a batch that nobody has tried. A file whose
//! plan has become empty is deleted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weir_model::Timestamp;

use super::frame::{self, Kind, Records};
use crate::key::Key;
use crate::lines;

const VERSION: u32 = 1;

/// No head is longer.
const HEAD_BYTES: usize = 128;

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    key: Key,
}

#[derive(Serialize, Deserialize)]
struct Plan {
    parts: Vec<Part>,
}

/// A batch: some of the file's lines, under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) key: Key,
    /// From the first line to before the last, several times.
    ranges: Vec<(usize, usize)>,
    pub(crate) attempted: Option<Attempted>,
}

/// When a batch was first attempted, and by whom: keys are a client's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempted {
    pub(crate) at_ms: i64,
    pub(crate) by: String,
}

/// A file, open.
#[derive(Debug)]
pub(crate) struct BatchFile {
    path: PathBuf,
    file: File,
    /// How far it is whole.
    end: u64,
    /// Behind its end there is something that could not be taken away.
    is_torn: bool,
    key: Key,
    events: usize,
    lines_bytes: usize,
    /// Nothing as long as events are added.
    plan: Option<Vec<Part>>,
}

/// A batch that is about to be attempted.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) lines: Bytes,
    pub(crate) attempted: Attempted,
    /// Why the attempt could not be written down, if it could not.
    pub(crate) unrecorded: Option<io::Error>,
}

impl Part {
    fn places(&self) -> Vec<usize> {
        let ranges = self.ranges.iter();
        ranges.flat_map(|&(from, to)| from..to).collect()
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.ranges.iter().map(|(from, to)| to - from).sum()
    }

    fn of(key: Key, places: impl IntoIterator<Item = usize>) -> Self {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for place in places {
            match ranges.last_mut() {
                Some((_, to)) if *to == place => *to += 1,
                _ => ranges.push((place, place + 1)),
            }
        }
        Self {
            key,
            ranges,
            attempted: None,
        }
    }
}

impl BatchFile {
    /// Begins a file.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&path)?;
        let key = Key::draw();
        let mut created = Self {
            path,
            file,
            end: 0,
            is_torn: false,
            key: key.clone(),
            events: 0,
            lines_bytes: 0,
            plan: None,
        };
        let version = VERSION;
        let written = created.record(Kind::Head, &json(&Head { version, key }));
        if let Err(error) = written {
            created.discard();
            return Err(error);
        }
        Ok(created)
    }

    /// Opens what an earlier run left, and cuts off what is not whole: how many bytes. Nothing if
    /// there is no event in it.
    pub(super) fn recover(path: PathBuf) -> io::Result<Option<(Self, u64)>> {
        let mut file = OpenOptions::new().read(true).append(true).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut records = Records::of(&bytes);
        let head = match read_head(records.next())? {
            Some(head) => head,
            // The program died before it had written the first event.
            None if bytes.len() <= HEAD_BYTES => return Ok(None),
            None => return Err(invalid("its head is damaged")),
        };
        let (mut events, mut lines_bytes, mut plan) = (0, 0, None);
        for (kind, content) in records.by_ref() {
            match kind {
                Kind::Head => {}
                Kind::Lines => {
                    events += lines::count(content);
                    lines_bytes += content.len();
                }
                Kind::Plan => plan = Some(from_json::<Plan>(content)?.parts),
            }
        }
        let end = records.end as u64;
        file.set_len(end)?;
        let cut = bytes.len() as u64 - end;
        let recovered = Self {
            path,
            file,
            end,
            is_torn: false,
            key: head.key,
            events,
            lines_bytes,
            plan,
        };
        Ok((recovered.events() > 0).then_some((recovered, cut)))
    }

    /// Adds events. If that fails, the file is as it was, or cannot be added to any more.
    pub(super) fn append(&mut self, lines: &[u8], events: usize) -> io::Result<()> {
        self.record(Kind::Lines, lines)?;
        self.events += events;
        self.lines_bytes += lines.len();
        Ok(())
    }

    /// Makes what was added durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Ends adding; the batches that are to be sent.
    pub(super) fn seal(&mut self) -> Vec<Part> {
        let whole = || vec![Part::of(self.key.clone(), 0..self.events)];
        self.plan.get_or_insert_with(whole).clone()
    }

    /// Reads a batch and notes that it is about to be attempted, durably if it is the first time.
    pub(crate) fn begin(&mut self, key: &Key, now: Timestamp, by: &str) -> io::Result<Opened> {
        let lines = self.lines_of(key)?;
        let plan = self.plan.as_mut().into_iter().flatten();
        let part = plan.into_iter().find(|part| part.key == *key);
        let part = part.ok_or_else(|| invalid("the plan has no such batch"))?;
        let mut unrecorded = None;
        let attempted = match &part.attempted {
            Some(attempted) => attempted.clone(),
            None => {
                let (at_ms, by) = (now.as_millis(), by.to_owned());
                let attempted = part.attempted.insert(Attempted { at_ms, by }).clone();
                unrecorded = self.write_plan().err();
                attempted
            }
        };
        Ok(Opened {
            lines,
            attempted,
            unrecorded,
        })
    }

    /// Puts smaller batches in the place of one: those of its lines that stand at these places.
    /// None at all end it; the last batch takes the file with it.
    pub(crate) fn replace(&mut self, key: &Key, by: &[Vec<usize>]) -> io::Result<Vec<Part>> {
        let mut plan = self.plan.clone().unwrap_or_default();
        let Some(at) = plan.iter().position(|part| part.key == *key) else {
            return Ok(Vec::new());
        };
        let places = plan[at].places();
        let pick = |picked: &Vec<usize>| {
            Part::of(
                Key::draw(),
                picked.iter().filter_map(|&at| places.get(at).copied()),
            )
        };
        let parts: Vec<_> = by.iter().map(pick).collect();
        plan.splice(at..=at, parts.iter().cloned());
        let before = self.plan.replace(plan);
        match self.write_plan() {
            // What is done is done, even if a later run will ask the server once more.
            Err(error) if !parts.is_empty() => {
                self.plan = before;
                Err(error)
            }
            written => written.map(|()| parts),
        }
    }

    /// Copies a batch to a file for people, and ends it.
    pub(crate) fn set_aside(&mut self, key: &Key) -> io::Result<PathBuf> {
        let path = self.path.with_extension(format!("{key}.ndjson.stale"));
        let mut file = File::create(&path)?;
        file.write_all(&self.lines_of(key)?)?;
        file.sync_all()?;
        self.replace(key, &[])?;
        Ok(path)
    }

    /// Takes a file that cannot be read out of the way, as it is.
    pub(crate) fn give_up(&mut self) -> io::Result<PathBuf> {
        let path = self.path.with_extension("spool.stale");
        fs::rename(&self.path, &path)?;
        self.plan = Some(Vec::new());
        Ok(path)
    }

    /// Deletes a file that nothing came into.
    pub(super) fn discard(self) {
        // What stays is deleted by the next run.
        let _ = fs::remove_file(&self.path);
    }

    /// Events that are not done with.
    pub(crate) fn events(&self) -> usize {
        match &self.plan {
            None => self.events,
            Some(parts) => parts.iter().map(Part::events).sum(),
        }
    }

    /// How long the file is; nothing once it is gone.
    pub(super) fn bytes(&self) -> u64 {
        match self.plan.as_ref().is_some_and(Vec::is_empty) {
            true => 0,
            false => self.end,
        }
    }

    /// How many bytes its events take as lines.
    pub(super) fn lines_bytes(&self) -> usize {
        self.lines_bytes
    }

    fn lines_of(&mut self, key: &Key) -> io::Result<Bytes> {
        let plan = self.plan.iter().flatten();
        let part = plan.into_iter().find(|part| part.key == *key);
        let part = part.ok_or_else(|| invalid("the plan has no such batch"))?;
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(self.end).read_to_end(&mut bytes)?;
        let mut all = Vec::with_capacity(self.lines_bytes);
        let records = Records::of(&bytes).filter(|(kind, _)| *kind == Kind::Lines);
        records.for_each(|(_, content)| all.extend_from_slice(content));
        if lines::count(&all) != self.events {
            return Err(invalid("a record is damaged"));
        }
        match part.ranges[..] {
            [(0, to)] if to == self.events => Ok(all.into()),
            _ => Ok(lines::pick(&all, &part.places())),
        }
    }

    fn write_plan(&mut self) -> io::Result<()> {
        let parts = self.plan.clone().unwrap_or_default();
        if parts.is_empty() {
            return fs::remove_file(&self.path);
        }
        self.record(Kind::Plan, &json(&Plan { parts }))?;
        self.file.sync_all()?;
        sync_directory(self.path.parent())
    }

    fn record(&mut self, kind: Kind, content: &[u8]) -> io::Result<()> {
        if self.is_torn {
            return Err(io::Error::other("an earlier write could not be undone"));
        }
        let mut record = Vec::with_capacity(content.len() + 16);
        frame::write(&mut record, kind, content);
        if let Err(error) = self.file.write_all(&record) {
            // Half a record would hide all that is written behind it.
            self.is_torn = self.file.set_len(self.end).is_err();
            return Err(error);
        }
        self.end += record.len() as u64;
        Ok(())
    }
}

/// A name is durable once its directory is.
fn sync_directory(directory: Option<&Path>) -> io::Result<()> {
    match directory {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

fn read_head(record: Option<(Kind, &[u8])>) -> io::Result<Option<Head>> {
    let Some((Kind::Head, content)) = record else {
        return Ok(None);
    };
    let head: Head = from_json(content)?;
    match head.version {
        VERSION => Ok(Some(head)),
        other => Err(invalid(&format!("version {other} is not known"))),
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers can be written")
}

fn from_json<'a, T: Deserialize<'a>>(content: &'a [u8]) -> io::Result<T> {
    serde_json::from_slice(content).map_err(|error| invalid(&error.to_string()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

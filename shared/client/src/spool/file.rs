//! A file of the spool: the events of one batch, and what has become of it.
//!
//! It is a log. Its head names the key that the batch will have; then come events as they are
//! reported. Before the batch is attempted for the first time, a plan is written behind them and
//! the file is synced: which lines go under which key, and when that was first tried. When the
//! server wants the batch in pieces, another plan follows. So whenever the program dies, its next
//! run finds the same bytes under the same key, or a batch that nobody has tried. A file whose
//! plan has become empty is deleted.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use weir_model::Timestamp;

use super::Durability;
use super::disk::{private, sync_directory_of};
use super::frame::{self, Kind, Records};
use super::plan::{self, Attempted, Head, Part, Plan, invalid, json};
use crate::key::Key;
use crate::lines;

/// A file. It is only held open as long as events are added: in an outage there are many.
#[derive(Debug)]
pub(crate) struct BatchFile {
    path: PathBuf,
    open: Option<Arc<File>>,
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
}

impl BatchFile {
    /// Begins a file.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = private().append(true).create_new(true).open(&path)?;
        let mut created = Self::found(path, 0, Key::draw(), (0, 0), None);
        created.open = Some(Arc::new(file));
        let head = json(&Head::of(created.key.clone()));
        if let Err(error) = created.record(Kind::Head, &head) {
            created.discard();
            return Err(error);
        }
        Ok(created)
    }

    /// A file that is there, whole up to its end, with so many events and bytes of lines.
    pub(super) fn found(
        path: PathBuf,
        end: u64,
        key: Key,
        (events, lines_bytes): (usize, usize),
        plan: Option<Vec<Part>>,
    ) -> Self {
        Self {
            path,
            open: None,
            end,
            is_torn: false,
            key,
            events,
            lines_bytes,
            plan,
        }
    }

    /// Adds events. If that fails, the file is as it was, or cannot be added to any more.
    pub(super) fn append(
        &mut self,
        lines: &[u8],
        events: usize,
        durability: Durability,
    ) -> io::Result<()> {
        let before = self.end;
        self.record(Kind::Lines, lines)?;
        if durability == Durability::Machine
            && let Err(error) = self.file()?.sync_data()
        {
            // They stay in memory, and would otherwise be sent from both.
            self.end = before;
            self.is_torn = self.file()?.set_len(before).is_err();
            return Err(error);
        }
        self.events += events;
        self.lines_bytes += lines.len();
        Ok(())
    }

    /// Makes its name durable.
    pub(super) fn sync_name(&self) -> io::Result<()> {
        sync_directory_of(&self.path)
    }

    /// Ends adding; the batches that are to be sent.
    pub(super) fn seal(&mut self) -> Vec<Part> {
        self.open = None;
        let whole = || vec![Part::of(self.key.clone(), 0..self.events)];
        self.plan.get_or_insert_with(whole).clone()
    }

    /// Reads a batch and notes that it is about to be attempted, durably if it is the first time.
    /// What could not be noted must not be attempted: the next run would take it for new.
    pub(crate) fn begin(&mut self, key: &Key, now: Timestamp, by: &str) -> io::Result<Opened> {
        let lines = self.lines_of(key)?;
        if let Some(attempted) = self.part(key)?.attempted.clone() {
            return Ok(Opened { lines, attempted });
        }
        let (at_ms, by) = (now.as_millis(), by.to_owned());
        let attempted = Attempted { at_ms, by };
        self.part(key)?.attempted = Some(attempted.clone());
        if let Err(error) = self.write_plan() {
            self.part(key)?.attempted = None;
            return Err(error);
        }
        Ok(Opened { lines, attempted })
    }

    fn part(&mut self, key: &Key) -> io::Result<&mut Part> {
        let part = self.plan.iter_mut().flatten().find(|part| part.key == *key);
        part.ok_or_else(|| invalid("the plan has no such batch"))
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
            // What is done is done, even if a later run will ask the server once more; and a file
            // that somebody has taken away is found missing when its batches begin.
            Err(error) if !parts.is_empty() && error.kind() != io::ErrorKind::NotFound => {
                self.plan = before;
                Err(error)
            }
            Err(_) if !parts.is_empty() => Ok(parts),
            written => written.map(|()| parts),
        }
    }

    /// Copies a batch to a file for people, and ends it.
    pub(crate) fn set_aside(&mut self, key: &Key) -> io::Result<PathBuf> {
        let path = self.path.with_extension(format!("{key}.ndjson.stale"));
        let lines = self.lines_of(key)?;
        let opened = private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        let mut file = opened?;
        file.write_all(&lines)?;
        file.sync_all()?;
        sync_directory_of(&path)?;
        self.replace(key, &[])?;
        Ok(path)
    }

    /// Takes a file that cannot be read out of the way, as it is.
    pub(crate) fn give_up(&mut self) -> io::Result<PathBuf> {
        // Numbers come again in later runs, keys do not.
        let path = self
            .path
            .with_extension(format!("{}.spool.stale", self.key));
        let moved = fs::rename(&self.path, &path);
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        if moved.as_ref().err().is_none_or(is_gone) {
            self.plan = Some(Vec::new());
        }
        moved.map(|()| path)
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
            Some(parts) => plan::events(parts),
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
        let part = self.part(key)?.clone();
        let bytes = self.read()?;
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

    /// A file that somebody has taken away will not come back.
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => invalid("the file is gone"),
            _ => error,
        });
        file?.take(self.end).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_plan(&mut self) -> io::Result<()> {
        let parts = self.plan.clone().unwrap_or_default();
        if parts.is_empty() {
            return fs::remove_file(&self.path);
        }
        self.record(Kind::Plan, &json(&Plan { parts }))?;
        self.file()?.sync_all()?;
        self.sync_name()
    }

    fn record(&mut self, kind: Kind, content: &[u8]) -> io::Result<()> {
        let file = self.file()?;
        if self.is_torn {
            file.set_len(self.end)?;
            self.is_torn = false;
        }
        match frame::write(&mut &*file, kind, content) {
            Ok(bytes) => self.end += bytes,
            Err(error) => {
                // Half a record would hide all that is written behind it.
                self.is_torn = file.set_len(self.end).is_err();
                return Err(error);
            }
        }
        Ok(())
    }

    fn file(&self) -> io::Result<Arc<File>> {
        match &self.open {
            Some(file) => Ok(Arc::clone(file)),
            None => private().append(true).open(&self.path).map(Arc::new),
        }
    }
}

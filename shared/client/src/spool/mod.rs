//! Where unsent events survive the program: a directory that one process holds, with a file per
//! batch.
//!
//! Events go to the open file as they come; when it has enough for a batch, or when it is their
//! time, it is sealed and its batch can be sent. Reading and syncing, which may take long, is the
//! business of whoever sends the batch, so that taking events in never waits for it.

mod disk;
mod file;
mod frame;
mod plan;
mod recover;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::notice::{Notices, codes};
use crate::statistics::{Counters, Loss};
use disk::{make_directory, numbers, private};
pub(crate) use file::{BatchFile, Opened};
pub(crate) use plan::Part;
use recover::{Found, recover};

/// What holds the directory.
const LOCK: &str = "lock";

/// A client that was closed may still have a write under way, for about so long.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A file's name: a number between these.
const PREFIX: &str = "batch-";
const SUFFIX: &str = ".spool";

/// When what is spooled is forced onto the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Before a batch is attempted for the first time. A crash of the program loses the last 100
    /// milliseconds at most, one of the machine perhaps what was not yet attempted.
    #[default]
    Program,
    /// With every write, and the name of every new file: a crash of the machine loses no more than
    /// one of the program.
    Machine,
}

/// Why a directory cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Another client has it: of another process, perhaps one that is about to end, or of this one.
    /// Clients that live at the same time need a directory each.
    #[error("{} is in use by another client", .0.display())]
    InUse(PathBuf),
    /// The file system refuses.
    #[error("{}: {cause}", path.display())]
    Io {
        /// What cannot be used.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Where a spool is and how much it may hold.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) durability: Durability,
}

/// A batch in the spool.
#[derive(Debug, Clone)]
pub(crate) struct Spooled {
    pub(crate) file: Arc<Sealed>,
    pub(crate) part: Part,
}

/// A file that nothing is added to. Its figures can be read while someone works on it.
#[derive(Debug)]
pub(crate) struct Sealed {
    file: Mutex<BatchFile>,
    events: AtomicU64,
    bytes: AtomicU64,
    /// Work on the file may outlive the spool.
    _lock: Arc<File>,
}

impl Sealed {
    fn new(file: BatchFile, lock: Arc<File>) -> Self {
        Self {
            _lock: lock,
            events: AtomicU64::new(file.events() as u64),
            bytes: AtomicU64::new(file.bytes()),
            file: Mutex::new(file),
        }
    }

    /// Works on the file, which may take as long as the disk does. Whoever panicked at it has left
    /// it whole: it is a log.
    pub(crate) fn work<T>(&self, work: impl FnOnce(&mut BatchFile) -> T) -> T {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut file);
        self.events.store(file.events() as u64, Ordering::Relaxed);
        self.bytes.store(file.bytes(), Ordering::Relaxed);
        done
    }
}

/// Why events were not added.
#[derive(Debug)]
pub(crate) enum AppendError {
    Full,
    Io(io::Error),
}

/// The spool, open.
#[derive(Debug)]
pub(crate) struct Spool {
    place: Place,
    /// Held as long as anyone has the file open.
    lock: Arc<File>,
    open: Option<BatchFile>,
    sealed: Vec<Arc<Sealed>>,
    next: u64,
}

impl Spool {
    /// Takes the directory, and finds what an earlier run has left to be sent.
    pub(crate) fn open(
        place: Place,
        notices: &Notices,
        counters: &Counters,
    ) -> Result<(Self, Vec<Spooled>), SpoolError> {
        let at = |path: &Path, cause| SpoolError::Io {
            path: path.to_owned(),
            cause,
        };
        make_directory(&place.directory).map_err(|cause| at(&place.directory, cause))?;
        let lock = lock(&place.directory)?;
        let numbers = numbers(&place.directory, PREFIX, SUFFIX);
        let numbers = numbers.map_err(|cause| at(&place.directory, cause))?;
        let mut spool = Self {
            next: numbers.last().map_or(0, |last| last + 1),
            place,
            lock: Arc::new(lock),
            open: None,
            sealed: Vec::new(),
        };
        let found = numbers
            .into_iter()
            .flat_map(|n| spool.recover(n, notices, counters));
        let found = found.collect();
        Ok((spool, found))
    }

    fn recover(&mut self, number: u64, notices: &Notices, counters: &Counters) -> Vec<Spooled> {
        let path = self.place.path(number);
        let shown = path.display().to_string();
        let (found, cut) = match recover(path.clone()) {
            Ok(found) => found,
            Err(error) => {
                let text = format!("{shown} is left as it is: {error}");
                notices.error(codes::SPOOL_BROKEN, text);
                return Vec::new();
            }
        };
        if cut > 0 {
            let text = format!("{shown}: {cut} bytes at its end were not whole");
            notices.warn(codes::SPOOL_CUT, text);
        }
        match found {
            Found::Batch(file) => return self.keep(file),
            Found::Nothing => {
                let _ = fs::remove_file(path);
            }
            Found::Damaged(events, aside) => {
                counters.dropped(events as u64, Loss::Stale);
                let aside = aside.display();
                let text = format!("{shown} is damaged: {events} events are kept in {aside}");
                notices.error(codes::SPOOL_BROKEN, text);
            }
        }
        Vec::new()
    }

    /// Adds events to the open file.
    pub(crate) fn append(&mut self, lines: &[u8], events: usize) -> Result<(), AppendError> {
        if self.bytes() + lines.len() as u64 > self.place.bytes {
            return Err(AppendError::Full);
        }
        self.try_append(lines, events).map_err(AppendError::Io)
    }

    fn try_append(&mut self, lines: &[u8], events: usize) -> io::Result<()> {
        let file = match &mut self.open {
            Some(file) => file,
            none => none.insert(Self::begin(&self.place, &mut self.next)?),
        };
        file.append(lines, events, self.place.durability)
    }

    fn begin(place: &Place, next: &mut u64) -> io::Result<BatchFile> {
        // Whatever a failure leaves under this name, the next try has another.
        let path = place.path(*next);
        *next += 1;
        let file = BatchFile::create(path)?;
        if place.durability == Durability::Machine
            && let Err(error) = file.sync_name()
        {
            file.discard();
            return Err(error);
        }
        Ok(file)
    }

    /// Events and bytes that wait in the open file.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let open = self.open.as_ref();
        open.map_or((0, 0), |file| (file.events(), file.lines_bytes()))
    }

    /// Closes the open file; its batch, if there is anything in it.
    pub(crate) fn seal(&mut self) -> Vec<Spooled> {
        let open = self.open.take();
        open.map(|file| self.keep(file)).unwrap_or_default()
    }

    fn keep(&mut self, mut file: BatchFile) -> Vec<Spooled> {
        if file.events() == 0 {
            file.discard();
            return Vec::new();
        }
        let parts = file.seal();
        let file = Arc::new(Sealed::new(file, Arc::clone(&self.lock)));
        self.sealed.push(Arc::clone(&file));
        let batch = |part| Spooled {
            file: Arc::clone(&file),
            part,
        };
        parts.into_iter().map(batch).collect()
    }

    /// Forgets files that are gone.
    pub(crate) fn tidy(&mut self) {
        self.sealed
            .retain(|file| file.bytes.load(Ordering::Relaxed) > 0);
    }

    /// Events that are not done with.
    pub(crate) fn events(&self) -> u64 {
        let sealed = self
            .sealed
            .iter()
            .map(|file| file.events.load(Ordering::Relaxed));
        sealed.sum::<u64>() + self.waiting().0 as u64
    }

    /// What all files take.
    pub(crate) fn bytes(&self) -> u64 {
        let sealed = self
            .sealed
            .iter()
            .map(|file| file.bytes.load(Ordering::Relaxed));
        sealed.sum::<u64>() + self.open.as_ref().map_or(0, BatchFile::bytes)
    }
}

impl Place {
    fn path(&self, number: u64) -> PathBuf {
        self.directory
            .join(format!("{PREFIX}{number:016x}{SUFFIX}"))
    }
}

fn lock(directory: &Path) -> Result<File, SpoolError> {
    let path = directory.join(LOCK);
    let file = private()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let locked = file.and_then(take);
    match locked {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(SpoolError::InUse(directory.to_owned())),
        Err(cause) => Err(SpoolError::Io { path, cause }),
    }
}

/// Nothing if somebody else has it.
fn take(file: File) -> io::Result<Option<File>> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
    }
    Ok(None)
}

#[cfg(test)]
#[cfg(unix)]
mod full;
#[cfg(test)]
mod tests;

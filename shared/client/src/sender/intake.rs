//! From the buffer to batches: encodes events, into the spool if there is one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::batch::{Batch, Home, InMemory};
use crate::buffer::{Buffer, Load, Taken};
use crate::encode::Encoder;
use crate::entry::Entry;
use crate::notice::{Notices, codes};
use crate::sender::Rules;
use crate::spool::{AppendError, Spool};
use crate::statistics::{Counters, Loss};

/// How long events wait before they are written down: a fifth of what a crash may lose.
const TICK: Duration = Duration::from_millis(20);

/// More than any event takes as a line.
const LINE_BYTES: usize = 48 * 1024;

/// So much is encoded before it is written down, so that what was taken first does not wait for all.
const CHUNK_BYTES: usize = 256 * 1024;

/// For how long events stay in memory when the spool cannot take them.
const SPOOL_PAUSE: Duration = Duration::from_secs(5);

/// The way in.
pub(crate) struct Intake {
    buffer: Arc<Buffer>,
    encoder: Encoder,
    rules: Rules,
    counters: Arc<Counters>,
    notices: Notices,
    /// Taken from the buffer, and not yet encoded.
    taken: Option<Taken>,
    spool: Option<Spool>,
    /// The number of the first event in the spool's open file.
    open_first: Option<u64>,
    tick: Option<Instant>,
    paused_until: Option<Instant>,
}

/// Events that have become lines.
#[derive(Default)]
struct Encoded {
    lines: Vec<u8>,
    held: Load,
    first: Option<u64>,
}

impl Intake {
    pub(crate) fn new(
        buffer: Arc<Buffer>,
        encoder: Encoder,
        rules: Rules,
        (counters, notices): (Arc<Counters>, Notices),
        spool: Option<Spool>,
    ) -> Self {
        let intake = Self {
            buffer,
            encoder,
            rules,
            counters,
            notices,
            taken: None,
            spool,
            open_first: None,
            tick: None,
            paused_until: None,
        };
        intake.count_spooled();
        intake
    }

    pub(super) fn buffer(&self) -> &Arc<Buffer> {
        &self.buffer
    }

    /// Whether events go to the disk.
    pub(super) fn is_spooling(&self) -> bool {
        self.spool.is_some() && self.paused_until.is_none()
    }

    /// Whether what waits in memory will be written down at a time that is set.
    pub(super) fn is_timed(&self) -> bool {
        self.tick.is_some()
    }

    /// Writes down what waits in memory, if it is time or urgent; the batches that are full.
    pub(super) fn take_in(&mut self, is_urgent: bool) -> Vec<Batch> {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if !self.is_spooling() || self.in_memory().events == 0 {
            self.tick = None;
            return Vec::new();
        }
        let tick = *self.tick.get_or_insert(now + TICK);
        if tick > now && !is_urgent {
            return Vec::new();
        }
        self.tick = None;
        let sealed = self.drain();
        self.count_spooled();
        sealed
    }

    /// What waits for a batch: on the disk if events go there.
    pub(super) fn waiting(&self) -> Load {
        match &self.spool {
            Some(spool) if self.paused_until.is_none() => {
                let (events, bytes) = spool.waiting();
                Load { events, bytes }
            }
            _ => self.in_memory(),
        }
    }

    /// Makes a batch of what waits.
    pub(super) fn make(&mut self) -> Vec<Batch> {
        match self.is_spooling() {
            true => self.seal(),
            false => {
                let encoded = self.encode(self.rules.events, self.rules.bytes);
                encoded.into_batch().into_iter().collect()
            }
        }
    }

    /// When to look again.
    pub(super) fn next_time(&self) -> Option<Instant> {
        [self.tick, self.paused_until].into_iter().flatten().min()
    }

    /// The number of the first event that is in no batch.
    pub(super) fn first_waiting(&self) -> u64 {
        let taken = self.taken.as_ref().map(|taken| taken.first);
        // Without any that wait, this is the number of the next to come.
        let waiting = self.buffer.view().next_out;
        let firsts = [self.open_first, taken, Some(waiting)];
        firsts.into_iter().flatten().min().unwrap_or(waiting)
    }

    /// Forgets what is no longer in the spool.
    pub(super) fn tidy(&mut self) {
        if let Some(spool) = &mut self.spool {
            spool.tidy();
        }
        self.count_spooled();
    }

    /// Events in the spool.
    pub(super) fn spooled(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::events)
    }

    fn count_spooled(&self) {
        if let Some(spool) = &self.spool {
            self.counters.spooled(spool.events(), spool.bytes());
        }
    }

    fn in_memory(&self) -> Load {
        let waiting = self.buffer.view().waiting;
        let taken = self.taken.iter().flat_map(|taken| &taken.entries);
        taken.fold(waiting, |sum, entry| Load {
            events: sum.events + 1,
            bytes: sum.bytes + entry.bytes,
        })
    }

    fn drain(&mut self) -> Vec<Batch> {
        let mut batches = Vec::new();
        while self.is_spooling() && self.in_memory().events > 0 {
            let (events, bytes) = self.spool.as_ref().map_or((0, 0), Spool::waiting);
            if events >= self.rules.events || (events > 0 && bytes + LINE_BYTES > self.rules.bytes)
            {
                batches.extend(self.seal());
                continue;
            }
            let room = (self.rules.bytes - bytes).min(CHUNK_BYTES);
            let encoded = self.encode(self.rules.events - events, room);
            batches.extend(self.write_down(encoded));
        }
        batches
    }

    /// Appends to the spool. What it does not take becomes a batch in memory, and what it has is
    /// sent.
    fn write_down(&mut self, encoded: Encoded) -> Vec<Batch> {
        let (Some(spool), Some(first)) = (self.spool.as_mut(), encoded.first) else {
            return Vec::new();
        };
        match spool.append(&encoded.lines, encoded.held.events) {
            Ok(()) => {
                self.open_first.get_or_insert(first);
                self.buffer.release(encoded.held);
                return Vec::new();
            }
            Err(AppendError::Full) => {
                let text = "the spool is full: events wait in memory".to_owned();
                self.notices.warn(codes::SPOOL_FULL, text);
            }
            Err(AppendError::Io(error)) => {
                let text = format!("the spool cannot be written: {error}; events wait in memory");
                self.notices.error(codes::SPOOL_BROKEN, text);
            }
        }
        self.paused_until = Some(Instant::now() + SPOOL_PAUSE);
        let mut batches = self.seal();
        batches.extend(encoded.into_batch());
        batches
    }

    fn seal(&mut self) -> Vec<Batch> {
        let first = self.open_first.take().unwrap_or_default();
        let sealed = self.spool.as_mut().map(Spool::seal).unwrap_or_default();
        let batch = |home| Batch::new(first, home);
        sealed.into_iter().map(Home::Spool).map(batch).collect()
    }

    /// Encodes as many events as fit, one at least.
    fn encode(&mut self, events: usize, bytes: usize) -> Encoded {
        let mut encoded = Encoded::default();
        while encoded.held.events < events.max(1) {
            let Some((number, entry)) = self.next() else {
                break;
            };
            let end = encoded.lines.len();
            if let Err(why) = self.encoder.line(&entry, &mut encoded.lines) {
                self.drop_unsendable(&entry, &why.to_string());
                continue;
            }
            if encoded.lines.len() > bytes && encoded.first.is_some() {
                encoded.lines.truncate(end);
                self.put_back(number, entry);
                break;
            }
            encoded.first.get_or_insert(number);
            encoded.held.events += 1;
            encoded.held.bytes += entry.bytes;
        }
        encoded
    }

    fn next(&mut self) -> Option<(u64, Entry)> {
        if self
            .taken
            .as_ref()
            .is_none_or(|taken| taken.entries.is_empty())
        {
            self.taken = self.buffer.take();
        }
        let taken = self.taken.as_mut()?;
        let (number, entry) = (taken.first, taken.entries.pop_front()?);
        taken.first += 1;
        if taken.entries.is_empty() {
            self.taken = None;
        }
        Some((number, entry))
    }

    fn put_back(&mut self, number: u64, entry: Entry) {
        let taken = self.taken.get_or_insert_with(|| Taken {
            first: number,
            entries: Default::default(),
        });
        taken.first = number;
        taken.entries.push_front(entry);
    }

    fn drop_unsendable(&self, entry: &Entry, why: &str) {
        self.buffer.release(Load {
            events: 1,
            bytes: entry.bytes,
        });
        self.counters.dropped(1, Loss::Unsendable);
        let text = format!("an event of {} is dropped: {why}", entry.time);
        self.notices.error(codes::UNSENDABLE, text);
    }
}

impl Encoded {
    fn into_batch(self) -> Option<Batch> {
        let home = InMemory::new(self.lines.into(), self.held.events, self.held);
        let home = Home::Memory(home);
        self.first.map(|first| Batch::new(first, home))
    }
}

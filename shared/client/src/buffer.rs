//! Where events wait in memory: bounded in number and bytes, filled by any thread of the program,
//! emptied by the sender.
//!
//! Reporting holds the lock for a push and nothing more: events lie in chunks, so nothing is ever
//! copied to make room, and the sender takes a chunk at a time. What the sender has taken still
//! counts as held until it says that it is through with it, so the bounds cover batches under way.
//! Events are numbered as they come; a flush waits for a number.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::entry::Entry;
use crate::refused::Refused;

/// Events of a chunk: the sender takes so many under one lock.
const CHUNK: usize = 256;

/// The number of the first event; zero comes before all of them.
const FIRST: u64 = 1;

/// What happens to an event when the buffer is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused, and counted.
    #[default]
    DropNewest,
    /// It is taken in, and the oldest that wait are dropped, and counted.
    DropOldest,
    /// The call waits for room, for so long at most; then it is refused.
    Block {
        /// How long.
        timeout: Duration,
    },
}

/// How much may be held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) when_full: WhenFull,
}

/// When the sender wants to be woken by a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Not at all.
    Nothing,
    /// When anything waits.
    Any,
    /// When so much waits that a batch is full.
    Batch { events: usize, bytes: usize },
}

/// The events that wait, and what counts as held.
#[derive(Debug)]
pub(crate) struct Buffer {
    state: Mutex<State>,
    room: Condvar,
    bounds: Bounds,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    chunks: VecDeque<VecDeque<Entry>>,
    waiting: Load,
    held: Load,
    /// The number of the next event to be taken, and of the next to come.
    next_out: u64,
    next_in: u64,
    wish: Wish,
    is_closed: bool,
    /// Events that were lost since the sender last asked.
    lost: u64,
}

/// Events and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Load {
    fn add(&mut self, other: Load) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    fn take(&mut self, other: Load) {
        self.events = self.events.saturating_sub(other.events);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    fn of(entry: &Entry) -> Self {
        Self {
            events: 1,
            bytes: entry.bytes,
        }
    }
}

/// Events that the sender has taken, with the number of the first.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) first: u64,
    pub(crate) entries: VecDeque<Entry>,
}

/// What the sender sees when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) waiting: Load,
    pub(crate) held: Load,
    pub(crate) next_out: u64,
    pub(crate) next_in: u64,
    /// How many were taken in.
    pub(crate) taken_in: u64,
    /// Lost since the sender last asked.
    pub(crate) lost: u64,
}

impl Buffer {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            waiting: Load::default(),
            held: Load::default(),
            next_out: FIRST,
            next_in: FIRST,
            wish: Wish::Any,
            is_closed: false,
            lost: 0,
        };
        Self {
            state: Mutex::new(state),
            room: Condvar::new(),
            bounds,
            wake: Notify::new(),
        }
    }

    /// Takes an event in, or says why not.
    pub(crate) fn push(&self, entry: Entry) -> Result<(), Refused> {
        if entry.bytes > self.bounds.bytes {
            return Err(Refused::TooLarge(entry.bytes));
        }
        let mut state = self.lock();
        if !state.is_closed && !self.fits(&state, &entry) {
            state = self.make_room(state, &entry)?;
        }
        if state.is_closed {
            return Err(Refused::Closed);
        }
        state.append(entry);
        if state.fulfils_wish() {
            state.wish = Wish::Nothing;
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    fn fits(&self, state: &State, entry: &Entry) -> bool {
        let held = state.held;
        held.events < self.bounds.events && held.bytes + entry.bytes <= self.bounds.bytes
    }

    /// Whether an event fits once nothing waits any more.
    fn would_fit(&self, state: &State, entry: &Entry) -> bool {
        let mut under_way = state.held;
        under_way.take(state.waiting);
        under_way.events < self.bounds.events && under_way.bytes + entry.bytes <= self.bounds.bytes
    }

    fn make_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        entry: &Entry,
    ) -> Result<MutexGuard<'a, State>, Refused> {
        match self.bounds.when_full {
            WhenFull::DropNewest => {}
            // Nothing is gained by dropping those that wait for one that will not fit even so.
            WhenFull::DropOldest if !self.would_fit(&state, entry) => {}
            WhenFull::DropOldest => {
                while !self.fits(&state, entry) && state.drop_oldest() {
                    self.lose(&mut state);
                }
            }
            WhenFull::Block { timeout } => {
                let full = |state: &mut State| !state.is_closed && !self.fits(state, entry);
                let waited = self.room.wait_timeout_while(state, timeout, full);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if state.is_closed || self.fits(&state, entry) {
            return Ok(state);
        }
        self.lose(&mut state);
        Err(Refused::Full)
    }

    /// Counts a loss, of which the sender gives notice.
    fn lose(&self, state: &mut State) {
        state.lost += 1;
        if state.lost == 1 {
            self.wake.notify_one();
        }
    }

    /// Takes the oldest events that wait, at most a chunk. They stay held.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut state = self.lock();
        let entries = state.chunks.pop_front()?;
        let first = state.next_out;
        state.next_out += entries.len() as u64;
        let bytes = entries.iter().map(|entry| entry.bytes).sum();
        let events = entries.len();
        state.waiting.take(Load { events, bytes });
        Some(Taken { first, entries })
    }

    /// No longer holds so much.
    pub(crate) fn release(&self, load: Load) {
        self.lock().held.take(load);
        if let WhenFull::Block { .. } = self.bounds.when_full {
            self.room.notify_all();
        }
    }

    /// Says when a report is to wake the sender, and what there is. If the wish is fulfilled
    /// already, the next [`Buffer::woken`] returns at once.
    pub(crate) fn wish(&self, wish: Wish) {
        let mut state = self.lock();
        state.wish = wish;
        if state.fulfils_wish() {
            state.wish = Wish::Nothing;
            self.wake.notify_one();
        }
    }

    /// Waits until something wants the sender's attention.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// What there is.
    pub(crate) fn view(&self) -> View {
        let state = self.lock();
        View {
            waiting: state.waiting,
            held: state.held,
            next_out: state.next_out,
            next_in: state.next_in,
            taken_in: state.next_in - FIRST,
            lost: state.lost,
        }
    }

    /// How many events were lost since the last call.
    pub(crate) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    /// Takes nothing in from now on.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.room.notify_all();
    }

    /// A thread that panicked cannot have left the state half changed: nothing in here panics
    /// between two changes that belong together.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, entry: Entry) {
        let load = Load::of(&entry);
        self.waiting.add(load);
        self.held.add(load);
        self.next_in += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push_back(entry),
            _ => {
                let mut chunk = VecDeque::with_capacity(CHUNK);
                chunk.push_back(entry);
                self.chunks.push_back(chunk);
            }
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(chunk) = self.chunks.front_mut() else {
            return false;
        };
        if let Some(entry) = chunk.pop_front() {
            let load = Load::of(&entry);
            self.waiting.take(load);
            self.held.take(load);
            self.next_out += 1;
        }
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        true
    }

    fn fulfils_wish(&self) -> bool {
        match self.wish {
            Wish::Nothing => false,
            Wish::Any => self.waiting.events > 0,
            Wish::Batch { events, bytes } => {
                self.waiting.events >= events || self.waiting.bytes >= bytes
            }
        }
    }
}

#[cfg(test)]
mod tests;

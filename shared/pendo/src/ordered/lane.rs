//! What one task has made and nobody has read: a queue in three parts.
//!
//! Before its turn, items go to memory, and from the first that finds no place there on to a
//! [`Spool`]; in its turn, straight to the reader, behind what is in those. Files are written and
//! read on threads that may block, a block at a time, and what they come to is put back by those
//! threads: so a call that is dropped meanwhile loses nothing.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::ordered::Spilled;
use crate::spool::{Spillable, Spool};

/// How far the first task may be ahead of the reader.
const DIRECT_BYTES: usize = 256 * 1024;

/// The way from a task to the reader.
pub(super) struct Lane<O> {
    state: Mutex<State<O>>,
    pools: Arc<Spilled>,
    /// For the reader: there may be something.
    filled: Notify,
    /// For the task: there may be room.
    room: Notify,
}

struct State<O> {
    is_first: bool,
    is_gone: bool,
    broken: Option<io::Error>,
    memory: Queue<O>,
    /// Nothing while a thread is at its file.
    spool: Option<Spool>,
    /// Whether items went to the spool: the next ones go there, too.
    is_spilling: bool,
    /// How much of the pool the file has.
    file_bytes: usize,
    direct: Queue<O>,
    is_ended: bool,
}

/// Items, and how many bytes they take.
struct Queue<O> {
    items: VecDeque<O>,
    bytes: usize,
}

/// What became of an item.
pub(super) enum Offered<O> {
    Taken,
    Full(O),
    Gone,
}

/// What the reader gets.
pub(super) enum Taken<O> {
    Items(VecDeque<O>),
    Nothing,
    /// The task has ended, and all that it has made was taken.
    End,
    /// The task has ended, and the rest of what it has made is lost.
    Broken(io::Error),
}

impl<O> Lane<O> {
    pub(super) fn new(pools: Arc<Spilled>) -> Self {
        Self {
            state: Mutex::new(State {
                is_first: false,
                is_gone: false,
                broken: None,
                memory: Queue::new(),
                spool: Some(Spool::default()),
                is_spilling: false,
                file_bytes: 0,
                direct: Queue::new(),
                is_ended: false,
            }),
            pools,
            filled: Notify::new(),
            room: Notify::new(),
        }
    }

    /// It is the first one from now on.
    pub(super) fn is_next(&self) {
        self.state().is_first = true;
        self.room.notify_one();
    }

    /// Nobody reads it any more.
    pub(super) fn leave(&self) {
        self.state().is_gone = true;
        self.room.notify_one();
    }

    /// Its task has ended.
    pub(super) fn end(&self) {
        self.state().is_ended = true;
        self.filled.notify_one();
    }

    /// Waits until there may be more to take.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Waits until there may be room.
    pub(super) async fn has_room(&self) {
        self.room.notified().await;
    }

    #[cfg(test)]
    pub(super) fn use_file(&self, file: std::fs::File) {
        self.state().spool = Some(Spool::to(file));
    }

    fn state(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O> Lane<O>
where
    O: Spillable + Send + 'static,
{
    /// Takes an item if there is room.
    pub(super) fn offer(self: &Arc<Self>, item: O) -> Offered<O> {
        let mut state = self.state();
        if state.is_gone || state.broken.is_some() {
            return Offered::Gone;
        }
        if state.is_first {
            return self.offer_direct(&mut state, item);
        }
        let bytes = item.bytes();
        if !state.is_spilling && self.pools.memory.take(bytes) {
            state.memory.push(item, bytes);
            return Offered::Taken;
        }
        self.offer_spool(&mut state, item)
    }

    fn offer_direct(&self, state: &mut State<O>, item: O) -> Offered<O> {
        if state.direct.bytes >= DIRECT_BYTES {
            return Offered::Full(item);
        }
        let bytes = item.bytes();
        state.direct.push(item, bytes);
        if state.direct.items.len() == 1 {
            self.filled.notify_one();
        }
        Offered::Taken
    }

    fn offer_spool(self: &Arc<Self>, state: &mut State<O>, item: O) -> Offered<O> {
        state.is_spilling = true;
        match &mut state.spool {
            Some(spool) if !spool.is_full() => {
                spool.add(&item);
                self.write_if_full(state);
                Offered::Taken
            }
            Some(_) => {
                self.write_if_full(state);
                Offered::Full(item)
            }
            None => Offered::Full(item),
        }
    }

    /// Begins to write the spool's block if it is full and the pool has a place for it.
    fn write_if_full(self: &Arc<Self>, state: &mut State<O>) {
        let bytes = match &state.spool {
            Some(spool) if spool.is_full() => spool.block_bytes(),
            _ => return,
        };
        if !self.pools.files.take(bytes) {
            return;
        }
        state.file_bytes += bytes;
        self.at_spool(state, |spool| spool.write().map(|()| VecDeque::new()));
    }

    /// Takes what there is, in order.
    pub(super) fn take(self: &Arc<Self>) -> Taken<O> {
        let mut state = self.state();
        if !state.memory.items.is_empty() {
            let (items, bytes) = state.memory.take();
            self.pools.memory.give_back(bytes);
            return Taken::Items(items);
        }
        if state.broken.is_some() {
            return state.broken_end();
        }
        match &mut state.spool {
            None => return Taken::Nothing,
            Some(spool) if spool.is_on_disk() => {
                self.at_spool(&mut state, Spool::read);
                return Taken::Nothing;
            }
            Some(spool) if !spool.is_empty() => match spool.read() {
                Ok(items) => return Taken::Items(items),
                Err(error) => {
                    state.broken = Some(error);
                    return state.broken_end();
                }
            },
            Some(_) => {}
        }
        self.take_direct(&mut state)
    }

    fn take_direct(&self, state: &mut State<O>) -> Taken<O> {
        if !state.direct.items.is_empty() {
            self.room.notify_one();
            return Taken::Items(state.direct.take().0);
        }
        match state.is_ended {
            true => Taken::End,
            false => Taken::Nothing,
        }
    }

    /// Does something with the spool on a thread that may block; the items that come of it are the
    /// next in order.
    fn at_spool(
        self: &Arc<Self>,
        state: &mut State<O>,
        work: impl FnOnce(&mut Spool) -> io::Result<VecDeque<O>> + Send + 'static,
    ) {
        let Some(mut spool) = state.spool.take() else {
            return;
        };
        let lane = Arc::clone(self);
        spawn_blocking(move || {
            // A spool that did not come back would be waited for.
            let done = catch_unwind(AssertUnwindSafe(|| work(&mut spool)));
            let done = done.unwrap_or_else(|_| Err(io::Error::other("its items cannot be read")));
            lane.put_back(spool, done);
        });
    }

    fn put_back(&self, spool: Spool, done: io::Result<VecDeque<O>>) {
        let mut state = self.state();
        state.spool = Some(spool);
        match done {
            // Memory is empty, or nothing was read.
            Ok(items) => state.memory.items.extend(items),
            Err(error) => state.broken = Some(error),
        }
        drop(state);
        self.filled.notify_one();
        self.room.notify_one();
    }
}

impl<O> State<O> {
    /// The end of a task whose items are lost, once it has ended: it may not be overtaken.
    fn broken_end(&mut self) -> Taken<O> {
        match self.is_ended {
            true => self.broken.take().map_or(Taken::End, Taken::Broken),
            false => Taken::Nothing,
        }
    }
}

impl<O> Queue<O> {
    fn new() -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, item: O, bytes: usize) {
        self.items.push_back(item);
        self.bytes += bytes;
    }

    fn take(&mut self) -> (VecDeque<O>, usize) {
        (mem::take(&mut self.items), mem::take(&mut self.bytes))
    }
}

/// What it had of the pools is others' again.
impl<O> Drop for Lane<O> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        self.pools.memory.give_back(state.memory.bytes);
        self.pools.files.give_back(state.file_bytes);
    }
}

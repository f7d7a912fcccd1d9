//! A batch: events that go to the server in one request, under one key.

use bytes::Bytes;

use crate::buffer::Load;
use crate::courier::Attempts;
use crate::key::Key;
use crate::lines;
use crate::spool::Spooled;

/// Events under a key.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The number of its first event in the buffer; zero for those of an earlier run.
    pub(crate) first: u64,
    pub(crate) home: Home,
    /// Nothing before the first.
    pub(crate) attempts: Option<Attempts>,
}

/// Where its events are.
#[derive(Debug)]
pub(crate) enum Home {
    Memory(InMemory),
    Spool(Spooled),
}

/// A batch that dies with the program.
#[derive(Debug)]
pub(crate) struct InMemory {
    pub(crate) key: Key,
    pub(crate) lines: Bytes,
    pub(crate) events: usize,
    /// What it takes of the buffer until it is through.
    pub(crate) held: Load,
}

impl Batch {
    /// A batch that was not attempted in this run.
    pub(crate) fn new(first: u64, home: Home) -> Self {
        Self {
            first,
            home,
            attempts: None,
        }
    }

    pub(crate) fn events(&self) -> usize {
        match &self.home {
            Home::Memory(batch) => batch.events,
            Home::Spool(spooled) => spooled.part.events(),
        }
    }

    pub(crate) fn key(&self) -> &Key {
        match &self.home {
            Home::Memory(batch) => &batch.key,
            Home::Spool(spooled) => &spooled.part.key,
        }
    }
}

impl InMemory {
    pub(crate) fn new(lines: Bytes, events: usize, held: Load) -> Self {
        Self {
            key: Key::draw(),
            lines,
            events,
            held,
        }
    }

    /// Batches of those of its events that stand at some places, and what it no longer holds.
    pub(crate) fn replace(self, by: &[Vec<usize>]) -> (Vec<InMemory>, Load) {
        let mut left = self.held;
        let share = |events: usize| Load {
            events,
            bytes: self.held.bytes * events / self.events.max(1),
        };
        let mut parts = Vec::new();
        for places in by {
            let held = share(places.len());
            left.events = left.events.saturating_sub(held.events);
            left.bytes = left.bytes.saturating_sub(held.bytes);
            parts.push(Self::new(
                lines::pick(&self.lines, places),
                places.len(),
                held,
            ));
        }
        (parts, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_neither_lost_nor_doubled_when_a_batch_is_cut() {
        let held = Load {
            events: 3,
            bytes: 100,
        };
        let batch = InMemory::new(Bytes::from_static(b"a\nb\nc\n"), 3, held);
        let key = batch.key.clone();
        let (parts, released) = batch.replace(&[vec![0], vec![2]]);
        assert_eq!(
            (&parts[0].lines[..], &parts[1].lines[..]),
            (&b"a\n"[..], &b"c\n"[..])
        );
        assert!(parts[0].key != key && parts[0].key != parts[1].key);
        let bytes = parts[0].held.bytes + parts[1].held.bytes + released.bytes;
        let events = parts[0].held.events + parts[1].held.events + released.events;
        assert_eq!((events, bytes), (3, 100));
    }
}

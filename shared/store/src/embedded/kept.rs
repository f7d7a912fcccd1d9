//! Partitions that are kept in memory, in front of the engine.
//!
//! A query of the engine reads, copies and writes out each item, and waits for the writes before
//! it. What queries of events read again and again are the partitions of two tables, the inbox and
//! the manifests. They are kept here as the JSON they are answered in: read from the engine when
//! first asked for, changed by each write once the engine has carried it out and before its caller
//! hears of it. So an answer from here is what the engine would have said at that moment.
//!
//! The engine is the only way to its file, and a write's effect on an item is the item itself, so
//! there is nothing to invalidate; a partition touched by a write that failed in the engine is
//! forgotten all the same. What is kept is bounded, and what is asked for in any other form than
//! the store's own queries goes to the engine.

mod partition;
mod wanted;

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::Item;

pub(super) use partition::Partition;
use partition::{Row, text};
pub(super) use wanted::Wanted;

use super::transport::Answer;
use crate::tables::{Table, TableNames};

/// The tables whose partitions are kept.
const TABLES: [Table; 2] = [Table::Inbox, Table::Manifests];

/// Memory for all partitions, in bytes of JSON.
const BYTES_MAX: usize = 48 * 1024 * 1024;

/// Partitions of which is remembered that they were too large.
const REFUSED_MAX: usize = 10_000;

/// Queries of a partition that was too large until it is tried again, at first and at most.
const PATIENCE: u32 = 64;
const PATIENCE_MAX: u32 = 4096;

/// A table and a partition key.
type Place = (Table, String);

/// Partitions in memory.
#[derive(Debug, Default)]
pub(super) struct Kept {
    partitions: RwLock<Partitions>,
    /// Counts uses, to tell what was used last.
    uses: AtomicU64,
    names: TableNames,
}

#[derive(Debug, Default)]
struct Partitions {
    by_place: HashMap<Place, Partition>,
    /// Those that were too large when they were last read.
    too_large: HashMap<Place, Patience>,
    bytes: usize,
}

/// How many queries are left until a partition is tried again, and how many it will be then: an
/// attempt costs as much as what may be kept.
#[derive(Debug)]
struct Patience {
    left: u32,
    next: u32,
}

/// What a write does to an item of a partition that is kept.
#[derive(Debug)]
pub(super) struct Change {
    place: Place,
    sk: String,
    row: Option<Row>,
}

impl Kept {
    /// The answer to a query of a partition that is kept.
    pub(super) fn answer(&self, wanted: &Wanted) -> Option<Answer> {
        let place = self.place(wanted)?;
        let partitions = self.partitions.read().ok()?;
        let partition = partitions.by_place.get(&place)?;
        partition.used.store(self.tick(), Ordering::Relaxed);
        partition.answer(wanted)
    }

    /// Whether the partition that a query asks for should be read whole, to be kept. One that was
    /// too large is let in again after some queries, which are counted here.
    pub(super) fn admits(&self, wanted: &Wanted) -> bool {
        let (Some(place), Ok(mut partitions)) = (self.place(wanted), self.partitions.write())
        else {
            return false;
        };
        if let Some(patience) = partitions.too_large.get_mut(&place)
            && !patience.is_over()
        {
            return false;
        }
        wanted.is_understood()
    }

    /// Keeps the partition that a query asked for; nothing if it was too large to be read.
    pub(super) fn keep(&self, wanted: &Wanted, partition: Option<Partition>) {
        let (Some(place), Ok(mut partitions)) = (self.place(wanted), self.partitions.write())
        else {
            return;
        };
        match partition {
            Some(partition) => {
                partition.used.store(self.tick(), Ordering::Relaxed);
                partitions.keep(place, partition);
            }
            None => partitions.refuse(place),
        }
    }

    /// What a put will change, if its partition is kept.
    pub(super) fn put(&self, table_name: &str, item: &Item) -> Option<Change> {
        self.change(table_name, item, |item| Some(Row::of(item)))
    }

    /// What a deletion will change, if its partition is kept.
    pub(super) fn delete(&self, table_name: &str, key: &Item) -> Option<Change> {
        self.change(table_name, key, |_| None)
    }

    fn change(
        &self,
        table_name: &str,
        item: &Item,
        row: impl FnOnce(&Item) -> Option<Row>,
    ) -> Option<Change> {
        let place = (self.table(table_name)?, text(item, "pk")?.to_owned());
        let sk = text(item, "sk")?.to_owned();
        let partitions = self.partitions.read().ok()?;
        let is_kept = partitions.by_place.contains_key(&place);
        is_kept.then(|| Change {
            place,
            sk,
            row: row(item),
        })
    }

    /// Makes the changes of a write that the engine has carried out.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        if let Ok(mut partitions) = self.partitions.write() {
            for change in changes {
                partitions.apply(change);
            }
        }
    }

    /// Forgets the partitions of a write of which nobody knows what it did.
    pub(super) fn forget(&self, changes: &[Change]) {
        if let Ok(mut partitions) = self.partitions.write() {
            for change in changes {
                partitions.remove(&change.place);
            }
        }
    }

    fn place(&self, wanted: &Wanted) -> Option<Place> {
        Some((self.table(wanted.table_name())?, wanted.pk()?.to_owned()))
    }

    fn table(&self, name: &str) -> Option<Table> {
        TABLES
            .into_iter()
            .find(|&table| self.names.of(table) == name)
    }

    fn tick(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            left: PATIENCE,
            next: PATIENCE,
        }
    }
}

impl Patience {
    /// Counts a query; whether it is the last to be waited for.
    fn is_over(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }
}

impl Partitions {
    fn keep(&mut self, place: Place, partition: Partition) {
        self.remove(&place);
        self.too_large.remove(&place);
        self.bytes += partition.bytes;
        self.by_place.insert(place, partition);
        self.make_room();
    }

    fn refuse(&mut self, place: Place) {
        self.remove(&place);
        // What is forgotten here is only tried again too early.
        if self.too_large.len() >= REFUSED_MAX {
            self.too_large.clear();
        }
        let patience = self.too_large.entry(place).or_default();
        patience.left = patience.next;
        patience.next = (patience.next * 2).min(PATIENCE_MAX);
    }

    fn remove(&mut self, place: &Place) {
        if let Some(partition) = self.by_place.remove(place) {
            self.bytes -= partition.bytes;
        }
    }

    fn apply(&mut self, change: Change) {
        let Some(partition) = self.by_place.get_mut(&change.place) else {
            return;
        };
        self.bytes -= partition.bytes;
        match change.row {
            Some(row) => partition.insert(change.sk, row),
            None => partition.take_out(&change.sk),
        }
        self.bytes += partition.bytes;
        if partition.is_too_large() {
            self.refuse(change.place);
        }
        self.make_room();
    }

    /// Forgets what was not used for longest.
    fn make_room(&mut self) {
        while self.bytes > BYTES_MAX {
            let oldest = self
                .by_place
                .iter()
                .min_by_key(|(_, partition)| partition.used.load(Ordering::Relaxed));
            let Some(place) = oldest.map(|(place, _)| place.clone()) else {
                return;
            };
            self.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests;

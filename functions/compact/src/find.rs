//! Finds the days that have work: counts what waits in the inbox, by names alone.

use std::collections::HashMap;
use std::time::Duration;

use weir_model::{Day, Series, Timestamp, Took};
use weir_store::{Waiting, WaitingBlock};

/// Days that are remembered; beyond that all are forgotten, which costs a few reads.
const REMEMBERED_MAX: usize = 50_000;

/// When waiting blocks are worth a publish: any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// So many blocks wait.
    pub blocks: usize,
    /// So many bytes of them.
    pub bytes: usize,
    /// The oldest is this old.
    pub age: Duration,
}

impl Default for Threshold {
    /// A reader reads what waits, so this bounds what a query costs; each publish costs about ten
    /// write units, so it is not worth one for every block.
    fn default() -> Self {
        Self {
            blocks: 64,
            bytes: 64_000,
            age: Duration::from_secs(15 * 60),
        }
    }
}

/// What waits of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heap {
    blocks: usize,
    bytes: usize,
    oldest: Timestamp,
}

impl Heap {
    /// What waits, read in full; `None` if nothing does.
    pub(crate) fn of(blocks: &[WaitingBlock]) -> Option<Self> {
        let oldest = blocks.iter().map(|block| block.at).min()?;
        let bytes = blocks.iter().map(|block| block.bytes.len()).sum();
        Some(Self {
            blocks: blocks.len(),
            bytes,
            oldest,
        })
    }

    fn add(&mut self, at: Timestamp, bytes: usize) {
        self.blocks += 1;
        self.bytes += bytes;
        self.oldest = self.oldest.min(at);
    }

    pub(crate) fn is_over(&self, threshold: &Threshold, now: Timestamp) -> bool {
        self.blocks >= threshold.blocks
            || self.bytes >= threshold.bytes
            || self.oldest.saturating_add(threshold.age) <= now
    }
}

/// What a scan has seen waiting so far.
#[derive(Debug, Default)]
pub(crate) struct Tally(HashMap<(Series, Day), Heap>);

impl Tally {
    /// Counts a block, unless a manifest is known to have taken it; whether it was counted.
    pub(crate) fn add(&mut self, waiting: Waiting, taken: &Taken) -> bool {
        if taken.contains(&waiting) {
            return false;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.clear();
        }
        let nothing = Heap {
            blocks: 0,
            bytes: 0,
            oldest: waiting.at,
        };
        let heap = self
            .0
            .entry((waiting.series, waiting.day))
            .or_insert(nothing);
        heap.add(waiting.at, waiting.size_bytes);
        true
    }

    /// Takes out the days that are over the threshold, in order.
    pub(crate) fn take_over(
        &mut self,
        threshold: &Threshold,
        now: Timestamp,
    ) -> Vec<(Series, Day)> {
        let over = self.0.extract_if(|_, heap| heap.is_over(threshold, now));
        let mut days: Vec<_> = over.map(|(place, _)| place).collect();
        days.sort();
        days
    }
}

/// Names that manifests have taken and that a scan meets until they are deleted. A name once
/// taken stays taken, so this may be old, and only spares reading the manifest again.
#[derive(Debug, Default)]
pub(crate) struct Taken(HashMap<(Series, Day), Vec<Took>>);

impl Taken {
    pub(crate) fn remember(&mut self, place: (Series, Day), took: Vec<Took>) {
        if took.is_empty() {
            self.0.remove(&place);
            return;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.clear();
        }
        self.0.insert(place, took);
    }

    fn contains(&self, waiting: &Waiting) -> bool {
        // A tuple of clones is what the map wants for a look-up by its key.
        let took = self.0.get(&(waiting.series.clone(), waiting.day));
        took.is_some_and(|took| took.iter().any(|took| took.names.contains(&waiting.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::{BlockName, Writer};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).expect("in range")
    }

    fn waiting(sequence: u64, seconds: i64, size_bytes: usize) -> Waiting {
        Waiting {
            series: Series::parse("n", "m").expect("legal"),
            day: at(0).day(),
            name: BlockName {
                shard: 0,
                writer: Writer::from_bytes([1; 12]),
                sequence,
            },
            at: at(seconds),
            size_bytes,
        }
    }

    fn is_work(blocks: u64, size_bytes: usize, now: i64) -> bool {
        let mut tally = Tally::default();
        for sequence in 0..blocks {
            tally.add(waiting(sequence, 1_000, size_bytes), &Taken::default());
        }
        !tally.take_over(&Threshold::default(), at(now)).is_empty()
    }

    #[test]
    fn many_or_large_or_old_blocks_are_work() {
        assert!(!is_work(63, 100, 1_060));
        assert!(is_work(64, 100, 1_060));
        assert!(is_work(2, 32_000, 1_060));
        assert!(!is_work(1, 100, 1_899));
        assert!(is_work(1, 100, 1_900));
    }

    #[test]
    fn blocks_known_to_be_taken_are_no_work() {
        let old = waiting(4, 0, 100);
        let took = vec![Took {
            at: at(5),
            names: [old.name].into_iter().collect(),
        }];
        let mut taken = Taken::default();
        taken.remember((old.series.clone(), old.day), took);
        let mut tally = Tally::default();
        tally.add(old.clone(), &taken);
        assert!(tally.take_over(&Threshold::default(), at(5_000)).is_empty());
        tally.add(waiting(5, 0, 100), &taken);
        assert_eq!(
            tally.take_over(&Threshold::default(), at(5_000)),
            [(old.series, old.day)]
        );
    }
}

//! Sets of block names, kept as ranges.

use std::collections::BTreeMap;

use crate::origin::{BlockName, Writer};

/// A set of block names. A writer counts its blocks, so what one publish took is mostly a few
/// ranges; a range holds only numbers that were inserted, never a gap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(BTreeMap<(u8, Writer), Vec<(u64, u64)>>);

impl Names {
    /// Adds a name; `false` if it was there.
    pub fn insert(&mut self, name: BlockName) -> bool {
        let ranges = self.0.entry((name.shard, name.writer)).or_default();
        let at = name.sequence;
        // The first range that ends at or behind the number.
        let place = ranges.partition_point(|range| range.1 < at);
        if ranges.get(place).is_some_and(|range| range.0 <= at) {
            return false;
        }
        let joins_left = place > 0 && ranges[place - 1].1.checked_add(1) == Some(at);
        let joins_right = ranges
            .get(place)
            .is_some_and(|range| at.checked_add(1) == Some(range.0));
        match (joins_left, joins_right) {
            (true, true) => {
                ranges[place - 1].1 = ranges[place].1;
                ranges.remove(place);
            }
            (true, false) => ranges[place - 1].1 = at,
            (false, true) => ranges[place].0 = at,
            (false, false) => ranges.insert(place, (at, at)),
        }
        true
    }

    /// Whether a name is in the set.
    pub fn contains(&self, name: &BlockName) -> bool {
        self.0
            .get(&(name.shard, name.writer))
            .is_some_and(|ranges| {
                let place = ranges.partition_point(|range| range.1 < name.sequence);
                ranges
                    .get(place)
                    .is_some_and(|range| range.0 <= name.sequence)
            })
    }

    /// Takes a name out; `false` if it was not there.
    pub fn remove(&mut self, name: &BlockName) -> bool {
        let key = (name.shard, name.writer);
        let Some(ranges) = self.0.get_mut(&key) else {
            return false;
        };
        let at = name.sequence;
        let place = ranges.partition_point(|range| range.1 < at);
        let Some(&(from, to)) = ranges.get(place).filter(|range| range.0 <= at) else {
            return false;
        };
        let left = (from < at).then(|| (from, at - 1));
        let right = (at < to).then(|| (at + 1, to));
        ranges.splice(place..=place, left.into_iter().chain(right));
        if ranges.is_empty() {
            self.0.remove(&key);
        }
        true
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many names there are.
    pub fn len(&self) -> u64 {
        self.ranges().fold(0, |sum, (_, from, to)| {
            sum.saturating_add((to - from).saturating_add(1))
        })
    }

    /// The names, by shard, writer and sequence.
    pub fn iter(&self) -> impl Iterator<Item = BlockName> {
        self.ranges().flat_map(|((shard, writer), from, to)| {
            (from..=to).map(move |sequence| BlockName {
                shard,
                writer,
                sequence,
            })
        })
    }

    /// The ranges: shard and writer, first and last sequence number.
    pub fn ranges(&self) -> impl Iterator<Item = ((u8, Writer), u64, u64)> {
        self.0
            .iter()
            .flat_map(|(key, ranges)| ranges.iter().map(|range| (*key, range.0, range.1)))
    }

    /// The ranges of each shard and writer.
    pub(crate) fn groups(&self) -> &BTreeMap<(u8, Writer), Vec<(u64, u64)>> {
        &self.0
    }

    /// Takes ranges that ascend and do not touch; no group is empty.
    pub(crate) fn from_groups(groups: BTreeMap<(u8, Writer), Vec<(u64, u64)>>) -> Self {
        Self(groups)
    }
}

impl FromIterator<BlockName> for Names {
    fn from_iter<I: IntoIterator<Item = BlockName>>(names: I) -> Self {
        let mut set = Self::default();
        set.extend(names);
        set
    }
}

impl Extend<BlockName> for Names {
    fn extend<I: IntoIterator<Item = BlockName>>(&mut self, names: I) {
        for name in names {
            self.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn name(shard: u8, writer: u8, sequence: u64) -> BlockName {
        BlockName {
            shard,
            writer: Writer::from_bytes([writer; 12]),
            sequence,
        }
    }

    fn sequences(names: &Names) -> Vec<(u64, u64)> {
        names.ranges().map(|(_, from, to)| (from, to)).collect()
    }

    #[test]
    fn numbers_that_touch_become_one_range_and_gaps_stay() {
        let mut names: Names = [5, 7, 1, 6].map(|n| name(0, 1, n)).into_iter().collect();
        assert_eq!(sequences(&names), [(1, 1), (5, 7)]);
        assert!(!names.insert(name(0, 1, 6)));
        assert!(!names.contains(&name(0, 1, 3)) && !names.contains(&name(1, 1, 6)));
        assert!(names.remove(&name(0, 1, 6)));
        assert_eq!(sequences(&names), [(1, 1), (5, 5), (7, 7)]);
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn the_ends_of_the_numbers_are_numbers() {
        let mut names = Names::default();
        assert!(names.insert(name(0, 0, u64::MAX)) && names.insert(name(0, 0, 0)));
        assert!(names.insert(name(0, 0, u64::MAX - 1)));
        assert_eq!(sequences(&names), [(0, 0), (u64::MAX - 1, u64::MAX)]);
        assert_eq!(names.iter().count(), 3);
    }

    proptest! {
        #[test]
        fn a_set_of_names_is_a_set(
            steps in proptest::collection::vec((any::<bool>(), 0..2_u8, 0..2_u8, 0..12_u64), 0..80)
        ) {
            let mut names = Names::default();
            let mut expected = BTreeSet::new();
            for (insert, shard, writer, sequence) in steps {
                let name = name(shard, writer, sequence);
                if insert {
                    prop_assert_eq!(names.insert(name), expected.insert(name));
                } else {
                    prop_assert_eq!(names.remove(&name), expected.remove(&name));
                }
                prop_assert_eq!(names.contains(&name), expected.contains(&name));
            }
            prop_assert_eq!(names.len(), expected.len() as u64);
            prop_assert_eq!(names.is_empty(), expected.is_empty());
            prop_assert!(names.iter().eq(expected.iter().copied()));
            for ranges in names.groups().values() {
                prop_assert!(!ranges.is_empty() && ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0));
            }
        }
    }
}

//! A bounded map that forgets what was put in longest ago.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most so many entries, by when they were put in.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    entries: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Puts an entry in, in place of one with the same key, and the oldest out if there are too
    /// many.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        self.order.insert(self.next, key);
        self.entries.insert(key, (self.next, value));
        self.next += 1;
        if self.entries.len() > self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some((at, _)) = self.entries.remove(key) {
            self.order.remove(&at);
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.order.len());
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_longest_ago_is_forgotten() {
        let mut recent = Recent::new(3);
        for key in [1, 2, 3, 1, 4] {
            recent.insert(key, key * 10);
        }
        assert_eq!(recent.len(), 3);
        let held: Vec<i32> = (1..=4)
            .filter_map(|key| recent.get(&key).copied())
            .collect();
        assert_eq!(held, [10, 30, 40], "1 was put in again after 2");
        recent.remove(&1);
        recent.remove(&1);
        assert_eq!((recent.len(), recent.get(&1)), (2, None));
    }
}

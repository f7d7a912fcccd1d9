//! The totals of a day by quarter of an hour.

use crate::event::StoredEvent;
use crate::timestamp::Timestamp;
use crate::totals::Totals;

/// Totals of a UTC day by quarter of an hour, 0..96. Empty quarters are absent.
///
/// It does not know its day: whoever adds to it sees to it that all events are of one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quarters(Vec<(u8, Totals)>);

impl Quarters {
    /// How many there are in a day.
    pub const COUNT: u8 = 96;

    /// The totals of some events.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a StoredEvent>) -> Self {
        let mut quarters = Self::default();
        for event in events {
            quarters.add(event.timestamp, event.value);
        }
        quarters
    }

    /// Takes totals, none of them empty, by ascending quarter.
    pub(crate) fn from_sorted(totals: Vec<(u8, Totals)>) -> Self {
        debug_assert!(totals.is_sorted_by(|a, b| a.0 < b.0), "quarters ascend");
        Self(totals)
    }

    /// The totals of a quarter; `None` if it has no events.
    pub fn get(&self, quarter: u8) -> Option<&Totals> {
        let place = self
            .0
            .binary_search_by_key(&quarter, |entry| entry.0)
            .ok()?;
        Some(&self.0[place].1)
    }

    /// Adds an event.
    pub fn add(&mut self, timestamp: Timestamp, value: f64) {
        self.entry(timestamp.quarter()).add(timestamp, value);
    }

    /// Adds the events of others.
    pub fn merge(&mut self, other: &Quarters) {
        for (quarter, totals) in other.iter() {
            self.entry(quarter).merge(totals);
        }
    }

    fn entry(&mut self, quarter: u8) -> &mut Totals {
        // Events mostly come in time order, so the last quarter is tried first.
        let place = match self.0.last() {
            Some(last) if last.0 == quarter => self.0.len() - 1,
            Some(last) if last.0 > quarter => self.insert_before_last(quarter),
            _ => {
                self.0.push((quarter, Totals::default()));
                self.0.len() - 1
            }
        };
        &mut self.0[place].1
    }

    fn insert_before_last(&mut self, quarter: u8) -> usize {
        match self.0.binary_search_by_key(&quarter, |entry| entry.0) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (quarter, Totals::default()));
                place
            }
        }
    }

    /// The quarters that have events, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u8, &Totals)> {
        self.0.iter().map(|(quarter, totals)| (*quarter, totals))
    }

    /// The totals of all of them together.
    pub fn total(&self) -> Totals {
        let mut total = Totals::default();
        for (_, totals) in self.iter() {
            total.merge(totals);
        }
        total
    }

    /// Whether no quarter has events.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both can be the totals of the same events, as [`Totals::agrees_with`] says.
    pub fn agrees_with(&self, other: &Quarters) -> bool {
        self.0.len() == other.0.len()
            && self
                .iter()
                .zip(other.iter())
                .all(|(a, b)| a.0 == b.0 && a.1.agrees_with(b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn of(events: &[(i64, i32)]) -> Quarters {
        let mut quarters = Quarters::default();
        for (millis, value) in events {
            quarters.add(at(*millis), f64::from(*value));
        }
        quarters
    }

    #[test]
    fn a_quarter_holds_its_first_and_its_last_millisecond() {
        let quarters = of(&[(0, 1), (899_999, 2), (900_000, 3), (86_399_999, 4)]);
        let counts: Vec<(u8, u64)> = quarters.iter().map(|(q, t)| (q, t.count())).collect();
        assert_eq!(counts, [(0, 2), (1, 1), (95, 1)]);
        assert_eq!(quarters.get(2), None);
        assert_eq!(quarters.total().sum(), 10.0);
        assert!(Quarters::default().is_empty() && !quarters.is_empty());
    }

    fn events() -> impl Strategy<Value = Vec<(i64, i32)>> {
        proptest::collection::vec((0..86_400_000_i64, any::<i32>()), 0..60)
    }

    proptest! {
        #[test]
        fn quarters_equal_a_recount(events in events(), more in events()) {
            let mut expected: BTreeMap<u8, Totals> = BTreeMap::new();
            for (millis, value) in events.iter().chain(&more) {
                let totals = expected.entry(at(*millis).quarter()).or_default();
                totals.add(at(*millis), f64::from(*value));
            }
            let mut quarters = of(&events);
            quarters.merge(&of(&more));
            prop_assert_eq!(quarters.iter().len(), expected.len());
            for (quarter, totals) in &expected {
                prop_assert!(quarters.get(*quarter).is_some_and(|q| q.agrees_with(totals)));
            }
        }
    }
}

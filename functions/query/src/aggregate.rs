//! Counts events into buckets, from as little of each day as will do. Pure: whoever reads the days
//! asks here how much of each is wanted, hands them over in time order, and gets the groups.
//!
//! What lies whole in one bucket is taken from totals; only quarter-hours that the window or a
//! bucket's edge cuts are counted event by event.

use std::collections::BTreeMap;

use weir_model::{
    BucketKey, Buckets, Day, Granularity, StoredEvent, Timestamp, Totals, Window, Zone,
};
use weir_store::{DayView, Detail, StoreError};

use crate::reading::{QuarterSet, Stretch, quarter_of, stretches};

/// Buckets that more events may still join when days are handed over in order: that of the last
/// instant, and the one before it, whose local day may come back for an hour (St John's set its
/// clocks at 00:01 until 2011).
const OPEN_BUCKETS: usize = 2;

/// How far a bucket that a window cuts is searched for its first instant within.
const CUT_MS: i64 = 86_400_000;

/// A group of events, or one without events that was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its earliest event, or its first instant in the window.
    pub(crate) at: Timestamp,
    /// None if it was filled in.
    pub(crate) key: Option<BucketKey>,
}

/// Between which instants gaps are filled; where it names none, from the first group, or to the
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gaps {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// The totals of buckets, growing as days are handed over.
#[derive(Debug)]
pub(crate) struct Aggregate {
    window: Window,
    granularity: Granularity,
    buckets: Buckets,
    totals: BTreeMap<BucketKey, Totals>,
    after: Option<(Timestamp, BucketKey)>,
    enough: usize,
}

impl Aggregate {
    /// Counts the events of a window. Groups up to and with the one at `after` are left out, and
    /// nobody will ask for more than `enough` groups.
    pub(crate) fn new(
        window: Window,
        granularity: Granularity,
        zone: Zone,
        after: Option<Timestamp>,
        enough: usize,
    ) -> Self {
        let mut buckets = Buckets::new(granularity, zone);
        let from = after.map_or(window.min, |after| resume(&mut buckets, granularity, after));
        let window = Window {
            min: window.min.max(from),
            ..window
        };
        let after = after.map(|after| (after, buckets.key(after)));
        Self {
            window,
            granularity,
            buckets,
            totals: BTreeMap::new(),
            after,
            enough,
        }
    }

    /// What of the window has to be handed over.
    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// How much of a day is wanted.
    pub(crate) fn detail(&mut self, day: Day) -> Detail {
        if self
            .whole(Window {
                min: day.start(),
                max: day.end(),
            })
            .is_some()
        {
            return Detail::Day;
        }
        let (first, last) = (
            self.window.min.max(day.start()),
            self.window.max.min(day.end()),
        );
        if first > last {
            return Detail::Day;
        }
        let mut quarters = first.quarter()..=last.quarter();
        match quarters.all(|quarter| self.whole(quarter_of(day, quarter)).is_some()) {
            true => Detail::Quarters,
            false => Detail::Events,
        }
    }

    /// The bucket that holds a span, if the span lies whole in one and in the window.
    fn whole(&mut self, span: Window) -> Option<BucketKey> {
        let inside = self.window.contains(span.min) && self.window.contains(span.max);
        if inside {
            self.buckets.whole(span.min, span.max)
        } else {
            None
        }
    }

    /// Takes what a day's totals tell, and says which of its hours must be read. The day was read
    /// in the detail that is wanted of it, or in a finer one.
    pub(crate) fn add_day<'a>(
        &mut self,
        view: &'a DayView,
    ) -> Result<Vec<Stretch<'a>>, StoreError> {
        if let Some(key) = self.whole(Window {
            min: view.day.start(),
            max: view.day.end(),
        }) {
            self.merge(key, &view.total()?);
            return Ok(Vec::new());
        }
        let quarters = view.quarters()?;
        let mut cut = QuarterSet::default();
        for (quarter, totals) in quarters.iter() {
            let span = quarter_of(view.day, quarter);
            match self.whole(span) {
                Some(key) => self.merge(key, totals),
                None if span.min <= self.window.max && self.window.min <= span.max => {
                    cut.insert(quarter);
                }
                None => {}
            }
        }
        Ok(stretches(view, &quarters, cut))
    }

    fn merge(&mut self, key: BucketKey, totals: &Totals) {
        if !totals.is_empty() {
            self.totals.entry(key).or_default().merge(totals);
        }
    }

    /// Counts the events of a stretch, but for those that totals told.
    pub(crate) fn add_events(&mut self, stretch: &Stretch<'_>, events: &[StoredEvent]) {
        let wanted = events.iter().filter(|event| {
            stretch.wanted.contains(event.timestamp.quarter())
                && self.window.contains(event.timestamp)
        });
        let mut values: Vec<(Timestamp, f64)> = wanted.map(|e| (e.timestamp, e.value)).collect();
        values.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for (timestamp, value) in values {
            let key = self.buckets.key(timestamp);
            if self.is_full() && !self.totals.contains_key(&key) {
                return;
            }
            self.totals.entry(key).or_default().add(timestamp, value);
        }
    }

    /// Whether there are groups enough, and no event to come will belong to one of them. Only
    /// buckets shorter than a quarter-hour are handed over in time order within a batch.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.granularity, Granularity::None | Granularity::Minute)
            && self.totals.len() >= self.enough + OPEN_BUCKETS
    }

    /// Whether there are groups enough, and no later day will change them. Gaps are filled up to
    /// the last day that was handed over.
    pub(crate) fn has_enough(&mut self, gaps: Option<Gaps>) -> bool {
        let may = gaps.is_some() || self.totals.len() >= self.enough + OPEN_BUCKETS;
        may && self.groups(gaps).len() >= self.enough + OPEN_BUCKETS
    }

    /// The totals of a group; none of one that was filled in.
    pub(crate) fn totals(&self, group: &Group) -> Option<&Totals> {
        self.totals.get(&group.key?)
    }

    /// The groups in time order.
    pub(crate) fn groups(&mut self, gaps: Option<Gaps>) -> Vec<Group> {
        let counted = self.totals.iter().filter_map(|(key, totals)| {
            let (at, _) = totals.first()?;
            Some(Group {
                at,
                key: Some(*key),
            })
        });
        let mut groups: Vec<Group> = counted.collect();
        groups.sort_unstable_by_key(|group| group.at);
        if let Some(Gaps { from, to }) = gaps {
            let from = from.or(groups.first().map(|group| group.at));
            let to = to.or(groups.last().map(|group| group.at));
            if let (Some(from), Some(to)) = (from, to) {
                groups.extend(self.missing(from, to));
                groups.sort_unstable_by_key(|group| group.at);
            }
        }
        if let Some((at, key)) = self.after {
            groups.retain(|group| group.at > at && group.key != Some(key));
        }
        groups
    }

    /// The buckets without events from one instant to another, as many as anybody asks for.
    fn missing(&mut self, from: Timestamp, to: Timestamp) -> Vec<Group> {
        let mut missing = Vec::new();
        let mut next = Some(resume(&mut self.buckets, self.granularity, from));
        while let Some(start) = next.filter(|start| *start <= to)
            && missing.len() < self.enough + OPEN_BUCKETS
        {
            let key = self.buckets.key(start);
            next = self.buckets.next_start(start);
            if self.totals.contains_key(&key) {
                continue;
            }
            let at = if start < from {
                self.first_within(key, from, to)
            } else {
                Some(start)
            };
            let told = |at| {
                self.after
                    .is_some_and(|after| at <= after.0 || key == after.1)
            };
            missing.extend(at.filter(|at| !told(*at)).map(|at| Group { at, key: None }));
        }
        missing
    }

    /// The first instant from one to another that belongs to a bucket which begins before. It can
    /// only be other than the first of all where a local day comes back, which happens at whole
    /// minutes.
    fn first_within(
        &mut self,
        key: BucketKey,
        from: Timestamp,
        to: Timestamp,
    ) -> Option<Timestamp> {
        const MINUTE_MS: i64 = 60_000;
        let begin = from.as_millis();
        let next_minute = begin - begin.rem_euclid(MINUTE_MS) + MINUTE_MS;
        let minutes = (next_minute..begin + CUT_MS).step_by(MINUTE_MS as usize);
        std::iter::once(begin)
            .chain(minutes)
            .map_while(|millis| Timestamp::from_millis(millis).ok().filter(|at| *at <= to))
            .find(|at| self.buckets.key(*at) == key)
    }
}

/// The start of the first bucket that may have instants behind this one: its own, or of a day or
/// longer the one before, because two of these can be entangled, as [`OPEN_BUCKETS`] says.
fn resume(buckets: &mut Buckets, granularity: Granularity, at: Timestamp) -> Timestamp {
    let start = buckets.start(at);
    let short = matches!(
        granularity,
        Granularity::None | Granularity::Minute | Granularity::Hour
    );
    match Timestamp::from_millis(start.as_millis() - 1) {
        Ok(before) if !short => buckets.start(before),
        _ => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_day_is_read_in_no_more_detail_than_its_edges_need() {
        let check = |granularity, zone: &str, min: &str, max: &str, expected| {
            let window = Window::new(at(min), at(max)).unwrap();
            let zone = Zone::parse(zone).unwrap();
            let mut aggregate = Aggregate::new(window, granularity, zone, None, 10);
            let detail = aggregate.detail(at("2024-03-01").day());
            assert_eq!(detail, expected, "{granularity} {min} {max}");
        };
        use Detail::{Day, Events, Quarters};
        let (all, from, to) = ("2024-01-01", "2024-03-01", "2024-03-01T23:59:59.999Z");
        check(Granularity::Day, "UTC", from, to, Day);
        check(Granularity::Week, "Asia/Kathmandu", all, to, Day);
        check(Granularity::Day, "Asia/Kathmandu", all, to, Quarters);
        check(Granularity::Day, "Europe/Berlin", all, to, Quarters);
        check(Granularity::Hour, "UTC", all, to, Quarters);
        check(Granularity::Minute, "UTC", all, to, Events);
        check(Granularity::None, "UTC", all, to, Events);
        check(
            Granularity::Year,
            "UTC",
            "2024-03-01T10:15:00Z",
            to,
            Quarters,
        );
        check(
            Granularity::Year,
            "UTC",
            "2024-03-01T10:15:00.001Z",
            to,
            Events,
        );
        check(
            Granularity::Year,
            "UTC",
            all,
            "2024-03-01T10:14:59.999Z",
            Quarters,
        );
        check(
            Granularity::Year,
            "UTC",
            all,
            "2024-03-01T10:14:59Z",
            Events,
        );
    }

    #[test]
    fn gaps_are_filled_from_the_first_instant_in_the_window() {
        let window = Window::new(at("2024-02-10T12:00:00"), at("2024-04-01")).unwrap();
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let gaps = Gaps {
            from: Some(window.min),
            to: Some(window.max),
        };
        let groups = |after| {
            let month = Granularity::Month;
            let mut aggregate = Aggregate::new(window, month, zone.clone(), after, 10);
            let groups = aggregate.groups(Some(gaps));
            groups
                .iter()
                .map(|group| group.at.to_string())
                .collect::<Vec<_>>()
        };
        let all = [
            "2024-02-10T12:00:00Z",
            "2024-02-29T23:00:00Z",
            "2024-03-31T22:00:00Z",
        ];
        assert_eq!(groups(None), all);
        assert_eq!(groups(Some(at(all[0]))), all[1..]);
        assert_eq!(groups(Some(at(all[2]))), all[3..]);
    }
}

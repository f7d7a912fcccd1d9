//! Which hours are read. Pure.

use std::time::Duration;

use weir_collector::{Fault, Repeats};
use weir_model::Timestamp;

use crate::wanted::Wanted;

pub(super) const HOUR: Duration = Duration::from_secs(3600);
const HOUR_MS: i64 = 3_600_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One request covers no more than this.
const PORTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where a range begins that has only an end: 2005-01-01, as in the old program.
const EARLIEST_MS: i64 = 1_104_537_600_000;

/// Whole hours: those that begin from `from` on and before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// The hours that are wanted, minutes and seconds cut off: on from the bookmark, else the last 24
/// hours; only a start: until now; only an end: from 2005 on. The hour under way is left out, and
/// nothing is there if all has been read.
///
/// The hour of the bookmark is read again, because Pingdom may still have been filling it. Where
/// that would double it, it is not, and the newest hour is left out until it is settled.
pub(super) fn of(
    wanted: Wanted,
    bookmark: Option<Timestamp>,
    now: Timestamp,
    repeats: Repeats,
) -> Result<Option<Range>, Fault> {
    let this_hour = hour_of(now);
    let (again, settled) = match repeats {
        Repeats::Replace => (Duration::ZERO, this_hour),
        Repeats::Double => (HOUR, this_hour.saturating_sub(HOUR)),
    };
    let resumed = bookmark.map(|bookmark| hour_of(bookmark).saturating_add(again));
    match wanted {
        Wanted::Resume => {
            let from = resumed.unwrap_or(this_hour.saturating_sub(DAY));
            Ok(Range::new(from, settled))
        }
        Wanted::Range { start, end } => {
            let from = hour_of(start.unwrap_or_else(earliest));
            let to = hour_of(end.unwrap_or(now)).min(settled);
            let range = Range::new(from, to).ok_or_else(|| no_hours(start, end, settled))?;
            Ok(Range::new(from.max(resumed.unwrap_or(from)), range.to))
        }
    }
}

/// The bookmark of a run that begins with an hour and has been told none.
pub(super) fn bookmark_before(from: Timestamp, repeats: Repeats) -> Timestamp {
    match repeats {
        Repeats::Replace => from,
        Repeats::Double => from.saturating_sub(HOUR),
    }
}

fn no_hours(start: Option<Timestamp>, end: Option<Timestamp>, this_hour: Timestamp) -> Fault {
    let name =
        |end: Option<Timestamp>, other: &str| end.map_or(other.into(), |end| end.to_string());
    let (from, to) = (name(start, "2005"), name(end, "now"));
    Fault::new(format_args!("there is no whole hour from {from} to {to}")).hint(format_args!(
        "give a start that is at least an hour before the end and before {this_hour}"
    ))
}

fn earliest() -> Timestamp {
    Timestamp::from_millis(EARLIEST_MS).expect("2005 is a year of timestamps")
}

fn hour_of(time: Timestamp) -> Timestamp {
    let into_hour = time.as_millis().rem_euclid(HOUR_MS);
    time.saturating_sub(Duration::from_millis(into_hour.unsigned_abs()))
}

impl Range {
    fn new(from: Timestamp, to: Timestamp) -> Option<Range> {
        (from < to).then_some(Range { from, to })
    }

    /// Without what lies before a time, as long as an hour is left.
    pub(super) fn from(self, time: Timestamp) -> Range {
        let from = hour_of(time).min(self.to.saturating_sub(HOUR));
        Range {
            from: self.from.max(from),
            to: self.to,
        }
    }

    /// Whether an hour that begins then belongs to it.
    pub(super) fn holds(self, start: Timestamp) -> bool {
        (self.from..self.to).contains(&start)
    }

    /// The range in pieces, one after the other. There is at least one.
    pub(super) fn portions(self) -> Vec<Range> {
        let mut portions = Vec::new();
        let mut from = self.from;
        while from < self.to {
            let to = from.saturating_add(PORTION).min(self.to);
            portions.push(Range { from, to });
            from = to;
        }
        portions
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn wanted(start: &str, end: &str) -> Wanted {
        let side = |text: &str| (!text.is_empty()).then(|| time(text));
        Wanted::between(side(start), side(end))
    }

    #[test]
    fn a_range_is_whole_hours() {
        let now = time("2026-03-02T10:30:15Z");
        let check = |start: &str, end: &str, bookmark: &str, expected: (&str, &str)| {
            let bookmark = (!bookmark.is_empty()).then(|| time(bookmark));
            let range = of(wanted(start, end), bookmark, now, Repeats::Replace);
            let range = range.unwrap().unwrap();
            let expected = (time(expected.0), time(expected.1));
            assert_eq!((range.from, range.to), expected, "{start} {end}");
        };
        check("", "", "", ("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z"));
        check(
            "",
            "",
            "2026-02-01T07:00:00Z",
            ("2026-02-01T07:00:00Z", "2026-03-02T10:00:00Z"),
        );
        check(
            "2026-03-01T05:59:59Z",
            "",
            "",
            ("2026-03-01T05:00:00Z", "2026-03-02T10:00:00Z"),
        );
        check("", "2005-01-02", "", ("2005-01-01", "2005-01-02"));
        check("2014-08-03", "2014-09-03", "", ("2014-08-03", "2014-09-03"));
        check(
            "2026-03-01",
            "2027-01-01",
            "",
            ("2026-03-01", "2026-03-02T10:00:00Z"),
        );
        check(
            "2014-08-03",
            "2014-09-03",
            "2014-08-05T03:00:00Z",
            ("2014-08-05T03:00:00Z", "2014-09-03"),
        );
    }

    #[test]
    fn where_nothing_is_new_there_is_nothing_and_a_range_without_hours_is_an_error() {
        let now = time("2026-03-02T10:30:15Z");
        let of = |wanted, bookmark| of(wanted, bookmark, now, Repeats::Replace);
        let check = |bookmark: &str| assert_eq!(of(Wanted::Resume, Some(time(bookmark))), Ok(None));
        check("2026-03-02T10:00:00Z");
        check("2026-03-03T10:00:00Z");
        let error = of(wanted("2026-03-02", "2026-03-01"), None).unwrap_err();
        let expected = "there is no whole hour from 2026-03-02T00:00:00Z to 2026-03-01T00:00:00Z; give a start that is at least an hour before the end and before 2026-03-02T10:00:00Z";
        assert_eq!(error.to_string(), expected);
        assert!(of(wanted("2027-01-01", ""), None).is_err());
        assert!(of(wanted("", "2004-01-01"), None).is_err());
    }

    #[test]
    fn where_repeats_double_each_hour_is_in_one_range() {
        let now = time("2026-03-02T10:30:15Z");
        let check = |start: &str, end: &str, bookmark: &str, expected: Option<(&str, &str)>| {
            let bookmark = (!bookmark.is_empty()).then(|| time(bookmark));
            let range = of(wanted(start, end), bookmark, now, Repeats::Double).unwrap();
            let expected = expected.map(|(from, to)| (time(from), time(to)));
            let found = range.map(|range| (range.from, range.to));
            assert_eq!(found, expected, "{start} {end} {bookmark:?}");
        };
        let settled = "2026-03-02T09:00:00Z";
        check("", "", "", Some(("2026-03-01T10:00:00Z", settled)));
        check(
            "",
            "",
            "2026-03-02T07:00:00Z",
            Some(("2026-03-02T08:00:00Z", settled)),
        );
        check("", "", "2026-03-02T08:00:00Z", None);
        check("2026-03-01", "", "", Some(("2026-03-01", settled)));
        check(
            "2014-08-03",
            "2014-09-03",
            "2014-08-05T03:00:00Z",
            Some(("2014-08-05T04:00:00Z", "2014-09-03")),
        );
    }

    #[test]
    fn what_was_before_a_check_is_not_asked_for() {
        let range = Range::new(time("2005-01-01"), time("2026-01-01")).unwrap();
        assert_eq!(
            range.from(time("2020-05-05T05:05:05Z")).from,
            time("2020-05-05T05:00:00Z")
        );
        assert_eq!(range.from(time("1970-01-01")), range);
        assert_eq!(
            range.from(time("2030-01-01")).from,
            time("2025-12-31T23:00:00Z")
        );
    }

    proptest! {
        #[test]
        fn portions_cover_the_range_without_gap_or_overlap(from in 0_i64..200_000, hours in 1_i64..50_000) {
            let hour = |number: i64| Timestamp::from_millis(number * HOUR_MS).unwrap();
            let range = Range::new(hour(from), hour(from + hours)).unwrap();
            let portions = range.portions();
            let mut end = range.from;
            for portion in portions {
                prop_assert_eq!(portion.from, end);
                prop_assert!(portion.from < portion.to);
                prop_assert!(portion.to <= portion.from.saturating_add(PORTION));
                end = portion.to;
            }
            prop_assert_eq!(end, range.to);
        }
    }
}

//! The way of a run through the periods that are wanted: pure, so that it can be walked without a
//! third party.
//!
//! Whether a period is over depends on the property's zone, and that is only known from a report.
//! So the first period of a run that knows no zone is a guess, and taken back if it turns out not
//! to be over; the bookmark keeps the zone for the runs that follow.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use weir_collector::Fault;
use weir_model::Timestamp;

use super::period::{Frequency, Period, date_in};
use super::state::Place;

/// The way of a run through periods.
#[derive(Debug, Clone)]
pub(crate) struct Tour {
    frequency: Frequency,
    next: Period,
    last: Last,
    zone: Option<TimeZone>,
    /// The start of the first period that is not final.
    bookmark: Date,
    is_guess: bool,
    has_read: bool,
}

/// Where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// With the last period that is over.
    Over,
    /// With this one, over or not.
    Period(Period),
}

/// The dates that somebody asked for; none for those after the bookmark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first.
    pub(crate) start: Option<Date>,
    /// The last.
    pub(crate) end: Option<Date>,
}

impl Tour {
    /// A way through what is wanted, on from where an earlier run has come to.
    pub(crate) fn new(
        frequency: Frequency,
        range: Range,
        place: Option<&Place>,
        now: Timestamp,
    ) -> Self {
        let zone = place.and_then(|place| place.zone.clone());
        let last = range.end.map(|end| frequency.containing(end));
        let asked = range
            .start
            .map(|start| frequency.containing(start))
            .or(last);
        let resumed = place.map(|place| frequency.containing(place.start));
        // The bookmark of a run through other dates says nothing about these.
        let resumed = resumed.filter(|resumed| match (asked, last) {
            (Some(first), Some(last)) => (first.start..=last.next_start()).contains(&resumed.start),
            (Some(first), None) => first.start <= resumed.start,
            (None, _) => true,
        });
        let usual = frequency.last_complete(today(zone.as_ref(), now));
        let next = resumed.or(asked).unwrap_or(usual);
        Self {
            frequency,
            next,
            last: last.map_or(Last::Over, Last::Period),
            is_guess: resumed.or(asked).is_none() && zone.is_none(),
            zone,
            bookmark: next.start,
            has_read: resumed.is_some(),
        }
    }

    /// The period that is next, if there is one yet.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Period> {
        let is_wanted = match self.last {
            Last::Over => self.next.is_over(self.today(now)),
            Last::Period(last) => self.next.start <= last.start,
        };
        is_wanted.then_some(self.next)
    }

    /// Learns the property's zone from a report, and says whether the period that it is about may
    /// be kept.
    pub(crate) fn keeps(&mut self, period: Period, zone: Option<TimeZone>, now: Timestamp) -> bool {
        self.zone = zone.or(self.zone.take());
        let today = self.today(now);
        if self.last != Last::Over || period.is_over(today) {
            return true;
        }
        if std::mem::take(&mut self.is_guess) {
            self.next = self.frequency.last_complete(today);
            self.bookmark = self.next.start;
        }
        false
    }

    /// Goes on after a period that was collected.
    pub(crate) fn advance(&mut self, period: Period, now: Timestamp) {
        self.has_read = true;
        self.is_guess = false;
        self.next = self.frequency.after(period);
        self.bookmark = match period.is_over(self.today(now)) {
            true => self.next.start,
            false => period.start,
        };
    }

    /// How far it has come.
    pub(crate) fn place(&self, unfinished: bool) -> Place {
        Place {
            start: self.bookmark,
            zone: self.zone.clone(),
            unfinished,
        }
    }

    /// The date in the property's zone, as far as that is known.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        today(self.zone.as_ref(), now)
    }

    /// Checks at the end that a range that somebody asked for had anything in it.
    ///
    /// # Errors
    /// When its first period is not over yet.
    pub(crate) fn check_any(&self, range: Range) -> Result<(), Fault> {
        if self.has_read || range == Range::default() {
            return Ok(());
        }
        let next = self.next;
        Err(Fault::new(format_args!("{next} is not over yet"))
            .hint("give an end to collect it as it is"))
    }
}

fn today(zone: Option<&TimeZone>, now: Timestamp) -> Date {
    date_in(zone.unwrap_or(&TimeZone::UTC), now)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn zone(name: &str) -> Option<TimeZone> {
        Some(TimeZone::get(name).unwrap())
    }

    /// Walks to the end, and says which periods it collected and where it has come to.
    fn walk(mut tour: Tour, zone: Option<TimeZone>, now: Timestamp) -> (Vec<Period>, Date) {
        let mut periods = Vec::new();
        while let Some(period) = tour.next(now) {
            if tour.keeps(period, zone.clone(), now) {
                periods.push(period);
                tour.advance(period, now);
            }
        }
        (periods, tour.place(false).start)
    }

    fn starts(periods: &[Period]) -> Vec<String> {
        periods
            .iter()
            .map(|period| period.start.to_string())
            .collect()
    }

    fn range(start: Option<Date>, end: Option<Date>) -> Range {
        Range { start, end }
    }

    fn place(start: Date, zone: Option<TimeZone>) -> Place {
        Place {
            start,
            zone,
            unfinished: false,
        }
    }

    #[test]
    fn without_a_bookmark_it_is_the_last_period_that_is_over() {
        // A Wednesday.
        let now = at("2013-04-10T12:00:00Z");
        let check = |frequency, start: &str, bookmark: Date| {
            let tour = Tour::new(frequency, Range::default(), None, now);
            let (periods, next) = walk(tour, zone("UTC"), now);
            assert_eq!((starts(&periods), next), (vec![start.to_owned()], bookmark));
        };
        check(Frequency::Daily, "2013-04-09", date(2013, 4, 10));
        check(Frequency::Weekly, "2013-04-01", date(2013, 4, 8));
        check(Frequency::Monthly, "2013-03-01", date(2013, 4, 1));
    }

    #[test]
    fn a_bookmark_goes_on_to_the_last_period_that_is_over() {
        let now = at("2013-04-10T12:00:00Z");
        let from = place(date(2013, 4, 7), zone("UTC"));
        let tour = Tour::new(Frequency::Daily, Range::default(), Some(&from), now);
        let (periods, next) = walk(tour, zone("UTC"), now);
        assert_eq!(starts(&periods), ["2013-04-07", "2013-04-08", "2013-04-09"]);
        let tour = Tour::new(
            Frequency::Daily,
            Range::default(),
            Some(&place(next, None)),
            now,
        );
        assert_eq!(walk(tour, zone("UTC"), now), (Vec::new(), next));
    }

    #[test]
    fn a_day_is_over_when_it_is_over_in_the_propertys_zone() {
        let check = |now: &str, name: &str, from: Option<Place>, expected: &[&str]| {
            let now = at(now);
            let tour = Tour::new(Frequency::Daily, Range::default(), from.as_ref(), now);
            let (periods, _) = walk(tour, zone(name), now);
            assert_eq!(starts(&periods), expected, "{now} {name}");
        };
        let west = "America/Los_Angeles";
        // It is still the evening of the ninth there.
        check("2013-04-10T03:00:00Z", west, None, &["2013-04-08"]);
        check("2013-04-10T12:00:00Z", west, None, &["2013-04-09"]);
        let from = |day, name: Option<&str>| Some(place(date(2013, 4, day), name.and_then(zone)));
        check("2013-04-10T03:00:00Z", west, from(9, None), &[]);
        check("2013-04-10T03:00:00Z", west, from(9, Some(west)), &[]);
        // It is the eleventh there already.
        let east = "Pacific/Auckland";
        check(
            "2013-04-10T13:00:00Z",
            east,
            from(10, Some(east)),
            &["2013-04-10"],
        );
        check(
            "2013-04-10T13:00:00Z",
            east,
            from(9, None),
            &["2013-04-09", "2013-04-10"],
        );
    }

    #[test]
    fn a_range_is_the_periods_that_it_touches() {
        let now = at("2013-04-10T12:00:00Z");
        let check = |range: Range, expected: &[&str], bookmark: Date| {
            let tour = Tour::new(Frequency::Weekly, range, None, now);
            let (periods, next) = walk(tour, zone("UTC"), now);
            assert_eq!((starts(&periods), next), (owned(expected), bookmark));
        };
        let (a, b) = (Some(date(2013, 3, 20)), Some(date(2013, 3, 26)));
        check(range(a, b), &["2013-03-18", "2013-03-25"], date(2013, 4, 1));
        check(range(None, b), &["2013-03-25"], date(2013, 4, 1));
        check(
            range(a, None),
            &["2013-03-18", "2013-03-25", "2013-04-01"],
            date(2013, 4, 8),
        );
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_period_that_is_not_over_is_collected_when_asked_for_and_again_later() {
        let now = at("2013-04-10T12:00:00Z");
        let range = range(Some(date(2013, 4, 1)), Some(date(2013, 4, 10)));
        let tour = Tour::new(Frequency::Weekly, range, None, now);
        let (periods, next) = walk(tour, zone("UTC"), now);
        assert_eq!(starts(&periods), ["2013-04-01", "2013-04-08"]);
        assert_eq!(next, date(2013, 4, 8));
    }

    #[test]
    fn a_range_that_has_nothing_whole_in_it_is_an_error() {
        let now = at("2013-04-10T12:00:00Z");
        let range = range(Some(date(2013, 4, 9)), None);
        let tour = Tour::new(Frequency::Weekly, range, None, now);
        assert_eq!(tour.next(now), None);
        let fault = tour.check_any(range).unwrap_err();
        assert!(
            fault.message.contains("2013-04-08 to 2013-04-14"),
            "{fault}"
        );
        assert_eq!(tour.check_any(Range::default()), Ok(()));
    }

    #[test]
    fn a_bookmark_of_other_dates_says_nothing_about_a_range() {
        let now = at("2013-04-10T12:00:00Z");
        let range = range(Some(date(2013, 1, 1)), Some(date(2013, 1, 2)));
        let check = |bookmark: Date, expected: &[&str]| {
            let from = place(bookmark, None);
            let tour = Tour::new(Frequency::Daily, range, Some(&from), now);
            assert_eq!(starts(&walk(tour, zone("UTC"), now).0), expected);
        };
        check(date(2013, 4, 10), &["2013-01-01", "2013-01-02"]);
        check(date(2012, 4, 10), &["2013-01-01", "2013-01-02"]);
        check(date(2013, 1, 2), &["2013-01-02"]);
        check(date(2013, 1, 3), &[]);
    }

    proptest! {
        #[test]
        fn a_range_is_covered_without_gap_or_overlap_wherever_it_is_broken_off(
            first in 0..4_000_i64,
            length in 0..400_i64,
            index in 0..3_usize,
            after in 0..10_usize,
        ) {
            let now = at("2026-11-21T12:00:00Z");
            let (frequency, _) = Frequency::ALL[index];
            let start = date(2013, 1, 1).saturating_add(first.days());
            let end = start.saturating_add(length.days());
            let range = range(Some(start), Some(end));
            let (whole, _) = walk(Tour::new(frequency, range, None, now), zone("UTC"), now);
            prop_assert!(whole[0].start <= start && end <= whole[whole.len() - 1].end);
            for pair in whole.windows(2) {
                prop_assert_eq!(pair[0].end.tomorrow().unwrap(), pair[1].start);
            }
            // Another run goes on from the place of one that was broken off.
            let mut tour = Tour::new(frequency, range, None, now);
            let mut periods = Vec::new();
            while let Some(period) = tour.next(now).filter(|_| periods.len() < after) {
                periods.push(period);
                tour.advance(period, now);
            }
            let rest = Tour::new(frequency, range, Some(&tour.place(false)), now);
            periods.extend(walk(rest, zone("UTC"), now).0);
            prop_assert_eq!(periods, whole);
        }
    }
}

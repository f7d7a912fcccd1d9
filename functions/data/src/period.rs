//! Periods of the calendar, in UTC: hours, days, weeks from Monday, months, quarters, years.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

/// 1969-12-29, the Monday before the first day of 1970.
const MONDAY_MS: i64 = -3 * DAY_MS;

/// An instant in milliseconds since 1970, which may lie before it: a range may begin there.
pub(crate) type Millis = i64;

/// The first instant that ranges may hold: of the year 1. Whatever lies before is taken for it.
const FIRST_MS: Millis = -62_135_596_800_000;

/// The first instant past the year 9998, so that the end of every period has a year of four digits.
const LAST_MS: Millis = 253_370_764_800_000;

/// A kind of period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Period {
    pub(crate) const ALL: [Period; 6] = [
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::Quarter,
        Period::Year,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Period> {
        Period::ALL
            .into_iter()
            .find(|period| period.as_str() == text)
    }

    /// The start of the period that holds an instant.
    pub(crate) fn start(self, at: Millis) -> Millis {
        let floor = |from: i64, length: i64| at - (at - from).rem_euclid(length);
        match self {
            Period::Hour => floor(0, HOUR_MS),
            Period::Day => floor(0, DAY_MS),
            Period::Week => floor(MONDAY_MS, WEEK_MS),
            Period::Month => self.of_months(at, 0),
            Period::Quarter => self.of_months(at, 0),
            Period::Year => self.of_months(at, 0),
        }
    }

    /// The start of the period so many after one that starts at this instant, or before it.
    pub(crate) fn shift(self, start: Millis, by: i64) -> Millis {
        let plus = |length: i64| start.saturating_add(by.saturating_mul(length));
        let shifted = match self {
            Period::Hour => plus(HOUR_MS),
            Period::Day => plus(DAY_MS),
            Period::Week => plus(WEEK_MS),
            Period::Month | Period::Quarter | Period::Year => self.of_months(start, by),
        };
        shifted.clamp(FIRST_MS, LAST_MS)
    }

    fn of_months(self, at: Millis, by: i64) -> Millis {
        let months_each = match self {
            Period::Quarter => 3,
            Period::Year => 12,
            _ => 1,
        };
        let date = date(at);
        let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        let first = month.div_euclid(months_each).saturating_add(by);
        first_of_month(first.saturating_mul(months_each))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether an instant is the first of its day.
pub(crate) fn is_midnight(at: Millis) -> bool {
    at.rem_euclid(DAY_MS) == 0
}

/// Whole days of a span.
pub(crate) fn whole_days(span_ms: i64) -> i64 {
    span_ms.div_euclid(DAY_MS)
}

fn instant(at: Millis) -> jiff::Timestamp {
    let at = at.clamp(FIRST_MS, LAST_MS);
    jiff::Timestamp::from_millisecond(at).expect("it lies in the years 1 to 9999")
}

fn date(at: Millis) -> Date {
    Offset::UTC.to_datetime(instant(at)).date()
}

/// The first instant of a month, counted from January of the year 0.
fn first_of_month(month: i64) -> Millis {
    let month = month.clamp(12, 9999 * 12);
    let year = i16::try_from(month.div_euclid(12)).expect("years end with 9999");
    let month = i8::try_from(month.rem_euclid(12) + 1).expect("a year has twelve months");
    let first = Date::new(year, month, 1).expect("every month has a first day");
    let midnight = first.at(0, 0, 0, 0);
    let instant = Offset::UTC.to_timestamp(midnight);
    instant
        .expect("it lies in the years 1 to 9999")
        .as_millisecond()
}

/// Writes an instant as the original's answers do: `2013-03-11T00:00:00+00:00`, a fraction of a
/// second with six digits and only where there is one.
pub(crate) fn written(at: Millis) -> String {
    let time = Offset::UTC.to_datetime(instant(at));
    let micros = time.subsec_nanosecond() / 1_000;
    let seconds = time.strftime("%Y-%m-%dT%H:%M:%S");
    match micros {
        0 => format!("{seconds}+00:00"),
        micros => format!("{seconds}.{micros:06}+00:00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Millis {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_period_starts_where_the_calendar_has_it() {
        let check = |period: Period, time: &str, start: &str, next: &str| {
            let first = period.start(at(time));
            assert_eq!(written(first), format!("{start}+00:00"), "{period} {time}");
            let following = period.shift(first, 1);
            assert_eq!(
                written(following),
                format!("{next}+00:00"),
                "{period} {time}"
            );
            assert_eq!(period.shift(following, -1), first);
        };
        let time = "2013-11-06T13:45:59.999Z";
        check(
            Period::Hour,
            time,
            "2013-11-06T13:00:00",
            "2013-11-06T14:00:00",
        );
        check(
            Period::Day,
            time,
            "2013-11-06T00:00:00",
            "2013-11-07T00:00:00",
        );
        check(
            Period::Week,
            time,
            "2013-11-04T00:00:00",
            "2013-11-11T00:00:00",
        );
        check(
            Period::Month,
            time,
            "2013-11-01T00:00:00",
            "2013-12-01T00:00:00",
        );
        check(
            Period::Quarter,
            time,
            "2013-10-01T00:00:00",
            "2014-01-01T00:00:00",
        );
        check(
            Period::Year,
            time,
            "2013-01-01T00:00:00",
            "2014-01-01T00:00:00",
        );
        let sunday = "2013-03-10T23:59:59Z";
        check(
            Period::Week,
            sunday,
            "2013-03-04T00:00:00",
            "2013-03-11T00:00:00",
        );
        let leap = "2012-02-29T12:00:00Z";
        check(
            Period::Month,
            leap,
            "2012-02-01T00:00:00",
            "2012-03-01T00:00:00",
        );
        let early = "1969-12-31T23:00:00Z";
        check(
            Period::Week,
            early,
            "1969-12-29T00:00:00",
            "1970-01-05T00:00:00",
        );
    }

    #[test]
    fn fractions_are_written_only_where_there_are_some() {
        assert_eq!(
            written(at("2013-03-11T00:00:00.5Z")),
            "2013-03-11T00:00:00.500000+00:00"
        );
        assert_eq!(
            written(at("1969-01-01T00:00:00Z")),
            "1969-01-01T00:00:00+00:00"
        );
    }

    #[test]
    fn nothing_lies_past_the_ends_of_the_calendar() {
        for period in Period::ALL {
            for by in [i64::MIN, -1_000_000_000_000, 1_000_000_000_000, i64::MAX] {
                let far = period.shift(period.start(0), by);
                assert!((FIRST_MS..=LAST_MS).contains(&far), "{period} {by} {far}");
                assert_eq!(written(far).len(), 25);
            }
        }
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_exactly_one_period(
            millis in 0..4_000_000_000_000_i64,
            which in 0..6_usize,
            by in -50..50_i64,
        ) {
            let period = Period::ALL[which];
            let start = period.start(millis);
            let next = period.shift(start, 1);
            prop_assert!(start <= millis && millis < next);
            prop_assert_eq!(period.start(next - 1), start);
            prop_assert_eq!(period.start(start), start);
            prop_assert_eq!(period.start(next), next);
            prop_assert_eq!(period.shift(period.shift(start, by), -by), start);
        }
    }
}

//! The days, weeks and months that reports are about.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use thiserror::Error;
use weir_model::Timestamp;

/// Nothing is asked for before: Google Analytics began in 2005.
const FIRST: Date = jiff::civil::date(2005, 1, 1);

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frequency {
    /// A day.
    Daily,
    /// Seven days from a Monday.
    Weekly,
    /// A calendar month.
    Monthly,
}

/// A day, a week or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    /// The first day.
    pub(crate) start: Date,
    /// The last day.
    pub(crate) end: Date,
}

/// Why a range cannot be collected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RangeError {
    #[error("the range ends on {end}, before it starts on {start}")]
    Backwards { start: Date, end: Date },
    #[error("{day} lies in the future: today is {today}")]
    Future { day: Date, today: Date },
    #[error("{0} is before {FIRST}, when Google Analytics did not exist")]
    TooEarly(Date),
}

impl Frequency {
    /// All of them, as queries name them.
    pub(crate) const ALL: [(Frequency, &'static str); 3] = [
        (Frequency::Daily, "daily"),
        (Frequency::Weekly, "weekly"),
        (Frequency::Monthly, "monthly"),
    ];

    /// What documents say in `timeSpan`.
    pub(crate) fn time_span(self) -> &'static str {
        match self {
            Self::Daily => "day",
            Self::Weekly => "week",
            Self::Monthly => "month",
        }
    }

    /// The period that has a day in it.
    pub(crate) fn containing(self, day: Date) -> Period {
        let start = match self {
            Self::Daily => day,
            Self::Weekly => {
                let since_monday = i64::from(day.weekday().to_monday_zero_offset());
                day.saturating_sub(since_monday.days())
            }
            Self::Monthly => day.first_of_month(),
        };
        let end = start.saturating_add(self.span()).yesterday();
        Period {
            start,
            end: end.unwrap_or(start),
        }
    }

    /// The period after another.
    pub(crate) fn after(self, period: Period) -> Period {
        self.containing(period.next_start())
    }

    /// The last period that is over when it is `today`.
    pub(crate) fn last_complete(self, today: Date) -> Period {
        let current = self.containing(today);
        self.containing(current.start.yesterday().unwrap_or(current.start))
    }

    fn span(self) -> Span {
        match self {
            Self::Daily => 1.day(),
            Self::Weekly => 1.week(),
            Self::Monthly => 1.month(),
        }
    }
}

impl Period {
    /// The day after it.
    pub(crate) fn next_start(self) -> Date {
        self.end.tomorrow().unwrap_or(Date::MAX)
    }

    /// Whether it is over when it is `today`.
    pub(crate) fn is_over(self, today: Date) -> bool {
        self.end < today
    }

    /// Its start as documents have it: midnight in UTC, whatever the property's zone is.
    pub(crate) fn timestamp(self) -> Timestamp {
        let midnight = self.start.to_zoned(TimeZone::UTC);
        let millis = midnight.map_or(0, |zoned| zoned.timestamp().as_millisecond());
        Timestamp::from_millis(millis).unwrap_or(Timestamp::MIN)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start == self.end {
            true => write!(f, "{}", self.start),
            false => write!(f, "{} to {}", self.start, self.end),
        }
    }
}

/// The date of an instant in a zone.
pub(crate) fn date_in(zone: &TimeZone, now: Timestamp) -> Date {
    let instant = jiff::Timestamp::from_millisecond(now.as_millis());
    let instant = instant.expect("the years 1970 to 9999 are within those of the crate");
    instant.to_zoned(zone.clone()).date()
}

/// The latest date that it is anywhere: some zones are 14 hours ahead of UTC.
pub(crate) fn latest_date(now: Timestamp) -> Date {
    let ahead = std::time::Duration::from_secs(14 * 3_600);
    date_in(&TimeZone::UTC, now.saturating_add(ahead))
}

/// Checks a range that somebody asked for.
///
/// # Errors
/// When it ends before it starts, or lies in the future or before Google Analytics.
pub(crate) fn check_range(
    start: Option<Date>,
    end: Option<Date>,
    today: Date,
) -> Result<(), RangeError> {
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return Err(RangeError::Backwards { start, end });
    }
    for day in [start, end].into_iter().flatten() {
        if day > today {
            return Err(RangeError::Future { day, today });
        }
        if day < FIRST {
            return Err(RangeError::TooEarly(day));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn period(start: Date, end: Date) -> Period {
        Period { start, end }
    }

    #[test]
    fn a_period_is_a_day_a_week_from_monday_or_a_month() {
        let check = |frequency: Frequency, day, start, end| {
            assert_eq!(frequency.containing(day), period(start, end));
        };
        // 2013-04-01 was a Monday.
        check(
            Frequency::Daily,
            date(2013, 4, 3),
            date(2013, 4, 3),
            date(2013, 4, 3),
        );
        check(
            Frequency::Weekly,
            date(2013, 4, 1),
            date(2013, 4, 1),
            date(2013, 4, 7),
        );
        check(
            Frequency::Weekly,
            date(2013, 4, 7),
            date(2013, 4, 1),
            date(2013, 4, 7),
        );
        check(
            Frequency::Weekly,
            date(2013, 3, 31),
            date(2013, 3, 25),
            date(2013, 3, 31),
        );
        check(
            Frequency::Monthly,
            date(2012, 2, 29),
            date(2012, 2, 1),
            date(2012, 2, 29),
        );
        check(
            Frequency::Monthly,
            date(2013, 12, 31),
            date(2013, 12, 1),
            date(2013, 12, 31),
        );
    }

    #[test]
    fn the_last_complete_period_is_the_one_before_todays() {
        let today = date(2013, 4, 8);
        assert_eq!(
            Frequency::Daily.last_complete(today),
            period(date(2013, 4, 7), date(2013, 4, 7))
        );
        assert_eq!(
            Frequency::Weekly.last_complete(today),
            period(date(2013, 4, 1), date(2013, 4, 7))
        );
        assert_eq!(
            Frequency::Weekly.last_complete(date(2013, 4, 7)),
            period(date(2013, 3, 25), date(2013, 3, 31))
        );
        assert_eq!(
            Frequency::Monthly.last_complete(date(2013, 3, 31)),
            period(date(2013, 2, 1), date(2013, 2, 28))
        );
    }

    #[test]
    fn a_documents_time_is_midnight_in_utc() {
        let week = Frequency::Weekly.containing(date(2013, 4, 3));
        assert_eq!(week.timestamp().to_string(), "2013-04-01T00:00:00Z");
    }

    #[test]
    fn the_date_depends_on_the_zone() {
        let now = Timestamp::parse("2026-11-21T03:00:00Z").unwrap();
        let zone = |name: &str| TimeZone::get(name).unwrap();
        assert_eq!(date_in(&TimeZone::UTC, now), date(2026, 11, 21));
        assert_eq!(
            date_in(&zone("America/Los_Angeles"), now),
            date(2026, 11, 20)
        );
        assert_eq!(date_in(&zone("Pacific/Auckland"), now), date(2026, 11, 21));
        assert_eq!(latest_date(now), date(2026, 11, 21));
    }

    #[test]
    fn a_range_that_cannot_be_collected_is_an_error() {
        let today = date(2026, 11, 21);
        let check = |start, end, expected: &str| {
            let error = check_range(start, end, today).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            Some(date(2026, 11, 8)),
            Some(date(2026, 11, 1)),
            "the range ends on 2026-11-01, before it starts on 2026-11-08",
        );
        check(
            Some(date(2026, 11, 1)),
            Some(date(2026, 11, 22)),
            "2026-11-22 lies in the future: today is 2026-11-21",
        );
        check(
            Some(date(1999, 1, 1)),
            None,
            "1999-01-01 is before 2005-01-01, when Google Analytics did not exist",
        );
        assert_eq!(check_range(Some(today), Some(today), today), Ok(()));
        assert_eq!(check_range(None, None, today), Ok(()));
    }

    proptest! {
        #[test]
        fn periods_follow_each_other_without_gap_or_overlap(
            days in 0..20_000_i64,
            index in 0..3_usize,
        ) {
            let (frequency, _) = Frequency::ALL[index];
            let day = FIRST.saturating_add(days.days());
            let here = frequency.containing(day);
            prop_assert!(here.start <= day && day <= here.end);
            let next = frequency.after(here);
            prop_assert_eq!(next.start, here.end.tomorrow().unwrap());
            prop_assert_eq!(frequency.containing(here.start), here);
            prop_assert_eq!(frequency.containing(here.end), here);
            let last = frequency.last_complete(day);
            prop_assert_eq!(frequency.after(last), here);
            prop_assert!(last.is_over(day) && !here.is_over(day));
        }
    }
}

//! Dates of records, as days since 1970 in UTC.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DayNumber(i32);

const DAY_S: i64 = 86_400;

impl DayNumber {
    /// The day of a text that is a date, or a time with its offset.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        match text.parse::<Timestamp>() {
            Ok(time) => Some(Self::of_seconds(time.as_second())),
            Err(_) => text.parse::<Date>().ok().map(Self::of_date),
        }
    }

    /// The day of a Unix time.
    pub(super) fn of_seconds(seconds: i64) -> Self {
        Self(i32::try_from(seconds.div_euclid(DAY_S)).unwrap_or_default())
    }

    fn of_date(date: Date) -> Self {
        let since = date.since(Date::constant(1970, 1, 1));
        Self(since.map_or(0, |span| span.get_days()))
    }

    /// As it is written.
    pub(super) fn date(self) -> String {
        let date = Date::constant(1970, 1, 1).checked_add(self.0.days());
        date.map_or_else(|_| "unknown".to_owned(), |date| date.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_a_time_is_that_in_utc() {
        let check = |text, date: Option<&str>| {
            let found = DayNumber::of_text(text).map(DayNumber::date);
            assert_eq!(found.as_deref(), date, "{text}");
        };
        check("2026-11-21T23:30:00Z", Some("2026-11-21"));
        check("2026-11-21T23:30:00-01:00", Some("2026-11-22"));
        check("2026-11-21T00:30:00+01:00", Some("2026-11-20"));
        check("2026-11-21T00:30:00+0100", Some("2026-11-20"));
        check("2026-11-21", Some("2026-11-21"));
        check("2026-11-21T10:00:00", Some("2026-11-21"));
        check("1969-12-31T23:59:59Z", Some("1969-12-31"));
        check("soon", None);
        check("", None);
    }
}

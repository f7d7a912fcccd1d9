//! UTC days: the unit by which events are stored.

use std::fmt;

use crate::civil;
use crate::timestamp::Timestamp;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// 9999-12-31.
const LAST: u32 = 2_932_896;

/// A UTC day from 1970-01-01 to 9999-12-31, shown as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// Takes a number of days since 1970-01-01; `None` past 9999-12-31.
    pub fn from_number(number: u32) -> Option<Self> {
        (number <= LAST).then_some(Self(number))
    }

    /// Days since 1970-01-01.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The day's first instant.
    pub fn start(self) -> Timestamp {
        Timestamp::clamped(i64::from(self.0) * DAY_MS)
    }

    /// The day's last instant, inclusive: 23:59:59.999.
    pub fn end(self) -> Timestamp {
        Timestamp::clamped(i64::from(self.0) * DAY_MS + DAY_MS - 1)
    }

    /// The year that the day is in.
    pub fn year(self) -> u16 {
        let (year, _, _) = civil::date_of(i64::from(self.0));
        u16::try_from(year).expect("a day lies in 1970..=9999")
    }

    /// The following day; `None` after 9999-12-31.
    pub fn next(self) -> Option<Day> {
        Self::from_number(self.0 + 1)
    }

    /// 1 January of a year. Years before 1970 and after 9999 are taken as the nearest of these.
    pub fn first_of_year(year: u16) -> Day {
        Self::of_date((i64::from(year.clamp(1970, 9999)), 1, 1))
    }

    /// 31 December of a year, clamped as in [`Day::first_of_year`].
    pub fn last_of_year(year: u16) -> Day {
        Self::of_date((i64::from(year.clamp(1970, 9999)), 12, 31))
    }

    fn of_date(date: civil::Date) -> Day {
        Self(u32::try_from(civil::days_of(date)).expect("a date from 1970 on"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil::date_of(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_knows_its_ends_and_its_year() {
        let day = Day::from_number(11_323).expect("a day");
        assert_eq!(day.to_string(), "2001-01-01");
        assert_eq!(day.start().to_string(), "2001-01-01T00:00:00Z");
        assert_eq!(day.end().to_string(), "2001-01-01T23:59:59.999Z");
        assert_eq!((day.year(), Day::first_of_year(2001)), (2001, day));
        assert_eq!(Day::last_of_year(2000).next(), Some(day));
    }

    #[test]
    fn the_calendar_ends_with_the_year_9999() {
        let last = Day::last_of_year(9999);
        assert_eq!(last.number(), LAST);
        assert_eq!(last.end(), Timestamp::MAX);
        assert_eq!(last.next(), None);
        assert_eq!(Day::from_number(LAST + 1), None);
        assert_eq!(Day::last_of_year(u16::MAX), last);
        assert_eq!(Day::first_of_year(0).number(), 0);
    }
}

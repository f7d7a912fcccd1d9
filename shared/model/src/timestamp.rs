//! Instants, to the millisecond, and the text forms in which clients send them.

mod parse;

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::civil;
use crate::day::{DAY_MS, Day};
use crate::text::Shown;

/// Milliseconds of a quarter of an hour.
pub(crate) const QUARTER_MS: i64 = 900_000;
/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// 9999-12-31T23:59:59.999Z.
const MAX_MS: i64 = 253_402_300_799_999;

/// An instant of the years 1970 to 9999, in milliseconds, shown in RFC 3339 with `Z`:
/// `2020-11-12T11:10:00Z`, milliseconds only where they are not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimestampError {
    /// It has none of the forms.
    #[error(
        "{} is not a time: send ISO 8601 (2020-11-12T11:10:00Z), Unix seconds or Unix milliseconds",
        Shown(.0)
    )]
    Unreadable(String),
    /// It names an instant that Weir does not keep.
    #[error("{} is outside the years 1970 to 9999", Shown(.0))]
    OutOfRange(String),
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp(0);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Timestamp = Timestamp(MAX_MS);

    /// Takes milliseconds since 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        if (0..=MAX_MS).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimestampError::OutOfRange(format!("{millis} ms")))
        }
    }

    /// The nearest instant there is.
    pub(crate) fn clamped(millis: i64) -> Self {
        Self(millis.clamp(0, MAX_MS))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads any text form: ISO 8601 date and time (`T` or a space between, seconds and their
    /// fraction optional, offset `Z`, `+01:00`, `+0100`, `+01` or none, which means UTC), a date
    /// alone (its midnight in UTC), or a number as [`Timestamp::from_number`] takes it. What is
    /// finer than a millisecond is cut.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        parse::text_form(text)
    }

    /// Reads a number literal: Unix seconds, or Unix milliseconds if it is at least 10¹¹.
    pub fn from_number(literal: &str) -> Result<Self, TimestampError> {
        parse::number(literal)
    }

    /// The UTC day that holds the instant.
    pub fn day(self) -> Day {
        let number = u32::try_from(self.0 / DAY_MS).expect("timestamps end with the year 9999");
        Day::from_number(number).expect("timestamps end with the year 9999")
    }

    /// The quarter of an hour, 0..96, in its UTC day.
    pub fn quarter(self) -> u8 {
        u8::try_from(self.0 % DAY_MS / QUARTER_MS).expect("a day has 96 quarters")
    }

    /// The hour, 0..24, in its UTC day.
    pub fn hour(self) -> u8 {
        u8::try_from(self.0 % DAY_MS / HOUR_MS).expect("a day has 24 hours")
    }

    /// The instant that much later, at most [`Timestamp::MAX`].
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self::clamped(self.0.saturating_add(millis_of(duration)))
    }

    /// The instant that much earlier, at least [`Timestamp::MIN`].
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self::clamped(self.0.saturating_sub(millis_of(duration)))
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil::date_of(self.0 / DAY_MS);
        let of_day = self.0 % DAY_MS;
        let (hour, minute, second) = (of_day / HOUR_MS, of_day / 60_000 % 60, of_day / 1_000 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match of_day % 1_000 {
            0 => f.write_str("Z"),
            millis => write!(f, ".{millis:03}Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    #[test]
    fn an_instant_is_shown_with_milliseconds_only_where_it_has_some() {
        assert_eq!(at(1_605_179_400_000).to_string(), "2020-11-12T11:10:00Z");
        assert_eq!(
            at(1_605_179_400_007).to_string(),
            "2020-11-12T11:10:00.007Z"
        );
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        let json = serde_json::to_string(&Timestamp::MIN).expect("text");
        assert_eq!(json, "\"1970-01-01T00:00:00Z\"");
    }

    #[test]
    fn an_instant_knows_its_day_hour_and_quarter() {
        let time = Timestamp::parse("2001-01-01T13:44:59.999Z").expect("a time");
        assert_eq!(time.day().to_string(), "2001-01-01");
        assert_eq!((time.hour(), time.quarter()), (13, 54));
        assert_eq!((Timestamp::MAX.hour(), Timestamp::MAX.quarter()), (23, 95));
    }

    #[test]
    fn arithmetic_stops_at_both_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(at(500).saturating_sub(second), Timestamp::MIN);
        assert_eq!(at(500).saturating_add(second), at(1_500));
        assert_eq!(Timestamp::MAX.saturating_add(second), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_add(Duration::MAX), Timestamp::MAX);
    }

    #[test]
    fn milliseconds_outside_the_range_are_refused() {
        assert!(Timestamp::from_millis(-1).is_err());
        let error = Timestamp::from_millis(MAX_MS + 1).expect_err("too late");
        assert_eq!(
            error.to_string(),
            "\"253402300800000 ms\" is outside the years 1970 to 9999"
        );
    }

    proptest! {
        #[test]
        fn every_instant_reads_back_from_its_text(millis in 0..=MAX_MS) {
            prop_assert_eq!(Timestamp::parse(&at(millis).to_string()), Ok(at(millis)));
        }
    }
}

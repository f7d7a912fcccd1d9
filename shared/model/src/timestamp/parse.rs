//! Reads the text forms of instants.

use jiff::fmt::temporal::Pieces;

use super::{Timestamp, TimestampError};
use crate::civil;
use crate::day::DAY_MS;

/// Numbers from here on are milliseconds: as seconds they would lie past the year 5138.
const MILLIS_FROM: i128 = 100_000_000_000;

/// Digits of a number that are looked at; no instant needs more before the point.
const DIGITS_MAX: usize = 30;

pub(super) fn text_form(text: &str) -> Result<Timestamp, TimestampError> {
    let text = text.trim();
    if is_number(text) {
        number(text)
    } else {
        date_time(text)
    }
}

/// A date has further signs after the first character, or letters other than an exponent's.
fn is_number(text: &str) -> bool {
    let mut previous = 'e';
    text.chars().all(|c| {
        let sign_fits = matches!(previous, 'e' | 'E');
        previous = c;
        c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || (matches!(c, '+' | '-') && sign_fits)
    })
}

pub(super) fn number(literal: &str) -> Result<Timestamp, TimestampError> {
    let unreadable = || TimestampError::Unreadable(literal.to_owned());
    let decimal = Decimal::read(literal).ok_or_else(unreadable)?;
    let outside = || TimestampError::OutOfRange(literal.to_owned());
    if decimal.negative && !decimal.is_zero() {
        return Err(outside());
    }
    let millis = match decimal.scaled(0) {
        Some(whole) if whole >= MILLIS_FROM => Some(whole),
        _ => decimal.scaled(3),
    };
    millis
        .and_then(|millis| i64::try_from(millis).ok())
        .and_then(|millis| Timestamp::from_millis(millis).ok())
        .ok_or_else(outside)
}

/// A decimal number as it was written: 0.`digits` · 10^`point`.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let legal = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
        legal.then_some(Self {
            negative: text.starts_with('-'),
            whole,
            fraction,
            exponent,
        })
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn is_zero(&self) -> bool {
        self.digits().all(|digit| digit == b'0')
    }

    /// The size of the number times 10^`power`, cut to an integer; `None` if it is huge.
    fn scaled(&self, power: i64) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        let leading = self.digits().take_while(|digit| *digit == b'0').count();
        let whole_digits = i64::try_from(self.whole.len()).ok()?;
        let point = whole_digits
            .saturating_add(self.exponent)
            .saturating_add(power);
        let kept = point.saturating_sub(i64::try_from(leading).ok()?);
        if kept > DIGITS_MAX as i64 {
            return None;
        }
        let kept = usize::try_from(kept).unwrap_or(0);
        let digits = self
            .digits()
            .skip(leading)
            .chain(std::iter::repeat(b'0'))
            .take(kept);
        Some(digits.fold(0, |number, digit| number * 10 + i128::from(digit - b'0')))
    }
}

/// An exponent too long to hold is as good as the largest: the number is huge, or nothing.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<u32>().map_or(i64::from(u32::MAX), i64::from);
    Some(if text.starts_with('-') { -size } else { size })
}

fn date_time(text: &str) -> Result<Timestamp, TimestampError> {
    let unreadable = || TimestampError::Unreadable(text.to_owned());
    let pieces = Pieces::parse(text).map_err(|_| unreadable())?;
    if pieces.time_zone_annotation().is_some() {
        return Err(unreadable());
    }
    let date = pieces.date();
    let days = civil::days_of((date.year().into(), date.month().into(), date.day().into()));
    let time = pieces.time().unwrap_or_default();
    let seconds =
        i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    let offset = pieces
        .to_numeric_offset()
        .map_or(0, |offset| i64::from(offset.seconds()));
    let millis = days * DAY_MS + (seconds - offset) * 1_000 + i64::from(time.millisecond());
    Timestamp::from_millis(millis).map_err(|_| TimestampError::OutOfRange(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        let time = text_form(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(time.to_string(), expected, "{text}");
    }

    fn check_refused(text: &str, reason: &str) {
        let error = text_form(text).expect_err(text).to_string();
        assert!(
            error.contains(reason) && error.contains(&text[..text.len().min(20)]),
            "{error}"
        );
    }

    #[test]
    fn iso_8601_is_read_in_all_its_usual_forms() {
        for text in [
            "2020-11-12T11:10:00Z",
            "2020-11-12T11:10:00",
            "2020-11-12T11:10",
            "2020-11-12 11:10:00",
            "2020-11-12 11:10Z",
            "2020-11-12t11:10:00z",
            "2020-11-12T12:10:00+01:00",
            "2020-11-12T12:10:00+0100",
            "2020-11-12T12:10:00+01",
            "2020-11-12T07:40:00-03:30",
            "2020-11-12T11:10:00.000999999Z",
            "  2020-11-12T11:10:00Z  ",
        ] {
            check(text, "2020-11-12T11:10:00Z");
        }
        check("2020-11-12", "2020-11-12T00:00:00Z");
        check("2020-11-12T11:10:00.5", "2020-11-12T11:10:00.500Z");
        check(
            "2020-11-12T11:10:00.123456+00:00",
            "2020-11-12T11:10:00.123Z",
        );
    }

    #[test]
    fn numbers_are_seconds_or_from_1e11_on_milliseconds() {
        check("0", "1970-01-01T00:00:00Z");
        check("1605179400", "2020-11-12T11:10:00Z");
        check("1605179400.0", "2020-11-12T11:10:00Z");
        check("1605179400.1239", "2020-11-12T11:10:00.123Z");
        check("1605179400123", "2020-11-12T11:10:00.123Z");
        check("1605179400123.9", "2020-11-12T11:10:00.123Z");
        check("1.6051794e9", "2020-11-12T11:10:00Z");
        check("16051794E+2", "2020-11-12T11:10:00Z");
        check("16051794001239e-4", "2020-11-12T11:10:00.123Z");
        check("99999999999", "5138-11-16T09:46:39Z");
        check("99999999999.999", "5138-11-16T09:46:39.999Z");
        check("100000000000", "1973-03-03T09:46:40Z");
        check("-0", "1970-01-01T00:00:00Z");
        check("1e-400", "1970-01-01T00:00:00Z");
        check("0e999999999999", "1970-01-01T00:00:00Z");
    }

    #[test]
    fn nonsense_is_refused_with_what_is_allowed() {
        for text in [
            "",
            "yesterday",
            "2020-13-01",
            "2020-02-30",
            "2020-11-12T25:00:00",
            "12:00",
            "e5",
            "1e",
            "1.5.5",
            ".",
            "+",
            "NaN",
            "inf",
            "0x10",
            "2020-11-12T11:10:00 Europe/Berlin",
            "2020-11-12T11:10:00+01:00[Europe/Berlin]",
            "1605179400abc",
        ] {
            check_refused(text, "is not a time");
        }
    }

    #[test]
    fn years_outside_1970_to_9999_are_refused_by_name() {
        for text in [
            "1969-12-31T23:59:59.999Z",
            "1970-01-01T00:30:00+01:00",
            "-1",
            "-0.001",
            "10000000000000000",
            "1e30",
            "1e300",
            "1e99999999999",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01",
        ] {
            check_refused(text, "outside the years 1970 to 9999");
        }
        check("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z");
        check("1969-12-31T23:30:00-01:00", "1970-01-01T00:30:00Z");
        check("253402300799999", "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text_form(&text);
            let _ = number(&text);
        }

        #[test]
        fn seconds_with_a_fraction_are_exact(seconds in 0..100_000_000_000_i64, millis in 0..1000_i64) {
            let text = format!("{seconds}.{millis:03}");
            prop_assert_eq!(text_form(&text), Timestamp::from_millis(seconds * 1000 + millis));
        }

        #[test]
        fn offsets_agree_with_jiff(seconds in 86_400..250_000_000_000_i64, minutes in -1439..1440_i32) {
            let offset = jiff::tz::Offset::from_seconds(minutes * 60).expect("an offset");
            let instant = jiff::Timestamp::from_second(seconds).expect("an instant");
            let text = instant.display_with_offset(offset).to_string();
            prop_assert_eq!(text_form(&text), Timestamp::from_millis(seconds * 1000));
        }
    }
}

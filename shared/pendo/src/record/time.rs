//! Times of rows: milliseconds as Pendo sends them, and the texts that records have.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// 1970-01-01T00:00:00Z.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A time's text: `2024-01-01T00:00:00.005000Z`. None if the value is no time.
pub(super) fn text_of(value: &Value) -> Option<String> {
    micros(value).and_then(text_of_micros)
}

/// The text of milliseconds.
pub(super) fn text_of_millis(millis: i64) -> Option<String> {
    millis.checked_mul(1000).and_then(text_of_micros)
}

/// A time in milliseconds: those of a number, or of a text with a number, or with a date and time.
pub(super) fn millis(value: &Value) -> Option<i64> {
    micros(value).map(|micros| micros.div_euclid(1000))
}

fn text_of_micros(micros: i64) -> Option<String> {
    // Jiff's timestamps end a day before the year 9999 does, and its civil times do not.
    let since = SignedDuration::from_micros(micros);
    let time = EPOCH
        .checked_add(since)
        .ok()
        .filter(|time| time.year() >= 1);
    time.map(|time| format!("{time:.6}Z"))
}

fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(millis) => millis.checked_mul(1000),
            None => number.as_f64().and_then(micros_of_float),
        },
        Value::String(text) => micros_in(text.trim()),
        _ => None,
    }
}

fn micros_of_float(millis: f64) -> Option<i64> {
    /// Below it doubles are exact, and every year of four digits is.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let micros = (millis * 1000.0).round_ties_even();
    (micros.abs() < EXACT * 64.0).then_some(micros as i64)
}

fn micros_in(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse::<f64>() {
        return match text.parse::<i64>() {
            Ok(millis) => millis.checked_mul(1000),
            Err(_) => micros_of_float(millis),
        };
    }
    let with_offset = text.parse::<Timestamp>().ok();
    let in_utc = || {
        let time: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(time).ok()
    };
    with_offset.or_else(in_utc).map(Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_has_six_digits_after_its_second() {
        let cases = [
            (json!(1_704_067_200_000_i64), "2024-01-01T00:00:00.000000Z"),
            (json!(1_704_067_200_005_i64), "2024-01-01T00:00:00.005000Z"),
            (json!(1_704_067_200_000.5), "2024-01-01T00:00:00.000500Z"),
            (json!(0), "1970-01-01T00:00:00.000000Z"),
            (json!(-1), "1969-12-31T23:59:59.999000Z"),
            (json!(3.7), "1970-01-01T00:00:00.003700Z"),
            (json!("1704067200000"), "2024-01-01T00:00:00.000000Z"),
            (json!("1.5"), "1970-01-01T00:00:00.001500Z"),
            (json!("2024-01-01T00:00:00Z"), "2024-01-01T00:00:00.000000Z"),
            (
                json!("2024-01-01T01:00:00+01:00"),
                "2024-01-01T00:00:00.000000Z",
            ),
            (
                json!("2024-01-01T00:00:00.0000005Z"),
                "2024-01-01T00:00:00.000000Z",
            ),
            (json!("2024-01-01 00:00:00"), "2024-01-01T00:00:00.000000Z"),
            (json!("2024-01-01"), "2024-01-01T00:00:00.000000Z"),
            (
                json!(253_402_300_799_999_i64),
                "9999-12-31T23:59:59.999000Z",
            ),
        ];
        for (value, text) in cases {
            assert_eq!(text_of(&value).as_deref(), Some(text), "{value}");
        }
    }

    #[test]
    fn what_is_no_time_has_no_text() {
        let values = [
            json!("x"),
            json!(""),
            json!("nan"),
            json!(true),
            json!(null),
            json!([1]),
            json!(253_402_300_800_000_i64),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(-62_135_596_800_001_i64),
            json!(1e300),
        ];
        for value in values {
            assert_eq!(text_of(&value), None, "{value}");
        }
    }

    #[test]
    fn milliseconds_are_cut_towards_the_past() {
        assert_eq!(millis(&json!(1.7)), Some(1));
        assert_eq!(millis(&json!(-0.5)), Some(-1));
        assert_eq!(millis(&json!("1970-01-01T00:00:00.0019Z")), Some(1));
        assert_eq!(millis(&json!(null)), None);
    }
}

//! A value of a document that is still being made, and its text in an id.
//!
//! Ids are part of what users have stored, so a value has the text there that Python 2 gave it:
//! `True`, `None`, floats with 12 significant digits, times as `str` of a datetime.

use serde_json::{Number, Value};
use weir_model::Timestamp;

/// A value of a document, while plugins can still tell a time from a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// An instant, which becomes ISO 8601 text with an offset.
    Time(Timestamp),
    /// Anything else.
    Json(Value),
}

impl From<Value> for Cell {
    fn from(value: Value) -> Cell {
        Cell::Json(value)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Json(text.into())
    }
}

impl Cell {
    /// Whether there is no value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Json(Value::Null))
    }

    /// The text in ids of `idMapping`: a time as `2013-04-01 00:00:00+00:00`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Time(time) => iso_format(*time, ' '),
            Self::Json(value) => text_of(value),
        }
    }

    /// The text in ids of `ComputeIdFrom`: a time as `20130401000000`.
    pub(crate) fn text_with_compact_time(&self) -> String {
        match self {
            Self::Time(time) => compact(*time),
            Self::Json(value) => text_of(value),
        }
    }

    /// The value as it is pushed: a time as `2013-04-01T00:00:00+00:00`.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Time(time) => iso_format(time, 'T').into(),
            Self::Json(value) => value,
        }
    }
}

/// `2013-04-01T00:00:00+00:00`, with six digits of a second where there is a fraction.
pub(crate) fn iso_format(time: Timestamp, separator: char) -> String {
    let parts = parts(time);
    let fraction = match time.as_millis() % 1_000 {
        0 => String::new(),
        millis => format!(".{:06}", millis * 1_000),
    };
    format!(
        "{}-{}-{}{separator}{}:{}:{}{fraction}+00:00",
        parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]
    )
}

/// `20130401000000`.
pub(crate) fn compact(time: Timestamp) -> String {
    parts(time).concat()
}

/// Year, month, day, hour, minute, second, each with its leading zeros.
fn parts(time: Timestamp) -> [String; 6] {
    let second = time.as_millis().div_euclid(1_000) % 86_400;
    let date = time.day().to_string();
    let mut date = date.split('-').map(str::to_owned);
    let mut next = || date.next().expect("a day has three parts");
    [
        next(),
        next(),
        next(),
        format!("{:02}", second / 3_600),
        format!("{:02}", second / 60 % 60),
        format!("{:02}", second % 60),
    ]
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number_text(number),
        other => other.to_string(),
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

/// What `str` of Python 2 makes of a float: `%.12g`, and `.0` where it would look like an integer.
fn float_text(float: f64) -> String {
    if float == 0.0 {
        return if float.is_sign_negative() {
            "-0.0"
        } else {
            "0.0"
        }
        .to_owned();
    }
    let scientific = format!("{float:.11e}");
    let (digits, exponent) = scientific.split_once('e').expect("the format has an e");
    let exponent: i32 = exponent.parse().expect("the format has a whole exponent");
    if (-4..12).contains(&exponent) {
        let decimals = usize::try_from(11 - exponent).expect("the exponent is at most 11");
        let text = trimmed(&format!("{float:.decimals$}")).to_owned();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.unsigned_abs())
}

fn trimmed(decimal: &str) -> &str {
    match decimal.contains('.') {
        true => decimal.trim_end_matches('0').trim_end_matches('.'),
        false => decimal,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_has_the_text_that_python_gave_it() {
        let check = |value: Value, expected: &str| assert_eq!(Cell::from(value).text(), expected);
        check(json!("a b"), "a b");
        check(json!(true), "True");
        check(json!(false), "False");
        check(Value::Null, "None");
        check(json!(-12), "-12");
        check(
            json!(18_446_744_073_709_551_615_u64),
            "18446744073709551615",
        );
        check(json!(1.0), "1.0");
        check(json!(0.1 + 0.2), "0.3");
        check(json!(1.0 / 3.0), "0.333333333333");
        check(json!(-2.5), "-2.5");
        check(json!(0.0), "0.0");
        check(json!(-0.0), "-0.0");
        check(json!(123_456_789_012.0), "123456789012.0");
        check(json!(1e12), "1e+12");
        check(json!(1.5e-7), "1.5e-07");
        check(json!(0.0001), "0.0001");
        check(json!(0.00001), "1e-05");
        check(json!(99_999_999_999.96), "100000000000.0");
        check(json!(999_999_999_999.5), "1e+12");
        check(json!(1e300), "1e+300");
    }

    #[test]
    fn a_time_has_a_text_of_its_own_in_each_place() {
        let time = Timestamp::parse("2013-04-01T07:08:09Z").unwrap();
        assert_eq!(Cell::Time(time).text(), "2013-04-01 07:08:09+00:00");
        assert_eq!(Cell::Time(time).text_with_compact_time(), "20130401070809");
        let pushed = Cell::Time(time).into_value();
        assert_eq!(pushed, "2013-04-01T07:08:09+00:00");
        let fine = Timestamp::parse("2013-04-01T07:08:09.250Z").unwrap();
        assert_eq!(iso_format(fine, 'T'), "2013-04-01T07:08:09.250000+00:00");
    }
}

//! Reads the fields of an old client's event.

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_model::limits::{ACTOR_CHARS, ID_CHARS};
use weir_model::{Name, Timestamp};

use super::fault::Fault;

/// Longer values are not repeated by a detail.
const SHOWN_CHARS: usize = 80;

/// A value as a detail shows it: whole or not at all, for part of a value may be part of a key,
/// which nobody would find in it.
pub(crate) fn shown(json: &str) -> String {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "a list".to_owned(),
        _ => shown_text(json),
    }
}

/// A text, or how long it is.
pub(crate) fn shown_text(text: &str) -> String {
    let chars = text.chars().count();
    match chars <= SHOWN_CHARS && !text.contains(char::is_control) {
        true => text.to_owned(),
        false => format!("a text of {chars} characters"),
    }
}

/// What a string says; none for what is no string.
pub(crate) fn string<'a>(value: &'a RawValue) -> Result<Option<Cow<'a, str>>, Fault> {
    let json = value.get();
    let Some(inner) = json.strip_prefix('"') else {
        return Ok(None);
    };
    match inner.strip_suffix('"') {
        Some(inner) if !inner.contains('\\') => Ok(Some(Cow::Borrowed(inner))),
        _ => serde_json::from_str(json)
            .map(|text: String| Some(Cow::Owned(text)))
            .map_err(|_| {
                let detail = format!("{} has an escape that is not legal", shown(json));
                Fault::new("invalid-json", detail)
            }),
    }
}

/// What a string says, or the digits of a number; none for anything else.
pub(crate) fn text<'a>(value: &'a RawValue) -> Result<Option<Cow<'a, str>>, Fault> {
    match is_number(value) {
        true => Ok(Some(Cow::Borrowed(value.get()))),
        false => string(value),
    }
}

/// A text that may be missing; the empty one is as good as none.
fn bounded(
    field: &str,
    value: Option<&RawValue>,
    chars_max: usize,
    reason: &'static str,
) -> Result<Option<Box<str>>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let Some(text) = text(value)? else {
        let detail = format!("{field}: {} is not a text", shown(value.get()));
        return Err(Fault::new(reason, detail));
    };
    // A character has at least one byte, so short texts need no counting.
    if text.len() > chars_max && text.chars().count() > chars_max {
        let chars = text.chars().count();
        let detail = format!("{field}: has {chars} characters: {chars_max} are allowed");
        return Err(Fault::new(reason, detail));
    }
    Ok(Some(text).filter(|text| !text.is_empty()).map(Box::from))
}

/// An id; the empty one is as good as none.
pub(crate) fn id(field: &str, value: Option<&RawValue>) -> Result<Option<Box<str>>, Fault> {
    bounded(field, value, ID_CHARS, "invalid-id")
}

/// An actor; the empty one is as good as none.
pub(crate) fn actor(field: &str, value: Option<&RawValue>) -> Result<Option<Box<str>>, Fault> {
    bounded(field, value, ACTOR_CHARS, "invalid-actor")
}

/// A legal name.
pub(crate) fn name(field: &str, text: &str) -> Result<Name, Fault> {
    Name::parse(text).map_err(|error| Fault::new("invalid-name", format!("{field}: {error}")))
}

/// A time in any of the forms that the Tracking API takes.
pub(crate) fn time(field: &str, value: &RawValue) -> Result<Timestamp, Fault> {
    let refuse = |detail: String| Fault::new("invalid-time", format!("{field}: {detail}"));
    if is_number(value) {
        return Timestamp::from_number(value.get()).map_err(|error| refuse(error.to_string()));
    }
    match string(value)? {
        Some(text) => Timestamp::parse(&text).map_err(|error| {
            let is_shown = text.chars().count() <= SHOWN_CHARS;
            refuse(match is_shown {
                true => error.to_string(),
                false => format!("{} is not a time", shown_text(&text)),
            })
        }),
        None => Err(refuse(format!("{} is not a time", shown(value.get())))),
    }
}

/// A number as the nearest double; none for what is no number, a text with digits included.
pub(crate) fn number(field: &str, value: Option<&RawValue>) -> Result<Option<f64>, Fault> {
    let Some(value) = value.filter(|value| is_number(value)) else {
        return Ok(None);
    };
    match value.get().parse::<f64>() {
        // One zero only: -0.0 + 0.0 is 0.0.
        Ok(number) if number.is_finite() => Ok(Some(number + 0.0)),
        _ => {
            let detail = format!("{field}: {} is too large for a double", shown(value.get()));
            Err(Fault::new("invalid-value", detail))
        }
    }
}

/// Whether JSON text is a number: only numbers begin so.
pub(crate) fn is_number(value: &RawValue) -> bool {
    matches!(value.get().as_bytes(), [b'-' | b'0'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn ids_are_texts_or_the_digits_of_numbers() {
        let check = |json: &str, expected: Result<Option<&str>, &str>| {
            let id = id("f", Some(raw(json)));
            let id = id.map_err(|fault| fault.reason);
            assert_eq!(id, expected.map(|id| id.map(Box::from)), "{json}");
        };
        check(r#""a\u00e9""#, Ok(Some("aé")));
        check("12345678901234567890", Ok(Some("12345678901234567890")));
        check("1.50", Ok(Some("1.50")));
        check(r#""""#, Ok(None));
        for json in ["true", "[]", "{}"] {
            check(json, Err("invalid-id"));
        }
        check(r#""\ud800""#, Err("invalid-json"));
        let long = |chars| format!("\"{}\"", "é".repeat(chars));
        check(&long(ID_CHARS), Ok(Some(&"é".repeat(ID_CHARS))));
        check(&long(ID_CHARS + 1), Err("invalid-id"));
    }

    #[test]
    fn only_numbers_are_numbers() {
        let check = |json: &str, expected: Result<Option<f64>, &str>| {
            let number = number("f", Some(raw(json))).map_err(|fault| fault.reason);
            assert_eq!(number, expected, "{json}");
        };
        check("1.5e2", Ok(Some(150.0)));
        check("-3", Ok(Some(-3.0)));
        check("9007199254740993", Ok(Some(9_007_199_254_740_992.0)));
        check(r#""3""#, Ok(None));
        check("true", Ok(None));
        check("1e999", Err("invalid-value"));
        assert!(
            number("f", Some(raw("-0")))
                .unwrap()
                .unwrap()
                .is_sign_positive()
        );
    }

    #[test]
    fn a_value_is_shown_whole_or_not_at_all() {
        let check = |json: &str, expected: &str| assert_eq!(shown(json), expected);
        check(" true ", "true");
        check(r#"{"a":1}"#, "an object");
        check("[1]", "a list");
        check(&"é".repeat(SHOWN_CHARS), &"é".repeat(SHOWN_CHARS));
        check(&"é".repeat(SHOWN_CHARS + 1), "a text of 81 characters");
        let late = format!("\"{}\"", "9".repeat(300));
        let fault = time("f", raw(&late)).expect_err("it is too long");
        assert!(!fault.detail.contains("999"), "{}", fault.detail);
    }

    #[test]
    fn times_have_the_forms_of_the_tracking_api() {
        let check = |json: &str, expected: Result<&str, &str>| {
            let time = time("f", raw(json)).map_err(|fault| fault.reason);
            assert_eq!(
                time.map(|time| time.to_string()),
                expected.map(str::to_owned),
                "{json}"
            );
        };
        check(
            r#""2026-11-21T14:28:47.469358""#,
            Ok("2026-11-21T14:28:47.469Z"),
        );
        check(r#""2020-01-01T00:00:00+01:00""#, Ok("2019-12-31T23:00:00Z"));
        check("1577836800", Ok("2020-01-01T00:00:00Z"));
        check("1577836800000", Ok("2020-01-01T00:00:00Z"));
        for json in [
            r#""yesterday""#,
            r#""0001-01-01T00:00:00Z""#,
            "-1",
            "true",
            "{}",
        ] {
            check(json, Err("invalid-time"));
        }
    }
}

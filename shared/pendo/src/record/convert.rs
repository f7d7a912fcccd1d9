//! What a value becomes in a field of a type.
//!
//! Nothing is lost: a value that does not fit stays as it is, and is told so. `null` is null in
//! every type, and a number keeps its fraction.

use serde_json::{Number, Value};

use crate::record::time;
use crate::shape::Type;

/// A value that does not fit.
pub(super) struct Misfit(pub(super) Value);

/// Converts a value that is no list and no object.
///
/// # Errors
/// With the value itself, when it does not fit.
pub(super) fn scalar(kind: &Type, value: Value) -> Result<Value, Misfit> {
    match (kind, &value) {
        (_, Value::Null) | (Type::Any, _) => Ok(value),
        (Type::Several(kinds), _) if kinds.has(&value) => Ok(value),
        (Type::Text, _) => Ok(text(value)),
        // Everywhere else an empty text says that there is nothing, but in a text it may be one.
        (Type::NumberOrText, Value::String(text)) => Ok(number_in(text).unwrap_or(value)),
        (_, Value::String(text)) if text.is_empty() => Ok(Value::Null),
        (Type::Time, _) => time::text_of(&value)
            .map(Value::String)
            .ok_or(Misfit(value)),
        (Type::Number | Type::Integer | Type::NumberOrText, _) => number(kind, value),
        (Type::Boolean, _) => boolean(&value).map(Value::Bool).ok_or(Misfit(value)),
        (Type::Object(_) | Type::List(_) | Type::Several(_), _) => Err(Misfit(value)),
    }
}

/// The text of a value, as Singer's tap for Pendo has always written it: in Python's words.
fn text(value: Value) -> Value {
    match value {
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => Value::String(number_text(&number)),
        other => other,
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => float_text(float),
        None => number.to_string(),
    }
}

/// The shortest text of a double that reads as the same: `100000.0`, `1e+16`, `1e-05`.
fn float_text(float: f64) -> String {
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(-4..16) | Err(_) => format!("{float:?}"),
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}

fn number(kind: &Type, value: Value) -> Result<Value, Misfit> {
    let number = match &value {
        Value::Bool(switch) => Some(Value::from(u8::from(*switch))),
        Value::String(text) => number_in(text),
        Value::Number(_) => Some(value.clone()),
        _ => None,
    };
    match number {
        Some(number) if matches!(kind, Type::Number) => Ok(number),
        Some(number) => Ok(whole(number)),
        None => Err(Misfit(value)),
    }
}

/// The number that a text has, with or without commas between its thousands.
fn number_in(text: &str) -> Option<Value> {
    let plain = text.trim().replace(',', "");
    let whole = plain.parse::<i64>().map(Value::from).ok();
    let float = || plain.parse().ok().and_then(Number::from_f64);
    whole.or_else(|| float().map(Value::Number))
}

/// A whole number without a fraction, where a schema wants one: 3.0 is 3, and 3.7 stays.
fn whole(number: Value) -> Value {
    /// Doubles below it are as exact as 64 bits.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) if float.fract() == 0.0 && float.abs() <= EXACT => Value::from(float as i64),
        _ => number,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(switch) => Some(*switch),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(name: &str) -> Type {
        let schema = match name {
            "text" => json!({"type": ["null", "string"]}),
            "time" => json!({"type": ["null", "string"], "format": "date-time"}),
            "number or text" => json!({"type": ["null", "integer", "number", "string"]}),
            "object" => json!({"type": ["null", "object"], "properties": {"a": {}}}),
            "list" => json!({"type": ["null", "array"], "items": {}}),
            "any" => json!({}),
            name => json!({"type": ["null", name]}),
        };
        Type::of(&schema, "")
    }

    fn check(name: &str, cases: &[(Value, Value)]) {
        for (value, expected) in cases {
            let converted = scalar(&kind(name), value.clone()).ok();
            assert_eq!(converted.as_ref(), Some(expected), "{value} as {name}");
        }
    }

    fn check_misfits(name: &str, values: &[Value]) {
        for value in values {
            let converted = scalar(&kind(name), value.clone());
            let misfit = converted.err().map(|Misfit(value)| value);
            assert_eq!(misfit.as_ref(), Some(value), "{value} as {name}");
        }
    }

    /// The reference makes it false in booleans.
    #[test]
    fn null_stays_null_in_every_type() {
        let names = [
            "text",
            "time",
            "number",
            "integer",
            "boolean",
            "number or text",
            "object",
            "list",
            "any",
        ];
        for name in names {
            check(name, &[(json!(null), json!(null))]);
        }
    }

    /// The reference cuts 3.7 to 3.
    #[test]
    fn a_number_stays_what_it_is() {
        let cases = [
            (json!(3.7), json!(3.7)),
            (json!(-0.5), json!(-0.5)),
            (json!(7), json!(7)),
            (json!(3.0), json!(3)),
            (json!(1e300), json!(1e300)),
            (json!(u64::MAX), json!(u64::MAX)),
            (json!("7"), json!(7)),
            (json!("1.5"), json!(1.5)),
            (json!("1,000"), json!(1000)),
            (json!(true), json!(1)),
        ];
        check("integer", &cases);
        check("number or text", &cases);
        check(
            "number",
            &[
                (json!(3.0), json!(3.0)),
                (json!("2.5"), json!(2.5)),
                (json!(7), json!(7)),
            ],
        );
    }

    #[test]
    fn texts_are_those_of_the_published_tap() {
        check(
            "text",
            &[
                (json!(""), json!("")),
                (json!("1,000"), json!("1,000")),
                (json!(1), json!("1")),
                (json!(true), json!("True")),
                (json!(false), json!("False")),
                (json!(1.50), json!("1.5")),
                (json!(1e5), json!("100000.0")),
                (json!(1e15), json!("1000000000000000.0")),
                (json!(1e16), json!("1e+16")),
                (json!(1.5e300), json!("1.5e+300")),
                (json!(0.0001), json!("0.0001")),
                (json!(0.00001), json!("1e-05")),
                (json!(1e-7), json!("1e-07")),
                (json!(-1704067200000.5), json!("-1704067200000.5")),
                (json!(0.0), json!("0.0")),
            ],
        );
    }

    #[test]
    fn an_empty_text_is_nothing_but_in_texts() {
        for name in ["time", "number", "integer", "boolean", "object", "list"] {
            check(name, &[(json!(""), json!(null))]);
        }
        check(
            "number or text",
            &[(json!(""), json!("")), (json!("x"), json!("x"))],
        );
        check("any", &[(json!(""), json!(""))]);
    }

    #[test]
    fn truth_is_told_in_some_ways() {
        check(
            "boolean",
            &[
                (json!(true), json!(true)),
                (json!("False"), json!(false)),
                (json!("TRUE"), json!(true)),
                (json!(0), json!(false)),
                (json!(1.0), json!(true)),
            ],
        );
    }

    /// The reference makes true of every text, and ends with an error for the others.
    #[test]
    fn what_does_not_fit_stays_as_it_is() {
        check_misfits("boolean", &[json!("x"), json!(2)]);
        check_misfits("number", &[json!("x"), json!("1.5.1")]);
        check_misfits("integer", &[json!("nan"), json!("1e999")]);
        check_misfits(
            "time",
            &[json!("x"), json!(true), json!(1e20), json!(i64::MAX)],
        );
        check_misfits("object", &[json!("x"), json!(1)]);
        check_misfits("list", &[json!("x"), json!(true)]);
    }
}

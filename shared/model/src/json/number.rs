//! Numbers that mean what they say.

use std::fmt::Write as _;

use crate::text::Shown;

/// Every integer of so many digits is a double.
const EXACT_DIGITS: usize = 15;

/// Reads a number as a double. Decimals are rounded to the nearest one, as everywhere; an integer
/// must be one.
pub(super) fn parse(text: &str) -> Result<f64, String> {
    let looks_right = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value = match text.parse::<f64>() {
        Ok(value) if looks_right => value,
        _ => return Err(format!("{} is not a number", Shown(text))),
    };
    if !value.is_finite() {
        return Err(format!(
            "{} is too large: up to {:e} is allowed",
            Shown(text),
            f64::MAX
        ));
    }
    if is_inexact(text, value) {
        let nearest = format!("{value:.0}");
        return Err(format!(
            "{} is an integer that a double cannot hold exactly: the nearest one is {nearest}",
            Shown(text),
        ));
    }
    // One zero only: -0.0 + 0.0 is 0.0.
    Ok(value + 0.0)
}

/// Whether an integer literal was rounded.
fn is_inexact(text: &str, value: f64) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.len() <= EXACT_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    // Without an exponent and with no places, a double is written out exactly.
    format!("{:.0}", value.abs()) != digits.trim_start_matches('0')
}

/// Appends a value so that [`parse`] reads the same again: whole ones below 2⁵³ as integers,
/// others with a point or an exponent.
pub(super) fn write(out: &mut String, value: f64) {
    const INTEGERS_BELOW: f64 = 9_007_199_254_740_992.0;
    let result = if value.fract() == 0.0 && value.abs() < INTEGERS_BELOW {
        write!(out, "{}", value as i64)
    } else {
        // The shortest digits that read back; `Debug` adds a point or an exponent.
        write!(out, "{value:?}")
    };
    result.expect("a String takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_refused(text: &str, reason: &str) {
        let error = parse(text).expect_err(text);
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn numbers_are_read_in_all_their_forms() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", 0.0),
            ("1.10", 1.1),
            ("-5", -5.0),
            ("+5", 5.0),
            ("1e3", 1000.0),
            ("1.5E-2", 0.015),
            ("9007199254740992", 9_007_199_254_740_992.0),
            ("-9007199254740994", -9_007_199_254_740_994.0),
            ("000000000000000000012", 12.0),
            ("9007199254740993.0", 9_007_199_254_740_992.0),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse(text), Ok(value), "{text}");
            assert!(
                parse(text).is_ok_and(|v| v.is_sign_positive() || v < 0.0),
                "{text}"
            );
        }
        let power = format!("{:.0}", 2.0_f64.powi(1000));
        assert_eq!(parse(&power), Ok(2.0_f64.powi(1000)));
    }

    #[test]
    fn what_a_double_cannot_hold_is_refused() {
        check_refused("9007199254740993", "the nearest one is 9007199254740992");
        check_refused("-9007199254740993", "the nearest one is -9007199254740992");
        check_refused("12345678901234567890", "cannot hold exactly");
        check_refused(&format!("{}1", "9".repeat(100)), "cannot hold exactly");
        check_refused("1e400", "too large");
        check_refused(&"9".repeat(400), "too large");
    }

    #[test]
    fn words_are_not_numbers() {
        for text in [
            "", "NaN", "nan", "inf", "Infinity", "abc", "1,5", "0x10", "1_000", "e5", "--1",
        ] {
            check_refused(text, "is not a number");
        }
    }

    proptest! {
        #[test]
        fn every_value_reads_back(bits: u64, whole: i64) {
            for value in [f64::from_bits(bits), whole as f64] {
                prop_assume!(value.is_finite());
                let mut text = String::new();
                write(&mut text, value);
                prop_assert_eq!(parse(&text), Ok(value), "{}", text);
                let read = serde_json::from_str::<serde_json::Number>(&text);
                prop_assert!(read.is_ok(), "{text} is not JSON");
            }
        }
    }
}

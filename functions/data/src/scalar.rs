//! A value of a record: nothing, a truth, a number, a text. It is compared, grouped by, summed and
//! written here, and borrows its text from the record's JSON where that needs no unescaping.
//!
//! All values have one order: nothing, then false and true, numbers by size, texts by code point,
//! which is how the original's language compares its values, but that truths are no numbers here.
//! A number is whole or not, whatever its JSON looked like: `1` and `1.0` are the same.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Serialize, Serializer};

/// Doubles that are whole and smaller than this are kept as integers: sums of as many of them as
/// there can be stay within 128 bits, and every double that is not kept so is either a fraction,
/// below 2⁵³, or larger than all integers kept, so that comparing the two kinds is exact.
const WHOLE_LIMIT: f64 = (1_u128 << 96) as f64;

/// A value of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Nothing,
    Truth(bool),
    Number(Number),
    Text(Cow<'a, str>),
}

/// A finite number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Whole(i128),
    /// Never a whole number below 2⁹⁶.
    Real(f64),
}

impl Number {
    pub(crate) fn of(value: f64) -> Number {
        match value.fract() == 0.0 && value.abs() < WHOLE_LIMIT {
            true => Number::Whole(value as i128),
            false => Number::Real(value),
        }
    }

    pub(crate) fn as_double(self) -> f64 {
        match self {
            Number::Whole(whole) => whole as f64,
            Number::Real(real) => real,
        }
    }

    fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Whole(a), Number::Whole(b)) => a.cmp(&b),
            _ => self.as_double().total_cmp(&other.as_double()),
        }
    }
}

impl Eq for Scalar<'_> {}

impl Ord for Scalar<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Scalar::Truth(a), Scalar::Truth(b)) => a.cmp(b),
            (Scalar::Number(a), Scalar::Number(b)) => a.compare(*b),
            (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Scalar<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Scalar<'_> {
    fn rank(&self) -> u8 {
        match self {
            Scalar::Nothing => 0,
            Scalar::Truth(_) => 1,
            Scalar::Number(_) => 2,
            Scalar::Text(_) => 3,
        }
    }

    /// The same value without the record.
    pub(crate) fn into_owned(self) -> Scalar<'static> {
        match self {
            Scalar::Nothing => Scalar::Nothing,
            Scalar::Truth(truth) => Scalar::Truth(truth),
            Scalar::Number(number) => Scalar::Number(number),
            Scalar::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
        }
    }

    /// Bytes of memory that its text takes.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Scalar::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// Appends bytes that are the same for the same values only, whatever follows them.
    pub(crate) fn append_key(&self, to: &mut Vec<u8>) {
        to.push(self.rank());
        match self {
            Scalar::Nothing => {}
            Scalar::Truth(truth) => to.push(u8::from(*truth)),
            Scalar::Number(Number::Whole(whole)) => {
                to.push(0);
                to.extend_from_slice(&whole.to_le_bytes());
            }
            Scalar::Number(Number::Real(real)) => {
                to.push(1);
                to.extend_from_slice(&real.to_bits().to_le_bytes());
            }
            Scalar::Text(text) => {
                to.extend_from_slice(&text.len().to_le_bytes());
                to.extend_from_slice(text.as_bytes());
            }
        }
    }
}

impl Serialize for Scalar<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scalar::Nothing => serializer.serialize_unit(),
            Scalar::Truth(truth) => serializer.serialize_bool(*truth),
            Scalar::Number(Number::Whole(whole)) => match i64::try_from(*whole) {
                Ok(whole) => serializer.serialize_i64(whole),
                Err(_) => match u64::try_from(*whole) {
                    Ok(whole) => serializer.serialize_u64(whole),
                    Err(_) => serializer.serialize_f64(*whole as f64),
                },
            },
            Scalar::Number(Number::Real(real)) => serializer.serialize_f64(*real),
            Scalar::Text(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> Scalar<'static> {
        Scalar::Number(Number::of(value))
    }

    fn text(value: &str) -> Scalar<'_> {
        Scalar::Text(value.into())
    }

    #[test]
    fn a_number_is_written_as_an_integer_if_it_is_one() {
        let check = |value: Scalar, expected: &str| {
            assert_eq!(serde_json::to_string(&value).unwrap(), expected);
        };
        check(number(2.0), "2");
        check(number(-0.0), "0");
        check(number(0.5), "0.5");
        check(number(1e300), "1e+300");
        check(
            Scalar::Number(Number::Whole(i128::from(u64::MAX))),
            "18446744073709551615",
        );
        check(number(1e25), "1e+25");
        check(Scalar::Nothing, "null");
        check(Scalar::Truth(true), "true");
        check(text("a\"b"), "\"a\\\"b\"");
    }

    #[test]
    fn values_of_all_kinds_have_one_order() {
        let ordered = [
            Scalar::Nothing,
            Scalar::Truth(false),
            Scalar::Truth(true),
            number(-1e300),
            number(-1.0),
            number(0.5),
            number(1.0),
            number(1e20),
            number(1e300),
            text(""),
            text("1"),
            text("B"),
            text("a"),
            text("é"),
        ];
        for (position, one) in ordered.iter().enumerate() {
            for (other_position, other) in ordered.iter().enumerate() {
                assert_eq!(one.cmp(other), position.cmp(&other_position));
            }
        }
    }

    fn scalar() -> impl Strategy<Value = Scalar<'static>> {
        prop_oneof![
            Just(Scalar::Nothing),
            any::<bool>().prop_map(Scalar::Truth),
            any::<i64>().prop_map(|whole| Scalar::Number(Number::Whole(whole.into()))),
            proptest::num::f64::NORMAL.prop_map(number),
            (-3..3_i32).prop_map(|value| number(f64::from(value) / 2.0)),
            "[ab]{0,3}".prop_map(|text| Scalar::Text(text.into())),
        ]
    }

    proptest! {
        #[test]
        fn lists_have_the_same_bytes_only_if_they_are_the_same(
            one in proptest::collection::vec(scalar(), 1..4),
            other in proptest::collection::vec(scalar(), 1..4),
        ) {
            let bytes = |list: &[Scalar]| {
                let mut bytes = Vec::new();
                list.iter().for_each(|value| value.append_key(&mut bytes));
                bytes
            };
            prop_assert_eq!(bytes(&one) == bytes(&other), one == other);
        }

        #[test]
        fn the_order_is_one_of_equals(one in scalar(), other in scalar(), third in scalar()) {
            prop_assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
            prop_assert_eq!(one.cmp(&other) == Ordering::Equal, one == other);
            if one <= other && other <= third {
                prop_assert!(one <= third);
            }
        }
    }
}

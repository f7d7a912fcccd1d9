//! What is made of the values of one field over the records of a group: their sum, their number,
//! the set of them, their mean.
//!
//! Two lots of values merge into what one of all of them would be: whole numbers add up exactly in
//! 128 bits, others with the error of each addition kept beside the sum.

use std::collections::BTreeSet;
use std::fmt;

use crate::scalar::{Number, Scalar};

/// What is to be made of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Sum,
    Count,
    Set,
    Mean,
}

impl Method {
    pub(crate) const ALL: [Method; 4] = [Method::Sum, Method::Count, Method::Set, Method::Mean];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Method::Sum => "sum",
            Method::Count => "count",
            Method::Set => "set",
            Method::Mean => "mean",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Method> {
        Method::ALL
            .into_iter()
            .find(|method| method.as_str() == text)
    }

    fn adds(self) -> bool {
        matches!(self, Method::Sum | Method::Mean)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text was to be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotANumber;

/// What was made of some values, or can still be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Made<'a> {
    Value(Option<Number>),
    Set(&'a BTreeSet<Scalar<'static>>),
}

/// The values of one field, as far as one method needs them. Nothing counts as no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gathered {
    Added { count: u64, sum: Sum },
    Counted(u64),
    Distinct(BTreeSet<Scalar<'static>>),
}

impl Gathered {
    pub(crate) fn nothing_yet(method: Method) -> Gathered {
        match method {
            Method::Count => Gathered::Counted(0),
            Method::Set => Gathered::Distinct(BTreeSet::new()),
            Method::Sum | Method::Mean => Gathered::Added {
                count: 0,
                sum: Sum::default(),
            },
        }
    }

    /// Takes a value in, and says how many bytes of memory it now takes besides.
    ///
    /// # Errors
    /// When a text is to be added up.
    pub(crate) fn take(&mut self, value: &Scalar) -> Result<usize, NotANumber> {
        if *value == Scalar::Nothing {
            return Ok(0);
        }
        match self {
            Gathered::Counted(count) => *count += 1,
            Gathered::Added { count, sum } => {
                *count += 1;
                sum.add(number(value)?);
            }
            Gathered::Distinct(values) if !values.contains(value) => {
                let bytes = bytes_in_set(value);
                values.insert(value.clone().into_owned());
                return Ok(bytes);
            }
            Gathered::Distinct(_) => {}
        }
        Ok(0)
    }

    /// The bytes of memory that its values take besides itself.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Gathered::Distinct(values) => values.iter().map(bytes_in_set).sum(),
            Gathered::Added { .. } | Gathered::Counted(_) => 0,
        }
    }

    /// Takes in what another one has, of the same method, and says how many bytes of memory it now
    /// takes besides.
    pub(crate) fn merge(&mut self, other: Gathered) -> usize {
        let mut taken = 0;
        match (self, other) {
            (Gathered::Counted(count), Gathered::Counted(more)) => *count += more,
            (
                Gathered::Added { count, sum },
                Gathered::Added {
                    count: more,
                    sum: other,
                },
            ) => {
                *count += more;
                sum.merge(other);
            }
            (Gathered::Distinct(values), Gathered::Distinct(more)) => {
                for value in more {
                    let bytes = bytes_in_set(&value);
                    taken += if values.insert(value) { bytes } else { 0 };
                }
            }
            (one, other) => debug_assert!(false, "{one:?} and {other:?} are of two methods"),
        }
        taken
    }

    /// What the method makes of it; the mean of no values is none.
    pub(crate) fn made(&self, method: Method) -> Made<'_> {
        match self {
            Gathered::Counted(count) => Made::Value(Some(Number::Whole((*count).into()))),
            Gathered::Distinct(values) => Made::Set(values),
            Gathered::Added { sum, .. } if method == Method::Sum => Made::Value(Some(sum.total())),
            Gathered::Added { count: 0, .. } => Made::Value(None),
            Gathered::Added { count, sum } => {
                let mean = sum.total().as_double() / *count as f64;
                Made::Value(Some(Number::of(mean)))
            }
        }
    }
}

/// What a method needs of a field's values; a sum and a mean need the same.
pub(crate) fn is_same(one: Method, other: Method) -> bool {
    one == other || (one.adds() && other.adds())
}

fn bytes_in_set(value: &Scalar) -> usize {
    size_of::<Scalar>() + value.text_bytes()
}

fn number(value: &Scalar) -> Result<Number, NotANumber> {
    match value {
        Scalar::Number(number) => Ok(*number),
        Scalar::Truth(truth) => Ok(Number::Whole((*truth).into())),
        Scalar::Nothing | Scalar::Text(_) => Err(NotANumber),
    }
}

/// A sum: of the whole numbers exactly, of the others with the rounding errors kept.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    whole: i128,
    real: f64,
    error: f64,
}

impl Sum {
    fn add(&mut self, number: Number) {
        match number {
            // Below 2⁹⁶ each, so there would have to be 2³¹ of them.
            Number::Whole(whole) => self.whole = self.whole.saturating_add(whole),
            Number::Real(real) => self.add_real(real),
        }
    }

    /// Knuth's two-sum (The Art of Computer Programming, volume 2, section 4.2.2).
    fn add_real(&mut self, real: f64) {
        let sum = self.real + real;
        let others_share = sum - self.real;
        let error = (self.real - (sum - others_share)) + (real - others_share);
        self.real = sum;
        self.error += if error.is_finite() { error } else { 0.0 };
    }

    fn merge(&mut self, other: Sum) {
        self.whole = self.whole.saturating_add(other.whole);
        self.add_real(other.real);
        self.error += other.error;
    }

    fn total(&self) -> Number {
        match self.real == 0.0 && self.error == 0.0 {
            true => Number::Whole(self.whole),
            false => Number::of(self.real + (self.error + self.whole as f64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(value: f64) -> Scalar<'static> {
        Scalar::Number(Number::of(value))
    }

    fn made(method: Method, values: &[Scalar]) -> Option<Number> {
        let mut gathered = Gathered::nothing_yet(method);
        for value in values {
            gathered.take(value).unwrap();
        }
        match gathered.made(method) {
            Made::Value(value) => value,
            Made::Set(values) => panic!("{values:?}"),
        }
    }

    #[test]
    fn each_method_makes_what_its_name_says() {
        let values = [of(2.0), Scalar::Nothing, of(0.5), Scalar::Truth(true)];
        assert_eq!(made(Method::Sum, &values), Some(Number::Real(3.5)));
        assert_eq!(made(Method::Count, &values), Some(Number::Whole(3)));
        assert_eq!(made(Method::Mean, &values), Some(Number::of(3.5 / 3.0)));
        assert_eq!(made(Method::Sum, &[]), Some(Number::Whole(0)));
        assert_eq!(made(Method::Mean, &[Scalar::Nothing]), None);
    }

    #[test]
    fn a_set_has_each_value_once_and_in_order() {
        let mut gathered = Gathered::nothing_yet(Method::Set);
        for value in ["b", "a", "b"] {
            gathered.take(&Scalar::Text(value.into())).unwrap();
        }
        gathered.take(&of(1.0)).unwrap();
        gathered.take(&Scalar::Number(Number::Whole(1))).unwrap();
        let Made::Set(values) = gathered.made(Method::Set) else {
            panic!("{gathered:?}")
        };
        let expected = [of(1.0), Scalar::Text("a".into()), Scalar::Text("b".into())];
        assert!(values.iter().eq(expected.iter()), "{values:?}");
    }

    #[test]
    fn a_text_cannot_be_added_up_but_counted() {
        let text = Scalar::Text("12".into());
        for method in [Method::Sum, Method::Mean] {
            let mut gathered = Gathered::nothing_yet(method);
            assert_eq!(gathered.take(&text), Err(NotANumber));
        }
        assert_eq!(made(Method::Count, &[text]), Some(Number::Whole(1)));
    }

    #[test]
    fn a_sum_keeps_what_rounding_would_lose() {
        let values = [of(0.1), of(1e16), of(0.2), of(-1e16), of(1e300), of(-1e300)];
        let Some(Number::Real(sum)) = made(Method::Sum, &values) else {
            panic!()
        };
        assert!((sum - 0.3).abs() < 1e-15, "{sum}");
        let large = [of(9e15), of(9e15), of(1.0)];
        assert_eq!(
            made(Method::Sum, &large),
            Some(Number::Whole(18_000_000_000_000_001))
        );
    }

    proptest! {
        #[test]
        fn whole_numbers_sum_up_exactly_however_they_are_split(
            values in proptest::collection::vec(any::<i64>(), 0..40),
            split in 0..40_usize,
        ) {
            let whole = |value: &i64| Scalar::Number(Number::Whole((*value).into()));
            let (before, after) = values.split_at(split.min(values.len()));
            let mut gathered = [before, after].map(|part| {
                let mut gathered = Gathered::nothing_yet(Method::Sum);
                part.iter().for_each(|value| { gathered.take(&whole(value)).unwrap(); });
                gathered
            });
            let [one, other] = &mut gathered;
            one.merge(other.clone());
            let expected: i128 = values.iter().map(|value| i128::from(*value)).sum();
            prop_assert_eq!(one.made(Method::Sum), Made::Value(Some(Number::Whole(expected))));
        }
    }
}

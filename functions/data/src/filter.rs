//! Which records a question is about.

use crate::fields::Fields;
use crate::scalar::{Number, Scalar};

/// Conditions on fields, all of which have to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter(Vec<Condition>);

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    place: usize,
    test: Test,
}

/// What a field's value has to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// This truth.
    Truth(bool),
    /// This text, or the number that the text writes.
    Is(String, Option<Number>),
    /// A text that begins with this.
    BeginsWith(String),
}

impl Test {
    /// `true` and `false` are truths, all else is a text; but a number that is written like it
    /// fits as well, since nobody can ask for it in another way.
    pub(crate) fn equals(text: &str) -> Test {
        match text {
            "true" => Test::Truth(true),
            "false" => Test::Truth(false),
            text => Test::Is(text.to_owned(), number(text)),
        }
    }

    fn holds(&self, value: &Scalar) -> bool {
        match (self, value) {
            (Test::Truth(wanted), Scalar::Truth(truth)) => truth == wanted,
            (Test::Is(wanted, _), Scalar::Text(text)) => text == wanted,
            (Test::Is(_, Some(wanted)), Scalar::Number(number)) => number == wanted,
            (Test::BeginsWith(prefix), Scalar::Text(text)) => text.starts_with(prefix),
            _ => false,
        }
    }
}

fn number(text: &str) -> Option<Number> {
    match text.parse::<i128>() {
        Ok(whole) if i64::try_from(whole).is_ok() || u64::try_from(whole).is_ok() => {
            Some(Number::Whole(whole))
        }
        // JSON knows no other numbers than these.
        _ => serde_json::from_str(text).ok().map(Number::of),
    }
}

impl Filter {
    /// Adds a condition.
    pub(crate) fn add(&mut self, fields: &mut Fields, name: &str, test: Test) {
        let place = fields.place(name);
        self.0.push(Condition { place, test });
    }

    /// Whether every record fits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record's fields fulfil every condition.
    pub(crate) fn admits(&self, values: &[Scalar]) -> bool {
        self.0
            .iter()
            .all(|condition| condition.test.holds(&values[condition.place]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: &Test, json: &str, expected: bool) {
        let (mut fields, mut filter) = (Fields::default(), Filter::default());
        filter.add(&mut fields, "aa", test.clone());
        let mut values = Vec::new();
        let record = format!("{{\"aa\":{json}}}");
        fields.read(&record, &mut values).unwrap();
        assert_eq!(filter.admits(&values), expected, "{test:?} {json}");
    }

    #[test]
    fn a_value_is_compared_as_what_it_is() {
        check(&Test::equals("Camden"), "\"Camden\"", true);
        check(&Test::equals("Camden"), "\"camden\"", false);
        check(&Test::equals(""), "\"\"", true);
        check(&Test::equals(""), "null", false);
        check(&Test::equals("true"), "true", true);
        check(&Test::equals("true"), "\"true\"", false);
        check(&Test::equals("false"), "false", true);
        check(&Test::equals("false"), "null", false);
        check(&Test::equals("12"), "12", true);
        check(&Test::equals("12"), "12.0", true);
        check(&Test::equals("12"), "\"12\"", true);
        check(&Test::equals("012"), "\"012\"", true);
        check(&Test::equals("1e1"), "10", true);
        check(&Test::equals("0.5"), "0.5", true);
        check(&Test::equals("nan"), "0", false);
    }

    #[test]
    fn a_prefix_is_one_of_texts_alone() {
        let test = Test::BeginsWith("Cam".to_owned());
        check(&test, "\"Camden\"", true);
        check(&test, "\"Cam\"", true);
        check(&test, "\"camden\"", false);
        check(&Test::BeginsWith("1".to_owned()), "12", false);
        check(&Test::BeginsWith("true".to_owned()), "true", false);
    }

    #[test]
    fn all_conditions_have_to_hold() {
        let (mut fields, mut filter) = (Fields::default(), Filter::default());
        filter.add(&mut fields, "aa", Test::equals("x"));
        filter.add(&mut fields, "bb", Test::equals("y"));
        let admits = |record: &str| {
            let mut values = Vec::new();
            fields.read(record, &mut values).unwrap();
            filter.admits(&values)
        };
        assert!(admits(r#"{"aa":"x","bb":"y"}"#));
        assert!(!admits(r#"{"aa":"x","bb":"z"}"#));
        assert!(!admits(r#"{"aa":"x"}"#));
    }
}

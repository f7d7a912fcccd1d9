//! Filters as old queries write them: `country==France,country==Spain;visits>10`.
//!
//! `;` is and, `,` is or, and or binds first, so a filter is a list of alternatives that must all
//! hold. Source: Core Reporting API 3, "Filters".

use std::fmt;

use thiserror::Error;

/// A filter in the old syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Each must hold.
    pub(crate) all: Vec<AnyOf>,
}

/// Conditions of which one must hold: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnyOf(pub(crate) Vec<Condition>);

/// What one name's value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The name, as it is written.
    pub(crate) name: String,
    /// How it is compared.
    pub(crate) operator: Operator,
    /// With what.
    pub(crate) value: String,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `=@`
    Contains,
    /// `!@`
    ContainsNot,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
}

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FilterError {
    #[error("{0:?} has no operator: write name==value, with one of {operators}", operators = Operator::list())]
    NoOperator(String),
    #[error("{0:?} has no name before its operator")]
    NoName(String),
    #[error(
        "a condition is empty: there is nothing between two separators, or before the first or behind the last"
    )]
    Empty,
}

impl Operator {
    /// Longer ones stand before those that they begin with.
    pub(crate) const ALL: [(Operator, &'static str); 10] = [
        (Operator::Equal, "=="),
        (Operator::NotEqual, "!="),
        (Operator::Matches, "=~"),
        (Operator::MatchesNot, "!~"),
        (Operator::Contains, "=@"),
        (Operator::ContainsNot, "!@"),
        (Operator::AtLeast, ">="),
        (Operator::AtMost, "<="),
        (Operator::Greater, ">"),
        (Operator::Less, "<"),
    ];

    fn text(self) -> &'static str {
        let found = Self::ALL.iter().find(|(operator, _)| *operator == self);
        found.map_or("", |(_, text)| text)
    }

    fn list() -> String {
        Self::ALL.map(|(_, text)| text).join(" ")
    }
}

impl Filter {
    /// Reads one.
    ///
    /// # Errors
    /// When a condition has no operator or no name.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut all = vec![AnyOf(Vec::new())];
        for (piece, end) in Pieces(Some(text)) {
            let last = all.last_mut().expect("it begins with one");
            last.0.push(Condition::parse(&piece)?);
            if end == Some(';') {
                all.push(AnyOf(Vec::new()));
            }
        }
        Ok(Self { all })
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, FilterError> {
        if text.trim().is_empty() {
            return Err(FilterError::Empty);
        }
        let no_operator = || FilterError::NoOperator(text.to_owned());
        let at = text.find(['=', '!', '<', '>']).ok_or_else(no_operator)?;
        let (name, rest) = text.split_at(at);
        let found = Operator::ALL
            .iter()
            .find_map(|(operator, sign)| Some((*operator, rest.strip_prefix(sign)?)));
        let (operator, value) = found.ok_or_else(no_operator)?;
        if name.trim().is_empty() {
            return Err(FilterError::NoName(text.to_owned()));
        }
        Ok(Self {
            name: name.trim().to_owned(),
            operator,
            value: value.to_owned(),
        })
    }
}

/// The conditions of a text, unescaped, each with the separator behind it.
struct Pieces<'a>(Option<&'a str>);

impl Iterator for Pieces<'_> {
    type Item = (String, Option<char>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.take()?;
        let mut piece = String::new();
        let mut characters = rest.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                ',' | ';' => {
                    self.0 = Some(&rest[at + 1..]);
                    return Some((piece, Some(character)));
                }
                // A backslash escapes a separator, and before anything else is itself: regular
                // expressions have many.
                '\\' => match characters.next_if(|(_, next)| matches!(next, ',' | ';')) {
                    Some((_, separator)) => piece.push(separator),
                    None => piece.push('\\'),
                },
                other => piece.push(other),
            }
        }
        Some((piece, None))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, any) in self.all.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(f, "{separator}{any}")?;
        }
        Ok(())
    }
}

impl fmt::Display for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{condition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.operator.text())?;
        for character in self.value.chars() {
            let escape = if matches!(character, ',' | ';') {
                "\\"
            } else {
                ""
            };
            write!(f, "{escape}{character}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn condition(name: &str, operator: Operator, value: &str) -> Condition {
        Condition {
            name: name.to_owned(),
            operator,
            value: value.to_owned(),
        }
    }

    #[test]
    fn or_binds_before_and() {
        let filter = Filter::parse("a==1,b!=2;ga:c>3").unwrap();
        let first = AnyOf(vec![
            condition("a", Operator::Equal, "1"),
            condition("b", Operator::NotEqual, "2"),
        ]);
        let second = AnyOf(vec![condition("ga:c", Operator::Greater, "3")]);
        assert_eq!(filter.all, [first, second]);
    }

    #[test]
    fn each_operator_is_read() {
        for (operator, sign) in Operator::ALL {
            let filter = Filter::parse(&format!("name{sign}value")).unwrap();
            assert_eq!(filter.all[0].0, [condition("name", operator, "value")]);
        }
    }

    #[test]
    fn a_backslash_escapes_separators_and_nothing_else() {
        let check = |text: &str, value: &str| {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(
                filter.all[0].0,
                [condition("p", Operator::Matches, value)],
                "{text}"
            );
        };
        check(r"p=~^/a\,b$", "^/a,b$");
        check(r"p=~a\;b", "a;b");
        check(r"p=~^/a\.html$", r"^/a\.html$");
        check(r"p=~a\\\,b", r"a\\,b");
        check(r"p=~a\", r"a\");
        check("p=~^(a|b)=~c==d", "^(a|b)=~c==d");
        check("p=~ä\\,ö", "ä,ö");
    }

    #[test]
    fn what_is_no_condition_is_named() {
        let check = |text: &str, error: FilterError| {
            assert_eq!(Filter::parse(text).unwrap_err(), error, "{text}");
        };
        check("country", FilterError::NoOperator("country".to_owned()));
        check(
            "country=France",
            FilterError::NoOperator("country=France".to_owned()),
        );
        check("a==1;==2", FilterError::NoName("==2".to_owned()));
        check("a==1;", FilterError::Empty);
        check("a==1,,b==2", FilterError::Empty);
        check("", FilterError::Empty);
    }

    #[test]
    fn an_error_lists_the_operators() {
        let error = Filter::parse("country").unwrap_err().to_string();
        assert_eq!(
            error,
            "\"country\" has no operator: write name==value, with one of == != =~ !~ =@ !@ >= <= > <"
        );
    }

    fn conditions() -> impl Strategy<Value = Condition> {
        let operator = proptest::sample::select(&Operator::ALL[..]);
        // What comes first must not lengthen the operator, and a last backslash would escape the
        // separator behind it: the old syntax cannot say either.
        let value = "([a-z0-9/^(,; \\\\]([a-z0-9/,;=!~@<>$ \\\\]{0,8}[a-z,;])?)?";
        let value = value.prop_filter("no last backslash", |value: &String| !value.ends_with('\\'));
        ("(ga:)?[A-Za-z][A-Za-z0-9]{0,6}", operator, value).prop_map(
            |(name, (operator, _), value)| Condition {
                name,
                operator,
                value,
            },
        )
    }

    proptest! {
        #[test]
        fn a_filter_is_read_as_it_is_written(
            all in prop::collection::vec(prop::collection::vec(conditions(), 1..4), 1..4)
        ) {
            let filter = Filter { all: all.into_iter().map(AnyOf).collect() };
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", signs in "[a=!<>~@,;\\\\ ]{0,20}") {
            for text in [text, signs] {
                if let Ok(filter) = Filter::parse(&text) {
                    prop_assert!(filter.all.iter().all(|any| !any.0.is_empty()));
                }
            }
        }
    }
}

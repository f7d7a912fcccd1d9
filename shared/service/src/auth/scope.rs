//! What a client may do: scopes, and sets of them in the form OAuth writes them.

use std::fmt;

use thiserror::Error;

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The catalogue and the events themselves.
    Read,
    /// The doors in.
    Write,
    /// Aggregates.
    Aggregation,
}

impl Scope {
    /// Every scope, in the order in which they are written.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Aggregation];

    /// The word for it on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Aggregation => "aggregation",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a scope: there are read, write and aggregation")]
pub struct UnknownScope(pub String);

impl Scopes {
    /// None at all.
    pub const NONE: Scopes = Scopes(0);

    /// Every scope.
    pub const ALL: Scopes = Scopes(0b111);

    /// Reads a list of words separated by spaces (RFC 6749 section 3.3). An empty list is legal.
    ///
    /// # Errors
    /// With the first word that is no scope, cut to a length that can be shown.
    pub fn parse(text: &str) -> Result<Scopes, UnknownScope> {
        text.split_ascii_whitespace().map(parse_word).collect()
    }

    /// Takes the scopes among some words and leaves out the others: a later version may have
    /// stored a scope that this one does not know, and so cannot grant.
    pub fn known<'a>(words: impl IntoIterator<Item = &'a str>) -> Scopes {
        words
            .into_iter()
            .filter_map(|word| parse_word(word).ok())
            .collect()
    }

    /// Whether the scope is in the set.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether every scope of this set is in the other.
    pub fn is_subset(self, of: Scopes) -> bool {
        self.0 & !of.0 == 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in the order in which they are written.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.contains(*scope))
    }

    /// The words, as the registry keeps them.
    pub fn words(self) -> Vec<String> {
        self.iter().map(|scope| scope.as_str().into()).collect()
    }
}

fn parse_word(word: &str) -> Result<Scope, UnknownScope> {
    Scope::ALL
        .into_iter()
        .find(|scope| scope.as_str() == word)
        .ok_or_else(|| UnknownScope(word.chars().take(40).collect()))
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Scopes {
        Scopes(scope.bit())
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(formatter, "{space}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scopes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_any_order_and_written_in_one() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Scopes::parse(text).unwrap().to_string(), expected);
        };
        check("", "");
        check("aggregation  read write read", "read write aggregation");
        check("write", "write");
    }

    #[test]
    fn a_word_that_is_no_scope_is_named() {
        let error = Scopes::parse("read writhe aggregation").unwrap_err();
        assert_eq!(error, UnknownScope("writhe".into()));
        assert!(Scopes::parse("Read").is_err());
    }

    #[test]
    fn sets_compare_by_what_they_hold() {
        let two = Scopes::parse("read write").unwrap();
        assert!(two.is_subset(Scopes::ALL) && !Scopes::ALL.is_subset(two));
        assert!(Scopes::NONE.is_subset(two) && Scopes::NONE.is_empty());
        assert!(two.contains(Scope::Write) && !two.contains(Scope::Aggregation));
        assert_eq!(Scope::ALL.into_iter().collect::<Scopes>(), Scopes::ALL);
        assert_eq!(two.words(), ["read", "write"]);
    }

    #[test]
    fn words_of_a_later_version_are_left_out() {
        assert_eq!(Scopes::known(["read", "admin"]), Scope::Read.into());
    }
}

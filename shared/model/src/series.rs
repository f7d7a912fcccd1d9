//! Series: a namespace and a name.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::limits::NAME_CHARS;

/// A namespace or a name: 1 to 120 characters, none of them U+0000.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// It has no characters.
    #[error("is empty: 1 to {NAME_CHARS} characters are allowed")]
    Empty,
    /// It has more characters than allowed.
    #[error("has {0} characters: 1 to {NAME_CHARS} are allowed")]
    TooLong(usize),
    /// It contains U+0000, which keys cannot hold.
    #[error("contains the character U+0000, which is not allowed")]
    Nul,
}

impl Name {
    /// Checks and copies a name.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        // A character has at least one byte, so short texts need no counting.
        if text.len() > NAME_CHARS {
            let chars = text.chars().count();
            if chars > NAME_CHARS {
                return Err(NameError::TooLong(chars));
            }
        }
        if text.as_bytes().contains(&0) {
            return Err(NameError::Nul);
        }
        Ok(Name(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What events belong to: one namespace and name. Shown as `namespace/name`, which is for people
/// only: both parts may contain a slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The namespace.
    pub namespace: Name,
    /// The name inside the namespace.
    pub name: Name,
}

/// Which part of a series is not legal, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{field} {reason}")]
pub struct SeriesError {
    /// `namespace` or `name`.
    pub field: &'static str,
    /// Why.
    pub reason: NameError,
}

impl Series {
    /// Checks both parts; the first bad one is named.
    pub fn parse(namespace: &str, name: &str) -> Result<Series, SeriesError> {
        let part = |field, text| Name::parse(text).map_err(|reason| SeriesError { field, reason });
        Ok(Series {
            namespace: part("namespace", namespace)?,
            name: part("name", name)?,
        })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_120_characters() {
        assert_eq!(Name::parse(""), Err(NameError::Empty));
        assert!(Name::parse(&"😀".repeat(120)).is_ok());
        assert_eq!(Name::parse(&"é".repeat(121)), Err(NameError::TooLong(121)));
        assert_eq!(Name::parse("a\0b"), Err(NameError::Nul));
    }

    #[test]
    fn a_bad_series_names_the_bad_part() {
        let error = Series::parse("n", "").expect_err("no name");
        assert_eq!(
            error.to_string(),
            "name is empty: 1 to 120 characters are allowed"
        );
        assert_eq!(
            Series::parse("", "").expect_err("neither").field,
            "namespace"
        );
        assert_eq!(
            Series::parse("DTW", "departure")
                .expect("legal")
                .to_string(),
            "DTW/departure"
        );
    }
}

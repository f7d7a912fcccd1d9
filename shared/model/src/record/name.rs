//! What a data set is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::text::Shown;

/// `group/type`: each part 1 to 100 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSetName {
    text: String,
    slash: usize,
}

/// Why a text names no data set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{} names no data set: it is group/type, each 1 to {} letters, digits, \"_\" or \"-\"",
    Shown(.0),
    DataSetName::PART_CHARS
)]
pub struct DataSetNameError(String);

impl DataSetName {
    /// How long each part may be.
    pub const PART_CHARS: usize = 100;

    /// Takes both parts.
    ///
    /// # Errors
    /// When one of them is empty, too long, or has another character.
    pub fn new(group: &str, data_type: &str) -> Result<Self, DataSetNameError> {
        let text = format!("{group}/{data_type}");
        match is_part(group) && is_part(data_type) {
            true => Ok(Self {
                slash: group.len(),
                text,
            }),
            false => Err(DataSetNameError(text)),
        }
    }

    /// The first part.
    pub fn group(&self) -> &str {
        &self.text[..self.slash]
    }

    /// The second part.
    pub fn data_type(&self) -> &str {
        &self.text[self.slash + 1..]
    }

    /// Both, with a slash between.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_part(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=DataSetName::PART_CHARS).contains(&text.len()) && text.bytes().all(legal)
}

impl FromStr for DataSetName {
    type Err = DataSetNameError;

    fn from_str(text: &str) -> Result<Self, DataSetNameError> {
        let parts = text.split_once('/');
        let (group, data_type) = parts.ok_or_else(|| DataSetNameError(text.to_owned()))?;
        Self::new(group, data_type)
    }
}

impl fmt::Display for DataSetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for DataSetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for DataSetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_parts_and_reads_back_from_its_text() {
        let name = DataSetName::new("govuk-info", "page_Stats1").expect("a name");
        assert_eq!(
            (name.group(), name.data_type()),
            ("govuk-info", "page_Stats1")
        );
        assert_eq!(name.to_string(), "govuk-info/page_Stats1");
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        let json = serde_json::to_string(&name).expect("text");
        assert_eq!(serde_json::from_str::<DataSetName>(&json).ok(), Some(name));
    }

    #[test]
    fn what_is_no_name_is_said_with_what_one_is() {
        let long = "x".repeat(101);
        for (group, data_type) in [("", "b"), ("a", ""), ("a b", "c"), ("é", "b"), ("a", &long)] {
            assert!(DataSetName::new(group, data_type).is_err(), "{group}");
        }
        for text in ["a", "a/b/c", "/", "a/b#c"] {
            let error = text.parse::<DataSetName>().expect_err(text).to_string();
            assert!(
                error.contains(text) && error.contains("group/type"),
                "{error}"
            );
        }
        assert!(serde_json::from_str::<DataSetName>("\"a\"").is_err());
    }
}

//! An object of a query document, read key by key, with errors that name file and key.

use std::fmt;

use serde_json::{Map, Value};

use crate::query::QueryError;

/// Texts longer than this are cut in messages.
const SHOWN_CHARS: usize = 80;

/// An object of a query document. `null` counts as not given.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    file: &'a str,
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    /// The object at a path as `query`; the document itself has an empty one.
    pub fn new(file: &'a str, path: &str, map: &'a Map<String, Value>) -> Section<'a> {
        Section {
            file,
            path: path.to_owned(),
            map,
        }
    }

    /// An object that stands in this one.
    pub fn within(&self, key: &str, map: &'a Map<String, Value>) -> Section<'a> {
        Section {
            file: self.file,
            path: self.name_of(key),
            map,
        }
    }

    /// The file that it was read from.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// The object itself.
    pub fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// A key's value, whatever it is.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// An error that names this file and a key.
    pub fn error(&self, key: &str, why: impl fmt::Display) -> QueryError {
        QueryError {
            file: self.file.to_owned(),
            key: Some(self.name_of(key)),
            why: why.to_string(),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, QueryError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, other, "a text")),
        }
    }

    /// A text that must be there and not be empty. `what` says what it is, for the error.
    ///
    /// # Errors
    /// When it is not there, empty, or something else.
    pub fn required_text(&self, key: &str, what: &str) -> Result<&'a str, QueryError> {
        match self.text(key)? {
            Some("") => Err(self.error(key, format_args!("is empty: it is {what}"))),
            Some(text) => Ok(text),
            None => Err(self.error(key, format_args!("is missing: it is {what}"))),
        }
    }

    /// A list of texts, or a text alone, which is a list of one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, QueryError> {
        let one = |value: &'a Value| match value {
            Value::String(text) => Ok(text.as_str()),
            other => Err(self.wrong(key, other, "a text or a list of texts")),
        };
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                values.iter().map(one).collect::<Result<_, _>>().map(Some)
            }
            Some(value) => Ok(Some(vec![one(value)?])),
        }
    }

    /// A whole number that is not negative; digits in a text are taken as their number.
    ///
    /// # Errors
    /// When it is something else.
    pub fn whole(&self, key: &str) -> Result<Option<u64>, QueryError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        let wrong = || self.wrong(key, value, "a whole number from 0 on");
        number.map(Some).ok_or_else(wrong)
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is something else.
    pub fn switch(&self, key: &str) -> Result<Option<bool>, QueryError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(switch)) => Ok(Some(*switch)),
            Some(other) => Err(self.wrong(key, other, "true or false")),
        }
    }

    /// An object.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, QueryError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.wrong(key, other, "an object")),
        }
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// When it is not there, or something else.
    pub fn required_object(&self, key: &str) -> Result<&'a Map<String, Value>, QueryError> {
        self.object(key)?
            .ok_or_else(|| self.error(key, "is missing: it is an object"))
    }

    /// An object; without one, an empty one.
    pub(crate) fn object_or_empty(&self, key: &str) -> Result<Map<String, Value>, QueryError> {
        Ok(self.object(key)?.cloned().unwrap_or_default())
    }

    /// Notes about keys that are not among those known. Never shows their values.
    pub fn unknown(&self, known: &[&str]) -> Vec<String> {
        self.map
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .map(|key| {
                let name = self.name_of(key);
                let file = self.file;
                match closest(key, known) {
                    Some(close) => format!("{file}: {name} is ignored: did you mean {close}?"),
                    None => format!("{file}: {name} is ignored"),
                }
            })
            .collect()
    }

    /// An error about a value of the wrong type.
    pub fn wrong(&self, key: &str, value: &Value, wanted: &str) -> QueryError {
        self.error(
            key,
            format_args!("is {}: it must be {wanted}", shown(value)),
        )
    }

    fn name_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

/// A value for a message: what it is, and of simple ones the value itself.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => {
            let cut: String = text.chars().take(SHOWN_CHARS).collect();
            format!("the text {cut:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The name that is most likely meant by a misspelt one.
pub(crate) fn closest<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    const LIKE: f64 = 0.8;
    let text = text.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&text, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

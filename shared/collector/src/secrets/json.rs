//! A secret that is a JSON object: credentials of a third party, a token.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use crate::secrets::directory;
use crate::secrets::{SecretText, SecretsError};

/// A JSON object whose values are secret. Its errors and its `Debug` name keys alone.
#[derive(Clone, PartialEq)]
pub struct SecretJson {
    place: String,
    object: Map<String, Value>,
}

impl SecretJson {
    /// Reads a text; `place` says where it is from, in errors.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(place: impl Into<String>, text: &str) -> Result<Self, SecretsError> {
        let place = place.into();
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(Self { place, object }),
            Ok(other) => Err(SecretsError::Invalid {
                place,
                problem: format!("must be a JSON object, and is {}", kind(&other)),
            }),
            // The parser's own text may repeat what it found.
            Err(error) => Err(SecretsError::Invalid {
                place,
                problem: format!(
                    "is not JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            }),
        }
    }

    /// Reads a file that the user names.
    ///
    /// # Errors
    /// When it cannot be read, or holds no JSON object.
    pub fn from_file(path: &Path) -> Result<Self, SecretsError> {
        let place = path.display().to_string();
        let text = directory::read(path)?;
        Self::parse(place, &text)
    }

    /// Where the secret is from, to be named in errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// The names of its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.object.keys().map(String::as_str)
    }

    /// A text, not empty.
    ///
    /// # Errors
    /// When the key is missing, or is something else.
    pub fn text(&self, key: &str) -> Result<SecretText, SecretsError> {
        let found = self.optional_text(key)?;
        found.ok_or_else(|| self.invalid(format!("key {key:?} is missing")))
    }

    /// A text, not empty, if the key is there.
    ///
    /// # Errors
    /// When the key is something else.
    pub fn optional_text(&self, key: &str) -> Result<Option<SecretText>, SecretsError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => {
                Err(self.invalid(format!("key {key:?} is empty")))
            }
            Some(Value::String(text)) => Ok(Some(SecretText::new(text.as_str()))),
            Some(other) => Err(self.wrong(key, "a text", other)),
        }
    }

    /// A whole number, also as text, if the key is there.
    ///
    /// # Errors
    /// When the key is something else.
    pub fn optional_number(&self, key: &str) -> Result<Option<i64>, SecretsError> {
        let number = match self.object.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => return Err(self.wrong(key, "a whole number", other)),
        };
        let number = number.ok_or_else(|| {
            let problem = format!("key {key:?} must be a whole number");
            self.invalid(problem)
        })?;
        Ok(Some(number))
    }

    /// An object of texts and numbers, as texts; nothing if the key is not there.
    ///
    /// # Errors
    /// When the key is something else.
    pub fn texts(&self, key: &str) -> Result<BTreeMap<String, String>, SecretsError> {
        let object = match self.object.get(key) {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(object)) => object,
            Some(other) => return Err(self.wrong(key, "an object of texts", other)),
        };
        let texts = object.iter().map(|(inner, value)| match value {
            Value::String(text) => Ok((inner.clone(), text.clone())),
            Value::Number(number) => Ok((inner.clone(), number.to_string())),
            other => Err(self.wrong(&format!("{key}.{inner}"), "a text", other)),
        });
        texts.collect()
    }

    /// An object within this one, if the key is there; its errors name the same place.
    ///
    /// # Errors
    /// When the key is something else.
    pub fn object(&self, key: &str) -> Result<Option<SecretJson>, SecretsError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Self {
                place: format!("{}: {key}", self.place),
                object: object.clone(),
            })),
            Some(other) => Err(self.wrong(key, "an object", other)),
        }
    }

    /// An error about this secret, with its place.
    pub fn invalid(&self, problem: impl Into<String>) -> SecretsError {
        SecretsError::Invalid {
            place: self.place.clone(),
            problem: problem.into(),
        }
    }

    fn wrong(&self, key: &str, wanted: &str, found: &Value) -> SecretsError {
        let found = kind(found);
        self.invalid(format!("key {key:?} must be {wanted}, and is {found}"))
    }
}

impl fmt::Debug for SecretJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SecretJson");
        shown.field("place", &self.place);
        for key in self.keys() {
            shown.field(key, &format_args!("***"));
        }
        shown.finish()
    }
}

/// What a value is, without showing it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SecretJson {
        let text = r#"{"token": "planted-1", "empty": "", "list": ["planted-2"], "n": 7, "m": "8",
            "properties": {"ga:1": "2", "ga:3": 4}, "bad": {"x": ["planted-3"]}}"#;
        SecretJson::parse("secret pingdom", text).unwrap()
    }

    #[test]
    fn a_value_is_had_by_its_key_and_type() {
        let secret = secret();
        assert_eq!(secret.text("token").unwrap().expose(), "planted-1");
        assert_eq!(secret.optional_text("other"), Ok(None));
        assert_eq!(secret.optional_number("n"), Ok(Some(7)));
        assert_eq!(secret.optional_number("m"), Ok(Some(8)));
        let properties = secret.texts("properties").unwrap();
        assert_eq!(properties["ga:1"], "2");
        assert_eq!(properties["ga:3"], "4");
    }

    #[test]
    fn errors_name_the_secret_and_the_key_and_no_value() {
        let secret = secret();
        let errors = [
            (
                secret.text("other"),
                "secret pingdom: key \"other\" is missing",
            ),
            (
                secret.text("empty"),
                "secret pingdom: key \"empty\" is empty",
            ),
            (
                secret.text("list"),
                "secret pingdom: key \"list\" must be a text, and is a list",
            ),
        ];
        for (result, message) in errors {
            assert_eq!(result.unwrap_err().to_string(), message);
        }
        let error = secret.texts("bad").unwrap_err().to_string();
        assert_eq!(
            error,
            "secret pingdom: key \"bad.x\" must be a text, and is a list"
        );
        let error = secret.optional_number("token").unwrap_err().to_string();
        assert!(!error.contains("planted"), "{error}");
    }

    #[test]
    fn a_debug_shows_keys_and_no_value() {
        let shown = format!("{:?} {:?}", secret(), secret().text("token"));
        assert!(shown.contains("token: ***"), "{shown}");
        assert!(!shown.contains("planted"), "{shown}");
    }

    #[test]
    fn what_is_no_json_object_is_refused_without_showing_it() {
        for bad in [
            "planted",
            "\"planted\"",
            "{\"a\": planted}",
            "[\"planted\"]",
            "",
        ] {
            let error = SecretJson::parse("token.json", bad)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("token.json: "), "{error}");
            assert!(!error.contains("planted"), "{error}");
        }
    }
}

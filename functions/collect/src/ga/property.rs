//! Which GA4 property a query is about.
//!
//! Old queries name a view (`ga:123`), and nobody but its owner can know which property took its
//! place; so the query's options or the credentials have to say it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use weir_collector::Fault;

use super::names::plain;
use crate::query::{QueryError, Section};

/// The prefix of a property's resource name.
const RESOURCE: &str = "properties/";

/// A GA4 property: its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property(String);

/// What a query says about its property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// This one.
    Known(Property),
    /// The one that took a view's place; the credentials know it.
    View {
        /// The view's number.
        view: String,
        /// The file that names it.
        file: String,
    },
}

impl Property {
    /// Reads a number, alone or as `properties/456`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = text.trim();
        let number = number.strip_prefix(RESOURCE).unwrap_or(number);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self(number.to_owned()))
    }
}

/// As the API's addresses have it: `properties/456`.
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RESOURCE}{}", self.0)
    }
}

impl Target {
    /// Reads `property` of the options or the query, else the query's `id` (for realtime also
    /// `ids`).
    ///
    /// # Errors
    /// When there is none, or it is neither a property nor a view.
    pub(crate) fn read(query: &Section<'_>, options: &Section<'_>) -> Result<Self, QueryError> {
        for section in [options, query] {
            if let Some(value) = section.get("property") {
                let property = text_of(value).and_then(|text| Property::parse(&text));
                let wanted = "the number of a GA4 property, as \"456\" or \"properties/456\"";
                let property = property.ok_or_else(|| section.wrong("property", value, wanted))?;
                return Ok(Self::Known(property));
            }
        }
        let key = if query.get("id").is_some() {
            "id"
        } else {
            "ids"
        };
        let Some(value) = query.get(key) else {
            let missing = "is missing: it is the GA4 property, as \"properties/456\", or the old \
                view, as \"ga:123\"";
            return Err(query.error("id", missing));
        };
        let wanted = "a GA4 property, as \"properties/456\", or an old view, as \"ga:123\"";
        let found = text_of(value).and_then(|text| Self::of_id(&text, query.file()));
        found.ok_or_else(|| query.wrong(key, value, wanted))
    }

    fn of_id(id: &str, file: &str) -> Option<Self> {
        let number = plain(id);
        if number == id {
            return Property::parse(id).map(Self::Known);
        }
        Property::parse(number).map(|view| Self::View {
            view: view.0,
            file: file.to_owned(),
        })
    }

    /// The property, by what the credentials say in `properties`; `place` is where they are.
    ///
    /// # Errors
    /// When they do not say it: the fault shows the line to add.
    pub(crate) fn resolve(
        &self,
        properties: &BTreeMap<String, String>,
        place: &str,
    ) -> Result<Property, Fault> {
        let (view, file) = match self {
            Self::Known(property) => return Ok(property.clone()),
            Self::View { view, file } => (view, file),
        };
        let old = format!("ga:{view}");
        let said = properties.get(&old).or_else(|| properties.get(view));
        let Some(said) = said else {
            return Err(Fault::new(format_args!(
                "{file}: query.id: {old} is a view of Universal Analytics, which no longer exists, \
                 and nobody says which GA4 property took its place"
            ))
            .hint(format_args!(
                "add \"property\": \"<number of the GA4 property>\" to options in {file}, or \
                 \"properties\": {{\"{old}\": \"<number of the GA4 property>\"}} to {place}"
            )));
        };
        Property::parse(said).ok_or_else(|| {
            Fault::new(format_args!(
                "{place}: properties.{old}: {said:?} is no GA4 property"
            ))
            .hint("give its number, as \"456\" or \"properties/456\"")
        })
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn read(query: Value, options: Value) -> Result<Target, String> {
        let map = |value: Value| -> Map<String, Value> { serde_json::from_value(value).unwrap() };
        let (query, options) = (map(query), map(options));
        let query = Section::new("q.json", "query", &query);
        let options = Section::new("q.json", "options", &options);
        Target::read(&query, &options).map_err(|error| error.to_string())
    }

    fn known(number: &str) -> Result<Target, String> {
        Ok(Target::Known(Property(number.to_owned())))
    }

    fn view(number: &str) -> Target {
        Target::View {
            view: number.to_owned(),
            file: "q.json".to_owned(),
        }
    }

    #[test]
    fn a_property_is_named_in_any_of_its_forms() {
        assert_eq!(
            read(json!({"id": "properties/456"}), json!({})),
            known("456")
        );
        assert_eq!(read(json!({"id": "456"}), json!({})), known("456"));
        assert_eq!(read(json!({"property": 456}), json!({})), known("456"));
        assert_eq!(
            read(json!({"id": "ga:123"}), json!({"property": "456"})),
            known("456")
        );
        assert_eq!(read(json!({"id": "ga:123"}), json!({})), Ok(view("123")));
        assert_eq!(read(json!({"ids": "ga:123"}), json!({})), Ok(view("123")));
    }

    #[test]
    fn what_names_no_property_is_an_error_with_file_and_key() {
        let check = |query: Value, options: Value, expected: &str| {
            assert_eq!(read(query, options).unwrap_err(), expected);
        };
        check(
            json!({"id": "UA-123-4"}),
            json!({}),
            "q.json: query.id: is the text \"UA-123-4\": it must be a GA4 property, as \
             \"properties/456\", or an old view, as \"ga:123\"",
        );
        check(
            json!({}),
            json!({"property": "my site"}),
            "q.json: options.property: is the text \"my site\": it must be the number of a GA4 \
             property, as \"456\" or \"properties/456\"",
        );
        check(
            json!({}),
            json!({}),
            "q.json: query.id: is missing: it is the GA4 property, as \"properties/456\", or the \
             old view, as \"ga:123\"",
        );
    }

    #[test]
    fn the_credentials_say_what_became_of_a_view() {
        let properties = BTreeMap::from([
            ("ga:123".to_owned(), "456".to_owned()),
            ("124".to_owned(), "properties/457".to_owned()),
            ("ga:125".to_owned(), "site".to_owned()),
        ]);
        let resolve = |number: &str| view(number).resolve(&properties, "credentials.json");
        assert_eq!(resolve("123").unwrap().to_string(), "properties/456");
        assert_eq!(resolve("124").unwrap().to_string(), "properties/457");
        assert!(
            resolve("125")
                .unwrap_err()
                .message
                .contains("properties.ga:125")
        );
        let fault = resolve("126").unwrap_err();
        assert!(fault.message.starts_with("q.json: query.id: ga:126"));
        assert_eq!(
            fault.hint.as_deref(),
            Some(
                "add \"property\": \"<number of the GA4 property>\" to options in q.json, or \
                 \"properties\": {\"ga:126\": \"<number of the GA4 property>\"} to credentials.json"
            )
        );
    }
}

//! Which events are shown.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;
use weir_model::StoredEvent;

/// What an event must be like. Nothing given admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) actor: Option<String>,
    pub(super) id: Option<String>,
    /// Keys and the texts of their values.
    pub(super) properties: Vec<(String, String)>,
}

impl Filter {
    pub(super) fn admits(&self, event: &StoredEvent) -> bool {
        self.actor
            .as_deref()
            .is_none_or(|actor| event.actor.as_deref() == Some(actor))
            && self.id.as_deref().is_none_or(|id| event.id() == id)
            && (self.properties.is_empty() || self.admits_properties(event))
    }

    fn admits_properties(&self, event: &StoredEvent) -> bool {
        let Some(text) = event.properties.as_deref() else {
            return false;
        };
        let Ok(properties) = serde_json::from_str::<HashMap<String, &RawValue>>(text) else {
            return false;
        };
        self.properties.iter().all(|(key, wanted)| {
            properties
                .get(key)
                .is_some_and(|value| text_of(value) == *wanted)
        })
    }

    /// Everything it asks for, for a cursor's fingerprint.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for (name, value) in [("actor", &self.actor), ("id", &self.id)] {
            texts.extend(value.iter().flat_map(|value| [name, value.as_str()]));
        }
        let properties = self.properties.iter();
        texts
            .extend(properties.flat_map(|(key, value)| ["property", key.as_str(), value.as_str()]));
        texts
    }
}

/// A property's text: what a string says, and anything else as its JSON.
fn text_of(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    match json.starts_with('"') {
        true => serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned),
        false => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::{Origin, Timestamp, Writer};

    fn event(properties: Option<&str>) -> StoredEvent {
        StoredEvent {
            timestamp: Timestamp::MIN,
            value: 1.0,
            origin: Origin {
                writer: Writer::from_bytes([7; 12]),
                request: 1,
                index: 2,
            },
            id: None,
            actor: Some("anna".into()),
            properties: properties.map(Into::into),
            expires: None,
        }
    }

    #[test]
    fn properties_match_by_their_text() {
        let event = event(Some(r#"{"s":"a\"é","n":1.10,"b":true,"z":null,"l":[1,2]}"#));
        let check = |key: &str, value: &str, admitted: bool| {
            let properties = vec![(key.to_owned(), value.to_owned())];
            let filter = Filter {
                properties,
                ..Filter::default()
            };
            assert_eq!(filter.admits(&event), admitted, "{key}={value}");
        };
        check("s", "a\"é", true);
        check("s", "\"a\\\"é\"", false);
        check("n", "1.10", true);
        check("n", "1.1", false);
        check("b", "true", true);
        check("z", "null", true);
        check("l", "[1,2]", true);
        check("absent", "", false);
    }

    #[test]
    fn all_that_is_given_has_to_match() {
        let filter = Filter {
            actor: Some("anna".into()),
            id: Some("070707070707070707070707.1.2".into()),
            properties: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        };
        assert!(filter.admits(&event(Some(r#"{"a":1,"b":"2"}"#))));
        assert!(!filter.admits(&event(Some(r#"{"a":1,"b":"3"}"#))));
        assert!(!filter.admits(&event(None)));
        assert!(Filter::default().admits(&event(None)));
        let other = Filter {
            actor: Some("ann".into()),
            ..Filter::default()
        };
        assert!(!other.admits(&event(None)));
    }
}

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
    /// Keys of the properties, and the texts of their values.
    pub(super) properties: Vec<(String, String)>,
    /// The same for the property `identities`, where a list has each of its items.
    pub(super) identities: Vec<(String, String)>,
    /// The same for the property `attributes`.
    pub(super) attributes: Vec<(String, String)>,
}

type Object<'a> = HashMap<String, &'a RawValue>;

impl Filter {
    pub(super) fn admits(&self, event: &StoredEvent) -> bool {
        self.actor
            .as_deref()
            .is_none_or(|actor| event.actor.as_deref() == Some(actor))
            && self.id.as_deref().is_none_or(|id| event.id() == id)
            && (self.asks_nothing_of_properties() || self.admits_properties(event))
    }

    fn asks_nothing_of_properties(&self) -> bool {
        self.properties.is_empty() && self.identities.is_empty() && self.attributes.is_empty()
    }

    fn admits_properties(&self, event: &StoredEvent) -> bool {
        let properties = event.properties.as_deref().and_then(object);
        properties.is_some_and(|properties| {
            let has = |(key, wanted): &(String, String)| {
                let value = properties.get(key);
                value.is_some_and(|value| text_of(value) == *wanted)
            };
            self.properties.iter().all(has)
                && holds(&properties, "identities", &self.identities)
                && holds(&properties, "attributes", &self.attributes)
        })
    }

    /// Everything it asks for, for a cursor's fingerprint.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for (name, value) in [("actor", &self.actor), ("id", &self.id)] {
            texts.extend(value.iter().flat_map(|value| [name, value.as_str()]));
        }
        for (name, pairs) in [
            ("property", &self.properties),
            ("identity", &self.identities),
            ("attribute", &self.attributes),
        ] {
            let pairs = pairs.iter();
            texts.extend(pairs.flat_map(|(key, value)| [name, key.as_str(), value.as_str()]));
        }
        texts
    }
}

/// Whether the object of a property has all these, alone or in lists.
fn holds(properties: &Object<'_>, property: &str, wanted: &[(String, String)]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let held = properties.get(property).and_then(|held| object(held.get()));
    held.is_some_and(|held| {
        wanted.iter().all(|(key, wanted)| {
            let value = held.get(key);
            value.is_some_and(|value| text_of(value) == *wanted || has_item(value, wanted))
        })
    })
}

fn has_item(value: &RawValue, wanted: &str) -> bool {
    let items: Result<Vec<&RawValue>, _> = serde_json::from_str(value.get());
    items.is_ok_and(|items| items.iter().any(|item| text_of(item) == wanted))
}

fn object(json: &str) -> Option<Object<'_>> {
    serde_json::from_str(json).ok()
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
            ..Filter::default()
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

    #[test]
    fn identities_match_alone_or_in_a_list() {
        let event = event(Some(
            r#"{"identities":{"mail":["a@b",7],"id":7},"attributes":{"plan":"pro","id":8},"id":9}"#,
        ));
        let check = |identity: Option<(&str, &str)>, attribute: Option<(&str, &str)>, admitted| {
            let pairs = |pair: Option<(&str, &str)>| -> Vec<(String, String)> {
                let pair = pair.into_iter();
                pair.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
            };
            let filter = Filter {
                identities: pairs(identity),
                attributes: pairs(attribute),
                ..Filter::default()
            };
            assert_eq!(
                filter.admits(&event),
                admitted,
                "{identity:?} {attribute:?}"
            );
        };
        check(Some(("mail", "a@b")), None, true);
        check(Some(("mail", "7")), Some(("plan", "pro")), true);
        check(Some(("mail", r#"["a@b",7]"#)), None, true);
        check(Some(("id", "7")), Some(("id", "8")), true);
        check(Some(("id", "9")), None, false);
        check(Some(("id", "7")), Some(("plan", "free")), false);
        check(Some(("plan", "pro")), None, false);
        check(None, Some(("absent", "")), false);
    }

    #[test]
    fn each_kind_of_filter_has_a_fingerprint_of_its_own() {
        let pair = || vec![("k".to_owned(), "v".to_owned())];
        let filters = [
            Filter {
                properties: pair(),
                ..Filter::default()
            },
            Filter {
                identities: pair(),
                ..Filter::default()
            },
            Filter {
                attributes: pair(),
                ..Filter::default()
            },
        ];
        let texts = filters.each_ref().map(Filter::texts);
        assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2]);
    }
}

//! The members of a JSON object, borrowed from the text they stand in.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use weir_model::limits::PROPERTIES_BYTES;

use super::fault::Fault;
use super::fields::{shown, shown_text};

/// More members than this do not fit the properties of an event, however short they are.
const MEMBERS_MAX: usize = PROPERTIES_BYTES / 4;

/// So few are compared with each other; of more, a set is made.
const FEW: usize = 16;

/// The members of an object in their order, each key once.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object.
    pub(crate) fn read(text: &'a str) -> Result<Members<'a>, Fault> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = deserializer
            .deserialize_map(MembersVisitor)
            .and_then(|members| deserializer.end().map(|()| members));
        let Found { members, over } = read.map_err(|error| match error.is_data() {
            true => Fault::new("invalid-event", format!("{} is not an object", shown(text))),
            false => Fault::new("invalid-json", format!("not JSON: {error}")),
        })?;
        if over {
            let detail = format!("an object has more than {MEMBERS_MAX} members");
            return Err(Fault::too_large(detail));
        }
        match repeated(&members) {
            Some(key) => Err(Fault::new(
                "invalid-json",
                format!("the key {} comes twice in an object", shown_text(key)),
            )),
            None => Ok(Members(members)),
        }
    }

    /// An object of one member.
    pub(crate) fn one(key: &'a str, value: &'a RawValue) -> Members<'a> {
        Members(vec![(Cow::Borrowed(key), value)])
    }

    /// A member; `null` is as good as none.
    pub(crate) fn get(&self, key: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    /// Takes a member out; `null` is as good as none.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let place = self.0.iter().position(|(name, _)| name == key)?;
        let (_, value) = self.0.remove(place);
        Some(value).filter(|value| value.get() != "null")
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Cow<'a, str>, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key, *value))
    }

    /// The bytes of all values, as they were sent.
    pub(crate) fn bytes(&self) -> usize {
        let members = self.0.iter();
        members
            .map(|(key, value)| key.len() + value.get().len())
            .sum()
    }
}

/// A key, borrowed from the text unless it has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Found<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    over: bool,
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(FEW);
        while let Some(Key(key)) = entries.next_key()? {
            if members.len() == MEMBERS_MAX {
                entries.next_value::<IgnoredAny>()?;
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Found {
                    members,
                    over: true,
                });
            }
            members.push((key, entries.next_value()?));
        }
        Ok(Found {
            members,
            over: false,
        })
    }
}

fn repeated<'m>(members: &'m [(Cow<'_, str>, &RawValue)]) -> Option<&'m str> {
    let mut keys = members.iter().map(|(key, _)| &**key);
    if members.len() > FEW {
        let mut seen = HashSet::with_capacity(members.len());
        return keys.find(|key| !seen.insert(*key));
    }
    let mut places = keys.enumerate();
    let twice = places.find(|(place, key)| members[..*place].iter().any(|(k, _)| k == key));
    twice.map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> &'static str {
        Members::read(text).expect_err("it is bad").reason
    }

    #[test]
    fn members_are_borrowed_in_their_order() {
        let text = r#" { "b" : [1, 2] , "a":null, "\u0063":"x" } "#;
        let mut members = Members::read(text).unwrap();
        let keys: Vec<_> = members.iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(keys, ["b", "a", "c"]);
        assert_eq!(members.get("b").unwrap().get(), "[1, 2]");
        assert!(members.take("a").is_none() && !members.has("a"));
        assert_eq!(members.take("c").unwrap().get(), "\"x\"");
        assert!(members.take("c").is_none());
    }

    #[test]
    fn what_is_no_object_is_named() {
        for text in ["[]", "1", "null", "\"a\""] {
            assert_eq!(reason(text), "invalid-event", "{text}");
        }
        for text in ["", "{", "{\"a\":NaN}", "{} {}", r#"{"a":1,"a":2}"#] {
            assert_eq!(reason(text), "invalid-json", "{text}");
        }
    }

    #[test]
    fn a_key_that_comes_twice_among_many_is_found() {
        let many = |count: usize| (0..count).map(|n| format!("\"k{n}\":1"));
        let object = |members: Vec<String>| format!("{{{}}}", members.join(","));
        for count in [FEW - 1, FEW, FEW + 1, 100] {
            assert!(Members::read(&object(many(count).collect())).is_ok());
            let twice = object(many(count).chain(["\"k0\":2".into()]).collect());
            assert_eq!(reason(&twice), "invalid-json", "{count}");
        }
        let too_many = object(many(MEMBERS_MAX + 2).collect());
        assert_eq!(reason(&too_many), "too-large");
        assert!(Members::read(&object(many(MEMBERS_MAX).collect())).is_ok());
    }
}

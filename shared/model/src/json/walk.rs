//! Walks through a JSON value, which is all that checking takes.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::JsonError;
use super::keys::{Key, Keys};

/// Checks that a text is one JSON value without duplicate keys, at most so deep.
pub(super) fn check(text: &str, depth: usize) -> Result<(), JsonError> {
    let found = RefCell::new(None);
    let walk = Walk {
        left: depth,
        depth,
        found: &found,
    };
    run(text, walk, &found)
}

/// The keys of an object, whose values are passed over.
pub(super) fn keys_of(object: &str) -> Result<Keys<'_>, JsonError> {
    run(object, KeysSeed, &RefCell::new(None))
}

fn run<'a, S: DeserializeSeed<'a>>(
    text: &'a str,
    seed: S,
    found: &RefCell<Option<JsonError>>,
) -> Result<S::Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| found.take().unwrap_or_else(|| JsonError::broken(&error)))
}

/// What is still to be walked through; `found` carries what is wrong past serde's own errors.
#[derive(Clone, Copy)]
struct Walk<'f> {
    left: usize,
    depth: usize,
    found: &'f RefCell<Option<JsonError>>,
}

impl Walk<'_> {
    fn inside<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(self.refuse(JsonError::TooDeep(self.depth))),
        }
    }

    fn refuse<E: Error>(self, error: JsonError) -> E {
        let message = E::custom(&error);
        *self.found.borrow_mut() = Some(error);
        message
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut keys = Keys::default();
        while let Some(Key(key)) = entries.next_key()? {
            keys.insert(key)
                .map_err(|key| self.refuse(JsonError::RepeatedKey(key.into_owned())))?;
            entries.next_value_seed(inside)?;
        }
        Ok(())
    }
}

struct KeysSeed;

impl<'de> DeserializeSeed<'de> for KeysSeed {
    type Value = Keys<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Keys<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeysSeed {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Keys<'de>, A::Error> {
        let mut keys = Keys::default();
        while let Some(Key(key)) = entries.next_key()? {
            // Duplicates have been refused before.
            let _ = keys.insert(key);
            entries.next_value::<serde::de::IgnoredAny>()?;
        }
        Ok(keys)
    }
}

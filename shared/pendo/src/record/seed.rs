//! Values of rows, parsed into what their fields want.

use std::fmt;

use serde::Deserialize as _;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use crate::names::decamelize;
use crate::record::caught::Caught;
use crate::record::convert::{self, Misfit};
use crate::shape::{Field, Fields, Slot, Type, Watch};
use crate::streams::StreamId;

/// More values than a list announces are not made room for at once.
const ROOM: usize = 64;

/// Parses the value of a field.
pub(super) struct ValueSeed<'a> {
    stream: StreamId,
    field: &'a Field,
    kind: &'a Type,
    may_be_null: bool,
    caught: &'a mut Caught,
}

/// Parses an object into the fields that are wanted of it.
pub(super) struct FieldsSeed<'a> {
    pub(super) stream: StreamId,
    pub(super) fields: &'a Fields,
    pub(super) caught: &'a mut Caught,
}

impl FieldsSeed<'_> {
    fn value<'de, A: MapAccess<'de>>(
        &mut self,
        object: &mut A,
        field: &Field,
    ) -> Result<Value, A::Error> {
        object.next_value_seed(ValueSeed {
            stream: self.stream,
            field,
            kind: &field.kind,
            may_be_null: field.may_be_null,
            caught: self.caught,
        })
    }

    /// A value that is needed, and told if its field is wanted.
    fn watched<'de, A: MapAccess<'de>>(
        &mut self,
        object: &mut A,
        watch: Watch,
        field: Option<&Field>,
    ) -> Result<Option<Value>, A::Error> {
        let value: Value = object.next_value()?;
        self.caught.catch(watch, &value);
        let Some(field) = field else {
            return Ok(None);
        };
        let seed = ValueSeed {
            stream: self.stream,
            field,
            kind: &field.kind,
            may_be_null: field.may_be_null,
            caught: self.caught,
        };
        seed.deserialize(value).map(Some).map_err(A::Error::custom)
    }

    /// Reads the groups that are lifted into the record.
    fn lift<'de, A: MapAccess<'de>>(
        &mut self,
        object: &mut A,
        record: &mut Map<String, Value>,
    ) -> Result<(), A::Error> {
        match self.fields.lifted() {
            Some(lifted) => {
                if let Value::Object(groups) = self.value(object, lifted)? {
                    record.extend(groups);
                }
            }
            None => drop(object.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for FieldsSeed<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Self::Value, A::Error> {
        let fields = self.fields;
        let mut record = Map::with_capacity(fields.len());
        while let Some(key) = object.next_key_seed(KeySeed(fields))? {
            let field = fields.at(key.slot);
            let value = match (key.slot.watch, field) {
                (Some(Watch::Metadata), _) => {
                    self.lift(&mut object, &mut record)?;
                    continue;
                }
                (Some(watch), field) => self.watched(&mut object, watch, field)?,
                (None, Some(field)) => Some(self.value(&mut object, field)?),
                (None, None) if fields.is_open() => Some(renamed(object.next_value()?)),
                (None, None) => {
                    object.next_value::<IgnoredAny>()?;
                    None
                }
            };
            let name = field
                .filter(|field| field.is_told)
                .map(|field| field.name.to_string());
            if let (Some(name), Some(value)) = (name.or(key.name), value) {
                record.insert(name, value);
            }
        }
        Ok(record)
    }
}

/// What becomes of a key.
struct Key {
    slot: Slot,
    /// Its name, where fields that are not known are wanted.
    name: Option<String>,
}

struct KeySeed<'a>(&'a Fields);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Key, D::Error> {
        json.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(Key {
            slot: self.0.slot(key),
            name: self.0.is_open().then(|| decamelize(key)),
        })
    }
}

impl ValueSeed<'_> {
    fn scalar(self, value: Value) -> Value {
        match convert::scalar(self.kind, value) {
            Ok(value) => {
                // A number with a fraction stays what it is, and is no whole number.
                if value.is_f64() && matches!(self.kind, Type::Integer) {
                    self.caught.is_odd |= self.field.note_odd(&value);
                }
                value
            }
            Err(Misfit(value)) => self.misfit(value),
        }
    }

    /// A list or an object where there should be none: in a text it is told as JSON.
    fn structure(self, value: Value) -> Value {
        match self.kind {
            Type::Any => value,
            Type::Several(kinds) if kinds.has(&value) => value,
            Type::Text | Type::NumberOrText => Value::String(value.to_string()),
            _ => self.misfit(value),
        }
    }

    /// Keeps a value that does not fit, and says so once for each field and kind. Values are never
    /// shown.
    fn misfit(self, value: Value) -> Value {
        if self.field.note_odd(&value) {
            self.caught.is_odd = true;
            let (stream, field) = (self.stream, &self.field.path);
            let (is, wanted) = (what(&value), self.kind.name());
            tracing::warn!(
                %stream, %field,
                "{stream}: {field} is {is} where {wanted} is expected: such values are told as they are"
            );
        }
        value
    }
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        if !self.may_be_null {
            self.caught.is_odd |= self.field.note_odd(&Value::Null);
        }
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(self.scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(self.scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(self.scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(self.scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(self.scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(self.scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let Type::List(items) = self.kind else {
            let value = Value::deserialize(SeqAccessDeserializer::new(list))?;
            return Ok(self.structure(renamed(value)));
        };
        let mut values = Vec::with_capacity(list.size_hint().unwrap_or(0).min(ROOM));
        while let Some(value) = list.next_element_seed(ValueSeed {
            stream: self.stream,
            field: self.field,
            kind: &items.kind,
            may_be_null: items.may_be_null,
            caught: self.caught,
        })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Value, A::Error> {
        let Type::Object(fields) = self.kind else {
            let value = Value::deserialize(MapAccessDeserializer::new(object))?;
            return Ok(self.structure(renamed(value)));
        };
        let seed = FieldsSeed {
            stream: self.stream,
            fields,
            caught: self.caught,
        };
        seed.visit_map(object).map(Value::Object)
    }
}

/// A value as it is, but for the names of its fields.
fn renamed(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(renamed).collect(),
        Value::Object(fields) => {
            let rename = |(name, value): (String, Value)| (decamelize(&name), renamed(value));
            Value::Object(fields.into_iter().map(rename).collect())
        }
        other => other,
    }
}

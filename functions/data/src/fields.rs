//! Reads a few fields of a record from its JSON text, in one pass and without building the rest.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::scalar::{Number, Scalar};

/// The names of the fields that a question needs, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<String>);

impl Fields {
    /// The place of a field among the values that are read; it is added if it is new.
    pub(crate) fn place(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known == name)
    }

    /// Reads a record's fields into their places; one that is missing is nothing.
    ///
    /// # Errors
    /// When the text is not a JSON object.
    pub(crate) fn read<'a>(
        &self,
        json: &'a str,
        into: &mut Vec<Scalar<'a>>,
    ) -> Result<(), serde_json::Error> {
        into.clear();
        into.resize(self.0.len(), Scalar::Nothing);
        let mut deserializer = serde_json::Deserializer::from_str(json);
        deserializer.deserialize_map(RecordVisitor { fields: self, into })?;
        deserializer.end()
    }
}

struct RecordVisitor<'f, 'v, 'a> {
    fields: &'f Fields,
    into: &'v mut Vec<Scalar<'a>>,
}

impl<'a> Visitor<'a> for RecordVisitor<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(place) = map.next_key_seed(NameSeed(self.fields))? {
            match place {
                Some(place) => self.into[place] = map.next_value_seed(ScalarSeed)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a name as its field's place.
struct NameSeed<'f>(&'f Fields);

impl<'a> DeserializeSeed<'a> for NameSeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.find(name))
    }
}

struct ScalarSeed;

impl<'a> DeserializeSeed<'a> for ScalarSeed {
    type Value = Scalar<'a>;

    fn deserialize<D: Deserializer<'a>>(self, value: D) -> Result<Scalar<'a>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ScalarSeed {
    type Value = Scalar<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that is no list and no object")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'a>, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Scalar<'a>, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Scalar<'a>, E> {
        Ok(Scalar::Number(Number::Whole(whole.into())))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Scalar<'a>, E> {
        Ok(Scalar::Number(Number::Whole(whole.into())))
    }

    fn visit_f64<E: serde::de::Error>(self, real: f64) -> Result<Scalar<'a>, E> {
        match real.is_finite() {
            true => Ok(Scalar::Number(Number::of(real))),
            false => Err(E::custom("a number that is not finite")),
        }
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Scalar<'a>, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'a>, E> {
        Ok(Scalar::Text(text.to_owned().into()))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn read<'a>(names: &[&str], json: &'a str) -> Vec<Scalar<'a>> {
        let mut fields = Fields::default();
        for name in names {
            fields.place(name);
        }
        let mut values = Vec::new();
        fields.read(json, &mut values).unwrap();
        values
    }

    #[test]
    fn only_what_is_needed_is_read_and_texts_are_borrowed() {
        let json = r#"{"a":"x","list":[{}],"b":1.0,"c\u0061":null,"d":true,"e":"\n","f":-3}"#;
        let values = read(&["e", "d", "ca", "b", "a", "f", "missing"], json);
        let expected = [
            Scalar::Text("\n".into()),
            Scalar::Truth(true),
            Scalar::Nothing,
            Scalar::Number(Number::Whole(1)),
            Scalar::Text("x".into()),
            Scalar::Number(Number::Whole(-3)),
            Scalar::Nothing,
        ];
        assert_eq!(values, expected);
        assert!(matches!(values[4], Scalar::Text(Cow::Borrowed("x"))));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        for bad in ["[]", "{\"a\":1", "{} {}", "{\"a\":[1]}", ""] {
            let mut fields = Fields::default();
            fields.place("a");
            assert!(fields.read(bad, &mut Vec::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_field_has_one_place_however_often_it_is_needed() {
        let mut fields = Fields::default();
        assert_eq!((fields.place("a"), fields.place("b")), (0, 1));
        assert_eq!(fields.place("a"), 0);
    }
}

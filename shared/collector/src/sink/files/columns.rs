//! Parquet's columns from a stream's schema, and records as lines that fit them.
//!
//! A column is text, a whole number, a number, a boolean, or a time (microseconds, UTC) where the
//! schema says so and says nothing else. Whatever may be of several types, or is an object or a list,
//! is a column of JSON text. In a text column, what is no text is its JSON. What the
//! schema does not name is kept in one more column, `_rest`, as a JSON object.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::{Map, Value};

/// The column of what the schema does not name.
const REST: &str = "_rest";

/// UTC, as arrow understands it without a table of zones.
const UTC: &str = "+00:00";

/// The columns of a stream.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
    schema: SchemaRef,
}

#[derive(Debug)]
struct Column {
    name: String,
    /// `"name":` as JSON has it.
    key: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    Time,
    Json,
}

impl Columns {
    /// The columns of a JSON Schema of an object.
    pub(super) fn of(schema: &Value) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties.into_iter().flatten();
        let named = properties.filter(|(name, _)| *name != REST);
        let mut columns: Vec<Column> = named
            .map(|(name, property)| Column::new(name, Kind::of(property)))
            .collect();
        columns.push(Column::new(REST, Kind::Json));
        let fields: Vec<Field> = columns.iter().map(Column::field).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { columns, schema }
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Writes a record as an object that fits the columns.
    pub(super) fn write_line(
        &self,
        record: &Map<String, Value>,
        line: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (rest, named) = self
            .columns
            .split_last()
            .expect("one column is always there");
        let mut known = 0;
        line.push(b'{');
        for column in named {
            let Some(value) = record.get(&column.name) else {
                continue;
            };
            known += 1;
            column.write(value, line)?;
            line.push(b',');
        }
        match known == record.len() {
            true if known > 0 => {
                line.pop();
            }
            true => {}
            false => rest.write(&self.rest(record), line)?,
        }
        line.push(b'}');
        Ok(())
    }

    fn rest(&self, record: &Map<String, Value>) -> Value {
        let named = &self.columns[..self.columns.len() - 1];
        let is_named = |key: &str| named.iter().any(|column| column.name == key);
        let rest = record.iter().filter(|(key, _)| !is_named(key));
        Value::Object(
            rest.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }
}

impl Column {
    fn new(name: &str, kind: Kind) -> Self {
        let mut key = serde_json::to_vec(name).expect("a text is JSON");
        key.push(b':');
        let name = name.to_owned();
        Self { name, key, kind }
    }

    fn field(&self) -> Field {
        let data_type = match self.kind {
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Integer => DataType::Int64,
            Kind::Number => DataType::Float64,
            Kind::Boolean => DataType::Boolean,
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        };
        Field::new(&self.name, data_type, true)
    }

    fn write(&self, value: &Value, line: &mut Vec<u8>) -> Result<(), String> {
        line.extend_from_slice(&self.key);
        let written = match (self.kind, value) {
            (_, Value::Null) => put(line, &Value::Null),
            (Kind::Text, Value::String(_)) => put(line, value),
            (Kind::Text | Kind::Json, _) => put(line, &value.to_string()),
            (Kind::Boolean, Value::Bool(_)) => put(line, value),
            (Kind::Integer, Value::Number(number)) => match whole(number) {
                Some(number) => put(line, &number),
                None => None,
            },
            (Kind::Number, Value::Number(_)) => put(line, value),
            (Kind::Time, Value::String(text)) => match micros(text) {
                Some(micros) => put(line, &micros),
                None => None,
            },
            _ => None,
        };
        written.ok_or_else(|| {
            let (name, wanted) = (&self.name, self.kind.name());
            format!("the record's {name:?} must be {wanted}, as its schema says")
        })
    }
}

impl Kind {
    fn of(property: &Value) -> Self {
        let types: Vec<&str> = match property.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return Self::Json,
        };
        let format = property.get("format").and_then(Value::as_str);
        let types: Vec<&str> = types.into_iter().filter(|&name| name != "null").collect();
        match (&*types, format) {
            (["string"], Some("date-time")) => Self::Time,
            (["string"], _) => Self::Text,
            (["integer"], _) => Self::Integer,
            (["number"] | ["integer", "number"] | ["number", "integer"], _) => Self::Number,
            (["boolean"], _) => Self::Boolean,
            _ => Self::Json,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Text | Kind::Json => "text",
            Kind::Integer => "a whole number of 64 bits",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
            Kind::Time => "a time like 2026-01-02T03:04:05Z",
        }
    }
}

fn put<T: serde::Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) -> Option<()> {
    serde_json::to_writer(line, value).ok()
}

/// A number without a fraction; `3.0` is 3.
fn whole(number: &serde_json::Number) -> Option<i64> {
    // Below 2^53 every whole number is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.abs() < EXACT)?;
        (float.fract() == 0.0).then_some(float as i64)
    })
}

/// A time with its offset, else in UTC.
fn micros(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_microsecond());
    }
    let time = text.parse::<jiff::civil::DateTime>().ok()?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
    Some(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn columns() -> Columns {
        Columns::of(&json!({"type": "object", "properties": {
            "text": {"type": ["null", "string"]},
            "n": {"type": "integer"},
            "x": {"type": ["integer", "number", "null"]},
            "yes": {"type": ["boolean"]},
            "at": {"type": "string", "format": "date-time"},
            "mixed": {"type": ["string", "integer"]},
            "any": {},
            "list": {"type": "array", "items": {"type": "string"}},
        }}))
    }

    fn line(record: Value) -> Result<Value, String> {
        let Value::Object(record) = record else {
            unreachable!("it is an object")
        };
        let mut line = Vec::new();
        columns().write_line(&record, &mut line)?;
        Ok(serde_json::from_slice(&line).expect("a line is JSON"))
    }

    #[test]
    fn types_become_columns_and_what_is_of_several_becomes_json() {
        let columns = columns();
        let kinds: Vec<Kind> = columns.columns.iter().map(|column| column.kind).collect();
        let wanted = [
            Kind::Text,
            Kind::Integer,
            Kind::Number,
            Kind::Boolean,
            Kind::Time,
            Kind::Json,
            Kind::Json,
            Kind::Json,
            Kind::Json,
        ];
        assert_eq!(kinds, wanted);
    }

    #[test]
    fn a_record_fits_its_columns_and_the_rest_is_kept() {
        let written = line(json!({
            "text": "a", "n": 3.0, "x": 1, "yes": true, "at": "1970-01-01T00:00:01.5Z",
            "mixed": "b", "any": null, "list": ["c"], "other": {"d": 1}
        }));
        let wanted = json!({
            "text": "a", "n": 3, "x": 1, "yes": true, "at": 1_500_000,
            "mixed": "\"b\"", "any": null, "list": "[\"c\"]", "_rest": "{\"other\":{\"d\":1}}"
        });
        assert_eq!(written, Ok(wanted));
        assert_eq!(line(json!({})), Ok(json!({})));
        assert_eq!(line(json!({"text": 7})), Ok(json!({"text": "7"})));
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_shown() {
        for (key, value) in [
            ("n", json!("planted")),
            ("n", json!(1.5)),
            ("n", json!(1e300)),
            ("x", json!("planted")),
            ("yes", json!("planted")),
            ("at", json!("planted")),
        ] {
            let error = line(json!({key: value})).unwrap_err();
            assert!(error.contains(&format!("{key:?}")), "{error}");
            assert!(!error.contains("planted"), "{error}");
        }
    }
}

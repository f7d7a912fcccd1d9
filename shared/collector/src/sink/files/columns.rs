//! Parquet's columns from a stream's schema, and records as lines that fit them.
//!
//! A column is text, a whole number, a number, a boolean, or a time (microseconds, UTC) where the
//! schema says so and says nothing else. Whatever may be of several types, or is an object or a list,
//! is a column of JSON text. In a text column, what is no text is its JSON. What the schema does not
//! name, and what does not fit its column, is kept in one more column, `_rest`, as a JSON object: a
//! value of another type than its third party has promised does not end a run.
//!
//! A column keeps its type while the run lasts, also when the schema is told again and allows more:
//! all files can be read as one.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::{Map, Value};

/// The column of what the schema does not name.
const REST: &str = "_rest";

/// UTC, as arrow understands it without a table of zones.
const UTC: &str = "+00:00";

/// The columns of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    columns: Vec<Column>,
    schema: SchemaRef,
}

#[derive(Debug, PartialEq, Eq)]
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
    /// The columns of a JSON Schema of an object. Those that were there `before` stay what they were.
    pub(super) fn of(schema: &Value, before: Option<&Columns>) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties.into_iter().flatten();
        let named = properties.filter(|(name, _)| *name != REST);
        let mut columns: Vec<Column> = named
            .map(|(name, property)| {
                let known = before.and_then(|before| before.kind(name));
                Column::new(name, known.unwrap_or_else(|| Kind::of(property)))
            })
            .collect();
        columns.push(Column::new(REST, Kind::Json));
        let fields: Vec<Field> = columns.iter().map(Column::field).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { columns, schema }
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        let column = self.columns.iter().find(|column| column.name == name);
        column.map(|column| column.kind)
    }

    /// Writes a record as an object that fits the columns.
    pub(super) fn write_line(&self, record: &Map<String, Value>, line: &mut Vec<u8>) {
        let (rest, named) = self
            .columns
            .split_last()
            .expect("one column is always there");
        let mut fitting = 0;
        line.push(b'{');
        for column in named {
            if let Some(value) = record.get(&column.name)
                && column.write(value, line)
            {
                fitting += 1;
                line.push(b',');
            }
        }
        if fitting < record.len() {
            rest.write(&self.rest(record), line);
        } else if fitting > 0 {
            line.pop();
        }
        line.push(b'}');
    }

    /// What has no column, or does not fit its own.
    fn rest(&self, record: &Map<String, Value>) -> Value {
        let named = &self.columns[..self.columns.len() - 1];
        let fits = |key: &str, value: &Value| {
            let column = named.iter().find(|column| column.name == key);
            column.is_some_and(|column| column.kind.takes(value))
        };
        let rest = record.iter().filter(|(key, value)| !fits(key, value));
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

    /// Writes a value that fits; says whether it does.
    fn write(&self, value: &Value, line: &mut Vec<u8>) -> bool {
        let begin = line.len();
        line.extend_from_slice(&self.key);
        let fits = self.kind.write(value, line).is_some();
        if !fits {
            line.truncate(begin);
        }
        fits
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

    fn write(self, value: &Value, line: &mut Vec<u8>) -> Option<()> {
        match (self, value) {
            (_, Value::Null) => put(line, &Value::Null),
            (Kind::Text, Value::String(_)) => put(line, value),
            (Kind::Text | Kind::Json, _) => put(line, &value.to_string()),
            (Kind::Boolean, Value::Bool(_)) => put(line, value),
            (Kind::Integer, Value::Number(number)) => put(line, &whole(number)?),
            (Kind::Number, Value::Number(_)) => put(line, value),
            (Kind::Time, Value::String(text)) => put(line, &micros(text)?),
            _ => None,
        }
    }

    fn takes(self, value: &Value) -> bool {
        self.write(value, &mut Vec::new()).is_some()
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
        let schema = json!({"type": "object", "properties": {
            "text": {"type": ["null", "string"]},
            "n": {"type": "integer"},
            "x": {"type": ["integer", "number", "null"]},
            "yes": {"type": ["boolean"]},
            "at": {"type": "string", "format": "date-time"},
            "mixed": {"type": ["string", "integer"]},
            "any": {},
            "list": {"type": "array", "items": {"type": "string"}},
        }});
        Columns::of(&schema, None)
    }

    fn line(record: Value) -> Value {
        let Value::Object(record) = record else {
            unreachable!("it is an object")
        };
        let mut line = Vec::new();
        columns().write_line(&record, &mut line);
        serde_json::from_slice(&line).expect("a line is JSON")
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
        assert_eq!(written, wanted);
        assert_eq!(line(json!({})), json!({}));
        assert_eq!(line(json!({"text": 7})), json!({"text": "7"}));
    }

    #[test]
    fn what_does_not_fit_its_column_is_in_the_rest() {
        for (key, value) in [
            ("n", json!("3")),
            ("n", json!(1.5)),
            ("n", json!(1e300)),
            ("n", json!(u64::MAX)),
            ("x", json!("3")),
            ("yes", json!("yes")),
            ("yes", json!(1)),
            ("at", json!("soon")),
            ("at", json!(1_500_000)),
            ("x", json!([{"a": null}])),
        ] {
            let rest = json!({key: value}).to_string();
            assert_eq!(line(json!({key: value})), json!({"_rest": rest}));
            let beside = line(json!({"text": "a", key: value, "list": [], "other": 1}));
            let rest = json!({key: value, "other": 1}).to_string();
            let wanted = json!({"text": "a", "list": "[]", "_rest": rest});
            assert_eq!(beside, wanted);
        }
    }

    #[test]
    fn a_column_stays_what_it_was_when_the_schema_allows_more() {
        let (before, later) = (
            json!({"properties": {"n": {"type": "integer"}}}),
            json!({"properties": {"n": {"type": ["integer", "string"]}}}),
        );
        let before = Columns::of(&before, None);
        assert_eq!(Columns::of(&later, Some(&before)), before);
        let more = json!({"properties": {"n": {"type": "string"}, "m": {"type": "string"}}});
        let more = Columns::of(&more, Some(&before));
        assert_eq!(more.kind("n"), Some(Kind::Integer));
        assert_eq!(more.kind("m"), Some(Kind::Text));
    }
}

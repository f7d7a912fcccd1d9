//! The JSON Schemas of the streams, from a notation of a line for each field.
//!
//! `streams.txt` has the fields as `name: type`, those within others two spaces further in. All may
//! be null, but for the rows of events. The schemas say what those that a catalog of Singer's
//! `tap-pendo` 1.2.0 has say, in its words: some of them are no keywords of JSON Schema
//! (`additional_properties`), and are kept for catalogs to be the same.

use serde_json::{Map, Value, json};

use crate::discover::{Custom, CustomField, CustomType};
use crate::streams::StreamId;

const STREAMS: &str = include_str!("schema/streams.txt");

/// Spaces before a field for each that it is within.
const INDENT: usize = 2;

/// What a document of metadata says of a field.
const FIELD: &str = "type: text
display_name: text
element_type: text
element_format: text
dirty: boolean
is_hidden: boolean
is_deleted: boolean
is_calculated: boolean
is_per_app: boolean
never_index: boolean";

/// The schema of a stream's records, with the custom fields of accounts and visitors.
pub(crate) fn of(stream: StreamId, custom: &Custom) -> Value {
    let mut schema = fixed(stream);
    let added = match stream {
        StreamId::Accounts => Some(("metadata_custom", custom_records(&custom.accounts))),
        StreamId::Visitors => Some(("metadata_custom", custom_records(&custom.visitors))),
        StreamId::MetadataAccounts => Some(("custom", custom_documents(&custom.accounts))),
        StreamId::MetadataVisitors => Some(("custom", custom_documents(&custom.visitors))),
        _ => None,
    };
    if let (Some((name, of_custom)), Some(fields)) = (added, schema["properties"].as_object_mut()) {
        fields.insert(name.to_owned(), of_custom);
    }
    schema
}

/// The schema of a stream without the custom fields.
fn fixed(stream: StreamId) -> Value {
    let mut lines = STREAMS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .skip_while(|line| split(line).0 != stream.name())
        .peekable();
    let kind = lines.next().map(|line| split(line).1);
    kind.map_or(Value::Null, |kind| schema(kind, fields(&mut lines, INDENT)))
}

/// The name and the type of a line.
fn split(line: &str) -> (&str, &str) {
    line.split_once(": ").unwrap_or((line, ""))
}

/// Reads the fields that stand as far in, or further in.
fn fields<'a>(
    lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    indent: usize,
) -> Map<String, Value> {
    let mut fields = Map::new();
    let depth = |line: &str| line.len() - line.trim_start().len();
    while let Some(line) = lines.next_if(|line| depth(line) == indent) {
        let (name, kind) = split(line.trim_start());
        let within = self::fields(lines, indent + INDENT);
        fields.insert(name.to_owned(), schema(kind, within));
    }
    fields
}

/// What a type of the notation is in JSON Schema.
fn schema(kind: &str, fields: Map<String, Value>) -> Value {
    let object = |mut schema: Value| {
        schema["properties"] = Value::Object(fields.clone());
        schema
    };
    match kind {
        "text" => json!({"type": ["null", "string"]}),
        "time" => json!({"type": ["null", "string"], "format": "date-time"}),
        "number" | "integer" | "boolean" => json!({"type": ["null", kind]}),
        "boolean or text" => json!({"type": ["null", "boolean", "string"]}),
        "texts" => json!({"type": ["null", "array"], "items": {"type": ["null", "string"]}}),
        "objects" => {
            let items = object(json!({"type": ["null", "object"]}));
            json!({"type": ["null", "array"], "items": items})
        }
        "texts or null" => either(json!({"type": "string"})),
        "texts with nulls or null" => either(json!({"type": ["null", "string"]})),
        "integers or null" => either(json!({"type": "integer"})),
        "object" => object(json!({"type": ["null", "object"]})),
        "closed" => object(json!({"type": ["null", "object"], "additional_properties": false})),
        "strict" => object(json!({"type": ["null", "object"], "additionalProperties": false})),
        "row" => object(json!({"type": "object", "additional_properties": false})),
        "field" => {
            let fields = self::fields(&mut FIELD.lines().peekable(), 0);
            json!({"type": "object", "additionalProperties": false, "properties": fields})
        }
        "bare" => Value::Object(fields),
        _ => json!({}),
    }
}

/// A list of such items, or null.
fn either(items: Value) -> Value {
    json!({"anyOf": [{"type": "array", "items": items}, {"type": "null"}]})
}

/// The custom fields of records. Without any all that there is is told.
fn custom_records(fields: &[CustomField]) -> Value {
    let mut schema = json!({"type": ["null", "object"], "additional_properties": false});
    if !fields.is_empty() {
        let typed = fields
            .iter()
            .map(|field| (field.name.clone(), custom(field.kind)));
        schema["properties"] = typed.collect();
    }
    schema
}

fn custom(kind: CustomType) -> Value {
    match kind {
        CustomType::Text => schema("text", Map::new()),
        CustomType::Time => schema("time", Map::new()),
        CustomType::Boolean => schema("boolean", Map::new()),
        CustomType::Integer => json!({"type": ["null", "integer", "number", "string"]}),
        CustomType::Float => schema("number", Map::new()),
        CustomType::Other => json!({}),
    }
}

/// What is said of the custom fields.
fn custom_documents(fields: &[CustomField]) -> Value {
    let of_field = json!({
        "type": ["null", "object"],
        "additional_properties": "false",
        "properties": self::fields(&mut FIELD.lines().peekable(), 0),
    });
    let typed = fields
        .iter()
        .map(|field| (field.name.clone(), of_field.clone()));
    json!({
        "type": ["null", "object"],
        "additional_properties": "false",
        "properties": typed.collect::<Value>(),
    })
}

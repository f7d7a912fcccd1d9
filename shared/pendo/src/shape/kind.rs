//! What the values of a field are, as its JSON Schema says.

use serde_json::{Map, Value};

use crate::shape::Fields;
use crate::shape::widened::Kinds;

/// The keyword of an object's schema that is false if the object has no fields but those named.
pub(crate) const CLOSED: &str = "additionalProperties";

/// What the values of a field are.
#[derive(Debug)]
pub(crate) enum Type {
    /// Texts.
    Text,
    /// Dates with times.
    Time,
    /// Numbers.
    Number,
    /// Whole numbers.
    Integer,
    /// True or false.
    Boolean,
    /// Numbers, and texts that are none.
    NumberOrText,
    /// Objects of which some fields are wanted.
    Object(Fields),
    /// Lists.
    List(Box<Items>),
    /// Of these kinds, as they are.
    Several(Kinds),
    /// Whatever they are.
    Any,
}

/// What the values in a list are.
#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) kind: Type,
    /// Whether they may be null.
    pub(crate) may_be_null: bool,
}

impl Type {
    /// Reads a JSON Schema. What it says that is not known here leaves values as they are.
    pub(crate) fn of(schema: &Value, path: &str) -> Type {
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            return one_of(choices, path);
        }
        let names = names(schema.get("type"));
        if names.is_empty() {
            return Type::Any;
        }
        if schema.get("format").and_then(Value::as_str) == Some("date-time") {
            return Type::Time;
        }
        match names.as_slice() {
            ["string"] => Type::Text,
            ["number"] => Type::Number,
            ["integer"] => Type::Integer,
            ["boolean"] => Type::Boolean,
            ["object"] => object(schema, path),
            ["array"] => match schema.get("items") {
                Some(items) => Type::List(Box::new(Items {
                    kind: Type::of(items, path),
                    may_be_null: may_be_null(items),
                })),
                None => Type::Several(Kinds::named(&names)),
            },
            names => several(names),
        }
    }

    /// What it is called in what is said about a value.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Type::Text => "a text",
            Type::Time => "a time",
            Type::Number => "a number",
            Type::Integer => "a whole number",
            Type::Boolean => "true or false",
            Type::NumberOrText => "a number or a text",
            Type::Object(_) => "an object",
            Type::List(_) => "a list",
            Type::Several(_) => "another type",
            Type::Any => "anything",
        }
    }
}

/// Whether a schema allows null.
pub(super) fn may_be_null(schema: &Value) -> bool {
    let any_of = schema.get("anyOf").and_then(Value::as_array);
    match (any_of, schema.get("type")) {
        (Some(choices), _) => choices.iter().any(may_be_null),
        (None, None) => true,
        (None, Some(Value::Array(types))) => types.iter().any(|one| one == "null"),
        (None, Some(one)) => one == "null",
    }
}

/// The names of types, without null.
fn names(types: Option<&Value>) -> Vec<&str> {
    let list = match types {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let names = list.iter().filter_map(Value::as_str);
    names.filter(|name| *name != "null").collect()
}

/// An object of which no fields are named is told as it is, unless it says that it has none.
fn object(schema: &Value, path: &str) -> Type {
    let properties = schema.get("properties");
    let names_some = |map: &Map<String, Value>| !map.is_empty();
    let is_closed = schema.get(CLOSED) == Some(&Value::Bool(false));
    match properties
        .and_then(Value::as_object)
        .is_some_and(|map| is_closed || names_some(map))
    {
        true => Type::Object(Fields::of(properties, path)),
        false => Type::Object(Fields::open()),
    }
}

/// The one choice that there is beside null.
fn one_of(choices: &[Value], path: &str) -> Type {
    let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
    let mut choices = choices.iter().filter(|choice| !is_null(choice));
    match (choices.next(), choices.next()) {
        (Some(choice), None) => Type::of(choice, path),
        _ => Type::Any,
    }
}

fn several(names: &[&str]) -> Type {
    let is_number = |name: &&str| matches!(*name, "number" | "integer");
    let numbers = names.iter().filter(|name| is_number(name)).count();
    let texts = names.iter().filter(|name| **name == "string").count();
    match (numbers, texts) {
        (n, 0) if n == names.len() => Type::Number,
        (n, 1) if n > 0 && n + 1 == names.len() => Type::NumberOrText,
        _ => Type::Several(Kinds::named(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_says_what_values_are() {
        let cases = [
            (json!({"type": ["null", "string"]}), "a text"),
            (json!({"type": "string"}), "a text"),
            (
                json!({"type": ["null", "string"], "format": "date-time"}),
                "a time",
            ),
            (json!({"type": ["null", "number"]}), "a number"),
            (json!({"type": ["integer", "null", "number"]}), "a number"),
            (json!({"type": ["null", "integer"]}), "a whole number"),
            (json!({"type": ["null", "boolean"]}), "true or false"),
            (
                json!({"type": ["null", "integer", "number", "string"]}),
                "a number or a text",
            ),
            (
                json!({"type": ["null", "string", "integer"]}),
                "a number or a text",
            ),
            (
                json!({"type": ["null", "boolean", "string"]}),
                "another type",
            ),
            (json!({"type": ["null", "object"]}), "an object"),
            (
                json!({"type": ["null", "object"], "properties": {}}),
                "an object",
            ),
            (
                json!({"type": ["null", "object"], "properties": {"a": {}}}),
                "an object",
            ),
            (json!({"type": ["null", "array"], "items": {}}), "a list"),
            (json!({"type": ["null", "array"]}), "another type"),
            (
                json!({"anyOf": [{"type": "array", "items": {}}, {"type": "null"}]}),
                "a list",
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "number"}]}),
                "anything",
            ),
            (json!({}), "anything"),
            (json!({"type": "null"}), "anything"),
            (json!(null), "anything"),
        ];
        for (schema, expected) in cases {
            assert_eq!(Type::of(&schema, "").name(), expected, "{schema}");
        }
    }
}

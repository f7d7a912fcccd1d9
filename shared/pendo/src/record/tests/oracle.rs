//! Rows against what a plain and slow reading makes of them: a tree of all that was sent, then
//! names, then types.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::names::decamelize;
use crate::record::convert::{self, Misfit};
use crate::shape::Type;

/// Gives all names their words apart. Of two that become one the later counts.
fn renamed(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(renamed).collect(),
        Value::Object(fields) => {
            let mut names = Map::new();
            for (name, value) in fields {
                names.insert(decamelize(name), renamed(value));
            }
            Value::Object(names)
        }
        other => other.clone(),
    }
}

/// The value that a schema makes of one whose names are right.
fn typed(schema: &Value, value: Value) -> Value {
    let schema = match schema.get("anyOf") {
        Some(choices) => &choices[0],
        None => schema,
    };
    let is = |name: &str| match &schema["type"] {
        Value::Array(names) => names.contains(&name.into()),
        one => one == name,
    };
    match value {
        Value::Array(values) if is("array") => {
            let items = &schema["items"];
            values
                .into_iter()
                .map(|value| typed(items, value))
                .collect()
        }
        Value::Object(fields) if is("object") => {
            let known = schema["properties"]
                .as_object()
                .filter(|known| !known.is_empty());
            let typed = |(name, value): (String, Value)| match known {
                Some(known) => known.get(&name).map(|schema| (name, typed(schema, value))),
                None => Some((name, value)),
            };
            Value::Object(fields.into_iter().filter_map(typed).collect())
        }
        Value::Array(_) | Value::Object(_) if is("string") && schema.get("format").is_none() => {
            match is("boolean") {
                true => value,
                false => value.to_string().into(),
            }
        }
        Value::Array(_) | Value::Object(_) => value,
        scalar => {
            convert::scalar(&Type::of(schema, ""), scalar).unwrap_or_else(|Misfit(value)| value)
        }
    }
}

/// A record, the slow way.
fn expected(stream: StreamId, schema: &Value, row: &Value) -> Value {
    let mut renamed = renamed(row);
    let fields = renamed.as_object_mut().expect("rows are objects");
    if matches!(stream, StreamId::Accounts | StreamId::Visitors)
        && let Some(metadata) = fields.remove("metadata")
    {
        for (group, value) in metadata.as_object().into_iter().flatten() {
            fields.insert(format!("metadata_{group}"), value.clone());
        }
        if let Some(time) = row["metadata"]["auto"].get("lastupdated") {
            fields.insert("lastupdated".to_owned(), time.clone());
        }
    }
    let mut record = typed(schema, renamed);
    if stream == StreamId::VisitorHistory {
        let times = [&row["ts"], &row["lastTs"]].map(time::millis);
        let time = times.into_iter().max().flatten();
        if let Some(text) = time.and_then(time::text_of_millis) {
            record["modified_ts"] = text.into();
        }
    }
    record
}

/// Keys that rows have, with some that become the same.
const KEYS: &[&str] = &[
    "id",
    "accountId",
    "visitorId",
    "metadata",
    "auto",
    "agent",
    "custom",
    "pendo",
    "lastupdated",
    "lastvisit",
    "donotprocess",
    "lastUpdatedAt",
    "createdByUser",
    "created_by_user",
    "userType",
    "group",
    "items",
    "dirty",
    "steps",
    "attributes",
    "autoHeight",
    "badge",
    "isOnlyShowOnce",
    "elementPathRules",
    "trackTypeName",
    "ts",
    "lastTs",
    "type",
    "parsedUserAgent",
    "name",
    "day",
    "browserTime",
    "numEvents",
    "appId",
    "parameters",
    "properties",
    "accountIds",
    "language",
    "Plan Name",
    "planName",
    "isVIP",
    "score",
    "tags",
    "since",
    "seats",
    "rules",
    "definition",
    "eventPropertyConfigurations",
    "role",
    "idhash",
    "accountids",
    "nope",
    "",
    "é",
];

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..2_000_000_000_000_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        prop_oneof![
            Just(""),
            Just("1"),
            Just("2.5"),
            Just("true"),
            Just("2024-01-01T00:00:00Z")
        ]
        .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(4, 48, 8, |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..4).prop_map(Value::from),
            objects(value),
        ]
    })
}

fn objects(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec((prop::sample::select(KEYS), value), 0..10);
    let named = |fields: Vec<(&str, Value)>| {
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    };
    fields.prop_map(named).prop_map(Value::Object)
}

static SELECTION: LazyLock<Selection> = LazyLock::new(|| selection("dayRange", &customs()));

fn customs() -> Value {
    json!({
        "Plan Name": {"type": "string"},
        "isVIP": {"type": "boolean"},
        "score": {"type": "float"},
        "seats": {"type": "integer"},
        "since": {"type": "time"},
        "tags": {"type": "list"},
    })
}

proptest! {
    #[test]
    fn a_row_is_what_a_plain_reading_makes_of_it(
        rows in prop::collection::vec(objects(values()), 1..4),
        stream in prop::sample::select(StreamId::ALL.to_vec()),
    ) {
        let stream = SELECTION.stream(stream).expect("all are selected");
        let seed = RowSeed::new(stream, Vec::new());
        for row in rows {
            let told = record(parse(seed.clone(), &row.to_string()));
            prop_assert_eq!(told, expected(stream.id, &stream.schema.schema, &row));
        }
    }
}

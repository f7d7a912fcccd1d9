//! What FocusLab's clients send: who (`actor_id`) did what (`action`) to which kind of thing
//! (`object`), and what is known of either.

use std::fmt;

use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use weir_model::{Event, Name, Series};

use crate::door::fault::Fault;
use crate::door::fields::{self, is_number, shown, shown_text};
use crate::door::members::Members;
use crate::door::properties::{METADATA, Metadata, Object, join_metadata};

/// What is known of someone or something: the field it comes in, the property it is kept as, and
/// the reason of refusing it.
const KNOWN: [(&str, &str, &str); 3] = [
    ("captured_identities", "identities", "invalid-identities"),
    ("captured_attributes", "attributes", "invalid-attributes"),
    ("variables", "variables", "invalid-variables"),
];

/// Reads a trigger: the object is its namespace, the action its name; it counts 1, now.
///
/// Identities, attributes and variables are kept under these names, those that are empty left out,
/// and any other field under `_metadata`.
pub(super) fn read(text: &str) -> Result<Event, Fault> {
    let mut members = Members::read(text)?;
    let actor = actor(members.take("actor_id"))?;
    let series = Series {
        name: name("action", members.take("action"))?,
        namespace: name("object", members.take("object"))?,
    };
    let mut properties = Object::at(1);
    for (field, property, reason) in KNOWN {
        if let Some(sent) = members.take(field) {
            properties.object(property, &known(field, sent, reason)?)?;
        }
    }
    let mut metadata = Metadata::default();
    metadata.members(&members);
    properties.object(METADATA, &join_metadata(None, &metadata, 2)?)?;
    Ok(Event {
        series,
        timestamp: None,
        value: 1.0,
        id: None,
        actor: Some(actor),
        properties: properties.finish(),
        expires: None,
    })
}

fn actor(sent: Option<&RawValue>) -> Result<Box<str>, Fault> {
    let missing = || Fault::new("invalid-actor", "actor_id: is missing or empty");
    fields::actor("actor_id", sent)?.ok_or_else(missing)
}

fn name(field: &str, sent: Option<&RawValue>) -> Result<Name, Fault> {
    let refuse = |detail: String| Fault::new("invalid-name", format!("{field}: {detail}"));
    let sent = sent.ok_or_else(|| refuse("is missing".into()))?;
    let text = fields::string(sent)?;
    let text = text.ok_or_else(|| refuse(format!("{} is not a text", shown(sent.get()))))?;
    fields::name(field, &text)
}

/// An object of texts, numbers and lists of these.
fn known(field: &str, sent: &RawValue, reason: &'static str) -> Result<Object, Fault> {
    if !sent.get().starts_with('{') {
        let detail = format!("{field}: {} is not an object", shown(sent.get()));
        return Err(Fault::new(reason, detail));
    }
    let mut object = Object::at(2);
    for (key, value) in Members::read(sent.get())?.iter() {
        if !is_plain(value) {
            let (key, value) = (shown_text(key), shown(value.get()));
            let detail = format!(
                "{field}.{key}: {value} is not allowed: send a text, a number, or a list of these"
            );
            return Err(Fault::new(reason, detail));
        }
        object.json(key, value)?;
    }
    Ok(object)
}

/// Whether it is a text, a number or a list of these.
fn is_plain(value: &RawValue) -> bool {
    if !value.get().starts_with('[') {
        return is_scalar(value);
    }
    let mut items = serde_json::Deserializer::from_str(value.get());
    items.deserialize_seq(ScalarsVisitor).unwrap_or(false)
}

/// Whether a list holds nothing but texts and numbers. It keeps none of them, for there may be
/// millions.
struct ScalarsVisitor;

impl<'de> Visitor<'de> for ScalarsVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut all = true;
        while let Some(item) = list.next_element::<&RawValue>()? {
            all &= is_scalar(item);
        }
        Ok(all)
    }
}

fn is_scalar(value: &RawValue) -> bool {
    value.get().starts_with('"') || is_number(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn refused(trigger: &Value) -> Fault {
        read(&trigger.to_string()).expect_err("it is bad")
    }

    fn check(field: &str, value: Value, reason: &str) {
        let mut trigger = json!({"actor_id": "a", "action": "viewed", "object": "blog post"});
        trigger[field] = value;
        let fault = refused(&trigger);
        assert_eq!(fault.reason, reason, "{trigger}");
        assert!(fault.detail.starts_with(field), "{}", fault.detail);
    }

    #[test]
    fn what_is_bad_is_named() {
        for bad in [json!(null), json!(""), json!(true), json!("x".repeat(257))] {
            check("actor_id", bad, "invalid-actor");
        }
        for field in ["action", "object"] {
            for bad in [
                json!(null),
                json!(""),
                json!(7),
                json!("x".repeat(121)),
                json!("\0"),
            ] {
                check(field, bad, "invalid-name");
            }
        }
        for (field, _, reason) in KNOWN {
            for bad in [json!([]), json!("x"), json!(1)] {
                check(field, bad, reason);
            }
            for bad in [
                json!(null),
                json!(false),
                json!({}),
                json!([[1]]),
                json!(["a", null]),
            ] {
                check(field, json!({"key": bad}), reason);
            }
        }
        let large = json!({"actor_id": 1, "action": "a", "object": "o",
            "variables": {"k": "x".repeat(2_000_000)}});
        assert_eq!(refused(&large).reason, "too-large");
    }

    #[test]
    fn a_field_and_a_key_are_named() {
        let fault = refused(&json!({
            "actor_id": 7, "action": "viewed", "object": "o",
            "captured_identities": {"email": "a@b", "user_id": {"no": 1}},
        }));
        assert_eq!(
            fault.detail,
            "captured_identities.user_id: an object is not allowed: send a text, a number, or a list of these"
        );
    }

    #[test]
    fn what_cannot_be_json_is_refused() {
        assert_eq!(read("[]").unwrap_err().reason, "invalid-event");
        assert_eq!(
            read("{\"actor_id\":NaN}").unwrap_err().reason,
            "invalid-json"
        );
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,6}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
        ]
    }

    fn known_values() -> impl Strategy<Value = Map<String, Value>> {
        let value = prop_oneof![
            scalar(),
            prop::collection::vec(scalar(), 0..3).prop_map(Value::from),
        ];
        prop::collection::btree_map("[a-z]{1,5}", value, 0..4)
            .prop_map(|members| members.into_iter().collect())
    }

    /// What is kept, member by member.
    fn oracle(trigger: &Map<String, Value>) -> Option<Value> {
        let mut kept = Map::new();
        for (field, property, _) in KNOWN {
            if let Some(known) = trigger.get(field).and_then(Value::as_object)
                && !known.is_empty()
            {
                kept.insert(property.into(), Value::from(known.clone()));
            }
        }
        let others = trigger.iter().filter(|(field, value)| {
            let known = [
                "actor_id",
                "action",
                "object",
                "captured_identities",
                "captured_attributes",
                "variables",
            ];
            !known.contains(&field.as_str()) && !value.is_null()
        });
        let others: Map<_, _> = others.map(|(k, v)| (k.clone(), v.clone())).collect();
        if !others.is_empty() {
            kept.insert("_metadata".into(), others.into());
        }
        (!kept.is_empty()).then(|| kept.into())
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_lost(
            actor in prop_oneof![".{1,9}".prop_map(Value::from), any::<u64>().prop_map(Value::from)],
            action in "[^\0]{1,20}",
            object in "[^\0]{1,20}",
            known in prop::collection::vec(prop::option::of(known_values()), 3),
            other in prop::option::of(scalar()),
        ) {
            let mut trigger = Map::new();
            trigger.insert("actor_id".into(), actor.clone());
            trigger.insert("action".into(), action.clone().into());
            trigger.insert("object".into(), object.clone().into());
            for ((field, ..), sent) in KNOWN.into_iter().zip(known) {
                if let Some(sent) = sent {
                    trigger.insert(field.into(), sent.into());
                }
            }
            if let Some(other) = other {
                trigger.insert("other".into(), other);
            }
            let event = read(&serde_json::to_string_pretty(&trigger).unwrap()).unwrap();
            prop_assert_eq!(event.series.namespace.as_str(), object);
            prop_assert_eq!(event.series.name.as_str(), action);
            let actor = actor.as_str().map_or_else(|| actor.to_string(), str::to_owned);
            prop_assert_eq!(event.actor.as_deref(), Some(actor.as_str()));
            prop_assert_eq!((event.value, event.timestamp, event.id), (1.0, None, None));
            let properties = event.properties.map(|text| serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(properties, oracle(&trigger));
        }
    }
}

//! One event as Alooma's SDKs wrap it: the message, and what the SDK says about it.

use serde_json::value::RawValue;
use weir_model::{Event, Name, Series};

use crate::door::fault::Fault;
use crate::door::fields::{self, shown};
use crate::door::members::Members;
use crate::door::properties::{Metadata, join};

/// What names events that do not say so themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) namespace: &'a Name,
    /// For events without a type.
    pub(super) name: &'a Name,
}

/// Reads a wrapped event: its name is the `event_type`, its value a number `value` of the message
/// or 1, its id the `@uuid`, its time the `report_time`.
///
/// Its properties are the message (a text becomes their member `message`) and, under `_metadata`,
/// all else that the SDK says.
pub(super) fn read(text: &str, defaults: Defaults<'_>) -> Result<Event, Fault> {
    let mut wrapped = Members::read(text)?;
    let id = fields::id("@uuid", wrapped.take("@uuid"))?;
    let time = wrapped.take("report_time");
    let timestamp = time
        .map(|time| fields::time("report_time", time))
        .transpose()?;
    let name = name(wrapped.get("event_type"), defaults.name)?;
    let message = message(wrapped.take("message"))?;
    let mut metadata = Metadata::default();
    metadata.members(&wrapped);
    Ok(Event {
        series: Series {
            namespace: defaults.namespace.clone(),
            name,
        },
        timestamp,
        value: fields::number("value", message.get("value"))?.unwrap_or(1.0),
        id,
        actor: None,
        properties: join(&message, &metadata)?,
        expires: None,
    })
}

fn name(event_type: Option<&RawValue>, default: &Name) -> Result<Name, Fault> {
    let Some(sent) = event_type else {
        return Ok(default.clone());
    };
    match fields::string(sent)? {
        Some(text) if text.is_empty() => Ok(default.clone()),
        Some(text) => fields::name("event_type", &text),
        None => {
            let detail = format!("event_type: {} is not a text", shown(sent.get()));
            Err(Fault::new("invalid-name", detail))
        }
    }
}

fn message(sent: Option<&RawValue>) -> Result<Members<'_>, Fault> {
    let refuse = |detail: &str| {
        let detail = format!("message: {detail}: send an object or a text");
        Err(Fault::new("invalid-event", detail))
    };
    let Some(sent) = sent else {
        return refuse("is missing");
    };
    match sent.get().as_bytes() {
        [b'{', ..] => Members::read(sent.get()),
        [b'"', ..] => Ok(Members::one("message", sent)),
        _ => refuse(&shown(sent.get())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use weir_model::Timestamp;

    fn read_as(text: &str) -> Result<Event, Fault> {
        let namespace = &Name::parse("shop").unwrap();
        let name = &Name::parse("web").unwrap();
        read(text, Defaults { namespace, name })
    }

    fn properties(event: &Event) -> Value {
        let text = event.properties.as_deref().expect("it has some");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_event_of_the_sdk_is_read() {
        let event = read_as(
            r#"{"report_time":"2026-11-21T14:28:47.469594","calling_file":"/srv/a.py",
                "calling_line":"5","@uuid":"207b0918-ef26-4ce5-807e-0ea0591ebbd6",
                "event_type":"order","extra":"x","message":{"b":1,"value":2.5}}"#,
        )
        .unwrap();
        assert_eq!(event.series, Series::parse("shop", "order").unwrap());
        let time = Timestamp::parse("2026-11-21T14:28:47.469Z").unwrap();
        assert_eq!(event.timestamp, Some(time));
        assert_eq!(
            event.id.as_deref(),
            Some("207b0918-ef26-4ce5-807e-0ea0591ebbd6")
        );
        assert_eq!((event.value, &event.actor), (2.5, &None));
        assert_eq!(
            properties(&event),
            json!({"b": 1, "value": 2.5, "_metadata": {
                "calling_file": "/srv/a.py", "calling_line": "5", "event_type": "order", "extra": "x"}})
        );
    }

    #[test]
    fn a_text_is_the_property_message_and_the_label_names_it() {
        let event = read_as(r#"{"event_type":null,"message":"te\u00e9xt"}"#).unwrap();
        assert_eq!(event.series, Series::parse("shop", "web").unwrap());
        assert_eq!(properties(&event), json!({"message": "teéxt"}));
        assert_eq!((event.value, event.id, event.timestamp), (1.0, None, None));
    }

    #[test]
    fn what_is_bad_is_named() {
        let check = |event: Value, reason: &str| {
            let fault = read_as(&event.to_string()).expect_err("it is bad");
            assert_eq!(fault.reason, reason, "{event}");
        };
        check(json!([]), "invalid-event");
        check(json!({}), "invalid-event");
        check(json!({"message": 7}), "invalid-event");
        check(json!({"message": null}), "invalid-event");
        check(json!({"message": {}, "event_type": 7}), "invalid-name");
        check(
            json!({"message": {}, "event_type": "x".repeat(121)}),
            "invalid-name",
        );
        check(
            json!({"message": {}, "@uuid": "x".repeat(129)}),
            "invalid-id",
        );
        check(json!({"message": {}, "@uuid": {}}), "invalid-id");
        check(
            json!({"message": {}, "report_time": "soon"}),
            "invalid-time",
        );
        check(
            json!({"message": {}, "report_time": "1969-12-31T23:59:59"}),
            "invalid-time",
        );
        check(
            json!({"message": {"a": "x".repeat(2_000_000)}}),
            "too-large",
        );
        check(json!({"message": "x".repeat(2_000_000)}), "too-large");
        assert_eq!(
            read_as(r#"{"message":{"value":1e999}}"#)
                .unwrap_err()
                .reason,
            "invalid-value"
        );
        assert_eq!(
            read_as(r#"{"message":{"value":NaN}}"#).unwrap_err().reason,
            "invalid-json"
        );
    }

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..3).prop_map(Value::from),
        ]
    }

    fn object() -> impl Strategy<Value = Map<String, Value>> {
        let key = prop_oneof!["[a-e]{1,2}", Just("value".into()), Just("_metadata".into())];
        let nested = prop::collection::btree_map("[a-c]", leaf(), 0..3)
            .prop_map(|members| Value::Object(members.into_iter().collect()));
        prop::collection::btree_map(key, prop_oneof![leaf(), nested], 0..5)
            .prop_map(|members| members.into_iter().collect())
    }

    /// What is kept, by plain steps on trees.
    fn oracle(wrapped: &Map<String, Value>) -> Option<Value> {
        let mut kept = match &wrapped["message"] {
            Value::Object(message) => message.clone(),
            text => Map::from_iter([("message".to_owned(), text.clone())]),
        };
        let mut about = wrapped.clone();
        about.retain(|key, value| {
            let known = ["message", "@uuid", "report_time"].contains(&key.as_str());
            !known && !value.is_null() && *value != json!({})
        });
        match kept.remove("_metadata") {
            Some(Value::Object(theirs)) => about.extend(theirs),
            Some(theirs) => drop(about.insert("_metadata".into(), theirs)),
            None => {}
        }
        if !about.is_empty() {
            kept.insert("_metadata".into(), about.into());
        }
        (!kept.is_empty()).then(|| kept.into())
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_lost(
            message in prop_oneof![object().prop_map(Value::from), ".{0,9}".prop_map(Value::from)],
            event_type in prop::option::of(".{0,9}".prop_filter("legal", |t| !t.contains('\0'))),
            uuid in prop::option::of("[a-f0-9-]{1,36}"),
            millis in prop::option::of(0..4_000_000_000_000_i64),
            extra in object(),
        ) {
            let mut wrapped = extra;
            wrapped.insert("message".into(), message.clone());
            wrapped.insert("event_type".into(), event_type.clone().into());
            wrapped.insert("@uuid".into(), uuid.clone().into());
            let time = millis.map(|millis| Timestamp::from_millis(millis).unwrap());
            wrapped.insert("report_time".into(),
                time.map(|time| time.to_string().trim_end_matches('Z').to_owned()).into());
            let event = read_as(&serde_json::to_string_pretty(&wrapped).unwrap()).unwrap();
            let name = event_type.filter(|text| !text.is_empty()).unwrap_or("web".into());
            prop_assert_eq!(event.series.name.as_str(), name);
            prop_assert_eq!(event.series.namespace.as_str(), "shop");
            prop_assert_eq!(event.id.as_deref(), uuid.as_deref());
            prop_assert_eq!(event.timestamp, time);
            prop_assert_eq!(event.value, message["value"].as_f64().unwrap_or(1.0));
            let properties = event.properties.map(|text| serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(properties, oracle(&wrapped));
        }
    }
}

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::entry::EventType;
use crate::report::Report;

const NOW_MS: i64 = 1_715_768_430_123;

fn encoder(metadata: Value) -> Encoder {
    let Value::Object(metadata) = metadata else {
        panic!("metadata is an object")
    };
    Encoder::new(Name::parse("Rust SDK").unwrap(), metadata)
}

fn entry(report: Report) -> Entry {
    let now = Timestamp::from_millis(NOW_MS).unwrap();
    Entry::report(report, &EventType::Label, now).unwrap()
}

/// The event as the server reads it.
fn sent(encoder: &Encoder, entry: &Entry) -> Result<Event, Unsendable> {
    let mut out = b"before\n".to_vec();
    let written = encoder.line(entry, &mut out);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), if written.is_ok() { 2 } else { 1 });
    written?;
    Ok(Event::from_json(lines[1], &EventDefaults::default()).expect("the server takes it"))
}

fn properties(event: &Event) -> Value {
    serde_json::from_str(event.properties.as_deref().unwrap_or("{}")).unwrap()
}

#[test]
fn a_message_becomes_the_properties_of_an_event_named_by_the_label() {
    let encoder = encoder(json!({}));
    let message = json!({"plan": "pro", "value": 2.5});
    let event = sent(&encoder, &entry(message.clone().into())).unwrap();
    assert_eq!(event.series.to_string(), "Rust SDK/Rust SDK");
    assert_eq!(event.value, 2.5);
    assert_eq!(event.timestamp.unwrap().as_millis(), NOW_MS);
    assert_eq!(properties(&event), message);

    let report = Report::new("a text").label("web").event_type("log");
    let event = sent(&encoder, &entry(report)).unwrap();
    assert_eq!(event.series.to_string(), "web/log");
    assert_eq!(event.value, 1.0);
    assert_eq!(properties(&event), json!({"message": "a text"}));
}

#[test]
fn metadata_joins_that_of_the_message_which_wins() {
    let encoder = encoder(json!({"a": 1, "b": 1, "c": 1}));
    let report = Report::new(json!({"x": 0, "_metadata": {"c": 3}}))
        .metadata("b", 2)
        .metadata("c", 2);
    let event = sent(&encoder, &entry(report)).unwrap();
    let expected = json!({"x": 0, "_metadata": {"a": 1, "b": 2, "c": 3}});
    assert_eq!(properties(&event), expected);
    let bad = entry(json!({"_metadata": 7}).into());
    assert_eq!(sent(&encoder, &bad), Err(Unsendable::Metadata));
}

#[test]
fn a_trigger_keeps_its_groups_and_its_actor() {
    let trigger = Trigger::new(7, "viewed", "post")
        .identity("email", "a@b.c")
        .variable("n", 1);
    let now = Timestamp::from_millis(NOW_MS).unwrap();
    let event = sent(&encoder(json!({})), &Entry::trigger(trigger, now).unwrap()).unwrap();
    assert_eq!(event.series.to_string(), "post/viewed");
    assert_eq!((event.value, event.actor.as_deref()), (1.0, Some("7")));
    let expected = json!({"identities": {"email": "a@b.c"}, "variables": {"n": 1}});
    assert_eq!(properties(&event), expected);
}

#[test]
fn an_event_of_weirs_own_goes_as_it_is_on_one_line() {
    let now = Timestamp::from_millis(NOW_MS).unwrap();
    let mut event = Event::from_json(
        r#"{"namespace":"n","name":"m","value":3,"id":"i","timestamp":5}"#,
        &EventDefaults::default(),
    )
    .unwrap();
    event.properties = Some("{\n \"a\": 1 }".into());
    let read = sent(&encoder(json!({})), &Entry::event(event.clone(), now)).unwrap();
    assert_eq!(read.properties.as_deref(), Some("{\"a\":1}"));
    assert_eq!((read.timestamp, &read.id), (event.timestamp, &event.id));
    event.value = f64::NAN;
    let refused = sent(&encoder(json!({})), &Entry::event(event, now));
    assert!(matches!(refused, Err(Unsendable::Fields(_))), "{refused:?}");
}

#[test]
fn what_the_server_would_refuse_is_refused_here() {
    let encoder = encoder(json!({}));
    let large = entry(json!({"a": "x".repeat(PROPERTIES_BYTES)}).into());
    assert_eq!(
        sent(&encoder, &large),
        Err(Unsendable::TooLarge(PROPERTIES_BYTES + 8))
    );
    let fits = entry(json!({"a": "x".repeat(PROPERTIES_BYTES - 8)}).into());
    assert!(sent(&encoder, &fits).is_ok());
    let inexact = entry(json!({"value": 9_007_199_254_740_993_u64}).into());
    assert!(matches!(
        sent(&encoder, &inexact),
        Err(Unsendable::Inexact(_))
    ));
}

#[test]
fn a_time_before_milliseconds_are_told_from_seconds_is_kept() {
    let old = Timestamp::from_millis(86_400_001).unwrap();
    let entry = Entry::report("x".into(), &EventType::Label, old).unwrap();
    assert_eq!(
        sent(&encoder(json!({})), &entry).unwrap().timestamp,
        Some(old)
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The value of a message, by its definition.
fn oracle_value(message: &Value) -> f64 {
    message["value"].as_f64().unwrap_or(1.0)
}

proptest! {
    #[test]
    fn any_message_is_sent_as_it_is_or_refused(
        members in prop::collection::vec((any::<String>(), any_json()), 0..6),
        value in proptest::option::of(any_json()),
        label in "\\PC{1,120}",
        metadata in prop::collection::vec((any::<String>(), any_json()), 0..3),
    ) {
        let mut object: Map<String, Value> = members.into_iter().collect();
        object.extend(value.map(|value| ("value".to_owned(), value)));
        let metadata: Map<String, Value> = metadata.into_iter().collect();
        let message = Value::Object(object.clone());
        let encoder = encoder(Value::Object(metadata.clone()));
        let report = Report::new(object.clone()).label(label.clone()).event_type("e");
        match sent(&encoder, &entry(report)) {
            Ok(event) => {
                prop_assert_eq!(event.series.namespace.as_str(), label);
                prop_assert_eq!(event.value, oracle_value(&message));
                if !metadata.is_empty() {
                    object.insert(METADATA.to_owned(), Value::Object(metadata));
                }
                prop_assert_eq!(properties(&event), Value::Object(object));
            }
            Err(Unsendable::Inexact(number)) => {
                prop_assert_eq!(message["value"].as_number(), Some(&number));
                let exact = number.as_f64().map(|value| value as i128);
                let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                prop_assert_ne!(exact, integer);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

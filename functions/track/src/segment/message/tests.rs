use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const RECEIVED: &str = "2026-11-21T12:00:00Z";

fn read_beside(message: &str, call: Option<Call>, beside: &str) -> Result<Event, Fault> {
    let around = Around {
        namespace: &Name::parse("web").unwrap(),
        received: Timestamp::parse(RECEIVED).unwrap(),
        batch: &Members::read(beside).unwrap(),
    };
    read(message, call, &around)
}

fn read_one(message: &Value) -> Result<Event, Fault> {
    read_beside(&message.to_string(), None, "{}")
}

fn properties(event: &Event) -> Value {
    let text = event.properties.as_deref();
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

/// As `segment-analytics-python` 2.4.0 sends it.
#[test]
fn a_message_of_the_python_sdk_is_read() {
    let event = read_beside(
        r#"{"integrations": {}, "anonymousId": null, "properties": {"value": 3, "revenue": 9.5},
            "timestamp": "2026-11-21T11:59:43.367+00:00",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "userId": "u1", "type": "track", "event": "Ordered",
            "messageId": "b25c326c-52b1-49c5-be19-02e7419ff25a"}"#,
        None,
        r#"{"sentAt": "2026-11-21T11:59:43.867372+00:00"}"#,
    )
    .unwrap();
    assert_eq!(event.series, Series::parse("web", "Ordered").unwrap());
    assert_eq!(
        event.timestamp,
        Timestamp::parse("2026-11-21T11:59:43.367Z").ok()
    );
    assert_eq!(event.value, 3.0);
    assert_eq!(event.actor.as_deref(), Some("u1"));
    assert_eq!(
        event.id.as_deref(),
        Some("b25c326c-52b1-49c5-be19-02e7419ff25a")
    );
    assert_eq!(
        properties(&event),
        json!({"value": 3, "revenue": 9.5, "_metadata": {
            "type": "track", "sentAt": "2026-11-21T11:59:43.867372+00:00", "userId": "u1",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}}}})
    );
}

/// `rudder-sdk-python` 2.1.9 sends traits in the context.
#[test]
fn traits_are_found_where_rudderstack_puts_them() {
    let event = read_one(&json!({
        "type": "identify", "userId": "u1", "channel": "server",
        "context": {"traits": {"email": "x@y"}, "library": {"name": "analytics-python"}},
    }))
    .unwrap();
    assert_eq!(event.series.name.as_str(), "identify");
    assert_eq!(properties(&event)["email"], "x@y");
    assert_eq!(properties(&event)["_metadata"]["channel"], "server");
}

#[test]
fn names_say_what_happened() {
    let check = |message: Value, expected: &str| {
        let event = read_one(&message).unwrap();
        assert_eq!(event.series.name.as_str(), expected, "{message}");
    };
    check(json!({"type": "page", "name": "Home"}), "page: Home");
    check(json!({"type": "screen", "name": "Main"}), "screen: Main");
    check(json!({"type": "page", "name": null}), "page");
    check(json!({"type": "page", "name": ""}), "page");
    check(
        json!({"type": "group", "groupId": "g", "name": "x"}),
        "group",
    );
    check(json!({"type": "alias", "previousId": "p"}), "alias");
    check(
        json!({"type": "track", "event": "page: Home"}),
        "page: Home",
    );
}

#[test]
fn a_page_whose_name_is_too_long_is_a_page_all_the_same() {
    let long = "x".repeat(115);
    let event = read_one(&json!({"type": "page", "name": long})).unwrap();
    assert_eq!(event.series.name.as_str(), "page");
    assert_eq!(properties(&event)["_metadata"]["name"], long);
    let event = read_one(&json!({"type": "page", "name": &long[1..]})).unwrap();
    assert_eq!(event.series.name.as_str(), format!("page: {}", &long[1..]));
    assert_eq!(properties(&event)["_metadata"], json!({"type": "page"}));
}

#[test]
fn values_are_numbers_of_what_happened() {
    let check = |message: Value, expected: f64| {
        assert_eq!(read_one(&message).unwrap().value, expected, "{message}");
    };
    let track =
        |properties: Value| json!({"type": "track", "event": "e", "properties": properties});
    check(track(json!({"value": 2.5, "revenue": 9})), 2.5);
    check(track(json!({"value": "2.5", "revenue": 9})), 9.0);
    check(track(json!({"value": null})), 1.0);
    check(track(json!(null)), 1.0);
    check(json!({"type": "page", "properties": {"value": 4}}), 4.0);
    check(
        json!({"type": "identify", "traits": {"value": 4, "revenue": 5}}),
        1.0,
    );
}

#[test]
fn the_path_is_right_about_a_single_message() {
    let text = r#"{"type":"page","event":"e","writeKey":"planted","userId":"","anonymousId":7}"#;
    let event = read_beside(text, Some(Call::Track), "{}").unwrap();
    assert_eq!(event.series.name.as_str(), "e");
    assert_eq!(event.actor.as_deref(), Some("7"));
    assert_eq!(
        properties(&event),
        json!({"_metadata": {"type": "track", "userId": "", "anonymousId": 7}})
    );
}

#[test]
fn what_is_bad_is_named() {
    let check = |message: Value, reason: &str| {
        let fault = read_one(&message).expect_err("it is bad");
        assert_eq!(fault.reason, reason, "{message}");
    };
    check(json!(1), "invalid-event");
    check(json!({}), "unknown-type");
    check(json!({"type": "Track", "event": "e"}), "unknown-type");
    check(json!({"type": 1, "event": "e"}), "unknown-type");
    for event in [
        json!(null),
        json!(""),
        json!(1),
        json!("x".repeat(121)),
        json!("\0"),
    ] {
        check(json!({"type": "track", "event": event}), "invalid-name");
    }
    check(
        json!({"type": "page", "messageId": "x".repeat(129)}),
        "invalid-id",
    );
    check(json!({"type": "page", "messageId": []}), "invalid-id");
    check(
        json!({"type": "page", "userId": "x".repeat(257)}),
        "invalid-actor",
    );
    check(json!({"type": "page", "timestamp": "soon"}), "invalid-time");
    check(
        json!({"type": "page", "properties": []}),
        "invalid-properties",
    );
    check(
        json!({"type": "identify", "traits": "x"}),
        "invalid-properties",
    );
    check(
        json!({"type": "page", "properties": {"a": "x".repeat(2_000_000)}}),
        "too-large",
    );
    check(
        json!({"type": "page", "context": {"a": "x".repeat(40_000)}}),
        "too-large",
    );
    let infinite = r#"{"type":"track","event":"e","properties":{"value":-1e999}}"#;
    assert_eq!(
        read_beside(infinite, None, "{}").unwrap_err().reason,
        "invalid-value"
    );
    let twice = r#"{"type":"track","type":"page","event":"e"}"#;
    assert_eq!(
        read_beside(twice, None, "{}").unwrap_err().reason,
        "invalid-json"
    );
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    let key = prop_oneof!["[a-e]{1,2}", Just("value".into()), Just("revenue".into())];
    prop::collection::btree_map(key, leaf(), 0..5).prop_map(|members| members.into_iter().collect())
}

fn call() -> impl Strategy<Value = Call> {
    prop::sample::select(vec![
        Call::Track,
        Call::Identify,
        Call::Page,
        Call::Screen,
        Call::Group,
        Call::Alias,
    ])
}

fn says_something(value: &Value) -> bool {
    !value.is_null() && *value != json!({})
}

/// What is kept, by plain steps on trees.
fn oracle(message: &Map<String, Value>, beside: &Map<String, Value>) -> Value {
    let kind = message["type"].as_str().unwrap();
    let own = if matches!(kind, "identify" | "group") {
        "traits"
    } else {
        "properties"
    };
    let mut kept = message[own].as_object().cloned().unwrap_or_default();
    let mut about = beside.clone();
    about.retain(|_, value| says_something(value));
    for (key, value) in message {
        let context = beside.get(key).and_then(Value::as_object);
        match (value, context) {
            (Value::Object(mine), Some(all)) if key == "context" => {
                let mut merged = all.clone();
                merged.extend(mine.clone());
                about.insert(key.clone(), merged.into());
            }
            _ if says_something(value) => drop(about.insert(key.clone(), value.clone())),
            // An empty object is something that the message says, and it says it of its own.
            _ if value.is_object() => drop(about.remove(key)),
            _ => {}
        }
    }
    for known in [own, "messageId", "timestamp"] {
        about.remove(known);
    }
    match kind {
        "track" => drop(about.remove("event")),
        "page" | "screen" if message["name"] != "" => drop(about.remove("name")),
        _ => {}
    }
    about.retain(|_, value| says_something(value));
    kept.insert("_metadata".into(), about.into());
    kept.into()
}

proptest! {
    #[test]
    fn nothing_that_is_sent_is_lost(
        call in call(),
        (own, other) in (object(), object()),
        (context, beside) in (prop::option::of(object()), prop::option::of(object())),
        (user, anonymous) in (prop::option::of("[a-z]{0,4}"), prop::option::of("[a-z]{1,4}")),
        id in prop::option::of("[a-f0-9-]{1,36}"),
        event in "[^\0]{1,20}",
        millis in prop::option::of(0..4_000_000_000_000_i64),
    ) {
        let mut message = other;
        let time = millis.map(|millis| Timestamp::from_millis(millis).unwrap());
        for (key, value) in [
            ("type", json!(call.word())),
            ("properties", json!(own)),
            ("traits", json!(own)),
            ("context", json!(context)),
            ("userId", json!(user)),
            ("anonymousId", json!(anonymous)),
            ("messageId", json!(id)),
            ("event", json!(event)),
            ("name", json!(event)),
            ("timestamp", json!(time)),
        ] {
            message.insert(key.into(), value);
        }
        let mut around = Map::new();
        around.insert("sentAt".into(), "2026-11-21T11:59:30Z".into());
        if let Some(beside) = beside {
            around.insert("context".into(), beside.into());
        }
        let text = serde_json::to_string_pretty(&message).unwrap();
        let read = read_beside(&text, None, &Value::from(around.clone()).to_string()).unwrap();
        let name = match call {
            Call::Track => event,
            Call::Page | Call::Screen => format!("{}: {event}", call.word()),
            _ => call.word().to_owned(),
        };
        prop_assert_eq!(read.series.name.as_str(), name);
        let actor = user.filter(|user| !user.is_empty()).or(anonymous);
        prop_assert_eq!(read.actor.as_deref(), actor.as_deref());
        prop_assert_eq!(read.id.as_deref(), id.as_deref());
        prop_assert_eq!(read.timestamp, time.or(Timestamp::parse(RECEIVED).ok()));
        let counts = matches!(call, Call::Track | Call::Page | Call::Screen);
        let value = ["value", "revenue"].into_iter().find_map(|key| own.get(key)?.as_f64());
        prop_assert_eq!(read.value, value.filter(|_| counts).unwrap_or(1.0));
        prop_assert_eq!(properties(&read), oracle(&message, &around));
    }
}

use super::*;
use crate::event::{Event, StoredEvent};
use crate::limits::PROPERTIES_BYTES;
use crate::origin::{Origin, Writer};
use crate::series::Series;
use crate::timestamp::Timestamp;
use proptest::prelude::*;

fn read(json: &str) -> Event {
    Event::from_json(json, &EventDefaults::default())
        .unwrap_or_else(|errors| panic!("{json}: {errors:?}"))
}

/// Reads an event that has all it needs, and these fields besides.
fn read_with(fields: &str) -> Result<Event, Vec<FieldError>> {
    let json = format!(r#"{{"namespace":"n","name":"m","value":1,{fields}}}"#);
    Event::from_json(&json, &EventDefaults::default())
}

fn properties(fields: &str) -> Option<String> {
    let event = read_with(fields).unwrap_or_else(|errors| panic!("{fields}: {errors:?}"));
    event.properties.map(Into::into)
}

/// The single error of an event with these fields.
fn error_with(fields: &str) -> String {
    let errors = read_with(fields).expect_err(fields);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

fn errors_of(json: &str) -> Vec<String> {
    let errors = Event::from_json(json, &EventDefaults::default()).expect_err(json);
    errors.iter().map(ToString::to_string).collect()
}

mod events {
    use super::*;

    #[test]
    fn the_seeds_example_is_read() {
        let event = read(
            r#"{"namespace": "this is namespace", "name": "this is a name",
                "timestamp": "2020-11-12T11:10:00", "value": 1}"#,
        );
        assert_eq!(event.series.to_string(), "this is namespace/this is a name");
        assert_eq!(
            event.timestamp,
            Timestamp::parse("2020-11-12T11:10:00Z").ok()
        );
        assert_eq!(event.value, 1.0);
        assert_eq!(
            (event.id, event.actor, event.properties, event.expires),
            Default::default()
        );
    }

    #[test]
    fn every_field_is_read() {
        let event = read(
            r#"{"namespace":"n\u00e9","name":"m","timestamp":1605179400.5,"value":"-1.5",
                "id":"i","actor":"a\n","properties":{"k": [1, 1.10]},"expires":"2030-01-01"}"#,
        );
        assert_eq!(event.series.namespace.as_str(), "né");
        assert_eq!(
            event.timestamp.map(Timestamp::as_millis),
            Some(1_605_179_400_500)
        );
        assert_eq!(event.value, -1.5);
        assert_eq!(
            (event.id.as_deref(), event.actor.as_deref()),
            (Some("i"), Some("a\n"))
        );
        assert_eq!(event.properties.as_deref(), Some(r#"{"k":[1,1.10]}"#));
        assert_eq!(event.expires, Timestamp::parse("2030-01-01").ok());
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        let event = read_with(
            r#""timestamp":null,"id":null,"actor":null,"properties":null,"expires":null"#,
        );
        assert_eq!(event, read_with(r#""properties":{}"#));
        assert_eq!(
            errors_of(r#"{"namespace":null,"name":"m","value":1}"#),
            ["namespace is missing"]
        );
    }

    #[test]
    fn defaults_stand_in_for_what_is_missing() {
        let defaults = EventDefaults {
            namespace: Name::parse("d").ok(),
            name: Name::parse("e").ok(),
        };
        let event = Event::from_json(r#"{"name":"m","value":1}"#, &defaults).expect("an event");
        assert_eq!(event.series.to_string(), "d/m");
    }

    #[test]
    fn every_bad_field_is_named() {
        let errors = errors_of(
            r#"{"name":"","timestamp":"soon","value":true,"id":"","actor":[],"properties":7,"expires":{}}"#,
        );
        assert_eq!(
            errors,
            [
                "namespace is missing",
                "name is empty: 1 to 120 characters are allowed",
                "timestamp \"soon\" is not a time: send ISO 8601 (2020-11-12T11:10:00Z), Unix seconds or Unix milliseconds",
                "value true is not a number",
                "id is empty: 1 to 128 characters are allowed",
                "actor [] is not a text or an integer",
                "properties 7 is not an object",
                "expires {} is not a time: send a text or a number",
            ]
        );
    }

    #[test]
    fn what_is_not_an_object_is_no_event() {
        assert_eq!(errors_of("5"), ["event 5 is not a JSON object"]);
        assert_eq!(errors_of(" [1] "), ["event [1] is not a JSON object"]);
        for json in [
            "",
            "{",
            r#"{"value":1"#,
            "{} x",
            r#"{"value":01}"#,
            r#"{"a":tru}"#,
        ] {
            let errors = errors_of(json);
            assert!(
                errors[0].starts_with("event is not JSON: ") && errors.len() == 1,
                "{errors:?}"
            );
        }
    }

    #[test]
    fn values_must_be_numbers_that_a_double_holds() {
        let value = |json: &str| {
            let json = format!(r#"{{"namespace":"n","name":"m","value":{json}}}"#);
            Event::from_json(&json, &EventDefaults::default()).map(|event| event.value)
        };
        assert_eq!(value("\" 12.5 \""), Ok(12.5));
        assert_eq!(value("-0.0").map(f64::to_bits), Ok(0));
        for bad in [
            "9007199254740993",
            "1e999",
            "\"NaN\"",
            "\"\"",
            "\"inf\"",
            "[]",
            "false",
        ] {
            assert!(value(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_and_actors_have_limits_and_may_be_integers() {
        assert!(read_with(&format!(r#""id":"{}""#, "é".repeat(128))).is_ok());
        let reason = error_with(&format!(r#""id":"{}""#, "é".repeat(129)));
        assert_eq!(reason, "id has 129 characters: 1 to 128 are allowed");
        let reason = error_with(&format!(r#""actor":"{}""#, "x".repeat(257)));
        assert_eq!(reason, "actor has 257 characters: 1 to 256 are allowed");
        let event = read_with(r#""id":12345678901234567890"#).expect("an event");
        assert_eq!(event.id.as_deref(), Some("12345678901234567890"));
        assert_eq!(
            error_with(r#""id":1.5"#),
            "id 1.5 is not a text or an integer"
        );
    }

    #[test]
    fn a_field_that_comes_twice_is_refused() {
        let twice = errors_of(r#"{"namespace":"n","name":"m","value":1,"value":1}"#);
        assert_eq!(twice, ["value comes twice"]);
        let escaped = errors_of(r#"{"namespace":"n","name":"m","value":1,"v\u0061lue":1}"#);
        assert_eq!(escaped, ["value comes twice"]);
        assert_eq!(
            error_with(r#""x":1,"x":2"#),
            "x comes twice, if it joins the properties"
        );
    }

    #[test]
    fn lone_surrogates_are_refused_wherever_they_are() {
        for fields in [
            r#""actor":"\ud800""#,
            r#""properties":{"a":"\udc00"}"#,
            r#""properties":{"\ud800":1}"#,
            r#""x":["\ud800x"]"#,
            r#""\ud800":1"#,
        ] {
            assert!(read_with(fields).is_err(), "{fields}");
        }
    }
}

mod properties {
    use super::*;

    #[test]
    fn the_text_of_numbers_is_kept() {
        let sent = r#""properties": { "a" : 1.10 , "b":12345678901234567890, "c":[ 1e5 , -0 ] }"#;
        let kept = r#"{"a":1.10,"b":12345678901234567890,"c":[1e5,-0]}"#;
        assert_eq!(properties(sent).as_deref(), Some(kept));
    }

    #[test]
    fn white_space_inside_strings_is_kept() {
        let sent = r#""properties":{"a b" : " \" { } \\" , "c":"\t"}"#;
        assert_eq!(
            properties(sent).as_deref(),
            Some(r#"{"a b":" \" { } \\","c":"\t"}"#)
        );
    }

    #[test]
    fn unknown_fields_join_them() {
        assert_eq!(
            properties(r#""x":1.50,"y":{"z": null}"#).as_deref(),
            Some(r#"{"x":1.50,"y":{"z":null}}"#)
        );
        assert_eq!(
            properties(r#""x\"":[ ],"properties":{"p":1},"q":"r""#).as_deref(),
            Some(r#"{"p":1,"x\"":[],"q":"r"}"#)
        );
        assert_eq!(
            properties(r#""x":null,"properties":{}"#).as_deref(),
            Some(r#"{"x":null}"#)
        );
    }

    #[test]
    fn a_field_that_clashes_with_a_property_is_refused() {
        let reason = error_with(r#""x":1,"properties":{"\u0078":2}"#);
        assert_eq!(reason, "x comes twice, if it joins the properties");
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_level() {
        for fields in [
            r#""properties":{"a":1,"a":2}"#,
            r#""properties":{"b":[{"a":1,"\u0061":2}]}"#,
            r#""x":{"a":{"a":1},"a":2}"#,
        ] {
            let reason = error_with(fields);
            assert!(
                reason.ends_with("the key \"a\" comes twice in an object"),
                "{reason}"
            );
        }
        let keys: Vec<String> = (0..100).map(|n| format!(r#""k{}":0"#, n % 99)).collect();
        let reason = error_with(&format!(r#""properties":{{{}}}"#, keys.join(",")));
        assert!(reason.contains("\"k0\" comes twice"), "{reason}");
    }

    #[test]
    fn they_nest_up_to_32_levels_with_their_own() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let inside = |levels| format!(r#""properties":{{"a":{}}}"#, nested(levels));
        assert!(read_with(&inside(31)).is_ok());
        assert_eq!(
            error_with(&inside(32)),
            "properties nested deeper than the 32 levels allowed"
        );
        assert!(read_with(&format!(r#""x":{}"#, nested(31))).is_ok());
        assert_eq!(
            error_with(&format!(r#""x":{}"#, nested(32))),
            "x nested deeper than the 32 levels allowed"
        );
        assert!(read_with(&format!(r#""x":{}"#, nested(1_000_000))).is_err());
    }

    #[test]
    fn they_have_up_to_32_kilobytes_without_white_space() {
        let of_size = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        let fits = properties(&format!(r#""properties": {}"#, of_size(PROPERTIES_BYTES)));
        assert_eq!(fits.map(|text| text.len()), Some(PROPERTIES_BYTES));
        let spaced = format!(r#""properties":{{"a":{}1}}"#, " ".repeat(PROPERTIES_BYTES));
        assert_eq!(properties(&spaced).as_deref(), Some(r#"{"a":1}"#));
        for fields in [
            format!(r#""properties":{}"#, of_size(PROPERTIES_BYTES + 1)),
            format!(r#""x":1,"properties":{}"#, of_size(PROPERTIES_BYTES)),
            format!(r#""x":"{}""#, "x".repeat(PROPERTIES_BYTES)),
            (0..10_000)
                .map(|n| format!(r#""x{n}":1"#))
                .collect::<Vec<_>>()
                .join(","),
        ] {
            let expected = "properties are larger than the 32768 bytes allowed as compact JSON";
            assert_eq!(error_with(&fields), expected);
        }
    }

    #[test]
    fn the_name_of_a_bad_field_is_cut_to_what_fits_a_message() {
        let name = "x".repeat(10_000);
        let reason = error_with(&format!(r#""{name}":1,"{name}":2"#));
        assert!(reason.len() < 200, "{reason}");
    }

    #[test]
    fn numbers_that_no_double_holds_at_all_are_refused() {
        assert!(read_with(r#""x":1e400"#).is_err());
    }
}

mod forms {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Result<Event, Vec<FieldError>> {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Event::from_form(pairs, &EventDefaults::default())
    }

    #[test]
    fn a_form_is_read_like_json() {
        let event = form(&[
            ("namespace", "n"),
            ("name", "m"),
            ("timestamp", "1605179400"),
            ("value", "2.50"),
            ("actor", ""),
            ("properties", "{\"a\": 1}"),
            ("plan", "gold \"x\""),
        ])
        .expect("an event");
        let json = read_with(r#""timestamp":1605179400,"properties":{"a":1},"plan":"gold \"x\"""#);
        assert_eq!(
            Ok(event),
            json.map(|event| Event {
                value: 2.5,
                ..event
            })
        );
    }

    #[test]
    fn every_bad_field_of_a_form_is_named() {
        let errors = form(&[
            ("name", ""),
            ("value", "x"),
            ("value", "1"),
            ("timestamp", "never"),
        ]);
        let named: Vec<String> = errors
            .expect_err("bad")
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(named, ["value", "namespace", "name", "timestamp"]);
        assert!(form(&[("namespace", "n"), ("name", "m"), ("value", "")]).is_err());
    }
}

mod bodies {
    use super::*;

    fn texts(body: &str) -> Result<Vec<&str>, JsonError> {
        split(body).map(|events| events.into_iter().map(RawValue::get).collect())
    }

    #[test]
    fn one_event_a_list_and_a_named_list_are_bodies() {
        assert_eq!(texts(" {\"value\": 1} "), Ok(vec!["{\"value\": 1}"]));
        assert_eq!(texts("[{}, 5 ,[]]"), Ok(vec!["{}", "5", "[]"]));
        assert_eq!(
            texts("{\"events\" : [ {\"a\":1} , {}]}"),
            Ok(vec!["{\"a\":1}", "{}"])
        );
        assert_eq!(texts("[]"), Ok(vec![]));
    }

    #[test]
    fn an_event_may_have_a_property_named_events() {
        for body in [
            r#"{"namespace":"n","events":[1]}"#,
            r#"{"events":[1],"value":3}"#,
            r#"{"events":{"a":1}}"#,
            r#"{"events":7,"x":1}"#,
        ] {
            assert_eq!(texts(body), Ok(vec![body]));
        }
    }

    #[test]
    fn what_stands_beside_a_list_is_refused() {
        let stray = JsonError::StrayKey("sentAt".to_owned());
        assert_eq!(texts(r#"{"events":[],"sentAt":1}"#), Err(stray));
        let twice = JsonError::RepeatedKey("events".to_owned());
        assert_eq!(texts(r#"{"events":[],"events":[]}"#), Err(twice));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in [
            "",
            "   ",
            "{",
            "[1",
            "[1]x",
            "{}{}",
            "{\"events\":[1]",
            "{\"events\":[]} x",
            "[,]",
            "nul",
        ] {
            assert!(matches!(texts(body), Err(JsonError::Broken(_))), "{body}");
        }
        for body in ["1", "null", "\"x\"", "true"] {
            assert_eq!(texts(body), Err(JsonError::NotEvents));
        }
    }

    #[test]
    fn more_events_than_allowed_are_refused_without_keeping_them() {
        let list = |n: usize| format!("[{}1]", "1,".repeat(n - 1));
        assert_eq!(texts(&list(10_000)).map(|events| events.len()), Ok(10_000));
        assert_eq!(texts(&list(10_001)), Err(JsonError::TooManyEvents));
        let named = format!("{{\"events\":{}}}", list(10_001));
        assert_eq!(texts(&named), Err(JsonError::TooManyEvents));
    }
}

mod checks {
    use super::*;

    #[test]
    fn limits_are_the_callers() {
        assert_eq!(check("[[1]]", JsonLimits { depth: 2 }), Ok(()));
        assert_eq!(
            check("[[1]]", JsonLimits { depth: 1 }),
            Err(JsonError::TooDeep(1))
        );
        assert_eq!(check("1", JsonLimits { depth: 0 }), Ok(()));
        assert!(matches!(
            check("1 1", JsonLimits::default()),
            Err(JsonError::Broken(_))
        ));
        let twice = JsonError::RepeatedKey("a".to_owned());
        assert_eq!(check(r#"{"a":1,"a":1}"#, JsonLimits::default()), Err(twice));
    }

    #[test]
    fn compacting_keeps_all_but_white_space() {
        let value: &RawValue =
            serde_json::from_str("{ \"a\\\\\" :\n[ 1.0 ,\t\"\\\" x\" ] }").expect("JSON");
        assert_eq!(&*compact(value), "{\"a\\\\\":[1.0,\"\\\" x\"]}");
    }
}

/// JSON values as `serde_json` writes them.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Option<Box<str>>> {
    let object =
        proptest::collection::btree_map("[a-z\"\\\\é]{1,6}", json(), 1..5).prop_map(|map| {
            serde_json::Value::Object(map.into_iter().collect())
                .to_string()
                .into()
        });
    proptest::option::of(object)
}

fn stored() -> impl Strategy<Value = (Series, StoredEvent)> {
    let time = || (0..=Timestamp::MAX.as_millis()).prop_map(Timestamp::clamped);
    let value = any::<f64>()
        .prop_filter("finite", |v| v.is_finite())
        .prop_map(|v| v + 0.0);
    let text = |pattern: &'static str| proptest::option::of(pattern.prop_map(Box::<str>::from));
    let series = ("[^\u{0}]{1,20}", "[^\u{0}]{1,20}");
    (
        series,
        time(),
        value,
        text(".{1,20}"),
        text(".{1,20}"),
        object(),
        proptest::option::of(time()),
    )
        .prop_map(
            |((namespace, name), timestamp, value, id, actor, properties, expires)| {
                let origin = Origin {
                    writer: Writer::from_bytes([3; 12]),
                    request: 1,
                    index: 2,
                };
                let series = Series::parse(&namespace, &name).expect("legal");
                (
                    series,
                    StoredEvent {
                        timestamp,
                        value,
                        origin,
                        id,
                        actor,
                        properties,
                        expires,
                    },
                )
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_with_the_same_meaning((series, stored) in stored()) {
        let mut text = String::new();
        stored.write_json(&series, &mut text);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        let event = read(&text);
        let expected = Event {
            series,
            timestamp: Some(stored.timestamp),
            value: stored.value,
            id: Some(stored.id().into()),
            actor: stored.actor.clone(),
            properties: stored.properties.clone(),
            expires: stored.expires,
        };
        prop_assert_eq!(&event, &expected);
        let mut again = String::new();
        event.write_json(&mut again);
        prop_assert_eq!(read(&again), expected);
    }

    #[test]
    fn compact_text_means_the_same(value in json()) {
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        let raw: &RawValue = serde_json::from_str(&pretty).expect("JSON");
        let compact = compact(raw);
        prop_assert_eq!(&*compact, serde_json::to_string(&value).expect("JSON"));
        prop_assert_eq!(check(&pretty, JsonLimits::default()), Ok(()));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}", json in "[\\[\\]{}\":,0-9a-z\\\\ ]{0,40}") {
        for text in [text, json] {
            let _ = (split(&text), check(&text, JsonLimits::default()));
            let _ = Event::from_json(&text, &EventDefaults::default());
            let _ = read_with(&text);
        }
    }
}

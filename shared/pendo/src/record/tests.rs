//! Tests of rows.

mod oracle;

use serde_json::json;

use super::*;
use crate::config::Config;
use crate::discover::Custom;
use crate::selection::Selection;

const NEW_YEAR: i64 = 1_704_067_200_000;

fn selection(period: &str, custom: &Value) -> Selection {
    let map = json!({"start_date": "2024-01-01T00:00:00Z", "period": period});
    let map = map.as_object().expect("it is an object");
    let config = Config::read(map, "config.json").expect("it is whole");
    let custom = Custom::of(&json!({"custom": custom}), &json!({"custom": custom}));
    Selection::all(&config, &custom)
}

fn seed(stream: StreamId, custom: &Value) -> RowSeed {
    let selection = selection("dayRange", custom);
    RowSeed::new(
        selection.stream(stream).expect("all are selected"),
        Vec::new(),
    )
}

fn parse(seed: RowSeed, text: &str) -> Row {
    let mut json = serde_json::Deserializer::from_str(text);
    let row = seed.deserialize(&mut json).expect("it is a row");
    json.end().expect("all of it was read");
    row
}

fn row(stream: StreamId, value: Value) -> Row {
    parse(seed(stream, &json!({})), &value.to_string())
}

fn record(row: Row) -> Value {
    Value::Object(row.record)
}

#[test]
fn names_are_those_of_records_at_every_level() {
    let row = row(
        StreamId::Guides,
        json!({
            "lastUpdatedAt": NEW_YEAR,
            "steps": [{"guideStepId": "x", "advanceMethod": "button", "attributes": {"autoHeight": true}}],
            "attributes": {"badge": {"isOnlyShowOnce": false, "noSuchField": 1}},
        }),
    );
    assert_eq!(
        record(row),
        json!({
            "last_updated_at": "2024-01-01T00:00:00.000000Z",
            "steps": [{"advance_method": "button", "attributes": {"auto_height": true}}],
            "attributes": {"badge": {"is_only_show_once": false}},
        })
    );
}

#[test]
fn metadata_is_lifted_into_the_record() {
    let row = row(
        StreamId::Visitors,
        json!({
            "visitorId": "v/1",
            "metadata": {
                "auto": {"lastupdated": NEW_YEAR + 5, "lastvisit": NEW_YEAR + 7, "idhash": 3, "x": 1},
                "agent": {"language": null, "Plan Name": 1},
                "custom": {"Plan Name": [1]},
                "pendo": {"donotprocess": true},
            },
        }),
    );
    assert_eq!(row.id.as_deref(), Some("v/1"));
    assert_eq!(row.time, Some(NEW_YEAR + 5));
    assert_eq!(row.last_seen, Some(NEW_YEAR + 7));
    assert!(row.do_not_process);
    assert_eq!(
        record(row),
        json!({
            "visitor_id": "v/1",
            "lastupdated": "2024-01-01T00:00:00.005000Z",
            "metadata_auto": {
                "lastupdated": "2024-01-01T00:00:00.005000Z",
                "lastvisit": "2024-01-01T00:00:00.007000Z",
                "idhash": 3,
            },
            "metadata_agent": {"language": null},
            // Without custom fields in the schema all that there is is told.
            "metadata_custom": {"plan_name": [1]},
        })
    );
}

/// The reference ends with an error.
#[test]
fn a_null_lastupdated_is_tolerated() {
    for auto in [
        json!({"lastupdated": null}),
        json!({}),
        json!(null),
        json!("x"),
    ] {
        let value = json!({"accountId": "a", "metadata": {"auto": auto}});
        let row = row(StreamId::Accounts, value);
        assert_eq!(row.time, None, "{auto}");
        assert_eq!(row.id.as_deref(), Some("a"));
        assert_eq!(row.last_seen, None);
        let told = row.record.get("lastupdated").cloned();
        assert_eq!(told, auto.get("lastupdated").cloned(), "{auto}");
    }
    for metadata in [json!(null), json!([]), json!(1)] {
        let row = row(
            StreamId::Accounts,
            json!({"accountId": "a", "metadata": metadata}),
        );
        assert_eq!(record(row), json!({"account_id": "a"}), "{metadata}");
    }
}

#[test]
fn what_reading_on_needs_is_found_though_it_is_not_told() {
    let map = json!({"start_date": "2024-01-01T00:00:00Z", "period": "dayRange"});
    let config = Config::read(map.as_object().expect("an object"), "").expect("it is whole");
    let streams = json!({"visitors": []});
    let selection = Selection::named(&streams, "", &config, &Custom::default()).expect("good");
    let seed = RowSeed::new(&selection.streams[0], Vec::new());
    let value = json!({
        "visitorId": "v",
        "metadata": {
            "auto": {"lastupdated": NEW_YEAR, "lastvisit": NEW_YEAR + 1},
            "pendo": {"donotprocess": "true"},
        },
    });
    let row = parse(seed, &value.to_string());
    assert_eq!(row.last_seen, Some(NEW_YEAR + 1));
    assert!(row.do_not_process);
    let time = "2024-01-01T00:00:00.000000Z";
    assert_eq!(record(row), json!({"visitor_id": "v", "lastupdated": time}));
    let row = parse(rows_id_only(StreamId::Visitors), &value.to_string());
    assert_eq!((row.id.as_deref(), row.time), (Some("v"), Some(NEW_YEAR)));
    assert_eq!(
        (row.last_seen, row.do_not_process),
        (Some(NEW_YEAR + 1), true)
    );
    assert_eq!(record(row), json!({}));
}

#[test]
fn each_stream_has_its_time() {
    let check = |stream, value: Value, id: Option<&str>, time: Option<i64>| {
        let row = row(stream, value.clone());
        assert_eq!((row.id.as_deref(), row.time), (id, time), "{value}");
    };
    let updated = json!({"id": "f", "lastUpdatedAt": 5, "createdAt": 9});
    check(StreamId::Features, updated.clone(), Some("f"), Some(5));
    check(StreamId::Reports, updated, Some("f"), Some(5));
    check(StreamId::Features, json!({"id": 7}), Some("7"), None);
    check(
        StreamId::Features,
        json!({"id": null, "lastUpdatedAt": "x"}),
        None,
        None,
    );
    let event = json!({"day": 1, "hour": 2, "browserTime": 3, "visitorId": "v"});
    check(StreamId::Events, event.clone(), None, Some(1));
    check(StreamId::FeatureEvents, event.clone(), None, Some(1));
    check(StreamId::GuideEvents, event.clone(), None, Some(3));
    check(StreamId::PollEvents, event.clone(), None, Some(3));
    check(StreamId::MetadataVisitors, event.clone(), None, None);
    let hours = selection("hourRange", &json!({}));
    let seed = RowSeed::new(hours.stream(StreamId::Events).expect("all are"), Vec::new());
    assert_eq!(parse(seed, &event.to_string()).time, Some(2));
}

#[test]
fn a_moment_has_the_later_of_its_times_and_its_visitor() {
    for (value, time) in [
        (json!({"ts": 5, "lastTs": 9}), Some(9)),
        (json!({"ts": 5, "lastTs": 0}), Some(5)),
        (json!({"lastTs": null, "ts": 5}), Some(5)),
        (json!({"type": "x"}), None),
    ] {
        let selection = selection("dayRange", &json!({}));
        let stream = selection
            .stream(StreamId::VisitorHistory)
            .expect("all are selected");
        let seed = RowSeed::new(
            stream,
            vec![("visitor_id", "v/1".into()), ("other", 1.into())],
        );
        let row = parse(seed, &value.to_string());
        assert_eq!(row.time, time, "{value}");
        let text = time.map(|time| format!("1970-01-01T00:00:00.00{time}000Z"));
        let told = row.record.get("modified_ts").and_then(Value::as_str);
        assert_eq!(told, text.as_deref(), "{value}");
        assert_eq!(row.record["visitor_id"], "v/1");
        assert_eq!(row.record.get("other"), None);
    }
}

/// The reference makes it false in booleans.
#[test]
fn null_stays_null_in_a_boolean() {
    let row = row(
        StreamId::Features,
        json!({"dirty": null, "name": null, "group": null}),
    );
    assert_eq!(
        record(row),
        json!({"dirty": null, "name": null, "group": null})
    );
}

/// The reference cuts 3.7 to 3.
#[test]
fn a_fraction_stays_in_a_whole_number() {
    let row = row(
        StreamId::Events,
        json!({"numMinutes": 3.7, "numEvents": 4.0, "appId": 7}),
    );
    assert_eq!(
        record(row),
        json!({"num_minutes": 3.7, "num_events": 4, "app_id": 7})
    );
}

/// The reference writes Python's words for them, which nothing else reads.
#[test]
fn objects_in_text_fields_become_json() {
    let parameters = json!({"aB": [1.5, null, true, "é\""], "Plan Name": {}});
    let row = row(
        StreamId::Events,
        json!({"parameters": parameters, "server": ["x"]}),
    );
    let text = row.record["parameters"].as_str().expect("a text");
    let parsed: Value = serde_json::from_str(text).expect("it is JSON");
    assert_eq!(
        parsed,
        json!({"a_b": [1.5, null, true, "é\""], "plan_name": {}})
    );
    assert_eq!(row.record["server"], "[\"x\"]");
}

/// The reference crashes.
#[test]
fn a_custom_field_of_an_unknown_type_is_passed_as_it_is() {
    let custom = json!({"tagList": {"Type": "list"}, "odd": {}, "UPPER": {"type": "string"}});
    let value = json!({"metadata": {"custom": {
        "tagList": ["a", {"bC": 1}], "odd": {"dE": null}, "UPPER": 1, "other": 2,
    }}});
    let row = parse(seed(StreamId::Accounts, &custom), &value.to_string());
    let told = json!({"tag_list": ["a", {"b_c": 1}], "odd": {"d_e": null}, "UPPER": "1"});
    assert_eq!(record(row), json!({"metadata_custom": told}));
}

/// The reference makes true of it.
#[test]
fn the_name_of_a_track_type_is_told() {
    let row = row(StreamId::TrackTypes, json!({"trackTypeName": "Signed up"}));
    assert_eq!(record(row), json!({"track_type_name": "Signed up"}));
}

/// The reference ends with an error.
#[test]
fn a_value_that_does_not_fit_stays_in_its_row() {
    let row = row(
        StreamId::Features,
        json!({"id": "f", "createdAt": "soon", "group": "none", "elementPathRules": 5, "dirty": "x"}),
    );
    assert_eq!(
        record(row),
        json!({"id": "f", "created_at": "soon", "group": "none", "element_path_rules": 5, "dirty": "x"})
    );
}

/// The schema of a stream after rows of it.
fn widened(stream: StreamId, custom: &Value, rows: &[Value]) -> (Value, Value) {
    let selection = selection("dayRange", custom);
    let stream = selection.stream(stream).expect("all are selected");
    for row in rows {
        parse(RowSeed::new(stream, Vec::new()), &row.to_string());
    }
    let before = stream.schema.schema.clone();
    assert_eq!(
        stream.shape.odds() > 0,
        stream.shape.widened(before.clone()) != before
    );
    (before.clone(), stream.shape.widened(before))
}

#[test]
fn a_schema_stays_as_it_is_while_all_fits() {
    let rows = [
        json!({"id": "f", "appId": 1.5, "createdAt": "2024-01-01", "dirty": null, "name": {"a": 1}}),
        json!({"id": 7, "group": {"length": 3.0}, "createdByUser": null, "elementPathRules": [[1]]}),
    ];
    let (before, after) = widened(StreamId::Features, &json!({}), &rows);
    assert_eq!(before, after);
}

#[test]
fn a_schema_allows_at_every_level_what_has_come() {
    let rows = [
        json!({"id": "f", "createdAt": "soon", "dirty": "no", "group": {"length": 2.5}, "elementPathRules": "a"}),
        json!({"id": "f", "createdAt": [1], "createdByUser": "me", "appId": {"x": 1}}),
    ];
    let (before, after) = widened(StreamId::Features, &json!({}), &rows);
    let fields = &after["properties"];
    let types = |field: &Value| field["type"].clone();
    assert_eq!(
        fields["created_at"],
        json!({"type": ["null", "string", "array"]})
    );
    assert_eq!(
        types(&fields["dirty"]),
        json!(["null", "boolean", "string"])
    );
    assert_eq!(
        types(&fields["group"]["properties"]["length"]),
        json!(["null", "integer", "number"])
    );
    assert_eq!(
        fields["element_path_rules"],
        json!({"type": ["null", "array", "string"]})
    );
    assert_eq!(
        types(&fields["created_by_user"]),
        json!(["null", "object", "string"])
    );
    assert_eq!(
        types(&fields["app_id"]),
        json!(["null", "number", "object"])
    );
    assert_eq!(fields["name"], before["properties"]["name"]);
    assert_eq!(
        fields["created_by_user"]["properties"],
        before["properties"]["created_by_user"]["properties"]
    );
}

#[test]
fn a_schema_allows_what_has_come_in_lists_and_in_what_is_lifted() {
    let guides = [json!({"id": "g", "steps": [{"attributes": {"width": "wide"}}, "step"]})];
    let (before, after) = widened(StreamId::Guides, &json!({}), &guides);
    assert_ne!(before, after);
    let custom = json!({"howMany": {"Type": "float"}});
    let account = json!({"accountId": "a", "metadata": {
        "auto": {"lastupdated": "then", "idhash": 0.5}, "custom": {"howMany": "few"},
    }});
    let (_, after) = widened(StreamId::Accounts, &custom, &[account]);
    let fields = &after["properties"];
    assert_eq!(fields["lastupdated"], json!({"type": ["null", "string"]}));
    let auto = &fields["metadata_auto"]["properties"];
    assert_eq!(auto["lastupdated"], json!({"type": ["null", "string"]}));
    assert_eq!(
        auto["idhash"],
        json!({"type": ["null", "integer", "number"]})
    );
    let custom = &fields["metadata_custom"]["properties"];
    assert_eq!(
        custom["how_many"],
        json!({"type": ["null", "number", "string"]})
    );
}

#[test]
fn a_schema_allows_null_where_it_has_come() {
    let fitting = [
        json!({"visitorId": "v", "accountIds": ["a"]}),
        json!({"accountIds": null}),
    ];
    let (before, after) = widened(StreamId::PollEvents, &json!({}), &fitting);
    assert_eq!(before, after);
    let null = [json!({"visitorId": "v", "accountIds": ["a", null]})];
    let (_, after) = widened(StreamId::PollEvents, &json!({}), &null);
    let ids = &after["properties"]["account_ids"];
    assert_eq!(*ids, json!({"type": ["null", "array"]}));
}

#[test]
fn a_schema_of_several_types_allows_another_when_it_has_come() {
    let fitting = [
        json!({"id": "t", "trackTypeName": true}),
        json!({"trackTypeName": "no"}),
    ];
    let (before, after) = widened(StreamId::TrackTypes, &json!({}), &fitting);
    assert_eq!(before, after);
    let odd = [
        json!({"id": "t", "trackTypeName": 5}),
        json!({"trackTypeName": [1]}),
    ];
    let (_, after) = widened(StreamId::TrackTypes, &json!({}), &odd);
    let name = &after["properties"]["track_type_name"]["type"];
    assert_eq!(
        *name,
        json!(["null", "string", "boolean", "number", "array"])
    );
}

#[test]
fn ids_of_any_letters_are_kept() {
    for id in ["a/b#c?d%e", "é", "😀", "", "\u{0}\"\\", " "] {
        let row = row(StreamId::Visitors, json!({"visitorId": id}));
        assert_eq!(row.id.as_deref(), Some(id));
        assert_eq!(row.record["visitor_id"], id);
    }
}

#[test]
fn a_row_that_is_no_object_is_an_error() {
    for text in ["1", "\"x\"", "[]", "null", "{\"id\":"] {
        let mut json = serde_json::Deserializer::from_str(text);
        let parsed = seed(StreamId::Features, &json!({})).deserialize(&mut json);
        assert!(parsed.is_err(), "{text}");
    }
}

#[test]
fn a_row_weighs_its_texts() {
    let small = row(StreamId::Features, json!({"name": "x"})).bytes;
    let large = row(
        StreamId::Features,
        json!({"name": "x".repeat(1000), "dropped": "y"}),
    )
    .bytes;
    assert_eq!(large - small, 999);
}

//! Tests of the catalog.

use serde_json::json;
use weir_model::Timestamp;

use super::*;
use crate::discover::{CustomField, CustomType};

pub(crate) fn config(period: &str) -> Config {
    let map = json!({"start_date": "2024-01-01T00:00:00Z", "period": period});
    let map = map.as_object().expect("it is an object");
    Config::read(map, "config.json").expect("it is whole")
}

fn entries(period: &str, custom: &Custom) -> Vec<Value> {
    let catalog = catalog(&config(period), custom);
    catalog["streams"].as_array().expect("a list").clone()
}

fn entry(period: &str, name: &str) -> Value {
    let mut entries = entries(period, &Custom::default()).into_iter();
    entries
        .find(|entry| entry["stream"] == name)
        .expect("there is one")
}

#[test]
fn there_are_sixteen_streams_in_the_order_of_their_names() {
    assert_eq!(
        config("dayRange").start_date,
        Timestamp::parse("2024-01-01").expect("a date")
    );
    let entries = entries("dayRange", &Custom::default());
    let names: Vec<&str> = entries
        .iter()
        .filter_map(|e| e["tap_stream_id"].as_str())
        .collect();
    assert_eq!(names.len(), 16);
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn every_key_is_a_field_and_automatic() {
    for period in ["dayRange", "hourRange"] {
        for entry in entries(period, &Custom::default()) {
            let about = &entry["metadata"][0]["metadata"];
            let keys = about["table-key-properties"].as_array().expect("a list");
            let replication = about
                .get("valid-replication-keys")
                .and_then(Value::as_array);
            for key in keys.iter().chain(replication.into_iter().flatten()) {
                let key = key.as_str().expect("a name");
                assert!(
                    entry["schema"]["properties"].get(key).is_some(),
                    "{key} of {entry}"
                );
                let automatic = json!({
                    "breadcrumb": ["properties", key],
                    "metadata": {"inclusion": "automatic"},
                });
                let metadata = entry["metadata"].as_array().expect("a list");
                assert!(metadata.contains(&automatic), "{key} of {entry}");
            }
        }
    }
}

/// The reference has no server in its keys, so rows that differ in it collapse.
#[test]
fn events_of_two_servers_have_two_keys() {
    for (name, parent) in [
        ("events", None),
        ("feature_events", Some("feature_id")),
        ("page_events", Some("page_id")),
        ("track_events", Some("track_type_id")),
    ] {
        for (period, time) in [("dayRange", "day"), ("hourRange", "hour")] {
            let about = entry(period, name)["metadata"][0]["metadata"].clone();
            let rest = [
                "visitor_id",
                "account_id",
                "server",
                "remote_ip",
                "user_agent",
                time,
            ];
            let keys: Vec<&str> = parent.into_iter().chain(rest).collect();
            assert_eq!(about["table-key-properties"], json!(keys), "{name}");
            assert_eq!(about["valid-replication-keys"], json!([time]), "{name}");
        }
    }
}

/// The reference tells a history by its visitor alone, so an upserting target keeps one row of each.
#[test]
fn moments_of_one_visitor_have_keys_of_their_own() {
    let about = entry("dayRange", "visitor_history")["metadata"][0]["metadata"].clone();
    let keys = about["table-key-properties"]
        .as_array()
        .expect("a list")
        .clone();
    for key in [
        "visitor_id",
        "ts",
        "type",
        "feature_id",
        "page_id",
        "guide_id",
    ] {
        assert!(keys.contains(&json!(key)), "{key}");
    }
}

#[test]
fn children_name_their_parents() {
    for entry in entries("dayRange", &Custom::default()) {
        let stream = entry["stream"]
            .as_str()
            .and_then(StreamId::of_name)
            .expect("it is known");
        let about = &entry["metadata"][0]["metadata"];
        let parent = about.get("parent-tap-stream-id").and_then(Value::as_str);
        assert_eq!(
            parent.and_then(StreamId::of_name),
            stream.parent(),
            "{stream}"
        );
        if let Some(parent) = stream.parent() {
            assert_eq!(parent.child(), Some(stream));
        }
    }
}

#[test]
fn documents_of_metadata_are_told_whole_and_have_no_keys() {
    let about = entry("dayRange", "metadata_visitors")["metadata"][0]["metadata"].clone();
    let expected = json!({"table-key-properties": [], "forced-replication-method": "FULL_TABLE"});
    assert_eq!(about, expected);
}

#[test]
fn nothing_is_said_of_the_hour_of_days_nor_of_the_day_of_hours() {
    for (period, silent) in [("dayRange", "hour"), ("hourRange", "day")] {
        let entry = entry(period, "events");
        assert!(entry["schema"]["properties"].get(silent).is_some());
        let metadata = entry["metadata"].as_array().expect("a list");
        let place = json!(["properties", silent]);
        assert!(
            metadata.iter().all(|about| about["breadcrumb"] != place),
            "{period}"
        );
    }
}

#[test]
fn custom_fields_are_fields_of_their_types() {
    let kinds = [
        (
            "plan_name",
            CustomType::Text,
            json!({"type": ["null", "string"]}),
        ),
        (
            "since",
            CustomType::Time,
            json!({"type": ["null", "string"], "format": "date-time"}),
        ),
        (
            "is_vip",
            CustomType::Boolean,
            json!({"type": ["null", "boolean"]}),
        ),
        (
            "seats",
            CustomType::Integer,
            json!({"type": ["null", "integer", "number", "string"]}),
        ),
        (
            "score",
            CustomType::Float,
            json!({"type": ["null", "number"]}),
        ),
        ("tags", CustomType::Other, json!({})),
    ];
    let fields = kinds.iter().map(|(name, kind, _)| CustomField {
        name: (*name).to_owned(),
        kind: *kind,
    });
    let custom = Custom {
        accounts: Vec::new(),
        visitors: fields.collect(),
    };
    let entries = entries("dayRange", &custom);
    let schema = |name| {
        let entry = entries
            .iter()
            .find(|entry| entry["stream"] == name)
            .expect("there is one");
        entry["schema"]["properties"].clone()
    };
    let of_visitors = &schema("visitors")["metadata_custom"]["properties"];
    let said = &schema("metadata_visitors")["custom"]["properties"];
    for (name, _, expected) in kinds {
        assert_eq!(of_visitors[name], expected, "{name}");
        assert_eq!(
            said[name]["properties"]["display_name"]["type"][1], "string",
            "{name}"
        );
    }
    assert!(
        schema("accounts")["metadata_custom"]
            .get("properties")
            .is_none()
    );
}

#[test]
fn every_line_of_the_fields_has_a_type() {
    for entry in entries("dayRange", &Custom::default()) {
        assert!(entry["schema"]["properties"].is_object(), "{entry}");
        // What may be anything is listed here, so that a misspelt type is found.
        let fields = entry["schema"]["properties"]
            .as_object()
            .expect("an object");
        for (name, schema) in fields {
            let anything = [
                "share",
                "last_success_run_obj",
                "definition",
                "aggregation",
                "agent",
            ];
            let is_typed = schema.get("type").or(schema.get("anyOf")).is_some();
            assert!(
                is_typed || anything.contains(&name.as_str()),
                "{name} of {entry}"
            );
        }
    }
}

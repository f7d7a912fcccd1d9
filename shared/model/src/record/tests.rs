use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn check(body: Value) -> Result<Record, Vec<String>> {
    let Value::Object(body) = body else {
        panic!("a record is an object");
    };
    Record::check(body)
}

fn check_refused(body: Value, expected: &[&str]) {
    assert_eq!(check(body).expect_err("a bad record"), expected);
}

#[test]
fn a_flat_document_is_a_record_as_it_was_said() {
    let body = json!({
        "_id": "Zm9v=/+|é", "_timestamp": "2013-03-11T01:00:00+0100",
        "_start_at": "2013-03-11T00:00:00Z", "_end_at": "2013-03-18T00:00:00-00:00",
        "Page_Title": "Home", "visits2": 17, "ratio": 0.25, "live": true, "none": null,
    });
    let record = check(body.clone()).expect("a record");
    assert_eq!(Value::Object(record.body().clone()), body);
    assert_eq!(record.id(), Some("Zm9v=/+|é"));
    let time = record.timestamp().expect("a time");
    assert_eq!(time.to_string(), "2013-03-11T00:00:00Z");
    let bare = check(json!({})).expect("an empty record");
    assert_eq!((bare.id(), bare.timestamp()), (None, None));
}

#[test]
fn what_the_server_sets_is_taken_out() {
    let record = check(json!({"aa": 1, "_updated_at": [], "bb": 2})).expect("a record");
    let keys: Vec<_> = record.body().keys().collect();
    assert_eq!(keys, ["aa", "bb"]);
}

#[test]
fn each_key_that_is_wrong_is_named_in_the_words_of_backdrop() {
    check_refused(
        json!({"a": 1, "9a": 1, "a-b": 1, "é2": 1, "": 1, "good": 1}),
        &[
            "a is not a valid key",
            "9a is not a valid key",
            "a-b is not a valid key",
            "é2 is not a valid key",
            " is not a valid key",
        ],
    );
    check_refused(
        json!({"_unknown": 1, "list": [1], "map": {"a": 1}}),
        &[
            "_unknown is not a recognised internal field",
            "list has an invalid value",
            "map has an invalid value",
        ],
    );
}

#[test]
fn an_id_is_text_without_blanks() {
    for id in [json!(""), json!("a b"), json!("a\n"), json!(7), json!(null)] {
        check_refused(json!({ "_id": id }), &["_id is not a valid id"]);
    }
    let long = "x".repeat(RECORD_ID_BYTES + 1);
    check_refused(
        json!({"_id": long}),
        &["_id has 901 bytes; up to 900 are allowed"],
    );
    assert!(check(json!({"_id": "x".repeat(RECORD_ID_BYTES)})).is_ok());
}

#[test]
fn a_time_has_seconds_and_an_offset() {
    for text in [
        "2013-03-11T00:00:00Z",
        "2013-03-11T00:00:00+00:00",
        "2013-03-11T01:30:00+0130",
        "2013-03-10T18:00:00.0001-06:00",
    ] {
        let record = check(json!({ "_timestamp": text })).expect(text);
        let time = record.timestamp().expect("a time").to_string();
        assert_eq!(time, "2013-03-11T00:00:00Z", "{text}");
    }
    for text in [
        "hammer time",
        "2013-03-11",
        "2013-03-11T00:00:00",
        "2013-03-11T00:00Z",
        "2013-03-11 00:00:00Z",
        "2013-03-11T00:00:00.Z",
        "2013-03-11T00:00:00+01",
        "2013-03-11T00:00:00z",
        "2013-02-30T00:00:00Z",
        "2013-03-11T25:00:00Z",
        " 2013-03-11T00:00:00Z",
        "2013-03-11T00:00:0é",
    ] {
        let message = "_timestamp is not a valid timestamp, it must be ISO8601";
        check_refused(json!({ "_timestamp": text }), &[message]);
    }
    for key in ["_start_at", "_end_at"] {
        let expected = format!("{key} is not a valid timestamp, it must be ISO8601");
        check_refused(json!({ key: 1_362_960_000 }), &[&expected]);
    }
    check_refused(
        json!({"_timestamp": "1969-12-31T23:59:59Z"}),
        &["_timestamp: \"1969-12-31T23:59:59Z\" is outside the years 1970 to 9999"],
    );
}

#[test]
fn a_record_that_no_item_holds_is_refused() {
    check_refused(
        json!({"text": "x".repeat(RECORD_BYTES)}),
        &["the record has 350011 bytes as JSON; up to 350000 are allowed"],
    );
}

proptest! {
    #[test]
    fn nothing_that_comes_in_panics(key in ".{0,12}", text in ".{0,30}") {
        let _ = check(json!({ key: text.clone(), "_timestamp": text.clone(), "_id": text }));
    }
}

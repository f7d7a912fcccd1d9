//! Tests of configurations.

use serde_json::json;

use super::*;

fn map(mut changes: Value) -> Map<String, Value> {
    let mut map = Map::from_iter([
        ("x_pendo_integration_key".to_owned(), json!("secret.eu")),
        ("start_date".to_owned(), json!("2020-09-18T00:00:00Z")),
        ("period".to_owned(), json!("dayRange")),
    ]);
    map.append(changes.as_object_mut().expect("changes are an object"));
    map
}

fn read(changes: Value) -> Result<Config, Fault> {
    Config::read(&map(changes), "config.json")
}

fn check(changes: Value, holds: impl Fn(&Config) -> bool) {
    let config = read(changes.clone()).unwrap_or_else(|fault| panic!("{changes}: {fault}"));
    assert!(holds(&config), "{changes}: {config:?}");
}

fn check_fault(changes: Value, expected: &str) {
    let fault = read(changes.clone()).expect_err("it is wrong");
    assert_eq!(
        fault.message,
        format!("config.json: {expected}"),
        "{changes}"
    );
}

#[test]
fn the_defaults_are_those_of_the_published_tap() {
    let config = read(json!({})).expect("it is whole");
    assert_eq!(
        config,
        Config {
            start_date: Timestamp::parse("2020-09-18").expect("a date"),
            period: Period::Day,
            lookback: Duration::ZERO,
            request_timeout: Duration::from_secs(300),
            record_limit: 100_000,
            app_ids: None,
            include_anonymous: false,
            events_window: None,
            concurrency: 4,
            requests_per_second: None,
            base_url: None,
        }
    );
}

#[test]
fn numbers_and_switches_may_be_texts() {
    check(json!({"lookback_window": 10}), |c| c.lookback == days(10));
    check(json!({"lookback_window": "10"}), |c| c.lookback == days(10));
    check(json!({"lookback_window": ""}), |c| c.lookback == days(0));
    check(json!({"record_limit": "2"}), |c| c.record_limit == 2);
    check(json!({"record_limit": 5.0}), |c| c.record_limit == 5);
    check(json!({"record_limit": null}), |c| c.record_limit == 100_000);
    check(json!({"events_date_window": "30"}), |c| {
        c.events_window == Some(days(30))
    });
    check(json!({"events_date_window": 0}), |c| {
        c.events_window.is_none()
    });
    check(json!({"concurrency": "1"}), |c| c.concurrency == 1);
    check(json!({"requests_per_second": "0.5"}), |c| {
        c.requests_per_second == Some(0.5)
    });
    check(json!({"requests_per_second": ""}), |c| {
        c.requests_per_second.is_none()
    });
    for on in [json!(true), json!("true"), json!("True")] {
        check(json!({"include_anonymous_visitors": on}), |c| {
            c.include_anonymous
        });
    }
    for off in [json!(false), json!("false"), json!(""), json!(null)] {
        check(json!({"include_anonymous_visitors": off}), |c| {
            !c.include_anonymous
        });
    }
}

#[test]
fn a_time_out_of_nothing_is_the_default() {
    for nothing in [json!(0), json!("0"), json!(""), json!(null), json!(0.0)] {
        check(json!({"request_timeout": nothing}), |c| {
            c.request_timeout.as_secs() == 300
        });
    }
    check(json!({"request_timeout": "1.5"}), |c| {
        c.request_timeout.as_millis() == 1500
    });
}

#[test]
fn app_ids_are_whole_numbers() {
    check(json!({"app_ids": "1, 2,-3"}), |c| {
        c.app_ids == Some(vec![1, 2, -3])
    });
    check(json!({"app_ids": [1, 2]}), |c| {
        c.app_ids == Some(vec![1, 2])
    });
    check(json!({"app_ids": 7}), |c| c.app_ids == Some(vec![7]));
    check(json!({"app_ids": ["1", " -2", 3]}), |c| {
        c.app_ids == Some(vec![1, -2, 3])
    });
    for none in [json!(""), json!(null)] {
        check(json!({"app_ids": none}), |c| c.app_ids.is_none());
    }
    check_fault(
        json!({"app_ids": []}),
        "app_ids names no app: leave it out for all of them",
    );
    let wanted = "it must be whole numbers with commas between, as \"1, 2\"";
    check_fault(
        json!({"app_ids": "1,x"}),
        &format!("app_ids is the text \"x\": {wanted}"),
    );
    check_fault(
        json!({"app_ids": "1,"}),
        &format!("app_ids is the text \"\": {wanted}"),
    );
    for blank in [json!(" "), json!([""])] {
        check_fault(
            json!({"app_ids": blank}),
            &format!("app_ids is the text \"\": {wanted}"),
        );
    }
    check_fault(
        json!({"app_ids": [1.5]}),
        &format!("app_ids is 1.5: {wanted}"),
    );
    check_fault(
        json!({"app_ids": {}}),
        &format!("app_ids is an object: {wanted}"),
    );
}

#[test]
fn each_wrong_key_has_its_own_message() {
    let start =
        "start_date is missing: it is a date or a time in RFC 3339, as 2020-09-18T00:00:00Z";
    check_fault(json!({"start_date": null}), start);
    check_fault(json!({"start_date": " "}), start);
    check_fault(
        json!({"start_date": 5}),
        "start_date is 5: it must be a date or a time in RFC 3339, as 2020-09-18T00:00:00Z",
    );
    for wrong in [
        "soon",
        "x",
        "20260302",
        "1704067200000",
        "2026-13-01",
        "2026-03-02x",
        "2026-03",
        "1969-12-31",
    ] {
        check_fault(
            json!({"start_date": wrong}),
            &format!(
                "start_date is the text {wrong:?}: \
                 it must be a date or a time in RFC 3339, as 2020-09-18T00:00:00Z"
            ),
        );
    }
    for right in [
        "2020-09-18",
        "2020-09-18T02:00:00+02:00",
        " 2020-09-18T00:00:00.000Z",
    ] {
        check(json!({"start_date": right}), |c| {
            c.start_date == Timestamp::parse("2020-09-18").expect("a date")
        });
    }
    let period = "period is missing: it is dayRange or hourRange";
    check_fault(json!({"period": ""}), period);
    check_fault(
        json!({"period": "weekRange"}),
        "period is the text \"weekRange\": it must be dayRange or hourRange",
    );
    check_fault(
        json!({"period": 1}),
        "period is 1: it must be dayRange or hourRange",
    );
    let days = "it must be a whole number from 0 to 36500";
    check_fault(
        json!({"lookback_window": -1}),
        &format!("lookback_window is -1: {days}"),
    );
    check_fault(
        json!({"lookback_window": "x"}),
        &format!("lookback_window is the text \"x\": {days}"),
    );
    check_fault(
        json!({"events_date_window": 1.5}),
        &format!("events_date_window is 1.5: {days}"),
    );
    check_fault(
        json!({"record_limit": 0}),
        "record_limit is 0: it must be a whole number from 1 to 1000000000",
    );
    check_fault(
        json!({"request_timeout": "soon"}),
        "request_timeout is the text \"soon\": it must be a number of seconds from 0 to 86400",
    );
    check_fault(
        json!({"request_timeout": "nan"}),
        "request_timeout is the text \"nan\": it must be a number of seconds from 0 to 86400",
    );
    check_fault(
        json!({"include_anonymous_visitors": "yes"}),
        "include_anonymous_visitors is the text \"yes\": it must be true or false",
    );
    check_fault(
        json!({"concurrency": 17}),
        "concurrency is 17: it must be a whole number from 1 to 16",
    );
    check_fault(
        json!({"requests_per_second": 0}),
        "requests_per_second is 0: it must be a number above 0, to 1000",
    );
}

#[test]
fn an_address_is_one_of_a_server() {
    check(json!({"base_url": "http://127.0.0.1:80/"}), |c| {
        c.base_url.as_deref() == Some("http://127.0.0.1:80")
    });
    for wrong in ["app.pendo.io", "ftp://x", "https://", "https://x?y"] {
        let wanted = "it must be an address, as https://app.pendo.io";
        check_fault(
            json!({"base_url": wrong}),
            &format!("base_url is the text {wrong:?}: {wanted}"),
        );
    }
}

#[test]
fn the_integration_key_is_never_shown() {
    let key = |changes| Config::key(&map(changes), "config.json");
    let given = key(json!({})).expect("it is there");
    assert_eq!(given.expose(), "secret.eu");
    assert_eq!(format!("{given:?}"), "***");
    let wrong = [
        (json!(null), "is missing"),
        (json!(" "), "is empty"),
        (json!(5), "is no text"),
        (json!("secret\u{e9}"), "has a character"),
        (json!("secret\nsecret"), "has a character"),
    ];
    for (value, expected) in wrong {
        let fault = key(json!({"x_pendo_integration_key": value})).expect_err("it is wrong");
        let start = format!("config.json: x_pendo_integration_key {expected}");
        assert!(fault.message.starts_with(&start), "{fault}");
        assert!(!fault.to_string().contains("secret"), "{fault}");
    }
}

#[test]
fn keys_that_are_not_known_are_noted_with_what_may_be_meant() {
    let map = map(json!({"lookback_windw": "hidden", "user_agent": "hidden"}));
    let notes = Keys::new("config.json", &map).unknown(KNOWN);
    assert_eq!(
        notes,
        [
            "config.json: lookback_windw is ignored: did you mean lookback_window?",
            "config.json: user_agent is ignored",
        ]
    );
}

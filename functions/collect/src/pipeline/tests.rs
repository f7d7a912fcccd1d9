use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::query::Section;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn row(start: &str, dimensions: Value, special: Value) -> Row {
    Row {
        start: time(start),
        dimensions: object(dimensions).into_iter().collect(),
        special: object(special).into_iter().collect(),
    }
}

fn pipeline(options: Value) -> Pipeline {
    let map = object(options);
    let options = Options::read(&Section::new("query.json", "options", &map)).expect("options");
    Pipeline::new(&options, "devices")
}

fn weekly(visits: u64) -> Row {
    row(
        "2013-04-01",
        json!({"deviceCategory": "mobile", "country": "Malta"}),
        json!({"visits": visits, "timeSpan": "week"}),
    )
}

/// Documents as text, so that the order of keys counts, too.
fn check(options: Value, rows: Vec<Row>, expected: Value) {
    let documents = pipeline(options).documents(rows).expect("documents");
    assert_eq!(
        Value::from_iter(documents).to_string(),
        expected.to_string()
    );
}

fn check_error(options: Value, rows: Vec<Row>, expected: &str) {
    let error = pipeline(options).documents(rows).expect_err("an error");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn without_options_the_id_is_made_of_type_time_span_and_dimensions() {
    check(
        json!({}),
        vec![weekly(7)],
        json!([{
            "_timestamp": "2013-04-01T00:00:00+00:00",
            "dataType": "devices",
            "deviceCategory": "mobile",
            "country": "Malta",
            "visits": 7,
            "timeSpan": "week",
            "humanId": "devices_20130401000000_week_mobile_Malta",
            "_id": "ZGV2aWNlc18yMDEzMDQwMTAwMDAwMF93ZWVrX21vYmlsZV9NYWx0YQ==",
        }]),
    );
}

#[test]
fn an_id_is_url_safe_and_spells_values_as_python_does() {
    check(
        json!({"dataType": "t"}),
        vec![row(
            "2013-04-01T10:20:30Z",
            json!({"a": true, "b": null, "c": 1.0, "d": "é?>"}),
            json!({}),
        )],
        json!([{
            "_timestamp": "2013-04-01T10:20:30+00:00",
            "dataType": "t",
            "a": true,
            "b": null,
            "c": 1.0,
            "d": "é?>",
            "humanId": "t_20130401102030_True_None_1.0_é?>",
            "_id": "dF8yMDEzMDQwMTEwMjAzMF9UcnVlX05vbmVfMS4wX8OpPz4=",
        }]),
    );
}

#[test]
fn keys_are_renamed_after_fields_are_added_and_before_ids_are_made() {
    check(
        json!({
            "mappings": {"deviceCategory": "device", "timeSpan": "span", "department": "dept"},
            "additionalFields": {"department": "hmrc", "country": "from options"},
        }),
        vec![weekly(7)],
        json!([{
            "_timestamp": "2013-04-01T00:00:00+00:00",
            "dataType": "devices",
            "dept": "hmrc",
            "country": "Malta",
            "device": "mobile",
            "visits": 7,
            "span": "week",
            "humanId": "devices_20130401000000_mobile_Malta",
            "_id": "ZGV2aWNlc18yMDEzMDQwMTAwMDAwMF9tb2JpbGVfTWFsdGE=",
        }]),
    );
}

#[test]
fn an_id_mapping_joins_values_without_a_separator() {
    let human_id = |mapping: Value| {
        let options = json!({"idMapping": mapping, "mappings": {"country_1": "second"}});
        let documents = pipeline(options)
            .documents(vec![weekly(7)])
            .expect("documents");
        documents[0]["humanId"].clone()
    };
    assert_eq!(human_id(json!("country")), "Malta");
    assert_eq!(human_id(json!(["country", "visits"])), "Malta7");
    assert_eq!(
        human_id(json!(["_timestamp", "dataType"])),
        "2013-04-01 00:00:00+00:00devices"
    );
    // It may be there, so it is no mistake; here it is not.
    assert_eq!(human_id(json!(["country", "second"])), "Malta");
}

#[test]
fn plugins_run_in_order_over_all_documents() {
    let of = |page: &str, visits: u64, bounce: f64| {
        row(
            "2013-04-01",
            json!({"page": page}),
            json!({"visits": visits, "bounce": bounce, "timeSpan": "week"}),
        )
    };
    check(
        json!({"plugins": [
            "Comment('codes stand at the beginning')",
            "ComputeDepartmentKey('page')",
            "RemoveKey('_id', 'humanId', 'page')",
            "AggregateKey(aggregate_count('visits'), aggregate_rate('bounce', 'visits'))",
            "ComputeRank('rank')",
            "ComputeIdFrom('_timestamp', 'department', 'rank')",
        ]}),
        vec![
            of("<D25><OT1>", 1, 0.5),
            of("(other)", 4, 0.0),
            of("<D25>", 3, 0.25),
            of("<D14>", 1, 1.0),
        ],
        json!([
            {
                "_timestamp": "2013-04-01T00:00:00+00:00", "dataType": "devices", "visits": 4,
                "bounce": 0.3125, "timeSpan": "week", "department": "hm-revenue-customs", "rank": 1,
                "humanId": "20130401000000_hm-revenue-customs_1",
                "_id": "MjAxMzA0MDEwMDAwMDBfaG0tcmV2ZW51ZS1jdXN0b21zXzE=",
            },
            {
                "_timestamp": "2013-04-01T00:00:00+00:00", "dataType": "devices", "visits": 4,
                "bounce": 0.0, "timeSpan": "week", "department": "(other)", "rank": 2,
                "humanId": "20130401000000_(other)_2",
                "_id": "MjAxMzA0MDEwMDAwMDBfKG90aGVyKV8y",
            },
            {
                "_timestamp": "2013-04-01T00:00:00+00:00", "dataType": "devices", "visits": 1,
                "bounce": 1.0, "timeSpan": "week", "department": "<D14>", "rank": 3,
                "humanId": "20130401000000_<D14>_3",
                "_id": "MjAxMzA0MDEwMDAwMDBfPEQxND5fMw==",
            },
        ]),
    );
}

#[test]
fn a_department_is_set_by_code_or_name() {
    let department = |text: &str| {
        let plugins =
            json!({"plugins": [format!("SetDepartment('{text}')"), "ComputeIdFrom('department')"]});
        let documents = pipeline(plugins)
            .documents(vec![weekly(1)])
            .expect("documents");
        documents[0]["department"].clone()
    };
    assert_eq!(department("<D1>"), "attorney-generals-office");
    assert_eq!(department("<D1> and more"), "attorney-generals-office");
    assert_eq!(department("<D14>"), "<D14>");
    assert_eq!(department("Office of <D1>"), "Office of <D1>");
}

#[test]
fn an_empty_report_has_no_documents() {
    check(
        json!({
            "mappings": {"a": "b"}, "idMapping": "c",
            "plugins": ["RemoveKey('x')", "AggregateKey(aggregate_count('y'))", "ComputeIdFrom('z')"],
        }),
        vec![],
        json!([]),
    );
}

#[test]
fn a_key_that_is_not_there_is_told_with_its_place() {
    let has = "_timestamp, dataType, deviceCategory, country, visits, timeSpan";
    check_error(
        json!({"mappings": {"devceCategory": "device"}}),
        vec![weekly(1)],
        &format!(
            "query.json: options.mappings.devceCategory: no document has such a key: they have {has}"
        ),
    );
    check_error(
        json!({"mappings": {"visits_0": "first"}}),
        vec![weekly(1)],
        "query.json: options.mappings.visits_0: takes a part of visits, which is no text but 1",
    );
    check_error(
        json!({"idMapping": ["country", "city"]}),
        vec![weekly(1)],
        &format!("query.json: options.idMapping: no document has the key city: they have {has}"),
    );
    let has = format!("{has}, humanId, _id");
    check_error(
        json!({"plugins": ["ComputeRank('r')", "RemoveKey('city')", "ComputeIdFrom('r')"]}),
        vec![weekly(1)],
        &format!(
            "query.json: options.plugins[1]: RemoveKey('city'): a document has no key city: it has {has}, r"
        ),
    );
    check_error(
        json!({"plugins": ["ComputeIdFrom('city')"]}),
        vec![weekly(1)],
        &format!(
            "query.json: options.plugins[0]: ComputeIdFrom('city'): a document has no key city: it has {has}"
        ),
    );
    check_error(
        json!({"plugins": ["ComputeDepartmentKey('visits')", "ComputeIdFrom('visits')"]}),
        vec![weekly(1)],
        "query.json: options.plugins[0]: ComputeDepartmentKey('visits'): the value of visits is no text but 1",
    );
}

proptest! {
    #[test]
    fn an_id_is_the_base64_of_its_text_and_tells_rows_apart(
        values in prop::collection::hash_set("[^_]{0,8}", 1..8),
    ) {
        let rows = values.iter().map(|value| row("2013-04-01", json!({"a": value}), json!({})));
        let documents = pipeline(json!({})).documents(rows.collect()).expect("documents");
        let mut ids: Vec<&str> = documents.iter().map(|d| d["_id"].as_str().unwrap()).collect();
        for (document, value) in documents.iter().zip(&values) {
            let human_id = format!("devices_20130401000000_{value}");
            prop_assert_eq!(&document["humanId"], &human_id);
            let decoded = URL_SAFE.decode(document["_id"].as_str().unwrap()).unwrap();
            prop_assert_eq!(String::from_utf8(decoded).unwrap(), human_id);
        }
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), values.len());
    }
}

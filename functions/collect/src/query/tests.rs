use serde_json::json;
use weir_collector::sink::FileFormat;

use super::*;

/// What seed configurations look like.
fn seed() -> Value {
    json!({
        "entrypoint": "backdrop.collector.pingdom",
        "query": {"name": "govuk"},
        "options": {},
        "data-set": {"data-group": "my-data-group", "data-set": "my-data-set"},
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut document = seed();
    document[key] = value;
    document
}

fn without(key: &str) -> Value {
    with(key, Value::Null)
}

fn parse(document: &Value) -> Definition {
    Definition::parse(&document.to_string(), "q.json").expect("a definition")
}

fn check_error(document: &Value, expected: &str) {
    let error = Definition::parse(&document.to_string(), "q.json").expect_err(expected);
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_documents_example_is_read() {
    let definition = parse(&seed());
    assert_eq!(definition.entrypoint, Entrypoint::Pingdom);
    assert_eq!(definition.query["name"], "govuk");
    let data_set = definition.data_set().expect("a data set");
    assert_eq!(data_set.to_string(), "my-data-group/my-data-set");
    assert_eq!(definition.data_type(), "my-data-set");
    assert_eq!(definition.sink, SinkChoice::DataSet);
    assert_eq!(definition.notes, Vec::<String>::new());
}

#[test]
fn entrypoints_have_three_names() {
    let check = |text: &str, expected: Entrypoint| {
        assert_eq!(
            parse(&with("entrypoint", json!(text))).entrypoint,
            expected,
            "{text}"
        );
    };
    check("pingdom", Entrypoint::Pingdom);
    check("backdrop.collector.ga", Entrypoint::Ga);
    check(
        "performanceplatform.collector.ga.trending",
        Entrypoint::GaTrending,
    );
    check("ga.realtime", Entrypoint::GaRealtime);
}

#[test]
fn the_keys_of_a_job_are_read() {
    let mut job = seed();
    for (key, value) in [
        ("schedule", "rate(1 hour)"),
        ("time-zone", "Europe/London"),
        ("credentials", "pingdom"),
        ("token", "t"),
    ] {
        job[key] = json!(value);
    }
    let definition = parse(&job);
    assert_eq!(definition.schedule.as_deref(), Some("rate(1 hour)"));
    assert_eq!(definition.time_zone.as_deref(), Some("Europe/London"));
    assert_eq!(definition.credentials.as_deref(), Some("pingdom"));
    assert_eq!(definition.token.as_deref(), Some("t"));
}

#[test]
fn a_sink_is_a_type_or_an_object() {
    let check = |sink: Value, expected: SinkChoice| {
        assert_eq!(parse(&with("sink", sink.clone())).sink, expected, "{sink}");
    };
    check(json!("stdout"), SinkChoice::Stdout);
    check(json!({"type": "data-set"}), SinkChoice::DataSet);
    let url = || "https://b.example/data".to_owned();
    check(
        json!({"type": "backdrop", "url": url()}),
        SinkChoice::Backdrop { url: Some(url()) },
    );
    check(
        json!({"type": "files", "url": "s3://b/p", "format": "parquet"}),
        SinkChoice::Files {
            url: "s3://b/p".to_owned(),
            format: FileFormat::Parquet,
        },
    );
    let named = parse(&with("backdrop", json!("production")));
    assert_eq!(named.sink, SinkChoice::Backdrop { url: None });
}

#[test]
fn files_need_no_data_set() {
    let mut document = without("data-set");
    document["sink"] = json!({"type": "files", "url": "file:///tmp/x"});
    let definition = parse(&document);
    assert_eq!(definition.data_sets, None);
    assert_eq!(definition.data_type(), "pingdom");
}

#[test]
fn a_key_too_many_is_noted_and_never_its_value() {
    let mut document = with("tokn", json!("secret"));
    document["options"] = json!({"mapings": {}, "zzz": 1});
    document["data-set"]["bearer_token"] = json!("secret");
    let notes = parse(&document).notes;
    let expected = [
        "q.json: tokn is ignored: did you mean token?",
        "q.json: options.mapings is ignored: did you mean mappings?",
        "q.json: options.zzz is ignored",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn what_is_wrong_is_told_with_file_and_key() {
    let check = |key: &str, value: Value, expected: &str| check_error(&with(key, value), expected);
    let collectors = "there are pingdom, ga, ga.trending, ga.realtime, pendo (also as backdrop.collector.ga and performanceplatform.collector.ga)";
    check(
        "entrypoint",
        Value::Null,
        "q.json: entrypoint: is missing: it is the name of a collector",
    );
    check(
        "entrypoint",
        json!("backdrop.collector.ga.contrib.content.table"),
        &format!(
            "q.json: entrypoint: \"backdrop.collector.ga.contrib.content.table\" is no collector: {collectors}"
        ),
    );
    check(
        "query",
        Value::Null,
        "q.json: query: is missing: it is an object",
    );
    check(
        "query",
        json!([]),
        "q.json: query: is a list: it must be an object",
    );
    check(
        "data-set",
        json!({"data-type": "t"}),
        "q.json: data-set.data-group: is missing: it is the group of the data set",
    );
    check(
        "data-set",
        json!({"data-group": "g"}),
        "q.json: data-set.data-type: is missing: it is the type of the data set (data-set is accepted as well)",
    );
    check(
        "data-set",
        json!({"data-group": "g", "data-type": "t", "data-set": "u"}),
        "q.json: data-set.data-set: says \"u\" and data-type says \"t\": give one of them",
    );
    check(
        "data-set",
        Value::Null,
        "q.json: data-set: is missing: give {\"data-group\": …, \"data-type\": …}",
    );
    check(
        "data-set",
        json!("g/t"),
        "q.json: data-set: is the text \"g/t\": it must be an object",
    );
    check(
        "token",
        json!({"token": "secret"}),
        "q.json: token: is an object: it must be a text",
    );
    check(
        "sink",
        json!({"type": "file"}),
        "q.json: sink.type: \"file\" is no sink: there are data-set, backdrop, files or stdout",
    );
    check(
        "sink",
        json!({"type": "backdrop"}),
        "q.json: sink.url: is missing: give it here, or name the secret that has it in backdrop",
    );
    check(
        "sink",
        json!({"type": "files", "url": "s3://b", "format": "csv"}),
        "q.json: sink.format: \"csv\" is no format: there are jsonl.gz and parquet",
    );
}

#[test]
fn what_is_wrong_in_the_options_is_told_with_its_key() {
    let check = |options: Value, expected: &str| check_error(&with("options", options), expected);
    check(
        json!({"mappings": {"a": 1}}),
        "q.json: options.mappings.a: is 1: it must be a text",
    );
    check(
        json!({"additionalFields": {"a": [1]}}),
        "q.json: options.additionalFields.a: is a list: it must be a text, a number, true, false or null: a record is flat",
    );
    check(
        json!({"idMapping": []}),
        "q.json: options.idMapping: is empty: name a key, or leave it out",
    );
    check(
        json!({"idMapping": 3}),
        "q.json: options.idMapping: is 3: it must be a text or a list of texts",
    );
    check(
        json!({"chunk-size": -1}),
        "q.json: options.chunk-size: is -1: it must be a whole number from 0 on",
    );
    check(
        json!({"empty-data-set": "yes"}),
        "q.json: options.empty-data-set: is the text \"yes\": it must be true or false",
    );
    check(
        json!({"plugins": ["ComputeRank('rank')"]}),
        "q.json: options.plugins: the last plugin must be ComputeIdFrom('key', …), not ComputeRank('rank')",
    );
    check(
        json!({"plugins": ["Comment('x')", "ComputeIdFrom(a)"]}),
        "q.json: options.plugins[1]: at character 16: expected ( after a",
    );
}

#[test]
fn what_is_no_object_is_told() {
    let check = |text: &str, expected: &str| {
        let error = Definition::parse(text, "q.json").expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    check(
        "{",
        "q.json: is not JSON: EOF while parsing an object at line 1 column 1",
    );
    check(
        "[]",
        "q.json: is not a JSON object with entrypoint, query, options and data-set",
    );
}

/// A document of the collector with many streams.
fn of_pendo() -> Value {
    json!({
        "entrypoint": "pendo",
        "query": {"start_date": "2026-01-01T00:00:00Z", "period": "dayRange"},
        "data-set": {"data-group": "product"},
        "credentials": "pendo",
    })
}

#[test]
fn many_streams_go_into_a_group_of_data_sets() {
    let definition = parse(&of_pendo());
    assert_eq!(definition.entrypoint, Entrypoint::Pendo);
    let group = DataSets::OfGroup("product".to_owned());
    assert_eq!(definition.data_sets, Some(group));
    assert_eq!(definition.data_set(), None);
    assert_eq!(definition.data_type(), "pendo");
    assert_eq!(definition.notes, Vec::<String>::new());
}

#[test]
fn what_is_of_one_stream_is_refused_where_there_are_many() {
    let check = |key: &str, value: Value, expected: &str| {
        let mut document = of_pendo();
        document[key] = value;
        check_error(&document, expected);
    };
    check(
        "data-set",
        Value::Null,
        "q.json: data-set: is missing: give {\"data-group\": …}, in which each stream has the data \
         set of its name",
    );
    check(
        "data-set",
        json!({"data-group": "product", "data-type": "visitors"}),
        "q.json: data-set.data-type: each stream has a data set of its own, named as the stream: \
         take it out",
    );
    check(
        "data-set",
        json!({"data-group": "our product"}),
        "q.json: data-set.data-group: is the text \"our product\": it must be 1 to 100 letters, digits, \
         \"_\" or \"-\"",
    );
    check(
        "options",
        json!({"mappings": {}}),
        "q.json: options.mappings: applies to the records of one stream, and this collector has \
         several, which keep their fields: take it out",
    );
    check(
        "sink",
        json!({"type": "backdrop", "url": "https://b.example/data"}),
        "q.json: sink: backdrop is one data set with one token, and this collector has several \
         streams: there are data-set, files and stdout",
    );
}

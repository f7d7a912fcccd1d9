//! Tests of what is wanted.

use serde::de::DeserializeSeed as _;
use serde_json::json;

use super::*;
use crate::catalog::catalog;
use crate::record::RowSeed;

fn config() -> Config {
    let map = json!({"start_date": "2024-01-01T00:00:00Z", "period": "dayRange"});
    let map = map.as_object().expect("it is an object");
    Config::read(map, "config.json").expect("it is whole")
}

/// The catalog as discovery tells it, with some streams selected.
fn selecting(names: &[&str]) -> Value {
    let mut catalog = catalog(&config(), &Custom::default());
    for name in names {
        stream(&mut catalog, name)["metadata"][0]["metadata"]["selected"] = json!(true);
    }
    catalog
}

fn stream<'a>(catalog: &'a mut Value, name: &str) -> &'a mut Value {
    let streams = catalog["streams"].as_array_mut().expect("a list");
    let mut streams = streams.iter_mut();
    streams
        .find(|stream| stream["stream"] == name)
        .expect("there is one")
}

fn field<'a>(catalog: &'a mut Value, name: &str, field: &str) -> &'a mut Value {
    let place = json!(["properties", field]);
    let metadata = stream(catalog, name)["metadata"]
        .as_array_mut()
        .expect("a list");
    let mut metadata = metadata.iter_mut();
    &mut metadata
        .find(|one| one["breadcrumb"] == place)
        .expect("there is one")["metadata"]
}

fn names(selection: &Selection) -> Vec<&'static str> {
    selection
        .streams
        .iter()
        .map(|stream| stream.id.name())
        .collect()
}

fn fields(selection: &Selection, stream: StreamId) -> Vec<String> {
    let schema = &selection
        .stream(stream)
        .expect("it is selected")
        .schema
        .schema;
    let fields = schema["properties"].as_object().expect("an object");
    fields.keys().cloned().collect()
}

fn read(catalog: &Value) -> Result<Selection, Fault> {
    Selection::from_catalog(catalog, &config())
}

#[test]
fn what_is_selected_is_wanted_and_nothing_else() {
    let selection = read(&selecting(&["visitors", "events"])).expect("it is good");
    assert_eq!(names(&selection), ["events", "visitors"]);
    assert_eq!(names(&read(&selecting(&[])).expect("it is good")), [""; 0]);
}

#[test]
fn a_stream_may_be_selected_as_older_catalogs_do() {
    let mut catalog = selecting(&[]);
    stream(&mut catalog, "events")["selected"] = json!("true");
    stream(&mut catalog, "pages")["schema"]["selected"] = json!(true);
    stream(&mut catalog, "guides")["metadata"][0]["metadata"]["selected-by-default"] = json!(true);
    let selection = read(&catalog).expect("it is good");
    assert_eq!(names(&selection), ["events", "guides", "pages"]);
    let pages = selection.stream(StreamId::Pages).expect("it is selected");
    assert_eq!(pages.schema.schema.get("selected"), None);
    stream(&mut catalog, "events")["metadata"][0]["metadata"]["selected"] = json!(false);
    assert_eq!(
        names(&read(&catalog).expect("it is good")),
        ["guides", "pages"]
    );
}

#[test]
fn a_field_is_wanted_unless_it_is_said_that_it_is_not() {
    let mut catalog = selecting(&["events"]);
    field(&mut catalog, "events", "app_id")["selected"] = json!(false);
    field(&mut catalog, "events", "page_id")["inclusion"] = json!("unsupported");
    field(&mut catalog, "events", "num_events")["selected-by-default"] = json!(false);
    field(&mut catalog, "events", "num_minutes")["selected"] = json!(true);
    field(&mut catalog, "events", "num_minutes")["selected-by-default"] = json!(false);
    field(&mut catalog, "events", "account_id")["selected"] = json!(false);
    field(&mut catalog, "events", "day")["inclusion"] = json!("unsupported");
    let fields = fields(&read(&catalog).expect("it is good"), StreamId::Events);
    for gone in ["app_id", "page_id", "num_events"] {
        assert!(!fields.iter().any(|field| field == gone), "{gone}");
    }
    // Keys are automatic whatever is said of them.
    for wanted in ["num_minutes", "feature_id", "hour", "account_id", "day"] {
        assert!(fields.iter().any(|field| field == wanted), "{wanted}");
    }
}

#[test]
fn fields_within_fields_may_be_left_out() {
    let mut catalog = selecting(&["visitors"]);
    let metadata = stream(&mut catalog, "visitors")["metadata"]
        .as_array_mut()
        .expect("a list");
    metadata.push(json!({
        "breadcrumb": ["properties", "metadata_auto", "properties", "lastvisit"],
        "metadata": {"selected": false},
    }));
    let selection = read(&catalog).expect("it is good");
    let schema = &selection
        .stream(StreamId::Visitors)
        .expect("selected")
        .schema
        .schema;
    let auto = &schema["properties"]["metadata_auto"]["properties"];
    assert_eq!(auto.get("lastvisit"), None);
    assert!(auto.get("firstvisit").is_some());
}

/// Adds that fields within fields are not selected, by their breadcrumbs.
fn deselect(catalog: &mut Value, name: &str, places: &[&[&str]]) {
    let metadata = stream(catalog, name)["metadata"].as_array_mut();
    let metadata = metadata.expect("a list");
    for place in places {
        metadata.push(json!({"breadcrumb": place, "metadata": {"selected": false}}));
    }
}

/// The record of a row under a catalog.
fn told(catalog: &Value, id: StreamId, row: &Value) -> Map<String, Value> {
    let selection = read(catalog).expect("it is good");
    let stream = selection.stream(id).expect("it is selected");
    let seed = RowSeed::new(stream, Vec::new());
    let row = seed.deserialize(row).expect("it is a row");
    row.record
}

/// Without a field it would be as an object of which nothing is known, which is told as it is.
#[test]
fn an_object_of_which_no_field_is_wanted_is_told_empty() {
    let mut catalog = selecting(&["visitors"]);
    let custom = &mut stream(&mut catalog, "visitors")["schema"]["properties"]["metadata_custom"];
    custom["properties"] =
        json!({"plan": {"type": ["null", "string"]}, "seats": {"type": "integer"}});
    let metadata = json!({"custom": {"plan": "x", "seats": 3, "other": 1}});
    let row = json!({"visitorId": "v", "metadata": metadata});
    let visitor =
        |catalog: &Value| told(catalog, StreamId::Visitors, &row)["metadata_custom"].clone();
    assert_eq!(visitor(&catalog), json!({"plan": "x", "seats": 3}));
    let within = |field| ["properties", "metadata_custom", "properties", field];
    deselect(
        &mut catalog,
        "visitors",
        &[&within("plan"), &within("seats")],
    );
    assert_eq!(visitor(&catalog), json!({}));
    // Nothing is known of it before anything is left out: it is told as it is.
    stream(&mut catalog, "visitors")["schema"]["properties"]["metadata_custom"]["properties"] =
        json!({});
    assert_eq!(
        visitor(&catalog),
        json!({"plan": "x", "seats": 3, "other": 1})
    );
}

#[test]
fn fields_within_lists_may_be_left_out() {
    let mut catalog = selecting(&["guides"]);
    let step = &stream(&mut catalog, "guides")["schema"]["properties"]["steps"]["items"];
    let fields = step["properties"].as_object().expect("steps have fields");
    let fields: Vec<String> = fields.keys().cloned().collect();
    assert!(fields.contains(&"id".to_owned()), "{fields:?}");
    let row = json!({"id": "g", "steps": [{"id": "s", "guideId": "g", "type": "t"}, null]});
    let steps = |catalog: &Value| told(catalog, StreamId::Guides, &row)["steps"].clone();
    fn within(field: &str) -> [&str; 5] {
        ["properties", "steps", "items", "properties", field]
    }
    deselect(&mut catalog, "guides", &[&within("type")]);
    assert_eq!(steps(&catalog), json!([{"id": "s", "guide_id": "g"}, null]));
    for field in &fields {
        deselect(&mut catalog, "guides", &[&within(field)]);
    }
    assert_eq!(steps(&catalog), json!([{}, null]));
}

#[test]
fn a_schema_that_is_told_has_keywords_of_json_schema_alone() {
    let all = StreamId::ALL.map(StreamId::name);
    for stream in read(&selecting(&all)).expect("it is good").streams {
        let text = stream.schema.schema.to_string();
        assert!(!text.contains("additional_properties"), "{text}");
        let keys = stream.id.keys(config().period);
        assert_eq!(stream.schema.key_properties, keys, "{}", stream.id);
    }
}

#[test]
fn a_catalog_of_the_published_tap_gets_our_keys_and_types() {
    let mut catalog = selecting(&["events", "track_types"]);
    let events = stream(&mut catalog, "events");
    events["metadata"][0]["metadata"]["table-key-properties"] = json!(["visitor_id", "day"]);
    events["schema"]["properties"]
        .as_object_mut()
        .expect("an object")
        .remove("server");
    let name = json!({"type": ["null", "boolean"]});
    stream(&mut catalog, "track_types")["schema"]["properties"]["track_type_name"] = name;
    let selection = read(&catalog).expect("it is good");
    let events = selection.stream(StreamId::Events).expect("it is selected");
    assert!(events.schema.key_properties.contains(&"server".to_owned()));
    assert!(fields(&selection, StreamId::Events).contains(&"server".to_owned()));
    let types = selection
        .stream(StreamId::TrackTypes)
        .expect("it is selected");
    let types = &types.schema.schema["properties"]["track_type_name"]["type"];
    assert_eq!(*types, json!(["null", "boolean", "string"]));
}

#[test]
fn a_catalog_of_an_older_discovery_says_what_is_told() {
    let mut catalog = selecting(&["visitors"]);
    let schema = &mut stream(&mut catalog, "visitors")["schema"]["properties"];
    schema["metadata_custom"]["properties"] = json!({"gone": {"type": ["null", "string"]}});
    schema["once_there"] = json!({"type": ["null", "string"]});
    schema
        .as_object_mut()
        .expect("an object")
        .remove("metadata_agent");
    field(&mut catalog, "visitors", "metadata_agent")["selected"] = json!(true);
    let fields = fields(&read(&catalog).expect("it is good"), StreamId::Visitors);
    assert!(fields.contains(&"once_there".to_owned()), "{fields:?}");
    assert!(!fields.contains(&"metadata_agent".to_owned()), "{fields:?}");
}

#[test]
fn each_wrong_catalog_has_its_own_message() {
    let check = |catalog: Value, expected: &str| {
        let fault = read(&catalog).expect_err("it is wrong");
        assert_eq!(fault.to_string(), expected, "{catalog}");
    };
    for none in [json!({}), json!([]), json!({"streams": {}}), json!(null)] {
        check(
            none,
            "the catalog has no list of streams; make one with --discover",
        );
    }
    check(
        json!({"streams": [{"schema": {}}]}),
        "the catalog's streams[0] has no tap_stream_id",
    );
    let twice = json!({"stream": "pages"});
    check(
        json!({"streams": [twice, twice]}),
        "the catalog has the stream pages twice",
    );
    check(
        json!({"streams": [{"stream": "visitor_histry", "selected": true}]}),
        "the catalog selects \"visitor_histry\", which Pendo does not have; did you mean visitor_history?",
    );
    check(
        json!({"streams": [{"stream": "pages", "selected": true}]}),
        "the catalog's stream pages has no schema with properties; \
         make the catalog again with --discover",
    );
    check(
        selecting(&["feature_events", "page_events", "pages"]),
        "the catalog selects feature_events without features; \
         a child is read parent by parent: select its parent, too",
    );
    check(
        selecting(&["feature_events", "visitor_history"]),
        "the catalog selects feature_events without features, visitor_history without visitors; \
         a child is read parent by parent: select its parent, too",
    );
}

#[test]
fn an_unknown_stream_that_is_not_selected_is_passed_over() {
    let mut catalog = selecting(&["pages"]);
    let streams = catalog["streams"].as_array_mut().expect("a list");
    streams.push(json!({"stream": "nps", "tap_stream_id": "nps", "schema": {}}));
    assert_eq!(names(&read(&catalog).expect("it is good")), ["pages"]);
}

#[test]
fn all_are_all() {
    let selection = Selection::all(&config(), &Custom::default());
    assert_eq!(names(&selection), StreamId::ALL.map(StreamId::name));
}

fn named(streams: Value) -> Result<Selection, Fault> {
    Selection::named(
        &streams,
        "job.json: query.streams",
        &config(),
        &Custom::default(),
    )
}

#[test]
fn a_job_names_streams_and_fields() {
    let selection = named(json!(["pages", "events", "page_events", "pages"])).expect("it is good");
    assert_eq!(names(&selection), ["events", "page_events", "pages"]);
    let selection = named(json!({
        "visitors": ["metadata_custom"],
        "pages": true,
        "guides": [],
        "events": false,
    }));
    let selection = selection.expect("it is good");
    assert_eq!(names(&selection), ["guides", "pages", "visitors"]);
    let wanted = ["visitor_id", "lastupdated", "metadata_custom"];
    assert_eq!(fields(&selection, StreamId::Visitors), wanted);
    assert_eq!(
        fields(&selection, StreamId::Guides),
        ["last_updated_at", "id"]
    );
    assert!(fields(&selection, StreamId::Pages).len() > 10);
}

#[test]
fn each_wrong_list_of_a_job_has_its_own_message() {
    let check = |streams: Value, expected: &str| {
        let fault = named(streams.clone()).expect_err("it is wrong");
        assert_eq!(
            fault.to_string(),
            format!("job.json: query.streams{expected}"),
            "{streams}"
        );
    };
    for wrong in [json!("pages"), json!([1]), json!(null)] {
        check(
            wrong,
            " is neither a list of streams nor an object of them; \
             write [\"features\", \"feature_events\"], or {\"visitors\": [\"lastupdated\"]}",
        );
    }
    for none in [json!([]), json!({}), json!({"visitors": false})] {
        check(
            none,
            " names no stream; name some, as [\"features\", \"feature_events\"], \
             or leave it out for all of them",
        );
    }
    check(
        json!(["visitor"]),
        " selects \"visitor\", which Pendo does not have; did you mean visitors?",
    );
    check(
        json!({"visitors": ["visitor"]}),
        ": visitors has no field \"visitor\"; did you mean visitor_id?",
    );
    check(
        json!({"visitors": "all"}),
        ": visitors is no list of fields; name fields, or write true for all of them",
    );
    check(
        json!(["guide_events"]),
        " selects guide_events without guides; \
         a child is read parent by parent: select its parent, too",
    );
}

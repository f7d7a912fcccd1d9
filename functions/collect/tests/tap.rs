//! Collectors as Singer taps, against a Pingdom on this machine.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{Addresses, Tap, TapAccess, TapKind};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::sink::LinesSink;
use weir_collector::{Ended, Limits};
use weir_model::Timestamp;
use weir_store::ManualClock;
use weir_third_parties::pingdom::{Fixture, Pingdom, refused};

/// A tap's configuration and its third party.
struct World {
    pingdom: Pingdom,
    clock: ManualClock,
    directory: tempfile::TempDir,
}

/// What a tap has printed.
struct Printed {
    lines: Vec<Value>,
    ended: Ended,
}

/// Lines that can be looked at.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn query(name: &str, data_type: &str) -> Value {
    json!({"entrypoint": "pingdom", "query": {"name": name}, "options": {"dataType": data_type}})
}

impl World {
    fn start() -> World {
        World {
            pingdom: Pingdom::start(Fixture::sample()),
            clock: ManualClock::new(time("2026-03-02T10:30:00Z")),
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// Two checks: one as a document, one as a file beside the configuration.
    fn config(&self) -> Value {
        self.write("search.json", &query("govuk-search", "search"));
        json!({
            "queries": [query("govuk", "home"), "search.json"],
            "credentials": self.pingdom.credentials(),
            "start_date": "2026-03-02",
        })
    }

    fn write(&self, name: &str, value: &Value) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, value.to_string()).expect("a file");
        path
    }

    fn open(&self, config: &Value) -> Result<Tap, String> {
        let path = self.write("config.json", config);
        Tap::open(TapKind::Pingdom, &path).map_err(|fault| {
            let directory = self.directory.path().display().to_string();
            fault.to_string().replace(&directory, "DIR")
        })
    }

    async fn run(&self, catalog: Option<&Value>, state: Option<Value>) -> Result<Printed, String> {
        let tap = self.open(&self.config())?;
        let options = HttpOptions {
            backoff_base: Duration::from_millis(1),
            ..HttpOptions::default()
        };
        let access = TapAccess {
            http: Http::new(options).expect("a client"),
            clock: Arc::new(self.clock.clone()),
            addresses: Addresses {
                pingdom: self.pingdom.url(),
                ..Addresses::default()
            },
        };
        let paper = Paper::default();
        let limits = Limits::none(Arc::new(self.clock.clone()));
        let told = tap
            .run(
                catalog,
                state,
                &access,
                LinesSink::to(paper.clone()),
                limits,
            )
            .await;
        let told = told.map_err(|fault| fault.to_string())?;
        let text = String::from_utf8(paper.0.lock().expect("nobody panics").clone()).expect("text");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        Ok(Printed {
            lines: lines.collect(),
            ended: told.ended,
        })
    }
}

impl Printed {
    fn of(&self, kind: &str) -> Vec<&Value> {
        self.lines
            .iter()
            .filter(|line| line["type"] == kind)
            .collect()
    }

    fn records(&self, stream: &str) -> usize {
        let records = self.of("RECORD");
        records
            .iter()
            .filter(|line| line["stream"] == stream)
            .count()
    }

    fn state(&self) -> Value {
        let states = self.of("STATE");
        states
            .last()
            .map_or(Value::Null, |line| line["value"].clone())
    }
}

#[tokio::test]
async fn a_tap_prints_schemas_records_and_the_states_of_all_streams() {
    let world = World::start();
    let printed = world.run(None, None).await.unwrap();
    assert_eq!(printed.ended, Ended::Complete);
    assert_eq!(printed.lines[0]["type"], "SCHEMA");
    assert_eq!(printed.lines[0]["key_properties"], json!(["_id"]));
    assert_eq!(
        (printed.records("home"), printed.records("search")),
        (10, 10)
    );
    let nine = "2026-03-02T09:00:00+00:00";
    let expected = json!({"bookmarks": {"home": {"hour": nine}, "search": {"hour": nine}}});
    assert_eq!(printed.state(), expected);
    assert_eq!(printed.lines.last().unwrap()["type"], "STATE");
}

#[tokio::test]
async fn a_tap_goes_on_from_its_state() {
    let world = World::start();
    let state = json!({"bookmarks": {"search": {"hour": "2026-03-01T09:00:00+00:00"}, "other": {"day": "x"}}});
    let printed = world.run(None, Some(state)).await.unwrap();
    assert_eq!(
        (printed.records("home"), printed.records("search")),
        (10, 25)
    );
    assert_eq!(printed.state()["bookmarks"]["other"], json!({"day": "x"}));
}

#[tokio::test]
async fn a_catalog_selects_streams_and_fields() {
    let world = World::start();
    let mut catalog = world.open(&world.config()).unwrap().catalog();
    let all = world.run(Some(&catalog), None).await.unwrap();
    assert_eq!((all.records("home"), all.records("search")), (10, 10));

    catalog["streams"][0]["metadata"][0]["metadata"]["selected"] = json!(false);
    for entry in catalog["streams"][1]["metadata"].as_array_mut().unwrap() {
        if entry["breadcrumb"][1] != "uptime" && entry["breadcrumb"] != json!([]) {
            entry["metadata"]["selected"] = json!(false);
        }
    }
    let printed = world.run(Some(&catalog), None).await.unwrap();
    assert_eq!(
        (printed.records("home"), printed.records("search")),
        (0, 10)
    );
    let record = printed.of("RECORD")[0]["record"].as_object().unwrap();
    let fields: Vec<&str> = record.keys().map(String::as_str).collect();
    assert_eq!(fields, ["_id", "_timestamp", "uptime"]);
    let schema = printed.of("SCHEMA")[0]["schema"]["properties"]
        .as_object()
        .unwrap();
    assert_eq!(schema.len(), 3);
}

#[test]
fn a_catalog_tells_what_is_automatic_and_what_may_be_left_out() {
    let world = World::start();
    let catalog = world.open(&world.config()).unwrap().catalog();
    let stream = &catalog["streams"][0];
    assert_eq!(
        (&stream["tap_stream_id"], &stream["stream"]),
        (&json!("home"), &json!("home"))
    );
    let expected = json!({"breadcrumb": [], "metadata": {
        "inclusion": "available",
        "selected": true,
        "table-key-properties": ["_id"],
        "forced-replication-method": "INCREMENTAL",
        "valid-replication-keys": ["_timestamp"],
    }});
    assert_eq!(stream["metadata"][0], expected);
    let inclusion = |field: &str| {
        let entries = stream["metadata"].as_array().unwrap();
        let place = json!(["properties", field]);
        let entry = entries
            .iter()
            .find(|entry| entry["breadcrumb"] == place)
            .unwrap();
        entry["metadata"]["inclusion"].clone()
    };
    assert_eq!(inclusion("_id"), "automatic");
    assert_eq!(inclusion("_timestamp"), "automatic");
    assert_eq!(inclusion("avgresponse"), "available");
}

#[tokio::test]
async fn what_fails_ends_the_tap_after_what_was_told() {
    let world = World::start();
    world
        .pingdom
        .fail("summary.performance/103", 0, 1, refused(403, "no"));
    let printed = world.run(None, None).await.unwrap();
    assert!(
        matches!(printed.ended, Ended::Failed(_)),
        "{}",
        printed.ended
    );
    assert_eq!(
        (printed.records("home"), printed.records("search")),
        (10, 0)
    );
    let expected = json!({"bookmarks": {"home": {"hour": "2026-03-02T09:00:00+00:00"}}});
    assert_eq!(printed.state(), expected);
}

#[tokio::test]
async fn a_catalog_or_a_state_that_is_none_is_told() {
    let world = World::start();
    let check = async |catalog: Option<Value>, state: Option<Value>, expected: &str| {
        let error = world
            .run(catalog.as_ref(), state)
            .await
            .err()
            .expect(expected);
        assert_eq!(error, expected);
    };
    check(
        Some(json!({})),
        None,
        "the catalog has no list of streams; make one with --discover",
    )
    .await;
    let other = json!({"streams": [{"tap_stream_id": "other", "selected": true}]});
    check(
        Some(other),
        None,
        "the catalog selects other, which the configuration does not have; there are home, search",
    )
    .await;
    check(
        None,
        Some(json!([])),
        "the state is no JSON object with bookmarks by stream; give the value of the last STATE that the tap has printed",
    )
    .await;
}

#[test]
fn a_configuration_that_is_none_is_told_with_file_and_key() {
    let world = World::start();
    let check = |key: &str, value: Value, expected: &str| {
        let mut config = world.config();
        config[key] = value;
        assert_eq!(world.open(&config).err().as_deref(), Some(expected));
    };
    check(
        "queries",
        json!([]),
        "DIR/config.json: queries: has no query document, nor the path of one",
    );
    check(
        "queries",
        json!([{"entrypoint": "pingdom"}]),
        "DIR/config.json: queries[0]: query: is missing: it is an object",
    );
    check(
        "queries",
        json!([{"entrypoint": "ga", "query": {}}]),
        "DIR/config.json: queries[0]: entrypoint: ga is another tap's",
    );
    check(
        "queries",
        json!([query("a", "x"), query("b", "x")]),
        "DIR/config.json: two queries are of the data type x; tell them apart by options.dataType",
    );
    check(
        "credentials",
        Value::Null,
        "DIR/config.json: credentials: is missing; give the third party's credentials there, or the path of their file in credentials_file",
    );
    let missing = world
        .open(&json!({"queries": ["none.json"], "credentials": {}}))
        .err();
    let missing = missing.expect("an error");
    assert!(
        missing.starts_with("cannot read DIR/none.json: "),
        "{missing}"
    );
}

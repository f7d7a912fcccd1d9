//! Pendo: `weir tap pendo`, also called as `tap-pendo`, and as a job.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use weir_store::{Clock as _, SystemClock};
use weir_third_parties::pendo::{KEY, refused};
use weir_third_parties::{Pendo, PendoFixture};

use crate::world::{Said, World, said};

/// A Pendo, and a configuration for it.
struct Tapped {
    world: World,
    pendo: Pendo,
    config: String,
}

impl Tapped {
    fn start() -> Tapped {
        let (world, now) = (World::start(), SystemClock.now());
        let pendo = Pendo::start(PendoFixture::plain_at(now.as_millis()));
        let start = now.saturating_sub(Duration::from_secs(100 * 24 * 3600));
        let config = json!({
            "x_pendo_integration_key": KEY,
            "start_date": start.to_string(),
            "period": "dayRange",
        });
        let config = world.write("config.json", &config.to_string());
        Tapped {
            world,
            pendo,
            config,
        }
    }

    fn reach(&self, mut command: Command) -> Said {
        command
            .env("PENDO_BASE_URL", self.pendo.url())
            .env("WEIR_BACKOFF_BASE_MS", "1");
        said(command.output().unwrap())
    }

    fn tap(&self, more: &[&str]) -> Said {
        let mut command = self
            .world
            .command(&["tap", "pendo", "--config", &self.config]);
        command.args(more);
        self.reach(command)
    }

    /// The same under its other name.
    fn alone(&self, arguments: &[&str]) -> Said {
        let link = self.world.path("tap-pendo");
        if !link.exists() {
            symlink(env!("CARGO_BIN_EXE_weir"), &link).unwrap();
        }
        let mut command = Command::new(link);
        command.args(arguments).env_clear();
        self.reach(command)
    }

    /// The catalog with some streams selected.
    fn catalog(&self, streams: &[&str]) -> String {
        let catalog = self.tap(&["--discover"]);
        assert_eq!(catalog.status, 0, "{catalog:?}");
        let mut catalog: Value = serde_json::from_str(&catalog.out).unwrap();
        for stream in catalog["streams"].as_array_mut().unwrap() {
            let name = stream["tap_stream_id"].as_str().unwrap();
            let selected = streams.contains(&name);
            let metadata = stream["metadata"].as_array_mut().unwrap();
            let root = metadata
                .iter_mut()
                .find(|one| one["breadcrumb"] == json!([]));
            root.unwrap()["metadata"]["selected"] = selected.into();
        }
        self.world.write("catalog.json", &catalog.to_string())
    }
}

fn messages(said: &Said) -> Vec<Value> {
    assert_eq!(said.status, 0, "{said:?}");
    let lines = said.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn count(messages: &[Value], stream: &str) -> usize {
    let records = messages
        .iter()
        .filter(|message| message["type"] == "RECORD");
    records
        .filter(|message| message["stream"] == stream)
        .count()
}

#[test]
fn a_pipeline_of_tap_pendo_goes_on_unchanged() {
    let tapped = Tapped::start();
    let catalog = tapped.catalog(&["accounts", "features", "feature_events"]);
    let first = tapped.alone(&["-c", &tapped.config, "-p", &catalog]);
    let told = messages(&first);
    assert_eq!(told[0]["type"], "SCHEMA");
    assert_eq!((count(&told, "accounts"), count(&told, "features")), (3, 3));
    assert!(count(&told, "feature_events") > 0 && count(&told, "visitors") == 0);
    let state = told.last().unwrap();
    assert_eq!(state["type"], "STATE");
    assert_eq!(state["value"]["currently_syncing"], Value::Null);
    // The same by the other name, and on from there.
    let same = tapped.tap(&["--catalog", &catalog]);
    let records = |told: &[Value]| -> Vec<Value> {
        let records = told.iter().filter(|message| message["type"] == "RECORD");
        records.map(|message| message["record"].clone()).collect()
    };
    assert_eq!(records(&messages(&same)), records(&told));
    let state = tapped
        .world
        .write("state.json", &state["value"].to_string());
    let next = tapped.alone(&["-c", &tapped.config, "--catalog", &catalog, "-s", &state]);
    assert!(count(&messages(&next), "accounts") <= 1, "{next:?}");
}

#[test]
fn standard_error_has_metrics_for_runners_and_progress_for_people() {
    let tapped = Tapped::start();
    let catalog = tapped.catalog(&["accounts", "pages"]);
    let said = tapped.tap(&["--catalog", &catalog]);
    let told = messages(&said);
    let metrics: Vec<Value> = said
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("INFO METRIC: "))
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    for stream in ["accounts", "pages"] {
        let of = |metric: &str| -> Vec<&Value> {
            let is_of = |one: &&Value| one["metric"] == metric && one["tags"]["endpoint"] == stream;
            metrics.iter().filter(is_of).collect()
        };
        let records = of("record_count");
        let counted: u64 = records.iter().filter_map(|one| one["value"].as_u64()).sum();
        assert_eq!(counted, 3, "{said:?}");
        assert_eq!(
            of("http_request_duration")[0]["tags"]["status"],
            "succeeded"
        );
        assert_eq!(of("job_duration").len(), 1);
        let done = format!("INFO {stream}: done: 3 records");
        assert!(said.err.contains(&done), "{said:?}");
    }
    assert_eq!(count(&told, "accounts") + count(&told, "pages"), 6);
    assert!(!said.err.contains(KEY), "{said:?}");
}

#[test]
fn what_cannot_be_tapped_is_one_clear_line() {
    let tapped = Tapped::start();
    let fails = |said: Said, parts: &[&str]| {
        assert_eq!(said.status, 1, "{said:?}");
        assert!(!said.out.contains("RECORD"), "{said:?}");
        let errors = said.err.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{said:?}");
        for part in parts {
            assert!(said.err.contains(part), "{part}: {said:?}");
        }
        assert!(!said.err.contains(KEY), "{said:?}");
    };
    let catalog = tapped.catalog(&["accounts"]);
    fails(
        tapped.alone(&["-c", "nowhere.json"]),
        &["cannot read nowhere.json"],
    );
    fails(
        tapped.tap(&["--catalog", "nowhere.json"]),
        &["nowhere.json"],
    );
    let broken = tapped.world.write("broken.json", "{");
    fails(
        tapped.tap(&["--catalog", &broken]),
        &["broken.json is not JSON"],
    );
    fails(
        tapped.tap(&["--catalog", &catalog, "-s", &broken]),
        &["broken.json is not JSON"],
    );
    fails(
        tapped.alone(&["-c", &broken]),
        &["broken.json", "is not JSON"],
    );
    let lone = tapped.catalog(&["page_events"]);
    fails(tapped.tap(&["--catalog", &lone]), &["page_events", "pages"]);
    let catalog = tapped.catalog(&["accounts"]);
    tapped.pendo.set_key("another");
    fails(tapped.tap(&["--discover"]), &["key"]);
    fails(tapped.tap(&["--catalog", &catalog]), &["key"]);
}

#[test]
fn a_parent_that_cannot_be_read_fails_the_tap_with_its_id() {
    let tapped = Tapped::start();
    let catalog = tapped.catalog(&["pages", "page_events", "reports"]);
    tapped
        .pendo
        .fail_parent("p2", 99, refused(403, "not for you"));
    let said = tapped.tap(&["--catalog", &catalog]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.err.contains("p2") && said.err.contains("403"),
        "{said:?}"
    );
    // The others were told, with all that comes after them.
    let lines = said.out.lines();
    let told: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(count(&told, "page_events") > 0 && count(&told, "reports") == 2);
}

#[test]
fn a_collection_of_several_streams_goes_where_there_is_room_for_them() {
    let tapped = Tapped::start();
    let world = &tapped.world;
    let mut query = json!({
        "entrypoint": "pendo",
        "query": {"start_date": "2020-01-01", "period": "dayRange", "streams": ["accounts"]},
        "sink": "stdout",
    });
    let credentials = json!({"x_pendo_integration_key": KEY}).to_string();
    let credentials = world.write("credentials.json", &credentials);
    let collect = |query: &Value, more: &[&str]| {
        let query = world.write("query.json", &query.to_string());
        let mut command = world.command(&["collect", "-q", &query, "-c", &credentials]);
        command.args(more).arg("--console-logging");
        tapped.reach(command)
    };
    assert_eq!(count(&messages(&collect(&query, &[])), "accounts"), 3);
    let backdrop = world.write("backdrop.json", "{\"url\": \"http://127.0.0.1:9/data\"}");
    let refused = collect(&query, &["-b", &backdrop, "-t", &credentials]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.err.contains("several streams"), "{refused:?}");
    query["sink"] = json!("data-set");
    query["data-set"] = json!({"data-group": "product"});
    let refused = collect(&query, &[]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.err.contains("weir jobs run"), "{refused:?}");
}

#[test]
fn a_job_reads_pendo_into_data_sets() {
    let tapped = Tapped::start();
    let world = &tapped.world;
    for directory in ["jobs", "secrets"] {
        fs::create_dir(world.path(directory)).unwrap();
    }
    let secret = json!({"x_pendo_integration_key": KEY}).to_string();
    world.write("secrets/pendo.json", &secret);
    let job = json!({
        "entrypoint": "pendo",
        "query": {"start_date": "2020-01-01", "period": "dayRange", "streams": ["accounts"]},
        "data-set": {"data-group": "product"},
        "credentials": "pendo",
    });
    world.write("jobs/product.json", &job.to_string());
    let run = || {
        let mut command = world.command(&["jobs", "run", "product"]);
        command.env("WEIR_JOBS", world.path("jobs"));
        command.env("WEIR_SECRETS", world.path("secrets"));
        tapped.reach(command)
    };
    let missing = run();
    assert_eq!(missing.status, 1, "{missing:?}");
    assert!(missing.err.contains("product/accounts"), "{missing:?}");
    world.succeed(&["dataset", "create", "product/accounts"]);
    let said = run();
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("3 records delivered"), "{said:?}");
    let shown = world.succeed(&["dataset", "show", "product/accounts", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["records"], 3, "{shown}");
}

//! `weir tap`: Singer messages on standard output.

use serde_json::{Value, json};
use weir_third_parties::{Pingdom, pingdom};

use crate::world::{Said, World, said};

fn tap(world: &World, pingdom: &Pingdom, more: &[&str]) -> Said {
    let config = world.path("config.json");
    let mut command = world.command(&["tap", "pingdom", "--config", config.to_str().unwrap()]);
    command.args(more).env("WEIR_PINGDOM_URL", pingdom.url());
    said(command.env("WEIR_BACKOFF_BASE_MS", "1").output().unwrap())
}

fn messages(said: &Said) -> Vec<Value> {
    assert_eq!(said.status, 0, "{said:?}");
    said.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn prepared() -> (World, Pingdom) {
    let world = World::start();
    let pingdom = Pingdom::start(pingdom::Fixture::sample());
    let query = json!({
        "entrypoint": "pingdom",
        "query": {"name": "govuk"},
        "options": {},
        "data-set": {"data-group": "web", "data-type": "uptime"},
    });
    let config = json!({"queries": [query], "credentials": pingdom.credentials()});
    world.write("config.json", &config.to_string());
    (world, pingdom)
}

#[test]
fn a_tap_tells_its_schema_its_records_and_how_far_it_came() {
    let (world, pingdom) = prepared();
    let first = messages(&tap(&world, &pingdom, &[]));
    assert_eq!(first[0]["type"], "SCHEMA");
    assert!(
        first
            .iter()
            .filter(|message| message["type"] == "RECORD")
            .count()
            >= 24
    );
    let state = first.last().unwrap();
    assert_eq!(state["type"], "STATE");
    // It goes on from there.
    let file = world.write("state.json", &state["value"].to_string());
    let second = messages(&tap(&world, &pingdom, &["--state", &file]));
    assert!(
        second
            .iter()
            .filter(|message| message["type"] == "RECORD")
            .count()
            <= 2
    );
}

#[test]
fn what_is_discovered_selects_what_is_told() {
    let (world, pingdom) = prepared();
    let catalog = tap(&world, &pingdom, &["--discover"]);
    let mut catalog: Value = serde_json::from_str(&catalog.out).unwrap();
    assert_eq!(catalog["streams"][0]["tap_stream_id"], "uptime");
    assert!(pingdom.requests().is_empty());
    let all = world.write("catalog.json", &catalog.to_string());
    assert!(messages(&tap(&world, &pingdom, &["--catalog", &all])).len() > 24);
    let metadata = &mut catalog["streams"][0]["metadata"];
    let stream = metadata.as_array_mut().unwrap().iter_mut();
    for entry in stream.filter(|entry| entry["breadcrumb"] == json!([])) {
        entry["metadata"]["selected"] = false.into();
    }
    let none = world.write("catalog.json", &catalog.to_string());
    let told = messages(&tap(&world, &pingdom, &["--properties", &none]));
    assert!(
        told.iter().all(|message| message["type"] != "RECORD"),
        "{told:?}"
    );
}

#[test]
fn a_tap_that_cannot_go_on_fails_and_says_why() {
    let (world, pingdom) = prepared();
    pingdom.fail_next(pingdom::refused(401, "no such token"));
    pingdom.fail_next(pingdom::refused(401, "no such token"));
    let said = tap(&world, &pingdom, &[]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("error:"), "{said:?}");
    assert!(!said.err.contains(pingdom::TOKEN), "{said:?}");
    world.write("config.json", "{}");
    let said = tap(&world, &pingdom, &["--discover"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("config.json"), "{said:?}");
}

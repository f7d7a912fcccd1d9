//! Write keys: made, listed, revoked, brought along from another service; and what is refused of
//! what they send.

use serde_json::{Value, json};

use crate::restarts::http;
use crate::world::{Server, World};

/// Sends an event with a key; gives the status.
async fn track(server: &Server, key: &str) -> u16 {
    let event = json!({ "namespace": "web", "name": "seen", "value": 1 });
    send(server, key, event.to_string()).await
}

async fn send(server: &Server, key: &str, body: String) -> u16 {
    let request = http().post(format!("{}/api/track/", server.url));
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let answer = request.basic_auth(key, Some("")).send().await.unwrap();
    answer.status().as_u16()
}

fn made(world: &World, more: &[&str]) -> Value {
    let arguments = [&["key", "create", "--label", "web", "--json"], more].concat();
    serde_json::from_str(&world.succeed(&arguments)).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[test]
fn a_key_is_shown_once_writes_and_is_revoked() {
    let world = World::start();
    let shown = world.succeed(&["key", "create", "--label", "web"]);
    let key = shown.split("key  ").nth(1).unwrap().trim();
    assert!(key.starts_with("wk_") && key.len() == 35, "{shown}");
    let server = world.serve(&[]);
    let limited = made(&world, &["--namespace", "Shop", "--rate", "1"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert_eq!(track(&server, key).await, 201);
        assert_eq!(
            track(&server, "wk_00000000000000000000000000000000").await,
            401
        );
        let limited = text(&limited, "key");
        let statuses = [track(&server, limited).await, track(&server, limited).await];
        assert_eq!(statuses, [201, 429]);
        let listed = world.succeed(&["key", "list", "--json"]);
        assert!(!listed.contains(key), "{listed}");
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[1]["namespace"], "Shop");
        let id = text(&listed[0], "id");
        let told = world.succeed(&["key", "revoke", id]);
        assert!(
            told.contains(id) && told.contains("within a minute"),
            "{told}"
        );
        assert_eq!(track(&server, key).await, 401);
        let table = world.succeed(&["key", "list"]);
        let row = table.lines().find(|line| line.contains(id)).unwrap();
        let is_time = |word: &&str| weir_model::Timestamp::parse(word).is_ok();
        let times = row.split_whitespace().filter(is_time).count();
        assert_eq!(times, 2, "made and revoked: {row}");
    });
    server.stop();
    assert!(!world.log().contains(key), "{}", world.log());
    assert_eq!(world.count("web", "seen"), 2);
}

#[test]
fn an_existing_key_comes_from_a_file_or_standard_input() {
    let world = World::start();
    let file = world.write("key.txt", "  0a1b2c3d:old/key\n");
    let first = made(&world, &["--existing-file", &file]);
    assert_eq!(text(&first, "key"), "0a1b2c3d:old/key");
    let create = ["key", "create", "--label", "other", "--existing-file"];
    let error = world.fail(1, &[&create[..], &[&file]].concat());
    assert!(error.contains("there already"), "{error}");
    world.succeed(&["key", "revoke", text(&first, "id")]);
    let error = world.fail(1, &[&create[..], &[&file]].concat());
    assert!(error.contains("revoked, which is for good"), "{error}");
    let said = world.run_with_input(&[&create[..], &["-"]].concat(), "another-old-key\n");
    assert_eq!(said.status, 0, "{said:?}");
    let server = world.serve(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(track(&server, "another-old-key")), 201);
    assert_eq!(runtime.block_on(track(&server, "0a1b2c3d:old/key")), 401);
}

#[test]
fn what_is_no_key_or_no_label_is_refused_and_not_shown() {
    let world = World::start();
    let create = ["key", "create", "--label", "web", "--existing-file"];
    for bad in ["hush", "hush hush hush", ""] {
        let file = world.write("key.txt", bad);
        let error = world.fail(2, &[&create[..], &[&file]].concat());
        assert!(error.contains("a write key"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    let missing = world.fail(1, &[&create[..], &["nowhere"]].concat());
    assert!(
        missing.contains("cannot read a write key from nowhere"),
        "{missing}"
    );
    let label = "x".repeat(121);
    world.fail(2, &["key", "create", "--label", &label]);
    world.fail(2, &["key", "create"]);
    let error = world.fail(1, &["key", "revoke", "wk_hush-hush-hush"]);
    assert!(
        error.contains("weir key list") && !error.contains("hush"),
        "{error}"
    );
}

#[test]
fn refused_events_are_listed_with_their_reasons_and_nobodys_key() {
    let world = World::start();
    let key = made(&world, &[]);
    let (id, key) = (text(&key, "id"), text(&key, "key"));
    let error = world.run(&["rejected"]).err;
    assert!(error.contains("nothing was refused"), "{error}");
    let server = world.serve(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let good = r#"{"namespace":"web","name":"seen","value":1}"#;
    let bad = r#"{"namespace":"web","name":"seen","value":"planted"}"#;
    let statuses = runtime.block_on(async {
        let batch = format!("[{good},{bad},{{}}]");
        let sent = [batch, bad.to_owned(), "{\"planted".to_owned()];
        let mut statuses = Vec::new();
        for body in sent {
            statuses.push(send(&server, key, body).await);
        }
        statuses
    });
    assert_eq!(statuses, [400, 400, 400]);
    world.fail(1, &["track", "web", "seen", "many"]);
    let listed = |more: &[&str]| -> Vec<Value> {
        let out = world.succeed(&[&["rejected", "--json"], more].concat());
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let of_key = listed(&["--key", id, "--since", "1h"]);
    let reasons: Vec<&str> = of_key.iter().map(|entry| text(entry, "reason")).collect();
    let invalid = "invalid-event";
    assert_eq!(reasons, ["invalid-json", invalid, invalid, invalid]);
    let events: Vec<&str> = of_key.iter().map(|entry| text(entry, "event")).collect();
    assert_eq!(events, ["{\"planted", bad, bad, "{}"], "the newest first");
    assert!(
        text(&of_key[1], "detail").starts_with("value: "),
        "{of_key:?}"
    );
    assert_eq!(of_key[0]["key"], json!({ "id": id, "label": "web" }));
    assert_eq!(listed(&[]).len(), 5, "and the local one");
    assert_eq!(listed(&["--since", "0s"]).len(), 0);
    let told = world.succeed(&["rejected", "--key", "local"]);
    assert!(
        told.contains("  track  local  invalid-event: value: "),
        "{told}"
    );
    server.stop();
    let log = world.log();
    assert!(
        log.contains("refused 2 events") && log.contains(id),
        "{log}"
    );
    assert!(!log.contains("planted") && !log.contains(key), "{log}");
}

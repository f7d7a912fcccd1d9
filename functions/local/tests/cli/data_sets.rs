//! Data sets: made, written to with their tokens, read by everybody, changed, deleted.

use serde_json::{Value, json};

use crate::restarts::http;
use crate::world::{Server, World};

/// Sends a record to a data set with a token; gives the status.
async fn send(server: &Server, name: &str, token: &str) -> u16 {
    let record = json!({"_id": "a", "_timestamp": "2013-03-11T00:00:00Z", "visits": 17});
    let request = http().post(format!("{}/data/{name}", server.url));
    let request = request
        .header("content-type", "application/json")
        .body(record.to_string());
    let answer = request.bearer_auth(token).send().await.unwrap();
    answer.status().as_u16()
}

async fn read(server: &Server, name: &str) -> (u16, Value) {
    let answer = http().get(format!("{}/data/{name}", server.url));
    let answer = answer.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_data_set_is_made_written_read_and_deleted() {
    let world = World::start();
    let shown = world.succeed(&["dataset", "create", "foo/bar"]);
    let token = shown.split("token  ").nth(1).unwrap().trim();
    assert_eq!(token.len(), 64, "{shown}");
    let again = world.fail(1, &["dataset", "create", "foo/bar"]);
    assert!(again.contains("there is a data set foo/bar"), "{again}");
    let server = world.serve(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert_eq!(send(&server, "foo/bar", token).await, 200);
        assert_eq!(send(&server, "foo/bar", "another-token").await, 401);
        let (status, answer) = read(&server, "foo/bar").await;
        assert_eq!((status, &answer["data"][0]["visits"]), (200, &json!(17)));
        let shown: Value =
            serde_json::from_str(&world.succeed(&["dataset", "show", "foo/bar", "--json"]))
                .unwrap();
        assert_eq!(
            (&shown["records"], &shown["first"]),
            (&json!(1), &json!("2013-03-11T00:00:00Z"))
        );
        assert!(shown["last_updated"].is_string(), "{shown}");

        let rotated = world.succeed(&["dataset", "rotate-token", "foo/bar", "--json"]);
        let rotated: Value = serde_json::from_str(&rotated).unwrap();
        assert_eq!(send(&server, "foo/bar", token).await, 401);
        let other = rotated["token"].as_str().unwrap();
        assert_eq!(send(&server, "foo/bar", other).await, 200);

        let asked = world.fail(2, &["dataset", "delete", "foo/bar"]);
        assert!(asked.contains("--yes"), "{asked}");
        world.succeed(&["dataset", "delete", "foo/bar", "--yes"]);
        assert_eq!(read(&server, "foo/bar").await.0, 404);
        let gone = world.fail(1, &["dataset", "delete", "foo/bar", "--yes"]);
        assert!(gone.contains("there is no data set foo/bar"), "{gone}");
    });
    server.stop();
    assert!(!world.log().contains(token), "{}", world.log());
}

#[test]
fn settings_are_made_shown_and_changed() {
    let world = World::start();
    world.succeed(&[
        "dataset",
        "create",
        "a/b",
        "--raw-queries-allowed",
        "false",
        "--max-age-expected",
        "60",
    ]);
    world.succeed(&["dataset", "set", "a/b", "--unpublished", "--realtime"]);
    let settings = || {
        let listed = world.succeed(&["dataset", "list", "--json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let set = &listed[0];
        assert_eq!(
            (&set["name"], &set["last_updated"]),
            (&json!("a/b"), &Value::Null)
        );
        let names = ["raw_queries_allowed", "published", "queryable", "realtime"];
        let flags = names.map(|name| set[name].as_bool().unwrap());
        (flags, set["max_age_expected"].as_u64())
    };
    assert_eq!(settings(), ([false, false, true, true], Some(60)));
    world.succeed(&["dataset", "set", "a/b", "--published", "--no-max-age"]);
    assert_eq!(settings(), ([false, true, true, true], None));
    let error = world.fail(2, &["dataset", "set", "a/b"]);
    assert!(error.contains("no setting is named"), "{error}");
    let error = world.fail(1, &["dataset", "set", "a/c", "--realtime"]);
    assert!(error.contains("there is no data set a/c"), "{error}");
    let table = world.succeed(&["dataset", "list"]);
    assert!(table.contains("a/b"), "{table}");
    assert!(
        world
            .succeed(&["dataset", "show", "a/b"])
            .contains("records")
    );
}

#[test]
fn a_token_comes_along_in_the_file_of_a_collector() {
    let world = World::start();
    let file = world.write("token.json", "{\"token\": \"an-old-token\"}\n");
    let made = world.succeed(&["dataset", "create", "a/b", "--token-file", &file, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["token"], "an-old-token");
    let plain = world.write("token.txt", "  another-token \n");
    let made = world.succeed(&["dataset", "create", "a/c", "--token-file", &plain]);
    assert!(made.contains("another-token"), "{made}");
    let quoted = world.write("token.txt", "\"a-quoted-token\"\n");
    let made = world.succeed(&["dataset", "create", "a/e", "--token-file", &quoted]);
    assert!(made.contains("token  a-quoted-token"), "{made}");
    for bad in ["{\"key\": \"planted-planted\"}", "short", "planted planted"] {
        let file = world.write("bad.json", bad);
        let error = world.fail(2, &["dataset", "create", "a/d", "--token-file", &file]);
        assert!(
            error.contains("bad.json") && !error.contains("planted"),
            "{error}"
        );
    }
}

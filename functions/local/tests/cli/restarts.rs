//! Crashes and clean stops in the middle of things.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::importing::lines;
use crate::world::{Watched, World};

/// What the log of an import says of each batch.
const STORED: &str = "stored bytes";

#[test]
fn an_import_that_is_killed_and_started_again_counts_every_line_once() {
    let world = World::start();
    let file = world.write("events.ndjson", &lines(0, 20_000));
    let arguments = ["import", &file, "--log", "warn,weir=info"];
    for round in 1..=3 {
        // It keeps the store itself, so the store is killed with it.
        let mut import = Watched::start(world.command(&arguments));
        import.wait_for(STORED, 2 * round);
        import.kill();
    }
    let said = world.run(&arguments);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("going on with the import"), "{said:?}");
    assert_eq!(world.count("n", "e"), 20_000);
    let sum = world.succeed(&[
        "query",
        "n",
        "e",
        "--granularity",
        "year",
        "--aggregation",
        "sum",
        "--format",
        "csv",
    ]);
    assert!(
        sum.ends_with(&format!(",{}\n", 20_000 * 19_999 / 2)),
        "{sum}"
    );
}

#[test]
fn an_import_outlives_a_server_that_is_killed() {
    let world = World::start();
    let server = world.serve(&[]);
    let file = world.write("events.ndjson", &lines(0, 8_000));
    let mut import = Watched::start(world.command(&["import", &file, "--log", "warn,weir=info"]));
    import.wait_for(STORED, 3);
    server.kill();
    let server = world.serve(&[]);
    let said = import.finish();
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("imported 8,000 events"), "{said:?}");
    assert_eq!(world.count("n", "e"), 8_000);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_keeps_what_was_acknowledged_and_nothing_else() {
    let world = World::start();
    let (id, secret) = ("load", "correct-horse-battery");
    let server = world.serve(&["--client-id", id, "--client-secret", secret]);
    let http = http();
    let url = server.url.clone();
    let form = [("grant_type", "client_credentials")];
    let granted = http
        .post(format!("{url}/o/token/"))
        .basic_auth(id, Some(secret))
        .form(&form);
    let granted: Value = granted.send().await.unwrap().json().await.unwrap();
    let token = granted["access_token"].as_str().unwrap().to_owned();

    let stored = Arc::new(AtomicU64::new(0));
    let (first, mut firsts) = tokio::sync::mpsc::unbounded_channel();
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (http, stored, first) = (http.clone(), Arc::clone(&stored), first.clone());
            let (url, token) = (format!("{url}/api/track/"), token.clone());
            tokio::spawn(async move {
                let body = r#"{"namespace":"n","name":"e","value":1}"#;
                loop {
                    let request = http.post(&url).bearer_auth(&token);
                    let request = request
                        .header("content-type", "application/json")
                        .body(body);
                    match request.send().await {
                        Ok(answer) if answer.status() == 201 => {
                            stored.fetch_add(1, Ordering::SeqCst);
                            let _ = first.send(());
                        }
                        Ok(answer) => panic!("{}", answer.status()),
                        // It has stopped listening.
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    for _ in 0..40 {
        firsts.recv().await.unwrap();
    }
    server.begin_to_stop();
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(server.wait(), Some(0), "{}", world.log());
    assert_eq!(world.count("n", "e"), stored.load(Ordering::SeqCst));
    assert!(world.log().contains("stopped"), "{}", world.log());
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of these tests"
)]
pub(crate) fn http() -> reqwest::Client {
    // The provider must be named before the first client; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

//! No secret in any log or error.

use std::io;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::json;
use weir_tests::chaos::Failure;
use weir_tests::world::{World, request};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no panic while logging")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn planted_secrets_are_in_no_log_and_no_answer() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // With a second subscriber alive, what is of interest is asked of both, and not of whichever
    // thread of the test binary comes to a line first.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::start().await;
    let node = world.node("node", 0);
    let client = node.client("read write aggregation", None).await;
    let mut answers = String::new();
    let event = json!({"namespace": "n", "name": "m", "value": 1, "actor": "planted-actor"});
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "planted-key"),
    ];
    answers += &node.post(&client, &headers, event.to_string()).await.text();
    answers.clear();
    for path in [
        "/api/events/n/m?planted-query=1",
        "/api/nothing/planted-path",
        "/o/token/?planted-query=2",
    ] {
        answers += &node
            .ask(&client, path)
            .await
            .text()
            .replace("planted-query", "");
    }
    for basic in ["id:planted-secret", "planted-secret"] {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(basic);
        let request = request(Method::POST, "/o/token/")
            .header("authorization", format!("Basic {basic}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&client_secret=planted-secret".into());
        answers += &node.send(request.expect("a request")).await.text();
    }
    world
        .chaos
        .fail_all(|call| call.writes(), Failure::ServerError);
    // The key to repeat under is the client's own word, and part of the answer.
    let answer = node.post(&client, &headers, "[]").await.text();
    answers += &answer.replace("planted-key", "");
    answers += &node
        .post(&client, &[headers[0]], event.to_string())
        .await
        .text();

    let logged = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("UTF-8");
    assert!(
        logged.contains("/api/events/{namespace}/{name}"),
        "the access log names routes: {logged}"
    );
    for planted in ["planted", client.secret.as_str(), client.token.as_str()] {
        let line = logged.lines().find(|line| line.contains(planted));
        assert_eq!(line, None, "{planted} was logged");
        assert!(
            !answers.contains(planted),
            "{planted} was answered: {answers}"
        );
    }
}

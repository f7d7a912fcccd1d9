//! No secret in any log or error.

use std::io;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::json;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use weir_model::Name;
use weir_service::secret::WriteKey;
use weir_service::write_keys::NewKey;
use weir_tests::chaos::Failure;
use weir_tests::world::{World, request};

/// Collects what is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// As long as it lives, this thread's lines are collected.
pub(crate) struct Listening {
    _guard: DefaultGuard,
    _other: Dispatch,
}

impl Log {
    /// Collects every line of this thread, whatever its level.
    pub(crate) fn listen(&self) -> Listening {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        // With a second subscriber alive, what is of interest is asked of both, and not of
        // whichever thread of the test binary comes to a line first.
        let _other = Dispatch::new(tracing_subscriber::registry());
        let _guard = tracing::subscriber::set_default(subscriber);
        Listening { _guard, _other }
    }

    /// What was logged so far.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("no panic while logging").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }
}

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
    let _listening = log.listen();

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
    // What is refused is kept, and not logged; the answer names what its sender wrote.
    let bad = json!({"namespace": "planted-namespace", "name": "m", "value": "planted-value"});
    let refused = node.post(&client, &[headers[0]], bad.to_string()).await;
    assert_eq!(refused.status.as_u16(), 400);
    let kept = node.ask(&client, "/api/rejected").await.text();
    assert!(kept.contains("planted-value"), "{kept}");
    let key = WriteKey::parse("planted-write-key").expect("a legal key");
    let new = NewKey {
        label: Name::parse("web").expect("a legal name"),
        namespace: None,
        rate: None,
        existing: Some(key),
    };
    node.service.make_key(new).await.expect("a new key");
    for (key, status) in [("planted-write-key", 201), ("planted-unknown-key", 401)] {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{key}:"));
        let request = request(Method::POST, "/api/track/")
            .header("authorization", format!("Basic {basic}"))
            .body(r#"{"namespace":"n","name":"m","value":1}"#.into());
        let answer = node.send(request.expect("a request")).await;
        assert_eq!(answer.status.as_u16(), status);
        answers += &answer.text();
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

    let logged = log.text();
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

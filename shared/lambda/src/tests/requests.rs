//! What else a request brings, and what it is answered.

use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde_json::json;

use super::world::{World, body, check_problem, deliver, event, service, store};
use crate::event::Event;
use crate::requests::Front;

#[tokio::test]
async fn bodies_come_as_text_in_base64_and_compressed() {
    let world = World::start().await;
    let line =
        |value: i64| format!("{{\"namespace\":\"Shop\",\"name\":\"sale\",\"value\":{value}}}\n");
    let lines = (0..500).map(line).collect::<String>();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let ndjson = "application/x-ndjson";
    let track = || event("POST", "/api/track/", "");
    for sent in [
        track()
            .text("text/plain", &lines)
            .header("content-type", ndjson),
        track().bytes(ndjson, lines.as_bytes()),
        track()
            .bytes(ndjson, &packed)
            .header("content-encoding", "gzip"),
    ] {
        let answer = world.authorized(sent).await;
        assert_eq!(answer.status_code, 201, "{}", answer.body);
        assert_eq!(body(&answer), json!({"accepted": 500, "duplicates": 0}));
    }
    let form = b"namespace=Shop&name=form&value=3";
    let answer = world
        .authorized(track().bytes("application/x-www-form-urlencoded", form))
        .await;
    assert_eq!(body(&answer)["value"], 3);
    let mut broken = track().bytes(ndjson, b"x");
    broken.0["body"] = "no base64!".into();
    check_problem(&world.authorized(broken).await, 400, "invalid-request");
}

#[tokio::test]
async fn answers_and_lines_name_the_request_as_lambda_does() {
    let world = World::start().await;
    for path in ["/api/namespaces", "/nowhere"] {
        let answer = world.get(path, "").await;
        let id = &answer.headers["x-request-id"];
        assert_eq!(id, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    }
}

#[tokio::test]
async fn the_base_address_is_the_one_that_the_client_has_used() {
    let world = World::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let answer = world.send(event("GET", path, "")).await;
    let issuer = "https://abcdefghij.execute-api.eu-central-1.amazonaws.com";
    assert_eq!(body(&answer)["issuer"], issuer);
    let mut without_host = event("GET", path, "");
    without_host.0["headers"]
        .as_object_mut()
        .unwrap()
        .remove("host");
    assert_eq!(body(&world.send(without_host).await)["issuer"], issuer);
}

#[tokio::test]
async fn odd_headers_do_not_keep_a_request_from_its_answer() {
    let world = World::start().await;
    world.track("x", 1).await;
    let mut sent = event("GET", "/api/raw/Shop/x", "")
        .header("user-agent", "Größe 世界")
        .header("x-control", "a\nb")
        .header("no name", "x");
    sent.0["cookies"] = json!(["a=1", "b=2"]);
    assert_eq!(world.authorized(sent).await.status_code, 200);
}

#[tokio::test]
async fn what_is_no_request_is_answered_all_the_same() {
    let world = World::start().await;
    let long = format!("/api/raw/Shop/{}", "x".repeat(70_000));
    check_problem(&world.get(&long, "").await, 414, "uri-too-long");
    let answer = world.authorized(event("NO METHOD", "/", "")).await;
    check_problem(&answer, 400, "invalid-request");
    let answer = world.authorized(event("DELETE", "/api/track/", "")).await;
    check_problem(&answer, 405, "method-not-allowed");
    assert!(serde_json::from_value::<Event>(json!({"rawPath": "/"})).is_err());
}

async fn panics() -> &'static str {
    panic!("on purpose, for a test")
}

#[tokio::test]
async fn a_panic_is_one_bad_answer_and_no_more() {
    let service = service(store().await);
    let routes = Router::new()
        .route("/panic", get(panics))
        .route("/good", get(async || "good"));
    let front = Front::new("f".into(), service, routes);
    for _ in 0..3 {
        let (answer, _) = deliver(&front, event("GET", "/panic", "")).await;
        check_problem(&answer, 500, "internal");
        let (answer, _) = deliver(&front, event("GET", "/good", "")).await;
        assert_eq!((answer.status_code, answer.body.as_str()), (200, "good"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_is_answered_before_api_gateway_gives_up() {
    let service = service(store().await);
    let slow = async || tokio::time::sleep(Duration::from_secs(60)).await;
    let routes = Router::new()
        .route("/slow", get(slow))
        .route("/store", post(slow));
    let front = Front::new("f".into(), service, routes);
    let start = tokio::time::Instant::now();
    let (answer, _) = deliver(&front, event("GET", "/slow", "")).await;
    check_problem(&answer, 503, "too-slow");
    assert_eq!(answer.headers["retry-after"], "2");
    assert!(start.elapsed() < Duration::from_secs(29));
    // Nobody could say what became of it.
    let (answer, _) = deliver(&front, event("POST", "/store", "")).await;
    assert_eq!(answer.status_code, 200);
}

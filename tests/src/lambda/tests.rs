//! The emulation itself, with a shell and this process in the place of functions.

use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::runtime::RuntimeApi;
use super::*;

fn setup(script: &str, logs: &tempfile::TempDir) -> Setup {
    Setup {
        name: "shell".to_owned(),
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        memory_mb: 128,
        timeout: Duration::from_secs(10),
        logs: logs.path().to_owned(),
    }
}

/// What a function's runtime sends, as plainly as can be: one request a connection.
async fn ask(api: &RuntimeApi, request: &str, body: &str) -> String {
    let mut line = TcpStream::connect(api.address()).await.unwrap();
    let length = body.len();
    let head = format!("host: it\r\nconnection: close\r\ncontent-length: {length}");
    let text = format!("{request} HTTP/1.1\r\n{head}\r\n\r\n{body}");
    line.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_event_goes_to_whoever_asks_and_its_answer_comes_back() {
    let api = RuntimeApi::start("f").await;
    let base = "/2018-06-01/runtime/invocation";
    let time = Duration::from_secs(9);
    let outcome = api.offer("one".to_owned(), Bytes::from("{}"), time);
    let next = ask(&api, &format!("GET {base}/next"), "").await;
    assert!(next.starts_with("HTTP/1.1 200 OK\r\n"), "{next}");
    assert!(
        next.contains("\r\nlambda-runtime-aws-request-id: one\r\n"),
        "{next}"
    );
    assert!(next.contains("\r\nlambda-runtime-deadline-ms: "), "{next}");
    assert!(next.ends_with("\r\n\r\n{}"), "{next}");
    let answer = async |id: &str| ask(&api, &format!("POST {base}/{id}/response"), "done").await;
    let unknown = answer("two").await;
    assert!(
        unknown.starts_with("HTTP/1.1 400 "),
        "nobody was asked that: {unknown}"
    );
    assert!(answer("one").await.starts_with("HTTP/1.1 202 "));
    assert_eq!(outcome.await, Ok(Outcome::Answered(Bytes::from("done"))));
}

#[tokio::test]
async fn a_process_that_ends_fails_its_event_and_the_next_one_gets_another() {
    let logs = tempfile::tempdir().unwrap();
    let function = Function::new(setup("echo $AWS_LAMBDA_FUNCTION_NAME; exit 3", &logs));
    let instance = function.start().await;
    instance.ended().await;
    assert_eq!(instance.log(), "shell\n");
    for started in [2, 3] {
        assert_eq!(function.invoke("{}").await, Outcome::Died);
        assert_eq!(function.started(), started);
    }
    let answer = function
        .request(Request::get("/x").body(Bytes::new()).unwrap())
        .await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["message"], "Internal Server Error");
}

#[tokio::test]
async fn a_killed_process_fails_its_event() {
    let logs = tempfile::tempdir().unwrap();
    let function = Function::new(setup("exec sleep 100", &logs));
    let (outcome, ()) = tokio::join!(function.invoke("{}"), async {
        while function.busy().is_empty() {
            tokio::task::yield_now().await;
        }
        function.busy()[0].kill();
    });
    assert_eq!(outcome, Outcome::Died);
    assert!(function.busy().is_empty());
}

#[tokio::test]
async fn a_function_has_only_its_time() {
    let logs = tempfile::tempdir().unwrap();
    let mut setup = setup("exec sleep 100", &logs);
    setup.timeout = Duration::from_millis(20);
    assert_eq!(Function::new(setup).invoke("{}").await, Outcome::TimedOut);
}

fn check_event(request: Request<&'static [u8]>, expected: &[(&str, Value)]) {
    let event = gateway::event(&request.map(Bytes::from_static));
    for (pointer, value) in expected {
        assert_eq!(event.pointer(pointer), Some(value), "{pointer} of {event}");
    }
}

#[test]
fn requests_become_events_of_format_two() {
    let request = Request::get("/api/events/a%20b/c%3Fd?tz=Europe%2FBerlin&limit=1");
    let request = request.header("x-many", "1").header("x-many", "2");
    check_event(
        request.body(b"".as_slice()).unwrap(),
        &[
            ("/rawPath", "/api/events/a b/c?d".into()),
            ("/rawQueryString", "tz=Europe%2FBerlin&limit=1".into()),
            ("/headers/x-many", "1,2".into()),
            ("/requestContext/http/method", "GET".into()),
            ("/body", Value::Null),
        ],
    );
    let request = Request::post("/api/track/").header("content-type", "application/json");
    check_event(
        request.body(b"{}".as_slice()).unwrap(),
        &[("/body", "{}".into()), ("/isBase64Encoded", false.into())],
    );
    let request = Request::post("/v1/batch").header("content-type", "application/json");
    check_event(
        request.body(b"\x1f\x8b".as_slice()).unwrap(),
        &[("/body", "\u{1f}\u{fffd}".into())],
    );
    let request = Request::post("/api/track/").header("content-encoding", "gzip");
    check_event(
        request.body(b"\x1f\x8b".as_slice()).unwrap(),
        &[("/body", "H4s=".into()), ("/isBase64Encoded", true.into())],
    );
}

#[test]
fn answers_are_read_as_the_gateway_does() {
    let payload = r#"{"statusCode":201,"headers":{"x":"y"},"body":"aGk=","isBase64Encoded":true}"#;
    let answer = gateway::answer(Outcome::Answered(payload.into()));
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (201, "hi".to_owned())
    );
    assert_eq!(answer.headers["x"], "y");
    assert_eq!(gateway::answer(Outcome::TimedOut).status, 503);
    assert_eq!(gateway::answer(Outcome::Answered("?".into())).status, 500);
}

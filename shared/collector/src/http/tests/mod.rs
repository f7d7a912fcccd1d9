//! Requests to servers that fail in every way.

mod paced;
mod server;
mod stops;
mod streams;
mod texts;
mod unseen;

use std::io::Read as _;
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use serde_json::{Value, json};
use weir_store::ManualClock;

use super::*;
use crate::secrets::SecretText;
use crate::source::SourceError;
use server::{Script, Server, answer, cut, gzip, ok};

/// A client whose pauses are a millisecond.
fn hasty() -> Http {
    with(HttpOptions {
        backoff_base: Duration::from_millis(1),
        ..HttpOptions::default()
    })
}

fn with(options: HttpOptions) -> Http {
    Http::new(options).unwrap()
}

/// A client that is soon tired of silence.
fn impatient() -> Http {
    with(HttpOptions {
        backoff_base: Duration::from_millis(1),
        read_time: Duration::from_millis(150),
        tries: 2,
        ..HttpOptions::default()
    })
}

async fn kind_of(http: &Http, server: &Server) -> HttpErrorKind {
    http.get(&server.url).send().await.unwrap_err().kind()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_put_together() {
    let server = Server::answering(ok(b"{\"a\": 1}")).await;
    let answer = hasty()
        .post(format!("{}/x/y", server.url))
        .query([("q", "a b&c"), ("n", "1")])
        .header(ACCEPT, "application/json")
        .bearer(&SecretText::new("planted"))
        .json(&json!({"b": [2]}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json::<Value>().unwrap(), json!({"a": 1}));
    assert_eq!(answer.text().unwrap(), "{\"a\": 1}");
    let (head, body) = server.request(0);
    assert!(
        head.starts_with("POST /x/y?q=a+b%26c&n=1 HTTP/1.1\r\n"),
        "{head}"
    );
    for line in [
        "accept: application/json",
        "authorization: Bearer planted",
        "content-type: application/json",
        "accept-encoding: gzip",
        concat!("user-agent: weir/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(
            head.contains(&format!("\r\n{line}\r\n")),
            "{line} in {head}"
        );
    }
    assert_eq!(body, b"{\"b\":[2]}");
}

#[tokio::test]
async fn a_form_arrives_encoded() {
    let server = Server::answering(ok(b"")).await;
    let request = hasty()
        .post(&server.url)
        .form([("grant type", "a&b"), ("c", "d")]);
    request.send().await.unwrap();
    let (head, body) = server.request(0);
    assert!(head.contains("content-type: application/x-www-form-urlencoded"));
    assert_eq!(body, b"grant+type=a%26b&c=d");
}

#[tokio::test]
async fn only_a_large_body_is_compressed() {
    let server = Server::answering(ok(b"")).await;
    let send = |text: String| hasty().post(&server.url).json(&text).gzip_over(2048).send();
    send("a".repeat(2046)).await.unwrap();
    let (head, body) = server.request(0);
    assert!(!head.contains("content-encoding") && body.len() == 2048);
    send("a".repeat(2047)).await.unwrap();
    let (head, body) = server.request(1);
    assert!(head.contains("content-encoding: gzip") && body.len() < 200);
    let mut text = String::new();
    let mut gzip = flate2::read::GzDecoder::new(&*body);
    gzip.read_to_string(&mut text).unwrap();
    assert_eq!(text.len(), 2049);
}

#[tokio::test]
async fn a_failing_server_is_asked_again_until_it_answers() {
    let scripts = [
        answer("500 Internal Server Error", &[], b""),
        answer("502 Bad Gateway", &[], b"<html>"),
        answer("503 Service Unavailable", &["retry-after: 0"], b""),
        answer("429 Too Many Requests", &["retry-after: 0"], b""),
        ok(b"[]"),
    ];
    let server = Server::start(scripts.map(Script::Bytes).to_vec()).await;
    let answer = hasty().get(&server.url).send().await.unwrap();
    assert_eq!(answer.bytes().as_ref(), b"[]");
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn a_server_that_goes_on_failing_is_given_up() {
    let body = br#"{"error": {"message": "backend error"}}"#;
    let server = Server::answering(answer("503 Service Unavailable", &[], body)).await;
    let request = hasty().get(&server.url).route("/checks/{id}").tries(3);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "127.0.0.1: GET /checks/{id}: refused with 503 Service Unavailable, \"backend error\" \
         (after 3 attempts)"
    );
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_cut_answer_is_asked_for_again() {
    let zipped = answer("200 OK", &["content-encoding: gzip"], &gzip(b"whole"));
    let short = gzip(b"whole");
    let short = answer(
        "200 OK",
        &["content-encoding: gzip"],
        &short[..short.len() - 9],
    );
    let scripts = [
        Vec::new(),
        b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
        cut(ok(b"whole"), 2),
        short,
        zipped,
    ];
    let server = Server::start(scripts.map(Script::Bytes).to_vec()).await;
    let answer = hasty().get(&server.url).send().await.unwrap();
    assert_eq!(answer.text().unwrap(), "whole");
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn answers_that_are_always_cut_are_unavailable() {
    for body in [
        cut(ok(b"whole"), 2),
        b"no HTTP at all\r\n\r\n".to_vec(),
        Vec::new(),
    ] {
        let server = Server::answering(body).await;
        assert_eq!(kind_of(&hasty(), &server).await, HttpErrorKind::Unavailable);
        assert_eq!(server.count(), 5);
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = hasty().get(url).send().await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot connect"), "{error}");
}

#[tokio::test]
async fn silence_ends_an_attempt_before_and_within_the_body() {
    let before = vec![Script::Silence(Vec::new())];
    let within = vec![Script::Silence(cut(ok(b"whole"), 2))];
    for (script, words) in [(before, "silent for too long"), (within, "in the middle")] {
        let server = Server::start(script).await;
        let error = impatient().get(&server.url).send().await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Unavailable);
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains("after 2 attempts"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_drips_ends_with_the_time_of_an_attempt() {
    let drip = Script::Drip(ok(&[b'a'; 1000]), Duration::from_millis(5));
    let server = Server::start(vec![drip]).await;
    let request = hasty().get(&server.url).tries(1);
    let request = request.answer_time(Duration::from_millis(60));
    let error = request.send().await.unwrap_err();
    assert!(
        error.to_string().contains("no whole answer within"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_after_it_is_decompressed() {
    let plain = ok(&[b'a'; 2000]);
    let bomb = answer(
        "200 OK",
        &["content-encoding: gzip"],
        &gzip(&[0; 5_000_000]),
    );
    for body in [plain, bomb] {
        let server = Server::answering(body).await;
        let request = hasty().get(&server.url).max_body_bytes(1999);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::TooLarge);
        assert!(
            error.to_string().contains("larger than 1999 bytes"),
            "{error}"
        );
        assert_eq!(server.count(), 1);
    }
    let server = Server::answering(ok(&[b'a'; 1999])).await;
    let request = hasty().get(&server.url).max_body_bytes(1999);
    request.send().await.unwrap();
}

#[tokio::test]
async fn json_of_another_form_is_malformed_and_not_shown() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "it is never read")]
    struct Form {
        summary: Vec<u32>,
    }
    for (body, words) in [
        ("{\"summary\": [1,", "ends in the middle"),
        ("planted", "is not JSON"),
        ("{}", "has no field `summary`"),
        ("{\"summary\": \"planted\"}", "another form"),
    ] {
        let server = Server::answering(ok(body.as_bytes())).await;
        let answer = hasty().get(&server.url).route("/s").send().await.unwrap();
        let error = answer.json::<Form>().unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Malformed);
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("GET /s"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_keeps_what_was_said() {
    let body = br#"{"error": {"message": "no such property", "status": "NOT_FOUND"}}"#;
    let server = Server::answering(answer("404 Not Found", &[], body)).await;
    let error = hasty().get(&server.url).send().await.unwrap_err();
    let status = StatusCode::NOT_FOUND;
    assert_eq!(error.kind(), HttpErrorKind::Refused { status });
    assert!(
        error.to_string().contains("\"no such property\""),
        "{error}"
    );
    let said: Value = error.json().unwrap();
    assert_eq!(said["error"]["status"], "NOT_FOUND");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_401_is_told_at_once_so_that_the_secret_is_read_again() {
    let server = Server::answering(answer("401 Unauthorized", &[], b"")).await;
    let error = hasty().get(&server.url).send().await.unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_for_later() {
    let throttled = answer("429 Too Many Requests", &["retry-after: 1000"], b"");
    let server = Server::answering(throttled).await;
    let error = hasty().get(&server.url).send().await.unwrap_err();
    let after = Some(Duration::from_secs(1000));
    assert_eq!(error.kind(), HttpErrorKind::RetryLater { after });
    assert!(
        error.to_string().contains("it asks to wait 1000 s"),
        "{error}"
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_job_run_that_ends_before_the_wait_does_not_wait() {
    let throttled = answer("429 Too Many Requests", &["retry-after: 100"], b"");
    let server = Server::answering(throttled).await;
    let clock = ManualClock::new(Timestamp::parse("2026-11-21T17:00:00Z").unwrap());
    let http = hasty().with_clock(Arc::new(clock.clone()));
    let soon = Timestamp::parse("2026-11-21T17:01:00Z").unwrap();
    let http = http.stop_at(soon);
    let after = Some(Duration::from_secs(100));
    assert_eq!(
        kind_of(&http, &server).await,
        HttpErrorKind::RetryLater { after }
    );
    let http = http.stop_at(clock.now());
    assert_eq!(kind_of(&http, &server).await, HttpErrorKind::Unavailable);
    assert_eq!(server.count(), 1);
    let http = http.stop_later(Duration::from_secs(30));
    assert_eq!(
        kind_of(&http, &server).await,
        HttpErrorKind::RetryLater { after }
    );
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_time_of_all_attempts() {
    // Paused time passes while nothing else happens, and the client's own limits with it.
    let server = Server::answering(answer("500 Oops", &["retry-after: 100"], b"")).await;
    let http = with(HttpOptions {
        tries: 100,
        ..HttpOptions::default()
    });
    let began = Instant::now();
    let request = http.get(&server.url).total_time(Duration::from_secs(950));
    let error = request.send().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(950), "{error}");
    assert!(server.count() <= 10);
}

#[tokio::test]
async fn what_is_sent_once_is_not_sent_again_when_its_answer_is_lost() {
    let server = Server::answering(cut(ok(b"whole"), 2)).await;
    let error = hasty().post(&server.url).once().send().await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Unavailable);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_vendor_judges_its_own_answers() {
    let quota = answer("403 Forbidden", &[], b"quota exhausted");
    let server = Server::start(vec![Script::Bytes(quota.clone()), Script::Bytes(ok(b""))]).await;
    let judge =
        |refusal: &Refusal| (refusal.body() == b"quota exhausted").then_some(Verdict::Retry);
    hasty().get(&server.url).judge(judge).send().await.unwrap();
    let server = Server::answering(quota).await;
    let later = |_: &Refusal| Some(Verdict::Later { after: None });
    let error = hasty()
        .get(&server.url)
        .judge(later)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::RetryLater { after: None });
}

#[tokio::test]
async fn a_redirect_is_followed_to_the_same_server_alone() {
    let elsewhere = Server::answering(ok(b"taken")).await;
    let away = format!("location: {}/b", elsewhere.url);
    let server = Server::answering(answer("302 Found", &[&away], b"")).await;
    let secret = SecretText::new("planted");
    let error = hasty()
        .get(&server.url)
        .bearer(&secret)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FOUND));
    assert!(error.to_string().contains("redirected"), "{error}");
    assert_eq!(elsewhere.count(), 0);

    let moved = answer("301 Moved Permanently", &["location: /b?c"], b"");
    let scripts = vec![Script::Bytes(moved.clone()), Script::Bytes(ok(b"here"))];
    let server = Server::start(scripts.clone()).await;
    let answer = hasty()
        .get(&server.url)
        .bearer(&secret)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().unwrap(), "here");
    assert!(server.request(1).0.starts_with("GET /b?c "));

    let server = Server::start(scripts).await;
    let error = hasty().post(&server.url).send().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::MOVED_PERMANENTLY));

    let server = Server::answering(moved).await;
    let error = hasty().get(&server.url).tries(1).send().await.unwrap_err();
    assert!(
        error.to_string().contains("more than 5 redirects"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_without_the_address() {
    let refused = |request: Request| async { request.send().await.unwrap_err() };
    for bad in ["", "planted", "ftp://planted/", "/planted"] {
        let error = refused(hasty().get(bad)).await;
        assert_eq!(error.kind(), HttpErrorKind::Invalid);
        assert!(!error.to_string().contains("planted"), "{error}");
    }
    let secret = SecretText::new("planted\n");
    let error = refused(hasty().get("http://127.0.0.1:1/").bearer(&secret)).await;
    assert!(error.to_string().contains("authorization"), "{error}");
    assert!(!error.to_string().contains("planted"), "{error}");
}

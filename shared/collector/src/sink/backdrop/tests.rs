//! Against a Backdrop of a few lines, which notes what it is sent.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use serde_json::json;
use weir_model::Timestamp;

use super::*;
use crate::http::HttpOptions;
use crate::message::{RecordMessage, Schema, State};

/// A request as it came.
#[derive(Debug)]
struct Received {
    method: Method,
    path: String,
    authorization: String,
    gzip: bool,
    body: Value,
}

#[derive(Debug, Default)]
struct Notes {
    received: Vec<Received>,
    answers: VecDeque<(u16, String)>,
}

#[derive(Clone, Default)]
struct Backdrop(Arc<Mutex<Notes>>);

impl Backdrop {
    async fn start(&self) -> String {
        let router = Router::new().fallback(take).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        format!("http://{address}/data/group/type")
    }

    async fn sink(&self) -> BackdropSink {
        let options = HttpOptions {
            backoff_base: Duration::from_millis(1),
            ..HttpOptions::default()
        };
        let http = Http::new(options).unwrap();
        let token = SecretText::new("planted-secret");
        BackdropSink::new(&self.start().await, token, http).unwrap()
    }

    fn answer(&self, status: u16, body: &Value) {
        let answers = &mut self.0.lock().unwrap().answers;
        answers.push_back((status, body.to_string()));
    }

    fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.0.lock().unwrap().received)
    }
}

async fn take(
    Shared(backdrop): Shared<Backdrop>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let gzip = headers.get("content-encoding").is_some_and(|e| e == "gzip");
    let mut text = Vec::new();
    if gzip {
        GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
    } else {
        text.extend(&body);
    }
    let mut notes = backdrop.0.lock().unwrap();
    notes.received.push(Received {
        method,
        path: uri.path().to_owned(),
        authorization: headers["authorization"].to_str().unwrap().to_owned(),
        gzip,
        body: serde_json::from_slice(&text).unwrap(),
    });
    let (status, body) = notes
        .answers
        .pop_front()
        .unwrap_or_else(|| (200, json!({"status": "ok"}).to_string()));
    (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn record(number: usize) -> Message {
    let Value::Object(record) = json!({"_id": number.to_string(), "n": number}) else {
        unreachable!("it is an object")
    };
    Message::Record(RecordMessage {
        stream: "type".into(),
        record,
        time_extracted: Timestamp::parse("2026-01-01").ok(),
    })
}

fn messages(records: usize) -> Vec<Message> {
    (0..records).map(record).collect()
}

async fn deliver(sink: &mut BackdropSink, messages: Vec<Message>) -> Result<(), SinkError> {
    sink.write(messages).await?;
    sink.flush().await
}

#[tokio::test]
async fn records_go_in_chunks_of_a_hundred_with_the_token_and_compressed() {
    let backdrop = Backdrop::default();
    let mut sink = backdrop.sink().await;
    deliver(&mut sink, messages(201)).await.unwrap();
    let received = backdrop.received();
    let sizes: Vec<_> = received
        .iter()
        .map(|r| (r.body.as_array().unwrap().len(), r.gzip))
        .collect();
    assert_eq!(sizes, [(100, true), (100, true), (1, false)]);
    let first = &received[0];
    assert_eq!(
        (&first.method, &*first.path),
        (&Method::POST, "/data/group/type")
    );
    assert_eq!(first.authorization, "Bearer planted-secret");
    assert_eq!(first.body[7], json!({"_id": "7", "n": 7}));
}

#[tokio::test]
async fn an_emptying_is_a_put_of_an_empty_list_before_what_follows() {
    let backdrop = Backdrop::default();
    let mut sink = backdrop.sink().await.chunk_size(2);
    let schema = Message::Schema(Schema {
        stream: "type".into(),
        schema: json!({}),
        key_properties: vec!["_id".to_owned()],
        bookmark_properties: Vec::new(),
    });
    let empty = Message::Empty {
        stream: "type".into(),
    };
    let state = Message::State(State(json!({})));
    let written = vec![schema, record(1), empty, record(2), record(3), state];
    deliver(&mut sink, written).await.unwrap();
    let received = backdrop.received();
    let seen: Vec<_> = received
        .iter()
        .map(|r| (r.method.as_str(), r.body.to_string()))
        .collect();
    let both = r#"[{"_id":"2","n":2},{"_id":"3","n":3}]"#.to_owned();
    assert_eq!(seen, [("PUT", "[]".to_owned()), ("POST", both)]);
}

#[tokio::test]
async fn a_server_that_fails_four_times_gets_the_chunk_and_a_fifth_time_ends_the_run() {
    let backdrop = Backdrop::default();
    for status in [500, 502, 503, 500] {
        backdrop.answer(status, &json!({}));
    }
    let mut sink = backdrop.sink().await;
    deliver(&mut sink, messages(1)).await.unwrap();
    assert_eq!(backdrop.received().len(), 5);

    for _ in 0..5 {
        backdrop.answer(503, &json!({}));
    }
    let error = deliver(&mut sink, messages(1)).await.unwrap_err();
    assert!(matches!(error, SinkError::Later { .. }), "{error}");
    assert_eq!(backdrop.received().len(), 5);
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let cases = [
        (
            401,
            json!({"status": "error"}),
            "does not take the token; the job's token must be",
        ),
        (404, json!({}), "there is no data set at http://127.0.0.1"),
        (
            400,
            json!({"messages": ["x is not a valid key", "and y"]}),
            "x is not a valid key, and y",
        ),
        (400, json!({"status": "error", "message": "no"}), ": no"),
        (
            403,
            json!({"message": "planted-secret is not known"}),
            "does not take the token",
        ),
        (
            400,
            json!({"messages": ["Bearer planted-secret", "is not known"]}),
            ": Bearer ***, is not known",
        ),
        (
            409,
            json!("planted-secret is not known"),
            "*** is not known",
        ),
        (413, json!({}), "lower the option chunk-size"),
    ];
    for (status, body, expected) in cases {
        let backdrop = Backdrop::default();
        backdrop.answer(status, &body);
        let mut sink = backdrop.sink().await;
        let error = deliver(&mut sink, messages(1)).await.unwrap_err();
        assert!(matches!(error, SinkError::Final(_)), "{status}: {error}");
        assert!(error.to_string().contains(expected), "{status}: {error}");
        assert!(!format!("{error:?} {sink:?}").contains("planted-secret"));
        assert_eq!(backdrop.received().len(), 1);
    }
}

fn renewal(token: &'static str) -> Renewal {
    Box::new(move || Box::pin(async move { Ok(SecretText::new(token)) }))
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_read_again_once_and_the_chunk_sent_with_it() {
    let backdrop = Backdrop::default();
    let mut sink = backdrop.sink().await.renewing(renewal("planted-new"));
    backdrop.answer(401, &json!({}));
    deliver(&mut sink, messages(1)).await.unwrap();
    deliver(&mut sink, messages(2)).await.unwrap();
    let received = backdrop.received();
    let tokens: Vec<_> = received.iter().map(|r| &*r.authorization).collect();
    let (old, new) = ("Bearer planted-secret", "Bearer planted-new");
    assert_eq!(tokens, [old, new, new]);
    assert_eq!(received[0].body, received[1].body);

    for _ in 0..2 {
        backdrop.answer(401, &json!({}));
    }
    let error = deliver(&mut sink, messages(1)).await.unwrap_err();
    assert!(error.to_string().contains("does not take the token"));
    assert_eq!(backdrop.received().len(), 2);
}

#[tokio::test]
async fn a_server_that_takes_no_compressed_chunks_gets_them_as_they_are() {
    let backdrop = Backdrop::default();
    let mut sink = backdrop.sink().await;
    backdrop.answer(400, &json!({"message": "it is not JSON"}));
    deliver(&mut sink, messages(200)).await.unwrap();
    let received = backdrop.received();
    let packed: Vec<_> = received.iter().map(|r| r.gzip).collect();
    assert_eq!(packed, [true, false, false]);
    assert_eq!(received[0].body, received[1].body);
}

#[tokio::test]
async fn a_chunk_that_is_refused_either_way_is_no_reason_to_stop_compressing() {
    let backdrop = Backdrop::default();
    let mut sink = backdrop.sink().await;
    for reason in ["packed", "unpacked"] {
        backdrop.answer(400, &json!({"message": reason}));
    }
    let error = deliver(&mut sink, messages(100)).await.unwrap_err();
    assert!(error.to_string().ends_with(": unpacked"), "{error}");
    sink.abandon().await;
    deliver(&mut sink, messages(100)).await.unwrap();
    let packed: Vec<_> = backdrop.received().iter().map(|r| r.gzip).collect();
    assert_eq!(packed, [true, false, true]);
}

/// What a dry run printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_dry_run_prints_what_would_be_sent_and_masks_the_token() {
    let printed = Printed::default();
    let mut sink = BackdropSink::dry_run(
        "https://backdrop.example/data/g/t?key=planted",
        printed.clone(),
    )
    .unwrap();
    deliver(&mut sink, messages(2)).await.unwrap();
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        text,
        "POST https://backdrop.example/data/g/t\n\
         Authorization: Bearer ***\n\
         Content-Type: application/json\n\
         \n\
         [{\"_id\":\"0\",\"n\":0},\n{\"_id\":\"1\",\"n\":1}]\n\n"
    );
}

#[test]
fn what_is_no_address_is_refused() {
    for url in ["", "backdrop.example/data/g/t", "ftp://backdrop.example/"] {
        let fault = BackdropSink::dry_run(url, Printed::default()).unwrap_err();
        assert!(fault.to_string().contains("http://"), "{fault}");
    }
    let with_password = "https://user:planted@backdrop.example/data/g/t?x=planted";
    let fault = BackdropSink::dry_run(with_password, Printed::default()).unwrap_err();
    let text = fault.to_string();
    assert!(text.contains("no user and password"), "{text}");
    assert!(!text.contains("planted"), "{text}");
}

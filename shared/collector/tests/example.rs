//! The collector of docs/COLLECTORS.md: the document shows the example's text, the example does
//! what the document says, and it passes the suite that every source must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a program of its own, whose main is for people"
)]
#[path = "../examples/collector.rs"]
mod collector;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::response::{IntoResponse as _, Response};
use collector::Incidents;
use serde_json::{Value, json};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::suite::{Failure, Gathered, World, every_source_must};
use weir_collector::{Keep, Limits, Message, State, run};
use weir_store::SystemClock;

/// A status page on this machine.
struct StatusPage {
    url: String,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    requests: Mutex<usize>,
    failure: Mutex<Option<(usize, Failure)>>,
}

impl StatusPage {
    async fn start() -> Self {
        let notes = Arc::new(Notes::default());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&notes));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, notes }
    }
}

impl World for StatusPage {
    type Source = Incidents;

    fn source(&self) -> Incidents {
        let options = HttpOptions {
            backoff_base: Duration::from_millis(1),
            ..HttpOptions::default()
        };
        let http = Http::new(options).unwrap();
        let url = self.url.clone();
        Incidents { http, url }
    }

    fn fail(&self, after: usize, failure: Failure) {
        *self.notes.failure.lock().unwrap() = Some((after, failure));
    }

    fn recover(&self) {
        *self.notes.failure.lock().unwrap() = None;
    }

    fn requests(&self) -> usize {
        *self.notes.requests.lock().unwrap()
    }
}

impl Notes {
    /// Counts a request, and says how it fails.
    fn strike(&self) -> Option<Failure> {
        *self.requests.lock().unwrap() += 1;
        let mut failure = self.failure.lock().unwrap();
        let (after, kind) = failure.take()?;
        if after == 0 {
            return Some(kind);
        }
        *failure = Some((after - 1, kind));
        None
    }
}

async fn answer(Shared(notes): Shared<Arc<Notes>>) -> Response {
    let page = page().to_string();
    let half = page[..page.len() / 2].to_owned();
    match notes.strike() {
        None => page.into_response(),
        Some(Failure::Throttled) => (status(429), [("retry-after", "0")]).into_response(),
        Some(Failure::Exhausted) => (status(429), [("retry-after", "36000")]).into_response(),
        Some(Failure::Unavailable) => status(503).into_response(),
        Some(Failure::Refused) => status(403).into_response(),
        Some(Failure::Malformed) => half.into_response(),
        Some(Failure::CutOff) => {
            let cut = Err(std::io::Error::other("cut"));
            let parts = [Ok(Bytes::from(half)), cut];
            Body::from_stream(futures::stream::iter(parts)).into_response()
        }
    }
}

fn status(code: u16) -> axum::http::StatusCode {
    axum::http::StatusCode::from_u16(code).unwrap()
}

fn page() -> Value {
    let incident = |id: &str, status: &str, updated_at: &str| {
        json!({"id": id, "name": format!("Incident {id}"), "status": status,
               "impact": "minor", "updated_at": updated_at})
    };
    json!({"page": {"id": "x"}, "incidents": [
        incident("c", "investigating", "2026-03-02T09:00:00.000+01:00"),
        incident("b", "resolved", "2026-03-01T12:00:00Z"),
        incident("d", "resolved", "some day"),
        incident("a", "postmortem", "2026-02-01T12:00:00Z"),
    ]})
}

async fn read(page: &StatusPage, state: Option<State>) -> (Vec<Value>, weir_collector::Report) {
    let mut sink = Gathered::default();
    let keep = Keep::Nothing { state };
    let limits = Limits::none(Arc::new(SystemClock));
    let report = run(&mut page.source(), &mut sink, keep, limits).await;
    let records = sink.messages().iter().filter_map(|message| match message {
        Message::Record(record) => Some(Value::Object(record.record.clone())),
        _ => None,
    });
    (records.collect(), report)
}

#[tokio::test]
async fn the_example_passes_the_suite() {
    every_source_must(&StatusPage::start().await).await;
}

#[tokio::test]
async fn the_example_reads_incidents_and_next_time_only_what_is_new() {
    let page = StatusPage::start().await;
    let (records, report) = read(&page, None).await;
    assert_eq!(records.len(), 3);
    assert_eq!(
        records[0],
        json!({"_id": "c", "_timestamp": "2026-03-02T08:00:00Z", "name": "Incident c",
               "status": "investigating"})
    );
    assert_eq!(report.skips.first[0].what, "incident d");
    let state = report.bookmark.expect("it ends with a state");
    assert_eq!(
        state.bookmark("incidents", "updated_at"),
        Some("2026-03-02T08:00:00Z")
    );
    let (records, _) = read(&page, Some(state)).await;
    assert_eq!(records.len(), 1);
}

#[test]
fn the_document_shows_the_example_as_it_is() {
    let document = include_str!("../../../docs/COLLECTORS.md");
    let example = include_str!("../examples/collector.rs");
    let shown = format!("```rust\n{example}```\n");
    assert!(
        document.contains(&shown),
        "docs/COLLECTORS.md does not show examples/collector.rs"
    );
}

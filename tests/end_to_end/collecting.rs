//! Runs of a collector into a data set behind HTTP: what the sink sends, and the door that takes it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::SecretText;
use weir_collector::sink::BackdropSink;
use weir_collector::{
    Ended, Keep, Limits, Output, Report, Schema, Source, SourceError, State, run,
};
use weir_model::DataSetSettings;
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{Clock as _, Db, Deadline, Store, SystemClock};

const TOKEN: &str = "the-token-of-the-data-set";

/// Numbered records, in the place of all that is there or beside it.
struct Numbers {
    records: Vec<Map<String, Value>>,
    replaces: bool,
}

impl Source for Numbers {
    async fn read(&mut self, _: Option<&State>, output: &mut Output) -> Result<(), SourceError> {
        let stream: Arc<str> = "numbers".into();
        output
            .schema(Schema {
                stream: Arc::clone(&stream),
                schema: json!({"type": "object"}),
                key_properties: vec!["_id".to_owned()],
                bookmark_properties: Vec::new(),
            })
            .await?;
        if self.replaces {
            output.empty(&stream).await?;
        }
        for record in self.records.drain(..) {
            output.record(&stream, record).await?;
        }
        Ok(output.state(State::of(&stream, "all", "told")).await?)
    }
}

fn numbers(count: usize) -> Vec<Map<String, Value>> {
    (0..count).map(|n| record(&format!("r{n}"), n)).collect()
}

fn record(id: &str, value: usize) -> Map<String, Value> {
    let time = json!("2026-01-01T00:00:00+00:00");
    Map::from_iter([
        ("_id".to_owned(), json!(id)),
        ("_timestamp".to_owned(), time),
        ("value".to_owned(), json!(value)),
    ])
}

/// A Weir with one data set, on an address of this machine.
struct Server {
    service: Arc<Service>,
    url: String,
}

impl Server {
    async fn start() -> Self {
        let clock = Arc::new(SystemClock);
        let engine = Engine::memory(clock.clone()).expect("an engine in memory");
        let db = Db::embedded(Arc::new(engine), clock);
        db.create_tables().await.expect("the tables are made");
        let store = Store::new(db);
        let name = "group/numbers".parse().expect("a name");
        let (token, settings) = (SecretHash::of(TOKEN), DataSetSettings::default());
        let deadline = Deadline::at(SystemClock.now().saturating_add(Duration::from_secs(60)));
        let made = store
            .create_data_set(&name, token, settings, deadline)
            .await;
        made.expect("the store answers").expect("it is the first");
        let keys = SigningKeys::new(SigningKey::random());
        let service = Service::new(store, ServiceConfig::new(keys));
        let router = weir_data::router(Arc::clone(&service));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async { axum::serve(listener, router).await });
        let url = format!("http://{address}/data/group/numbers");
        Self { service, url }
    }

    async fn collect(
        &self,
        records: Vec<Map<String, Value>>,
        replaces: bool,
        token: &str,
    ) -> Report {
        let http = Http::new(HttpOptions::default()).expect("there are certificates");
        let sink = BackdropSink::new(&self.url, SecretText::new(token), http);
        let mut sink = sink.expect("it is an address");
        let mut source = Numbers { records, replaces };
        let keep = Keep::Nothing { state: None };
        let limits = Limits::none(Arc::new(SystemClock));
        run(&mut source, &mut sink, keep, limits).await
    }

    /// The values that the data set answers, by id.
    async fn values(&self) -> Vec<(String, u64)> {
        let router = weir_data::router(Arc::clone(&self.service));
        let request = Request::get("/data/group/numbers?sort_by=value:ascending");
        let request = request.body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("routers do not fail");
        let body = to_bytes(response.into_body(), usize::MAX).await;
        let answer: Value = serde_json::from_slice(&body.expect("it is whole")).expect("JSON");
        let records = answer["data"].as_array().expect("records");
        let value = |record: &Value| {
            let id = record["_id"].as_str().expect("an id").to_owned();
            (id, record["value"].as_f64().expect("a number") as u64)
        };
        records.iter().map(value).collect()
    }
}

#[tokio::test]
async fn what_a_run_delivers_over_http_is_what_the_data_set_answers() {
    let server = Server::start().await;
    for _ in 0..2 {
        let report = server.collect(numbers(250), false, TOKEN).await;
        assert_eq!((report.ended, report.records), (Ended::Complete, 250));
    }
    let values = server.values().await;
    assert_eq!(values.len(), 250);
    assert_eq!(values[249], ("r249".to_owned(), 249));

    let report = server.collect(vec![record("new", 1)], true, TOKEN).await;
    assert_eq!(report.ended, Ended::Complete);
    assert_eq!(server.values().await, [("new".to_owned(), 1)]);
}

#[tokio::test]
async fn a_wrong_token_and_an_invalid_record_fail_the_run_with_what_to_do() {
    let server = Server::start().await;
    let report = server.collect(numbers(1), false, "planted-secret").await;
    let text = report.ended.to_string();
    assert!(text.contains("does not take the token"), "{text}");
    assert!(!text.contains("planted-secret"), "{text}");

    let mut bad = record("r1", 1);
    bad.insert("no key".to_owned(), json!(1));
    let report = server
        .collect(vec![record("r0", 0), bad], false, TOKEN)
        .await;
    let text = report.ended.to_string();
    assert!(
        text.starts_with("failed") && text.contains("no key"),
        "{text}"
    );
    assert_eq!(server.values().await, []);
}

//! A collector in one file: the incidents of a status page.
//!
//! `cargo run -p weir-collector --example collector -- https://status.example.com`

use std::error::Error;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::sink::LinesSink;
use weir_collector::{Keep, Limits, Output, Schema, Source, SourceError, State, run};
use weir_model::Timestamp;
use weir_store::SystemClock;

const STREAM: &str = "incidents";

/// Reads what status pages publish at `/api/v2/incidents.json`.
pub struct Incidents {
    /// Sends the requests: it waits, repeats and gives up as all collectors do.
    pub http: Http,
    /// The page's address.
    pub url: String,
}

#[derive(Deserialize)]
struct Page {
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    id: String,
    name: String,
    status: String,
    updated_at: String,
}

impl Source for Incidents {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let stream: Arc<str> = STREAM.into();
        output.schema(schema(&stream)).await?;
        let mut reached = match state.and_then(|state| state.bookmark(STREAM, "updated_at")) {
            Some(text) => Timestamp::parse(text).map_err(|error| error.to_string())?,
            None => Timestamp::MIN,
        };
        let since = reached;
        for incident in self.page().await?.incidents {
            let Ok(updated) = Timestamp::parse(&incident.updated_at) else {
                output.skip(
                    format!("incident {}", incident.id),
                    "updated_at is not a time",
                );
                continue;
            };
            // Those of the same instant again: the page may not have had all of them.
            if updated >= since {
                output.record(&stream, record(&incident, updated)).await?;
                reached = reached.max(updated);
            }
        }
        output
            .state(State::of(STREAM, "updated_at", reached.to_string()))
            .await?;
        Ok(())
    }
}

impl Incidents {
    async fn page(&self) -> Result<Page, SourceError> {
        let path = "/api/v2/incidents.json";
        let request = self.http.get(format!("{}{path}", self.url)).route(path);
        Ok(request.send().await?.json()?)
    }
}

fn schema(stream: &Arc<str>) -> Schema {
    Schema {
        stream: Arc::clone(stream),
        schema: json!({"type": "object", "properties": {
            "_id": {"type": "string"},
            "_timestamp": {"type": "string", "format": "date-time"},
            "name": {"type": "string"},
            "status": {"type": "string"},
        }}),
        key_properties: vec!["_id".to_owned()],
        bookmark_properties: vec!["_timestamp".to_owned()],
    }
}

/// The incident's id makes a change to it replace what was known of it.
fn record(incident: &Incident, updated: Timestamp) -> Map<String, Value> {
    let text = |key: &str, value: &str| (key.to_owned(), Value::from(value));
    Map::from_iter([
        text("_id", &incident.id),
        text("_timestamp", &updated.to_string()),
        text("name", &incident.name),
        text("status", &incident.status),
    ])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args()
        .nth(1)
        .ok_or("give the address of a status page")?;
    let http = Http::new(HttpOptions::from_environment()?)?;
    let mut source = Incidents { http, url };
    let mut sink = LinesSink::stdout();
    let keep = Keep::Nothing { state: None };
    let report = run(
        &mut source,
        &mut sink,
        keep,
        Limits::none(Arc::new(SystemClock)),
    )
    .await;
    eprintln!("{} records: {}", report.records, report.ended);
    Ok(())
}

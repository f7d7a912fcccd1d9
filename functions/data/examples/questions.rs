//! Asks questions of 100,000 records on the embedded engine, on disk, through the routes, and
//! prints how long each answer took. A number as the first argument is another count of records.
//!
//! `cargo run --release -p weir-data --example questions`

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;
use weir_model::{DataSetName, DataSetSettings, Record, Timestamp};
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{Clock, Db, Deadline, Store, SystemClock};

/// What a collector's sink sends at once.
const BATCH: usize = 1_000;

const HOUR_MS: i64 = 3_600_000;

/// 2013-03-11T00:00:00Z.
const FIRST_MS: i64 = 1_362_960_000_000;

/// How often each question is asked.
const TIMES: usize = 5;

const QUESTIONS: [&str; 7] = [
    "group_by=check",
    "group_by=check&collect=avgresponse:mean&sort_by=avgresponse:mean:descending&limit=3",
    "group_by=avgresponse&sort_by=_count:descending&limit=10",
    "period=month&start_at=2013-01-01T00:00:00Z&end_at=2014-07-01T00:00:00Z&collect=uptime:sum",
    "group_by=check&period=week&start_at=2013-03-11T00:00:00Z&end_at=2014-05-12T00:00:00Z",
    "start_at=2013-06-01T00:00:00Z&end_at=2013-06-08T00:00:00Z",
    "sort_by=avgresponse:descending&limit=10",
];

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let directory = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = directory.path().join("weir.db");
    let engine = Engine::open_with_tables(&path, Arc::clone(&clock)).await?;
    let store = Store::new(Db::embedded(Arc::new(engine), clock));
    fill(&store, count).await?;
    let keys = SigningKeys::new(SigningKey::random());
    let router = weir_data::router(Service::new(store, ServiceConfig::new(keys)));
    println!("{count} records; the fastest and the slowest of {TIMES} answers");
    for question in QUESTIONS {
        let mut took = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let start = Instant::now();
            bytes = ask(&router, question).await?;
            took.push(start.elapsed());
        }
        took.sort_unstable();
        let [fastest, slowest] = [took[0], took[TIMES - 1]].map(|took| took.as_millis());
        println!("{fastest:>6} to {slowest:>6} ms  {bytes:>9} bytes  {question}");
    }
    Ok(())
}

async fn fill(store: &Store, count: usize) -> Result<(), Box<dyn Error>> {
    let name = DataSetName::new("bench", "records")?;
    let (token, settings) = (SecretHash::of("token"), DataSetSettings::default());
    let made = store.create_data_set(&name, token, settings, soon(store));
    let set = made.await?.ok_or("the data set was there already")?;
    let records: Vec<Record> = (0..count).map(record).collect();
    for batch in records.chunks(BATCH) {
        store.put_records(&set, batch, soon(store)).await?;
    }
    Ok(())
}

/// A document as the Pingdom collector makes it, one for every hour of ten checks.
fn record(n: usize) -> Record {
    let (check, hour) = (n % 10, i64::try_from(n / 10).expect("a small number"));
    let time = Timestamp::from_millis(FIRST_MS + hour * HOUR_MS).expect("a time");
    let body = json!({
        "_id": format!("check_{check}.{time}"),
        "_timestamp": time,
        "check": format!("check {check}"),
        "avgresponse": 100 + n % 250,
        "uptime": 3_600,
        "downtime": 0,
        "unmonitored": 0,
    });
    let body: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
    Record::check(body).expect("a record that keeps the rules")
}

async fn ask(router: &Router, question: &str) -> Result<usize, Box<dyn Error>> {
    let request = Request::get(format!("/data/bench/records?{question}"));
    let request = request.body(Body::empty())?;
    let answer = router.clone().oneshot(request).await?;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 10_000_000).await?;
    match status.is_success() {
        true => Ok(body.len()),
        false => Err(format!("{question}: {}", String::from_utf8_lossy(&body)).into()),
    }
}

fn soon(store: &Store) -> Deadline {
    Deadline::at(store.now().saturating_add(Duration::from_secs(60)))
}

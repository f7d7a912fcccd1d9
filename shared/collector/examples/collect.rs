//! How fast records go through the runner: into files, or into a data set on the embedded store.
//!
//! ```text
//! cargo run --release -p weir-collector --example collect -- files    [RECORDS] [jsonl.gz|parquet]
//! cargo run --release -p weir-collector --example collect -- data-set [RECORDS]
//! ```
//!
//! Prints records a second and the most memory that the process ever held.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use weir_collector::sink::{DataSetSink, FileFormat, FilesSink};
use weir_collector::{Keep, Limits, Output, Report, Schema, Sink, Source, SourceError, State, run};
use weir_model::{DataSetName, DataSetSettings, Timestamp};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{Clock as _, Db, Deadline, Leasing, Store, SystemClock};

/// Records between two states.
const PAGE: u64 = 10_000;

/// Numbered visits, a second apart.
struct Visits {
    records: u64,
}

impl Source for Visits {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let stream: Arc<str> = "visits".into();
        output.schema(schema(&stream)).await?;
        let begin = state.and_then(|state| state.bookmark(&stream, "number"));
        let begin = begin.map_or(0, |number| number.parse().unwrap_or(0));
        for number in begin..self.records {
            output.record(&stream, visit(number)).await?;
            if (number + 1) % PAGE == 0 || number + 1 == self.records {
                let next = (number + 1).to_string();
                output.state(State::of(&stream, "number", next)).await?;
            }
        }
        Ok(())
    }
}

fn schema(stream: &Arc<str>) -> Schema {
    Schema {
        stream: Arc::clone(stream),
        schema: json!({"type": "object", "properties": {
            "_id": {"type": "string"},
            "_timestamp": {"type": "string", "format": "date-time"},
            "page": {"type": "string"},
            "browser": {"type": "string"},
            "country": {"type": "string"},
            "visitors": {"type": "integer"},
            "seconds": {"type": "number"},
        }}),
        key_properties: vec!["_id".to_owned()],
        bookmark_properties: Vec::new(),
    }
}

fn visit(number: u64) -> Map<String, Value> {
    const START_MS: u64 = 1_767_225_600_000;
    let time = i64::try_from(START_MS + number * 1000).expect("it is a time");
    let time = Timestamp::from_millis(time).expect("it is a time of 2026");
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let text = |key: &str, value: String| (key.to_owned(), Value::String(value));
    Map::from_iter([
        text("_id", format!("dmlzaXQ-{number:016x}")),
        text("_timestamp", time.to_string()),
        text(
            "page",
            format!("/guidance/apply-for-a-licence/{}", mixed % 5000),
        ),
        text(
            "browser",
            ["Firefox", "Chrome", "Safari"][(mixed % 3) as usize].to_owned(),
        ),
        text(
            "country",
            ["United Kingdom", "Norway"][(mixed % 2) as usize].to_owned(),
        ),
        ("visitors".to_owned(), json!(mixed % 1000)),
        (
            "seconds".to_owned(),
            json!((mixed % 100_000) as f64 / 100.0),
        ),
    ])
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize| arguments.get(place).map(String::as_str);
    let records = argument(1).map_or(1_000_000, |text| text.parse().expect("a number of records"));
    let directory = tempfile::tempdir().expect("a place on the disk");
    match argument(0) {
        Some("data-set") => into_data_set(records, directory.path()).await,
        None | Some("files") => {
            let format = argument(2).unwrap_or("jsonl.gz");
            let format = format.parse().expect("jsonl.gz or parquet");
            into_files(records, format, directory.path()).await;
        }
        Some(other) => panic!("{other:?} must be \"files\" or \"data-set\""),
    }
}

async fn into_files(records: u64, format: FileFormat, directory: &Path) {
    let url = format!("file://{}", directory.display());
    let mut sink = FilesSink::open(&url, format, None).expect("a place for files");
    let store = store(directory).await;
    collect(records, &mut sink, &store, "files").await;
}

async fn into_data_set(records: u64, directory: &Path) {
    let store = store(directory).await;
    let name = DataSetName::new("example", "visits").expect("a name");
    let (token, settings) = (SecretHash::of("none"), DataSetSettings::default());
    let made = store.create_data_set(&name, token, settings, soon()).await;
    made.expect("the store answers").expect("it is the first");
    let mut sink = DataSetSink::new(store.clone(), name);
    collect(records, &mut sink, &store, "data set").await;
}

/// An embedded store on the disk, as `weir serve` has it.
async fn store(directory: &Path) -> Store {
    let clock = Arc::new(SystemClock);
    let engine = Engine::open(&directory.join("weir.db"), clock.clone()).expect("a database");
    let db = Db::embedded(Arc::new(engine), clock);
    db.create_tables().await.expect("tables");
    Store::new(db)
}

async fn collect<K: Sink>(records: u64, sink: &mut K, store: &Store, to: &str) {
    let job = "example".parse().expect("a name");
    let length = Duration::from_secs(300);
    let leased = store.lease_job(&job, "example", length, soon()).await;
    let Ok(Leasing::Held(mut lease)) = leased else {
        panic!("the job is new: {leased:?}");
    };
    let keep = Keep::Bookmark {
        store,
        lease: &mut lease,
    };
    let began = Instant::now();
    let limits = Limits::none(Arc::new(SystemClock));
    let report = run(&mut Visits { records }, sink, keep, limits).await;
    tell(&report, began.elapsed(), to);
}

fn tell(report: &Report, took: Duration, to: &str) {
    assert!(report.is_complete(), "{}", report.ended);
    let rate = report.records as f64 / took.as_secs_f64();
    println!(
        "{to}: {} records in {:.2} s, {rate:.0} a second, {} MB at most",
        report.records,
        took.as_secs_f64(),
        most_memory_mb().map_or("?".to_owned(), |mb| mb.to_string()),
    );
}

/// `VmHWM` of Linux: the peak of resident memory.
fn most_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}

fn soon() -> Deadline {
    Deadline::at(SystemClock.now().saturating_add(Duration::from_secs(30)))
}

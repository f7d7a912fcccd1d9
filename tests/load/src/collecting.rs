//! A collector's run: the runner, between a source that costs nothing and each kind of sink.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_collector::sink::{DataSetSink, FileFormat, FilesSink};
use weir_collector::{Ended, Keep, Limits, Output, Schema, Sink, Source, SourceError, State, run};
use weir_model::{DataSetName, DataSetSettings};
use weir_store::clock::{Clock, SystemClock};
use weir_store::db::{Db, Deadline};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{JobName, Lease, Leasing, Store};

use crate::data_set::record;
use crate::machine::{Memory, forget_peak};
use crate::report::{Report, Row, Section};
use crate::server::Source as Servers;

/// Records between two states.
const STATE_EVERY: u64 = 1_000;

/// A data set takes so many fewer than files, so it gets fewer.
const DATA_SET_SHARE: u64 = 10;

/// How long a call to the store may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Debug, Serialize)]
struct CollectRow {
    case: String,
    records: u64,
    seconds: f64,
    records_per_second: f64,
    /// The most that this process has had meanwhile: source, runner, sink and store.
    memory_mb: f64,
}

impl Row for CollectRow {
    const COLUMNS: &[&str] = &["case", "records", "seconds", "records/s", "memory MB"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            self.records.to_string(),
            format!("{:.1}", self.seconds),
            format!("{:.0}", self.records_per_second),
            format!("{:.0}", self.memory_mb),
        ]
    }
}

/// Delivers so many records into files of each format, and a tenth of them into a data set.
pub(crate) async fn measure(records: u64, source: &Servers, report: &mut Report) -> Result<()> {
    let own = source
        .own()
        .context("a collector's run needs no server: leave --server out")?;
    let mut rows = Vec::new();
    for (case, format) in [
        ("files, gzip JSON lines", FileFormat::JsonLines),
        ("files, Parquet", FileFormat::Parquet),
    ] {
        rows.push(to_files(case, records, format, &own.directory()?).await?);
    }
    let fewer = (records / DATA_SET_SHARE).max(1);
    rows.push(to_data_set(fewer, &own.directory()?).await?);
    let notes = vec![
        format!("a job's run with its lease and bookmark; a state every {STATE_EVERY} records"),
        "memory: of this process, so each case's includes what those before it left".to_owned(),
    ];
    report.push(Section::of("A collector's run", notes, &rows));
    Ok(())
}

async fn to_files(
    case: &str,
    records: u64,
    format: FileFormat,
    directory: &TempDir,
) -> Result<CollectRow> {
    let store = open(directory.path()).await?;
    let files = directory.path().join("files");
    let url = format!("file://{}", files.display());
    let mut sink = FilesSink::open(&url, format, None)?;
    let row = deliver(case, records, &store, &mut sink).await?;
    ensure!(has_files(&files), "no files came into being");
    Ok(row)
}

async fn to_data_set(records: u64, directory: &TempDir) -> Result<CollectRow> {
    let store = open(directory.path()).await?;
    let name: DataSetName = "load/records".parse()?;
    let token = SecretHash::of("a-token-for-measuring-alone");
    let settings = DataSetSettings::default();
    store
        .create_data_set(&name, token, settings, deadline(&store))
        .await?;
    let mut sink = DataSetSink::new(store.clone(), name);
    deliver("a data set on disk", records, &store, &mut sink).await
}

async fn deliver<K: Sink>(
    case: &str,
    records: u64,
    store: &Store,
    sink: &mut K,
) -> Result<CollectRow> {
    let mut lease = lease(store).await?;
    let keep = Keep::Bookmark {
        store,
        lease: &mut lease,
    };
    let limits = Limits::none(Arc::clone(store.clock()));
    forget_peak();
    let began = Instant::now();
    let done = run(&mut Synthetic { records }, sink, keep, limits).await;
    let seconds = began.elapsed().as_secs_f64();
    let memory = Memory::of(std::process::id());
    ensure!(matches!(done.ended, Ended::Complete), "{:?}", done.ended);
    ensure!(done.records == records, "{} records", done.records);
    let expected = json!({ "next": records });
    ensure!(
        lease.bookmark() == Some(&expected),
        "the bookmark is behind"
    );
    Ok(CollectRow {
        case: case.to_owned(),
        records,
        seconds,
        records_per_second: records as f64 / seconds,
        memory_mb: memory.map_or(0.0, |memory| memory.most_mb),
    })
}

async fn lease(store: &Store) -> Result<Lease> {
    let job: JobName = "load".parse()?;
    let hour = Duration::from_secs(3600);
    match store.lease_job(&job, "load", hour, deadline(store)).await? {
        Leasing::Held(lease) => Ok(lease),
        Leasing::Busy { holder, .. } => anyhow::bail!("{holder} has the job"),
    }
}

/// A store on disk, as `weir serve` has it.
async fn open(directory: &Path) -> Result<Store> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = directory.join("weir.db");
    let engine = Engine::open_with_tables(&path, Arc::clone(&clock)).await?;
    Ok(Store::new(Db::embedded(Arc::new(engine), clock)))
}

fn deadline(store: &Store) -> Deadline {
    Deadline::at(store.now().saturating_add(PATIENCE))
}

fn has_files(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// Records from nowhere.
struct Synthetic {
    records: u64,
}

impl Source for Synthetic {
    async fn read(&mut self, _: Option<&State>, output: &mut Output) -> Result<(), SourceError> {
        let stream: Arc<str> = "records".into();
        output.schema(schema(&stream)).await?;
        for number in 0..self.records {
            let Value::Object(record) = record(number) else {
                continue;
            };
            output.record(&stream, record).await?;
            let next = number + 1;
            if next % STATE_EVERY == 0 || next == self.records {
                output.state(State(json!({ "next": next }))).await?;
            }
        }
        Ok(())
    }
}

fn schema(stream: &Arc<str>) -> Schema {
    let text = || json!({"type": ["null", "string"]});
    Schema {
        stream: Arc::clone(stream),
        schema: json!({"type": "object", "properties": {
            "_id": text(),
            "_timestamp": {"type": ["null", "string"], "format": "date-time"},
            "channel": text(),
            "country": text(),
            "device": text(),
            "visits": {"type": ["null", "integer"]},
            "bounce_rate": {"type": ["null", "number"]},
            "timeSpan": text(),
        }}),
        key_properties: vec!["_id".to_owned()],
        bookmark_properties: Vec::new(),
    }
}

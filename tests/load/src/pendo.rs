//! `weir tap pendo` as a process of its own, against a stand-in that answers at once, and against
//! one whose every answer is late.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::json;
use tokio::process::{Child, Command};
use weir_model::Timestamp;
use weir_store::clock::{Clock as _, SystemClock};
use weir_third_parties::{Pendo, PendoFixture, pendo};

use crate::machine::Memory;
use crate::report::{Report, Row, Section};
use crate::server::{Own, Source};

/// How late answers are where waiting is what is measured.
const DELAY_MS: u64 = 50;

/// Requests under way at once: one after the other, and as many as there are by default.
const CONCURRENCIES: [usize; 2] = [1, 4];

/// How often the process' memory is looked at. What it had at most is kept by the kernel.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Requests that the stand-in keeps to be looked at: they are its memory, and nobody looks.
const KEPT: usize = 10;

/// Documents that are told and are no rows: those of metadata.
const DOCUMENTS: usize = 2;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What was found.
#[derive(Debug, Serialize)]
struct PendoRow {
    case: String,
    records: usize,
    seconds: f64,
    records_per_second: f64,
    /// The most that the process has had.
    memory_mb: f64,
}

impl Row for PendoRow {
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

/// Reads so many records of all streams, and the history of so many visitors.
pub(crate) async fn measure(
    records: usize,
    visitors: usize,
    source: &Source,
    report: &mut Report,
) -> Result<()> {
    let own = source
        .own()
        .context("a tap needs no server: leave --server out")?;
    let now = SystemClock.now();
    let large = PendoFixture::large_at(records, now.as_millis());
    let mut rows = vec![tap(own, "all streams", large, now.saturating_sub(DAY * 31), 4).await?];
    for concurrency in CONCURRENCIES {
        let case = format!("history of {visitors} visitors, {concurrency} at once");
        let late = PendoFixture::histories_at(visitors, now.as_millis()).delayed(DELAY_MS);
        rows.push(tap(own, &case, late, now.saturating_sub(DAY), concurrency).await?);
    }
    let notes = vec![
        "weir tap pendo without a catalog, its output into a file; the stand-in is in this program, on the same cores"
            .to_owned(),
        format!("each answer of the histories is {DELAY_MS} ms late"),
    ];
    report.push(Section::of("Reading Pendo", notes, &rows));
    Ok(())
}

async fn tap(
    own: &Own,
    case: &str,
    fixture: PendoFixture,
    start: Timestamp,
    concurrency: usize,
) -> Result<PendoRow> {
    let wanted = fixture.len() + DOCUMENTS;
    let stand_in = Pendo::start(fixture.keeping(KEPT));
    let directory = own.directory()?;
    let config = directory.path().join("config.json");
    let keys = json!({
        "x_pendo_integration_key": pendo::KEY,
        "start_date": start.to_string(),
        "period": "dayRange",
        "concurrency": concurrency,
        "base_url": stand_in.url(),
    });
    std::fs::write(&config, keys.to_string())?;
    let told = directory.path().join("told.jsonl");
    let began = Instant::now();
    let memory_mb = watched(begin(own, &config, &told)?).await?;
    let seconds = began.elapsed().as_secs_f64();
    let records = records(&told)?;
    ensure!(records == wanted, "{case}: {records} records of {wanted}");
    Ok(PendoRow {
        case: case.to_owned(),
        records,
        seconds,
        records_per_second: records as f64 / seconds,
        memory_mb,
    })
}

fn begin(own: &Own, config: &Path, told: &Path) -> Result<Child> {
    let mut command = Command::new(&own.weir);
    command.args(["tap", "pendo", "--config"]).arg(config);
    command.stdout(File::create(told)?).stderr(Stdio::null());
    command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| own.weir.display().to_string())
}

/// Waits for a process to end well, and says what memory it has had at most.
async fn watched(mut process: Child) -> Result<f64> {
    let pid = process.id().context("it runs")?;
    let mut most_mb = 0.0_f64;
    loop {
        if let Some(memory) = Memory::of(pid) {
            most_mb = most_mb.max(memory.most_mb);
        }
        match tokio::time::timeout(LOOK_EVERY, process.wait()).await {
            Ok(ended) => {
                let ended = ended?;
                ensure!(ended.success(), "weir tap pendo: {ended}");
                return Ok(most_mb);
            }
            Err(_) => continue,
        }
    }
}

/// How many records were told.
fn records(told: &Path) -> Result<usize> {
    let mut count = 0;
    for line in BufReader::new(File::open(told)?).split(b'\n') {
        count += usize::from(line?.starts_with(br#"{"type":"RECORD""#));
    }
    Ok(count)
}

//! How fast records become files: `cargo run --release --example files -p weir-collector -- 1000000
//! jsonl.gz [s3://BUCKET/PREFIX]`. Prints records a second and the most memory that the process has had.

use std::error::Error;
use std::time::Instant;

use serde_json::{Map, Value, json};
use weir_collector::sink::{FileFormat, FilesSink, Sink};
use weir_collector::{Message, RecordMessage, Schema};

/// How many records come at once, as the runner hands them on.
const BATCH: u64 = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().unwrap_or("1000000".into()).parse()?;
    let format: FileFormat = arguments.next().unwrap_or("jsonl.gz".into()).parse()?;
    let directory = tempfile::tempdir()?;
    let here = format!("file://{}", directory.path().display());
    let url = arguments.next().unwrap_or(here);
    let access = match url.starts_with("s3:") {
        true => Some(weir_aws::of_user().await),
        false => None,
    };
    let mut sink = FilesSink::open(&url, format, access.as_ref())?;
    let began = Instant::now();
    sink.write(vec![schema()]).await?;
    for first in (0..count).step_by(BATCH as usize) {
        sink.write((first..first + BATCH).map(record).collect())
            .await?;
    }
    sink.flush().await?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{count} records in {seconds:.2} s: {:.0} a second",
        count as f64 / seconds
    );
    println!("most memory: {}", most_memory());
    Ok(())
}

fn schema() -> Message {
    let text = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let number = json!({"type": "number"});
    Message::Schema(Schema {
        stream: "pages".into(),
        schema: json!({"type": "object", "properties": {
            "_id": text, "_timestamp": time, "pagePath": text, "pageTitle": text,
            "pageviews": number, "sessions": number, "country": text
        }}),
        key_properties: vec!["_id".into()],
        bookmark_properties: Vec::new(),
    })
}

/// About 200 bytes, thirty days at a time.
fn record(n: u64) -> Message {
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let day = n / 1000 % 30 + 1;
    let record: Map<String, Value> = [
        ("_id", format!("{spread:016x}").into()),
        (
            "_timestamp",
            format!("2026-01-{day:02}T00:00:00+00:00").into(),
        ),
        (
            "pagePath",
            format!("/apply-for-something/step-{}", spread % 5000).into(),
        ),
        (
            "pageTitle",
            format!("Apply for something, step {}", spread % 5000).into(),
        ),
        ("pageviews", (spread % 100_000).into()),
        ("sessions", (spread % 1000).into()),
        ("country", "United Kingdom".into()),
    ]
    .map(|(key, value): (&str, Value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    Message::Record(RecordMessage {
        stream: "pages".into(),
        record,
        time_extracted: None,
    })
}

/// As Linux counts it.
fn most_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |line| line.trim().to_owned())
}

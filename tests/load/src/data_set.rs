//! A data set: how fast records are taken in by the HTTP interface, and questions about them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_model::Timestamp;

use crate::figures::{Figure, Sent};
use crate::report::{Report, Section};
use crate::server::Source;
use crate::target::{Load, Target, Way};

/// The data set.
const PATH: &str = "/data/load/records";
const NAME: &str = "load/records";

/// Records a request: what collectors send.
const CHUNK: u64 = 100;

/// How often each question is asked.
const REPEATS: usize = 30;

/// 2026-01-01T00:00:00Z. A record a minute from there.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// How many rows an answer has for so many records.
type Rows = fn(u64) -> u64;

/// What is asked, and how long its answer is.
const QUESTIONS: [(&str, &str, Rows); 5] = [
    ("grouped by a key", "group_by=channel", |n| n.min(CHANNELS)),
    (
        "grouped by a key, with a sum",
        "group_by=channel&collect=visits:sum",
        |n| n.min(CHANNELS),
    ),
    (
        "grouped by two keys",
        "group_by=channel&group_by=country",
        |n| n.min(CHANNELS * COUNTRIES),
    ),
    (
        "four weeks by day",
        "period=day&start_at=2026-01-01T00:00:00Z&end_at=2026-01-29T00:00:00Z",
        |_| 28,
    ),
    (
        "a day's records",
        "start_at=2026-01-01T00:00:00Z&end_at=2026-01-02T00:00:00Z",
        |n| n.min(24 * 60),
    ),
];

/// Values of the keys. Their numbers have no common factor, so all pairs occur.
const CHANNELS: u64 = 20;
const COUNTRIES: u64 = 21;

/// Stores so many records, and asks about them.
pub(crate) async fn measure(records: u64, source: &Source, report: &mut Report) -> Result<()> {
    let server = source.fresh().await?;
    source.data_set(&server, NAME).await?;
    let mut figures = vec![store(&server.target, records).await?];
    for (name, parameters, rows) in QUESTIONS {
        figures.push(ask(&server.target, name, parameters, rows(records)).await?);
    }
    let server_mb = server.memory().map(|memory| memory.most_mb);
    for figure in &mut figures {
        figure.server_mb = server_mb;
    }
    server.stop().await?;
    let title = format!("A data set of {records} records");
    let notes = vec![format!(
        "stored in chunks of {CHUNK}, one after the other; each record has an id, which a repeat replaces"
    )];
    report.push(Section::of(title, notes, &figures));
    Ok(())
}

async fn store(target: &Target, records: u64) -> Result<Figure> {
    let mut connection = target.connection();
    let mut sent = Sent::default();
    let began = Instant::now();
    for first in (0..records).step_by(CHUNK as usize) {
        let chunk: Vec<Value> = (first..records.min(first + CHUNK)).map(record).collect();
        let events = chunk.len() as u64;
        let load = Load {
            media_type: "application/json",
            body: serde_json::to_vec(&chunk)?.into(),
            key: None,
            way: Way::data_set(PATH),
        };
        let asked = Instant::now();
        connection.send(target.post(load)).await?.success()?;
        sent.times.record(asked.elapsed());
        sent.events += events;
    }
    Ok(sent.over(
        format!("storing, {CHUNK} records a request"),
        began.elapsed(),
    ))
}

async fn ask(target: &Target, name: &str, parameters: &str, rows: u64) -> Result<Figure> {
    let mut connection = target.connection();
    let mut sent = Sent::default();
    let mut lasting = Duration::ZERO;
    for _ in 0..REPEATS {
        let asked = Instant::now();
        let request = target.get(&format!("{PATH}?{parameters}"));
        let answer = connection.send(request).await?.success()?;
        let took = asked.elapsed();
        sent.times.record(took);
        lasting += took;
        let answer: Value = serde_json::from_slice(&answer)?;
        let there = answer["data"].as_array().map_or(0, Vec::len) as u64;
        ensure!(there == rows, "{name}: {there} rows, not {rows}");
    }
    Ok(sent.over(name.into(), lasting))
}

/// A record like many: when, from where, how much.
pub(crate) fn record(number: u64) -> Value {
    let device = ["desktop", "mobile", "tablet"][number as usize % 3];
    let at = Timestamp::from_millis(BEGIN_MS + 60_000 * number as i64);
    json!({
        "_id": format!("record-{number}"),
        "_timestamp": at.expect("a time of this century"),
        "channel": format!("channel {}", number % CHANNELS),
        "country": format!("country {}", number % COUNTRIES),
        "device": device,
        "visits": number % 1000,
        "bounce_rate": (number % 97) as f64 / 97.0,
        "timeSpan": "minute",
    })
}

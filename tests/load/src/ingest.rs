//! Load that stores events.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::Case;
use crate::figures::Figure;
use crate::target::Target;

/// Events of one batch.
pub(crate) const BATCH: u64 = 500;

/// Numbers requests across connections.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What one connection saw.
struct Seen {
    times: Histogram<u64>,
    failed: u64,
    events: u64,
}

/// Sends requests of a kind over some connections for a while.
pub(crate) async fn run(
    target: &Target,
    case: Case,
    connections: usize,
    lasting: Duration,
) -> Result<Figure> {
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        senders.spawn(send(target.clone(), case, began + lasting));
    }
    let mut times = new_histogram();
    let (mut failed, mut events) = (0, 0);
    while let Some(seen) = senders.join_next().await {
        let seen = seen??;
        times.add(&seen.times)?;
        failed += seen.failed;
        events += seen.events;
    }
    ensure!(!times.is_empty(), "no request was answered");
    let name = format!("{} x{connections}", describe(case));
    Ok(Figure::of(
        name,
        &times,
        failed,
        events,
        began.elapsed().as_secs_f64(),
    ))
}

fn new_histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

fn describe(case: Case) -> &'static str {
    match case {
        Case::Singles => "one event a request",
        Case::Keys => "one event a request, with a key",
        Case::Ids => "one event a request, with an id",
        Case::Spread => "one event a request, over 32 series",
        Case::Batches => "500 events a request, in time order",
        Case::BatchIds => "500 events a request, with ids",
        Case::Year => "a year",
    }
}

async fn send(target: Target, case: Case, until: Instant) -> Result<Seen> {
    let mut seen = Seen {
        times: new_histogram(),
        failed: 0,
        events: 0,
    };
    while Instant::now() < until {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (request, events) = request(&target, case, number);
        let began = Instant::now();
        let answer = request.send().await?;
        let stored = answer.status() == 201;
        answer.bytes().await?;
        if stored {
            seen.times.record(began.elapsed().as_micros() as u64)?;
            seen.events += events;
        } else {
            seen.failed += 1;
        }
    }
    Ok(seen)
}

fn request(target: &Target, case: Case, number: u64) -> (reqwest::RequestBuilder, u64) {
    let json = "application/json";
    // Keys and ids of one run are not those of another.
    let run = std::process::id();
    match case {
        Case::Batches => (
            target.post("application/x-ndjson", batch(number, false)),
            BATCH,
        ),
        Case::BatchIds => (
            target.post("application/x-ndjson", batch(number, true)),
            BATCH,
        ),
        Case::Spread => (
            target.post(json, event(&format!("spread-{}", number % 32), None)),
            1,
        ),
        Case::Ids => (
            target.post(json, event("ids", Some(format!("{run}-{number}")))),
            1,
        ),
        Case::Keys => {
            let request = target.post(json, event("keys", None));
            (
                request.header("idempotency-key", format!("load-{run}-{number}")),
                1,
            )
        }
        Case::Singles | Case::Year => (target.post(json, event("singles", None)), 1),
    }
}

fn event(name: &str, id: Option<String>) -> String {
    let id = id.map(|id| format!(r#","id":"{id}""#)).unwrap_or_default();
    format!(r#"{{"namespace":"load","name":"{name}","value":1{id}}}"#)
}

/// A batch that goes on in time where the one before it ended.
fn batch(number: u64, with_ids: bool) -> String {
    let run = std::process::id();
    let mut body = String::new();
    for index in 0..BATCH {
        let at = 1_700_000_000_000 + (number * BATCH + index) * 10;
        let id = if with_ids {
            format!(r#","id":"{run}-{number}-{index}""#)
        } else {
            String::new()
        };
        let line = format!(
            r#"{{"namespace":"load","name":"batches","timestamp":{at},"value":{}{id}}}"#,
            index % 100
        );
        writeln!(body, "{line}").expect("writing to a string");
    }
    body
}

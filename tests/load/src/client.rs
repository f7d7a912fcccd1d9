//! The crate that programs link: how fast a thread can report, and how fast what it reported is
//! with the server, which for most of it is a sink that reads and compares every event.

mod sink;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_client::{Report as Reported, WhenFull, blocking};

use crate::machine::{Memory, forget_peak};
use crate::question::expect;
use crate::report::{Report, Row, Section};
use crate::server::Source;
use sink::Sink;

/// How long everything may take to arrive.
const PATIENCE: Duration = Duration::from_secs(300);

const NAMESPACE: &str = "load-client";
const NAME: &str = "report";

/// What is measured: so many events, reported like this.
struct Run {
    case: String,
    events: u64,
    made: Made,
    builder: Builder,
}

/// When events are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// Before the first is reported: the calls alone are measured.
    Before,
    /// Each when it is its turn.
    Between,
}

/// What was found.
#[derive(Debug, Serialize)]
struct ClientRow {
    case: String,
    events: u64,
    dropped: u64,
    calls_per_second: f64,
    median_ns: u64,
    p99_ns: u64,
    longest_us: f64,
    delivered_per_second: f64,
    /// The most that this process has had meanwhile: events, client and sink.
    memory_mb: f64,
}

impl Row for ClientRow {
    const COLUMNS: &[&str] = &[
        "case",
        "events",
        "dropped",
        "calls/s",
        "median ns",
        "p99 ns",
        "max us",
        "delivered/s",
        "memory MB",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            self.events.to_string(),
            self.dropped.to_string(),
            format!("{:.0}", self.calls_per_second),
            self.median_ns.to_string(),
            self.p99_ns.to_string(),
            format!("{:.0}", self.longest_us),
            format!("{:.0}", self.delivered_per_second),
            format!("{:.0}", self.memory_mb),
        ]
    }
}

/// Measures reporting and delivering so many events, and a tenth of them to a real server.
pub(crate) async fn measure(events: u64, source: &Source, report: &mut Report) -> Result<()> {
    // Memory that a large buffer has had stays with the process, so small ones come first.
    let mut rows = vec![
        to_sink(delivered(events)).await?,
        to_sink_by_spool(events).await?,
        to_server(events, source).await?,
    ];
    for run in calls(events) {
        rows.push(to_sink(run).await?);
    }
    let notes = vec![
        "one thread reports, and each call is timed; \"made before\" leaves the making of events out"
            .to_owned(),
        "delivered: from the first call to when the last event was read and compared by the sink, \
         or stored by the server"
            .to_owned(),
    ];
    report.push(Section::of("The client crate", notes, &rows));
    Ok(())
}

/// Reports wait for room, and memory is bounded by the buffer.
fn delivered(events: u64) -> Run {
    Run {
        case: format!("delivered, buffer of 100000, {events} events"),
        events,
        made: Made::Between,
        builder: patient(builder()),
    }
}

/// The buffer has room for every event, so no call can wait.
fn calls(events: u64) -> [Run; 3] {
    let standard = events.min(100_000);
    let run = |case: &str, events, made, builder| Run {
        case: format!("{case}, {events} events"),
        events,
        made,
        builder,
    };
    let room = usize::try_from(events).unwrap_or(usize::MAX);
    let roomy = || {
        let builder = builder().buffer_events(room);
        builder.buffer_bytes(room.saturating_mul(1024))
    };
    [
        run(
            "buffer of 100000, made before",
            standard,
            Made::Before,
            builder(),
        ),
        run("buffer for all, made before", events, Made::Before, roomy()),
        run(
            "buffer for all, made between",
            events,
            Made::Between,
            roomy(),
        ),
    ]
}

/// Builds clients for programs without a runtime.
type Builder = weir_client::Builder<blocking::Client>;

fn builder() -> Builder {
    blocking::Client::builder()
        .label(NAMESPACE)
        .event_type(NAME)
}

/// Reports wait for room instead of being dropped.
fn patient(builder: Builder) -> Builder {
    builder.when_full(WhenFull::Block { timeout: PATIENCE })
}

async fn to_sink(run: Run) -> Result<ClientRow> {
    let sink = Sink::start(run.events)?;
    let builder = run.builder.server(sink.url()).write_key("a-write-key");
    let row = drive(run.case, run.events, run.made, builder).await?;
    sink.check(run.events - row.dropped)?;
    Ok(row)
}

async fn to_sink_by_spool(events: u64) -> Result<ClientRow> {
    let spool = TempDir::new()?;
    to_sink(Run {
        case: format!("delivered by a spool, {events} events"),
        events,
        made: Made::Between,
        builder: patient(builder().spool(spool.path())),
    })
    .await
}

async fn to_server(events: u64, source: &Source) -> Result<ClientRow> {
    let events = (events / 2).max(1);
    let server = source.fresh().await?;
    let key = source.write_key(&server).await?;
    let builder = patient(builder())
        .server(server.target.url())
        .write_key(&*key);
    let case = format!("delivered to a Weir, {events} events");
    let row = drive(case, events, Made::Between, builder).await?;
    expect(&server.target, (NAMESPACE, NAME), events).await?;
    server.stop().await?;
    Ok(row)
}

async fn drive(case: String, events: u64, made: Made, builder: Builder) -> Result<ClientRow> {
    let work = move || report_all(case, events, made, builder);
    tokio::task::spawn_blocking(work).await?
}

fn report_all(case: String, events: u64, made: Made, builder: Builder) -> Result<ClientRow> {
    let client = builder.build()?;
    let before: Vec<Value> = match made {
        Made::Before => (0..events).map(event).collect(),
        Made::Between => Vec::new(),
    };
    forget_peak();
    let mut times = Histogram::new(3)?;
    let began = Instant::now();
    match made {
        Made::Before => before
            .into_iter()
            .for_each(|event| call(&client, event, &mut times)),
        Made::Between => (0..events).for_each(|n| call(&client, event(n), &mut times)),
    }
    let called = began.elapsed();
    ensure!(
        client.flush(PATIENCE),
        "not everything was delivered in {PATIENCE:?}"
    );
    let delivered = began.elapsed();
    let memory = Memory::of(std::process::id());
    let statistics = client.statistics();
    let dropped = statistics.dropped_in_all();
    ensure!(statistics.delivered + dropped == events, "{statistics:?}");
    Ok(ClientRow {
        case,
        events,
        dropped,
        calls_per_second: events as f64 / called.as_secs_f64(),
        median_ns: times.value_at_quantile(0.5),
        p99_ns: times.value_at_quantile(0.99),
        longest_us: times.max() as f64 / 1e3,
        delivered_per_second: statistics.delivered as f64 / delivered.as_secs_f64(),
        memory_mb: memory.map_or(0.0, |memory| memory.most_mb),
    })
}

/// Reports one event and notes how long that took. What is dropped, the client counts.
fn call(client: &blocking::Client, event: Value, times: &mut Histogram<u64>) {
    let event = Reported::from(event);
    let began = Instant::now();
    let _ = client.report(event);
    let ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    // `saturating_record` would not make room.
    times.record(ns).expect("it resizes itself");
}

/// An event like many: what happened where, to whom, for how much.
fn event(number: u64) -> Value {
    json!({
        "n": number,
        "page": sink::page(number),
        "user": sink::user(number),
        "value": sink::value(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_event_of_a_slice_arrives_and_is_compared() {
        for run in calls(3_000).into_iter().chain([delivered(3_000)]) {
            let row = to_sink(run).await.unwrap();
            assert_eq!((row.events, row.dropped), (3_000, 0), "{row:?}");
            assert!(
                row.calls_per_second > 0.0 && row.p99_ns >= row.median_ns,
                "{row:?}"
            );
        }
        let row = to_sink_by_spool(3_000).await.unwrap();
        assert_eq!(row.dropped, 0);
    }
}

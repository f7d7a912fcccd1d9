//! Writers and readers together at a steady rate, minute by minute: whether a server that runs for
//! longer gets slower or larger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use http::StatusCode;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::figures::Sent;
use crate::ingest::Kind;
use crate::question::Question;
use crate::report::{Report, Row, Section};
use crate::server::{Server, Source};
use crate::target::Target;
use crate::year;

const MINUTE: Duration = Duration::from_secs(60);

/// Connections of each kind of request: more than are busy at any rate below saturation.
const CONNECTIONS: u32 = 16;

/// A load below what the server can do.
#[derive(Debug)]
pub(crate) struct Mixed {
    pub(crate) minutes: u32,
    pub(crate) singles_per_second: f64,
    pub(crate) batches_per_second: f64,
    pub(crate) queries_per_second: f64,
    /// Events of the compacted year that half of the queries ask.
    pub(crate) events: u64,
}

/// One kind of request.
#[derive(Debug)]
enum Role {
    Write(Kind),
    Read(Vec<(Question, String, &'static str)>),
}

/// When requests are due.
#[derive(Debug, Clone, Copy)]
struct Pace {
    start: Instant,
    until: Instant,
    per_second: f64,
}

/// What was sent in one minute.
#[derive(Debug, Clone, Default)]
struct Minute {
    writes: Sent,
    reads: Sent,
}

impl Mixed {
    pub(crate) async fn measure(&self, source: &Source, report: &mut Report) -> Result<()> {
        let namespace = "load-mixed";
        let server = match source.own() {
            Some(own) => {
                let data = year::prepare(own, namespace, self.events).await?;
                own.start(data).await?
            }
            None => source.fresh().await?,
        };
        let of_year = source.own().map(|_| namespace);
        let rows = self.run(&server, of_year).await?;
        report.push(Section::of("Mixed load", self.notes(), &rows));
        if let Some(drift) = drift(&rows) {
            let title = "Mixed load, the last minute beside the second";
            report.push(Section::of(title, Vec::new(), &drift));
        }
        server.stop().await
    }

    fn notes(&self) -> Vec<String> {
        vec![
            format!(
                "offered a second: {} single events (every other one with a key), {} batches of 500, \
                 {} queries",
                self.singles_per_second, self.batches_per_second, self.queries_per_second
            ),
            "queries: a year by day and by month, a month by hour, and the current day of the \
             growing series by hour"
                .to_owned(),
            "a time counts from when its request was due, if its connection was busy then"
                .to_owned(),
        ]
    }

    async fn run(&self, server: &Server, of_year: Option<&str>) -> Result<Vec<MinuteRow>> {
        let start = Instant::now();
        let until = start + MINUTE * self.minutes;
        let roles = [
            (Role::Write(Kind::Singles), self.singles_per_second / 2.0),
            (Role::Write(Kind::Keys), self.singles_per_second / 2.0),
            (Role::Write(Kind::Batches), self.batches_per_second),
            (Role::Read(questions(of_year)), self.queries_per_second),
        ];
        let mut workers = JoinSet::new();
        for (role, per_second) in roles {
            let pace = Pace {
                start,
                until,
                per_second,
            };
            let role = Arc::new(role);
            for at in 0..CONNECTIONS {
                let (target, role) = (server.target.clone(), Arc::clone(&role));
                workers.spawn(async move { work(&target, &role, pace, at).await });
            }
        }
        let memory = self.watch(server, start).await;
        let mut minutes = vec![Minute::default(); self.minutes as usize];
        while let Some(of_worker) = workers.join_next().await {
            for (all, one) in minutes.iter_mut().zip(of_worker?) {
                all.writes.add(&one.writes);
                all.reads.add(&one.reads);
            }
        }
        let rows = minutes.iter().zip(memory).enumerate();
        Ok(rows
            .map(|(at, (minute, mb))| MinuteRow::of(at + 1, minute, mb))
            .collect())
    }

    /// The server's memory at the end of each minute.
    async fn watch(&self, server: &Server, start: Instant) -> Vec<Option<f64>> {
        let mut memory = Vec::new();
        for minute in 1..=self.minutes {
            tokio::time::sleep_until((start + MINUTE * minute).into()).await;
            memory.push(server.memory().map(|memory| memory.now_mb));
        }
        memory
    }
}

fn questions(of_year: Option<&str>) -> Vec<(Question, String, &'static str)> {
    let today = Question::new("today by hour", "granularity=hour&aggregationType=count");
    let mut questions = vec![(today, "load".to_owned(), "singles")];
    if let Some(namespace) = of_year {
        let of_year = year::questions().into_iter().take(3);
        questions.extend(of_year.map(|question| (question, namespace.to_owned(), "m")));
    }
    questions
}

impl Pace {
    /// When a request is due; nothing if the load has ended by then.
    fn due(&self, number: u64) -> Option<Instant> {
        let due = self.start + Duration::from_secs_f64(number as f64 / self.per_second);
        (due < self.until).then_some(due)
    }
}

/// Sends every request of a kind that falls to one connection.
async fn work(target: &Target, role: &Role, pace: Pace, at: u32) -> Vec<Minute> {
    let minutes = (pace.until - pace.start).as_secs().div_ceil(60);
    let mut minutes = vec![Minute::default(); minutes as usize];
    let mut connection = target.connection();
    for number in (u64::from(at)..).step_by(CONNECTIONS as usize) {
        let Some(due) = pace.due(number) else {
            break;
        };
        let minute = &mut minutes[(due - pace.start).as_secs() as usize / 60];
        let (request, wanted, events, sent) = match role {
            Role::Write(kind) => {
                let (load, events) = kind.load(number);
                let sent = &mut minute.writes;
                (target.post(load), StatusCode::CREATED, events, sent)
            }
            Role::Read(questions) => {
                let (question, namespace, name) = &questions[number as usize % questions.len()];
                let request = target.get(&question.path(namespace, name));
                (request, StatusCode::OK, 0, &mut minute.reads)
            }
        };
        // A timer that wakes us late is no fault of the server's; an answer that does is.
        let began = if Instant::now() < due {
            tokio::time::sleep_until(due.into()).await;
            Instant::now()
        } else {
            due
        };
        match connection.send(request).await {
            Ok(answer) if answer.status == wanted => {
                sent.times.record(began.elapsed());
                sent.events += events;
            }
            _ => sent.failed += 1,
        }
    }
    minutes
}

/// One minute.
#[derive(Debug, Clone, Serialize)]
struct MinuteRow {
    minute: usize,
    writes_per_second: f64,
    events_per_second: f64,
    write_median_ms: f64,
    write_p99_ms: f64,
    reads_per_second: f64,
    read_median_ms: f64,
    read_p99_ms: f64,
    failed: u64,
    server_mb: Option<f64>,
}

impl MinuteRow {
    fn of(number: usize, minute: &Minute, server_mb: Option<f64>) -> Self {
        let writes = minute.writes.over(String::new(), MINUTE);
        let reads = minute.reads.over(String::new(), MINUTE);
        Self {
            minute: number,
            writes_per_second: writes.requests_per_second,
            events_per_second: writes.events_per_second,
            write_median_ms: writes.median_ms,
            write_p99_ms: writes.p99_ms,
            reads_per_second: reads.requests_per_second,
            read_median_ms: reads.median_ms,
            read_p99_ms: reads.p99_ms,
            failed: writes.failed + reads.failed,
            server_mb,
        }
    }
}

impl Row for MinuteRow {
    const COLUMNS: &[&str] = &[
        "minute",
        "writes/s",
        "events/s",
        "median ms",
        "p99 ms",
        "reads/s",
        "median ms",
        "p99 ms",
        "failed",
        "server MB",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.minute.to_string(),
            format!("{:.0}", self.writes_per_second),
            format!("{:.0}", self.events_per_second),
            format!("{:.2}", self.write_median_ms),
            format!("{:.2}", self.write_p99_ms),
            format!("{:.1}", self.reads_per_second),
            format!("{:.2}", self.read_median_ms),
            format!("{:.2}", self.read_p99_ms),
            self.failed.to_string(),
            self.server_mb
                .map_or_else(String::new, |mb| format!("{mb:.0}")),
        ]
    }
}

/// The end of a load beside its beginning.
#[derive(Debug, Serialize)]
struct Drift {
    what: &'static str,
    second_minute: f64,
    last_minute: f64,
    ratio: f64,
}

impl Row for Drift {
    const COLUMNS: &[&str] = &["what", "second minute", "last minute", "ratio"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.what.to_owned(),
            format!("{:.2}", self.second_minute),
            format!("{:.2}", self.last_minute),
            format!("{:.2}", self.ratio),
        ]
    }
}

/// Nothing if there is no minute after the second.
fn drift(rows: &[MinuteRow]) -> Option<Vec<Drift>> {
    let (second, last) = (rows.get(1)?, rows.get(2..)?.last()?);
    let drift = |what, of: fn(&MinuteRow) -> f64| {
        let (second_minute, last_minute) = (of(second), of(last));
        Drift {
            what,
            second_minute,
            last_minute,
            ratio: last_minute / second_minute,
        }
    };
    let mut drifts = vec![
        drift("writes/s", |row| row.writes_per_second),
        drift("write p99 ms", |row| row.write_p99_ms),
        drift("reads/s", |row| row.reads_per_second),
        drift("read p99 ms", |row| row.read_p99_ms),
    ];
    if second.server_mb.is_some() {
        drifts.push(drift("server MB", |row| row.server_mb.unwrap_or(f64::NAN)));
    }
    Some(drifts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_evenly_until_the_end() {
        let start = Instant::now();
        let pace = Pace {
            start,
            until: start + Duration::from_secs(2),
            per_second: 4.0,
        };
        let due: Vec<_> = (0..20).map_while(|number| pace.due(number)).collect();
        assert_eq!(due.len(), 8);
        assert_eq!(due[5] - start, Duration::from_millis(1250));
    }

    #[test]
    fn the_last_minute_is_compared_with_the_second() {
        let row = |number: usize, ms: u64| {
            let mut minute = Minute::default();
            minute.writes.times.record(Duration::from_millis(ms));
            minute.reads.times.record(Duration::from_millis(10));
            MinuteRow::of(number, &minute, Some(50.0 + ms as f64))
        };
        let rows: Vec<_> = [9, 100, 150, 120]
            .into_iter()
            .enumerate()
            .map(|(at, ms)| row(at + 1, ms))
            .collect();
        assert!(drift(&rows[..2]).is_none());
        let drifts = drift(&rows).unwrap();
        let ratio = |what| drifts.iter().find(|d| d.what == what).unwrap().ratio;
        assert!((ratio("write p99 ms") - 1.2).abs() < 0.01);
        assert!((ratio("read p99 ms") - 1.0).abs() < 0.01);
        assert!((ratio("server MB") - 170.0 / 150.0).abs() < 0.01);
    }
}

//! Far more requests than the server can do, offered by the clock and not by its answers; then
//! how soon it is itself again, and whether all it acknowledged is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::connection::{Answer, Connection};
use crate::figures::Times;
use crate::ingest::{self, BATCH, Kind, json, lines};
use crate::question::count;
use crate::report::{Report, Row, Section};
use crate::server::Source;
use crate::target::{Load, Target};

/// Connections that find out what the server can do: the more there are, the more it commits
/// together, until that makes no difference any more.
const CAPACITY_CONNECTIONS: [usize; 2] = [32, 256];

/// A client that has no answer by then hangs up.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);

/// A request that no connection was free for is not sent this long after it was due.
const TOO_LATE: Duration = Duration::from_millis(250);

/// Requests one after the other that tell how quick the server is when there is nothing else.
const PROBES: usize = 50;

/// It is itself again with the first of so many probes in a row that are quick.
const QUICK_PROBES: usize = 20;

/// How long to wait for that.
const RECOVERY: Duration = Duration::from_secs(60);

/// What an overload is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Requests of one event: many, and small.
    Singles,
    /// Requests of 500: they fill the memory that the server gives to all of them together.
    Batches,
}

/// An overload.
#[derive(Debug)]
pub(crate) struct Overload {
    pub(crate) of: Of,
    /// How many times what the server can do.
    pub(crate) factor: f64,
    /// How long it lasts, and how long finding out what the server can do does.
    pub(crate) lasting: Duration,
    /// At most so many requests are under way.
    pub(crate) connections: usize,
}

impl Of {
    /// Its events stand in a series of their own.
    fn series(self) -> (&'static str, &'static str) {
        match self {
            Self::Singles => ("overload", "singles"),
            Self::Batches => ("overload", "batches"),
        }
    }

    /// What finds out how much of it the server can do.
    fn kind(self) -> Kind {
        match self {
            Self::Singles => Kind::Singles,
            Self::Batches => Kind::Batches,
        }
    }

    /// Events of a request.
    fn events(self) -> u64 {
        match self {
            Self::Singles => 1,
            Self::Batches => BATCH,
        }
    }

    /// A request; every one is the same.
    fn load(self) -> Load {
        let (namespace, name) = self.series();
        let event = format!(r#"{{"namespace":"{namespace}","name":"{name}","value":1}}"#);
        match self {
            Self::Singles => json(event),
            Self::Batches => lines(format!("{event}\n").repeat(BATCH as usize)),
        }
    }
}

impl Overload {
    pub(crate) async fn measure(&self, source: &Source, report: &mut Report) -> Result<()> {
        let server = source.fresh().await?;
        let target = &server.target;
        let there = count(target, self.of.series()).await?;
        let capacity = self.capacity(target).await?;
        let usual = probe(target).await?;
        let offered = self.factor * capacity;
        let seen = self.storm(target, offered).await?;
        let recovered = recover(target, usual).await;
        let counted = count(target, self.of.series()).await? - there;
        let row = StormRow::of(&seen, self, offered, recovered, counted);
        let most = server.memory().map(|memory| memory.most_mb);
        let notes = self.notes(capacity, usual, most);
        let title = format!("Overload: {} times what the server can do", self.factor);
        report.push(Section::of(title, notes, &[row]));
        server.stop().await?;
        seen.check(counted, self.of.events())?;
        recovered
            .map(|_| ())
            .context("it did not become quick again")
    }

    fn notes(&self, capacity: f64, usual: Duration, most: Option<f64>) -> Vec<String> {
        let mut notes = vec![
            format!(
                "requests of {} events; of these the server did {capacity:.0} a second, and one \
                 single event alone took {:.2} ms",
                self.of.events(),
                usual.as_secs_f64() * 1e3
            ),
            format!(
                "{} connections at most; 'not sent' found none free, 'no answer' hung up after \
                 {CLIENT_PATIENCE:?}",
                self.connections
            ),
        ];
        notes.extend(most.map(|mb| format!("the server held at most {mb:.0} MB")));
        notes
    }

    /// The most requests a second that the server answers when nobody is in a hurry.
    async fn capacity(&self, target: &Target) -> Result<f64> {
        let mut most: f64 = 0.0;
        for connections in CAPACITY_CONNECTIONS {
            let figure =
                ingest::run_for(target, &self.of.kind(), connections, self.lasting).await?;
            most = most.max(figure.requests_per_second);
        }
        Ok(most)
    }

    async fn storm(&self, target: &Target, per_second: f64) -> Result<Seen> {
        let tickets = Arc::new(Tickets {
            start: Instant::now(),
            lasting: self.lasting,
            per_second,
            next: AtomicU64::new(0),
        });
        let mut senders = JoinSet::new();
        let load = self.of.load();
        for _ in 0..self.connections {
            let (target, load) = (target.clone(), load.clone());
            let tickets = Arc::clone(&tickets);
            senders.spawn(async move { send(&target, &load, &tickets).await });
        }
        let mut all = Seen::default();
        while let Some(seen) = senders.join_next().await {
            all.add(&seen?);
        }
        Ok(all)
    }
}

/// Says when the next request is due, to whichever connection is free.
#[derive(Debug)]
struct Tickets {
    start: Instant,
    lasting: Duration,
    per_second: f64,
    next: AtomicU64,
}

impl Tickets {
    fn take(&self) -> Option<Instant> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let after = Duration::from_secs_f64(number as f64 / self.per_second);
        (after < self.lasting).then(|| self.start + after)
    }
}

/// What became of the requests.
#[derive(Debug, Default)]
struct Seen {
    stored: Times,
    unavailable: u64,
    too_many: u64,
    other: u64,
    /// Refusals that do not say when to come again.
    without_retry_after: u64,
    /// Those whose outcome the server does not know, or whose answer was not waited for.
    unknown: u64,
    unanswered: u64,
    unsent: u64,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.stored.add(&other.stored);
        self.unavailable += other.unavailable;
        self.too_many += other.too_many;
        self.other += other.other;
        self.without_retry_after += other.without_retry_after;
        self.unknown += other.unknown;
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
    }

    fn note(&mut self, answer: Result<Answer>, took: Duration) {
        let Ok(answer) = answer else {
            self.unanswered += 1;
            self.unknown += 1;
            return;
        };
        match answer.status {
            StatusCode::CREATED => return self.stored.record(took),
            StatusCode::SERVICE_UNAVAILABLE => self.unavailable += 1,
            StatusCode::TOO_MANY_REQUESTS => self.too_many += 1,
            _ => self.other += 1,
        }
        self.without_retry_after += u64::from(!answer.says_when_to_retry);
        self.unknown += u64::from(is_unknown(&answer));
    }

    /// Everything that was acknowledged is counted, and nothing that was refused.
    fn check(&self, counted: u64, events_each: u64) -> Result<()> {
        let acknowledged = self.stored.count() * events_each;
        let in_doubt = self.unknown * events_each;
        ensure!(
            (acknowledged..=acknowledged + in_doubt).contains(&counted),
            "{counted} events are counted, of {acknowledged} acknowledged and {in_doubt} in doubt"
        );
        Ok(())
    }
}

fn is_unknown(answer: &Answer) -> bool {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
    }
    let problem = serde_json::from_slice::<Problem>(&answer.body);
    problem.is_ok_and(|problem| problem.code == "outcome-unknown")
}

async fn send(target: &Target, load: &Load, tickets: &Tickets) -> Seen {
    let mut seen = Seen::default();
    let mut connection = target.connection();
    while let Some(due) = tickets.take() {
        if due.elapsed() > TOO_LATE {
            seen.unsent += 1;
            continue;
        }
        tokio::time::sleep_until(due.into()).await;
        let began = Instant::now();
        let answer = connection
            .send_within(target.post(load.clone()), CLIENT_PATIENCE)
            .await;
        seen.note(answer, began.elapsed());
    }
    seen
}

/// How long one request usually takes.
async fn probe(target: &Target) -> Result<Duration> {
    let mut connection = target.connection();
    let mut times = Times::default();
    for _ in 0..PROBES {
        times.record(ask(target, &mut connection).await?);
    }
    Ok(Duration::from_secs_f64(times.quantile_ms(0.5) / 1e3))
}

async fn ask(target: &Target, connection: &mut Connection) -> Result<Duration> {
    let (load, _) = Kind::Singles.load(0);
    let began = Instant::now();
    connection.send(target.post(load)).await?.success()?;
    Ok(began.elapsed())
}

/// How long after now the server is as quick as usual; nothing if it does not become so.
async fn recover(target: &Target, usual: Duration) -> Option<Duration> {
    let began = Instant::now();
    let quick = (usual * 3).max(Duration::from_millis(10));
    let mut connection = target.connection();
    let mut since: Option<(Duration, usize)> = None;
    while began.elapsed() < RECOVERY {
        let at = began.elapsed();
        since = match (ask(target, &mut connection).await, since) {
            (Ok(took), None) if took <= quick => Some((at, 1)),
            (Ok(took), Some((first, row))) if took <= quick => Some((first, row + 1)),
            _ => None,
        };
        match since {
            Some((first, QUICK_PROBES)) => return Some(first),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    None
}

/// The overload in figures.
#[derive(Debug, Serialize)]
struct StormRow {
    offered_per_second: f64,
    sent_per_second: f64,
    stored_per_second: f64,
    stored_median_ms: f64,
    stored_p99_ms: f64,
    stored: u64,
    unavailable_503: u64,
    too_many_429: u64,
    other: u64,
    without_retry_after: u64,
    unanswered: u64,
    unsent: u64,
    normal_after_s: Option<f64>,
    acknowledged_but_lost: u64,
    counted: u64,
}

impl StormRow {
    fn of(
        seen: &Seen,
        overload: &Overload,
        offered_per_second: f64,
        recovered: Option<Duration>,
        counted: u64,
    ) -> Self {
        let stored = seen.stored.count();
        let answered = stored + seen.unavailable + seen.too_many + seen.other;
        let seconds = overload.lasting.as_secs_f64();
        Self {
            offered_per_second,
            sent_per_second: (answered + seen.unanswered) as f64 / seconds,
            stored_per_second: stored as f64 / seconds,
            stored_median_ms: seen.stored.quantile_ms(0.5),
            stored_p99_ms: seen.stored.quantile_ms(0.99),
            stored,
            unavailable_503: seen.unavailable,
            too_many_429: seen.too_many,
            other: seen.other,
            without_retry_after: seen.without_retry_after,
            unanswered: seen.unanswered,
            unsent: seen.unsent,
            normal_after_s: recovered.map(|after| after.as_secs_f64()),
            acknowledged_but_lost: (stored * overload.of.events()).saturating_sub(counted),
            counted,
        }
    }
}

impl Row for StormRow {
    const COLUMNS: &[&str] = &[
        "offered/s",
        "sent/s",
        "201/s",
        "median ms",
        "p99 ms",
        "201",
        "503",
        "429",
        "other",
        "no Retry-After",
        "no answer",
        "not sent",
        "normal after s",
        "lost",
        "counted",
    ];

    fn cells(&self) -> Vec<String> {
        let after = self.normal_after_s;
        vec![
            format!("{:.0}", self.offered_per_second),
            format!("{:.0}", self.sent_per_second),
            format!("{:.0}", self.stored_per_second),
            format!("{:.1}", self.stored_median_ms),
            format!("{:.1}", self.stored_p99_ms),
            self.stored.to_string(),
            self.unavailable_503.to_string(),
            self.too_many_429.to_string(),
            self.other.to_string(),
            self.without_retry_after.to_string(),
            self.unanswered.to_string(),
            self.unsent.to_string(),
            after.map_or_else(|| "never".to_owned(), |s| format!("{s:.2}")),
            self.acknowledged_but_lost.to_string(),
            self.counted.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, says_when_to_retry: bool, body: &'static str) -> Result<Answer> {
        Ok(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            says_when_to_retry,
            body: body.into(),
        })
    }

    #[test]
    fn what_may_be_stored_is_neither_lost_nor_too_much() {
        let mut seen = Seen::default();
        let took = Duration::from_millis(1);
        seen.note(answer(201, false, "{}"), took);
        seen.note(answer(201, false, "{}"), took);
        seen.note(answer(503, true, r#"{"code":"over-capacity"}"#), took);
        seen.note(answer(503, true, r#"{"code":"outcome-unknown"}"#), took);
        seen.note(answer(429, false, "{}"), took);
        seen.note(Err(anyhow::anyhow!("hung up")), took);
        assert_eq!((seen.unavailable, seen.too_many, seen.other), (2, 1, 0));
        assert_eq!((seen.without_retry_after, seen.unanswered), (1, 1));
        for (counted, is_right) in [(1, false), (2, true), (4, true), (5, false)] {
            assert_eq!(seen.check(counted, 1).is_ok(), is_right, "{counted}");
        }
        for (counted, is_right) in [(999, false), (1_000, true), (2_000, true), (2_001, false)] {
            assert_eq!(seen.check(counted, 500).is_ok(), is_right, "{counted}");
        }
    }

    #[test]
    fn as_many_requests_are_due_as_are_offered() {
        let tickets = Tickets {
            start: Instant::now(),
            lasting: Duration::from_secs(3),
            per_second: 500.0,
            next: AtomicU64::new(0),
        };
        let due: Vec<_> = std::iter::from_fn(|| tickets.take()).collect();
        assert_eq!(due.len(), 1_500);
        assert!(due.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

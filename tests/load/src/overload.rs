//! Far more requests than the server can do, offered by the clock and not by its answers; then
//! how soon it is itself again, and whether all it acknowledged is there.

mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::figures::Times;
use crate::ingest::{self, BATCH, Kind, json, lines};
use crate::question::count;
use crate::report::{Report, Section};
use crate::server::Source;
use crate::target::{Load, Target};
use outcome::{Seen, StormRow};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

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

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_acknowledged_in_a_storm_is_counted() {
        let world = World::start().await;
        for of in [Of::Singles, Of::Batches] {
            let overload = Overload {
                of,
                factor: 3.0,
                lasting: Duration::from_millis(300),
                connections: 20,
            };
            let seen = overload.storm(&world.target, 200.0).await.unwrap();
            assert!(seen.stored.count() > 0, "{seen:?}");
            let counted = count(&world.target, of.series()).await.unwrap();
            seen.check(counted, of.events()).unwrap();
        }
        let recovered = recover(&world.target, Duration::from_secs(1)).await;
        assert!(recovered.is_some_and(|after| after < Duration::from_secs(5)));
        world.stop().await;
    }
}

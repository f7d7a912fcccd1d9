//! Load that stores events: as many requests as some connections can carry, for a while.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::doors::{self, Door};
use crate::figures::{Figure, Sent};
use crate::flights::Flights;
use crate::target::{Load, Target, Way};

/// Events of one batch.
pub(crate) const BATCH: u64 = 500;

/// Events of a small one: what the SDKs of old services send at most.
const SMALL_BATCH: u64 = 100;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// What requests carry.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// One event, stored under the name.
    Singles,
    /// One event, with an idempotency key.
    Keys,
    /// One event with an id.
    Ids,
    /// One event, in the next of 32 series.
    Spread,
    /// A batch that goes on in time where the one before it ended.
    Batches,
    /// The same, with ids.
    BatchIds,
    /// A small one, with ids.
    SmallBatchIds,
    /// A batch in the order of the flights file.
    Flights(Arc<Flights>),
    /// A batch of an old service's SDK.
    Door(Door),
}

impl Kind {
    /// What a figure of it is called.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Singles => "one event a request",
            Self::Keys => "one event a request, with a key",
            Self::Ids => "one event a request, with an id",
            Self::Spread => "one event a request, over 32 series",
            Self::Batches => "500 events a request, in time order",
            Self::BatchIds => "500 events a request, with ids",
            Self::SmallBatchIds => "100 events a request, with ids",
            Self::Flights(_) => "500 events a request, as flights depart",
            Self::Door(door) => door.describe(),
        }
    }

    /// The request of a number, and how many events it has.
    pub(crate) fn load(&self, number: u64) -> (Load, u64) {
        match self {
            Self::Singles => (single("singles", None), 1),
            Self::Keys => {
                let key = Some(format!("load-{}-{number}", run()));
                let load = single("keys", None);
                (Load { key, ..load }, 1)
            }
            Self::Ids => (single("ids", Some(number)), 1),
            Self::Spread => (single(&format!("spread-{}", number % 32), None), 1),
            Self::Batches => (lines(batch(number, BATCH, Ids::None)), BATCH),
            Self::BatchIds => (lines(batch(number, BATCH, Ids::Each)), BATCH),
            Self::SmallBatchIds => {
                let body = batch(number, SMALL_BATCH, Ids::Each);
                (lines(body), SMALL_BATCH)
            }
            Self::Flights(flights) => (lines(flights.batch(number, BATCH)), BATCH),
            Self::Door(door) => (door.load(number), doors::BATCH),
        }
    }
}

/// Keys and ids of one run are not those of another.
fn run() -> u32 {
    std::process::id()
}

/// NDJSON.
pub(crate) fn lines(body: String) -> Load {
    Load {
        media_type: NDJSON,
        body: body.into(),
        key: None,
        way: Way::Track,
    }
}

/// One event in JSON.
pub(crate) fn json(body: String) -> Load {
    Load {
        media_type: JSON,
        body: body.into(),
        key: None,
        way: Way::Track,
    }
}

fn single(name: &str, id: Option<u64>) -> Load {
    let id = id.map(|id| format!(r#","id":"{}-{id}""#, run()));
    let id = id.unwrap_or_default();
    json(format!(
        r#"{{"namespace":"load","name":"{name}","value":1{id}}}"#
    ))
}

#[derive(Clone, Copy)]
enum Ids {
    None,
    Each,
}

fn batch(number: u64, size: u64, ids: Ids) -> String {
    let mut body = String::with_capacity(size as usize * 96);
    for index in 0..size {
        let at = 1_700_000_000_000 + (number * size + index) * 10;
        let value = index % 100;
        let start = format_args!(
            r#"{{"namespace":"load","name":"batches","timestamp":{at},"value":{value}"#
        );
        let written = match ids {
            Ids::None => writeln!(body, "{start}}}"),
            Ids::Each => writeln!(body, r#"{start},"id":"{}-{number}-{index}"}}"#, run()),
        };
        written.expect("writing to a string");
    }
    body
}

/// Sends requests of a kind over some connections for a while.
pub(crate) async fn run_for(
    target: &Target,
    kind: &Kind,
    connections: usize,
    lasting: Duration,
) -> Result<Figure> {
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (target, kind, next) = (target.clone(), kind.clone(), Arc::clone(&next));
        senders.spawn(send(target, kind, next, began + lasting));
    }
    let mut all = Sent::default();
    while let Some(sent) = senders.join_next().await {
        all.add(&sent?);
    }
    ensure!(
        all.times.count() > 0,
        "nothing was stored, {} requests failed",
        all.failed
    );
    let name = format!("{} x{connections}", kind.describe());
    Ok(all.over(name, began.elapsed()))
}

async fn send(target: Target, kind: Kind, next: Arc<AtomicU64>, until: Instant) -> Sent {
    let mut sent = Sent::default();
    let mut connection = target.connection();
    while Instant::now() < until {
        let (load, events) = kind.load(next.fetch_add(1, Ordering::Relaxed));
        let request = target.post(load);
        let began = Instant::now();
        match connection.send(request).await {
            Ok(answer) if answer.status.is_success() => {
                sent.times.record(began.elapsed());
                sent.events += events;
            }
            _ => sent.failed += 1,
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::expect;
    use crate::world::World;
    use serde_json::Value;

    fn events(load: &Load) -> Vec<Value> {
        let text = std::str::from_utf8(&load.body).unwrap();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_batch_goes_on_in_time_where_the_one_before_it_ended() {
        let times = |number| {
            let (load, count) = Kind::Batches.load(number);
            let events = events(&load);
            assert_eq!(events.len() as u64, count);
            let times = events.iter().map(|event| event["timestamp"].as_u64());
            times.collect::<Option<Vec<_>>>().unwrap()
        };
        let all = [times(6), times(7)].concat();
        assert!(all.windows(2).all(|pair| pair[0] + 10 == pair[1]));
    }

    #[test]
    fn no_two_requests_share_a_key_or_an_id() {
        let keys: Vec<_> = (0..3)
            .filter_map(|number| Kind::Keys.load(number).0.key)
            .collect();
        assert_eq!(keys.len(), 3);
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
        let ids = |kind: &Kind, number| {
            let events = events(&kind.load(number).0);
            let ids = events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned());
            ids.collect::<std::collections::HashSet<_>>()
        };
        assert!(ids(&Kind::Ids, 1).is_disjoint(&ids(&Kind::Ids, 2)));
        let (one, two) = (ids(&Kind::BatchIds, 1), ids(&Kind::BatchIds, 2));
        assert_eq!((one.len(), two.len()), (500, 500));
        assert!(one.is_disjoint(&two));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_figure_says_was_stored_is_there() {
        let world = World::start().await;
        let lasting = Duration::from_millis(200);
        for (kind, name) in [
            (Kind::Singles, "singles"),
            (Kind::Keys, "keys"),
            (Kind::Ids, "ids"),
        ] {
            let figure = run_for(&world.target, &kind, 4, lasting).await.unwrap();
            assert_eq!(figure.failed, 0, "{figure:?}");
            expect(&world.target, ("load", name), figure.requests)
                .await
                .unwrap();
        }
        let flights = Kind::Flights(Arc::new(Flights::read().unwrap()));
        for kind in [Kind::Batches, Kind::BatchIds, Kind::SmallBatchIds, flights] {
            let figure = run_for(&world.target, &kind, 2, lasting).await.unwrap();
            assert_eq!(figure.failed, 0, "{figure:?}");
        }
        world.stop().await;
    }
}

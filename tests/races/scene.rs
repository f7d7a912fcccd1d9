//! What every race plays in: a world, what was accepted, and how to look at it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use weir_compact::{Compactor, Options, Report, Threshold, VerifyOptions, verify};
use weir_model::{Day, Event, Manifest, Quarters, Series, Timestamp};
use weir_store::db::{Item, Key, Table};
use weir_store::tables::EXPIRES;
use weir_store::{
    AcceptError, Accepted, Clock as _, Deadline, Detail, IdempotencyKey, Store, StoreError,
    Submission,
};
use weir_tests::chaos::Gate;
use weir_tests::world::{START_MS, World};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// A time of the day that it is, in milliseconds, and a value.
pub(crate) type Point = (i64, f64);

/// A world and what it must hold.
pub(crate) struct Scene {
    pub(crate) world: World,
    expected: Vec<Point>,
}

/// What a reader sees of the series.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sight {
    pub(crate) points: Vec<Point>,
    pub(crate) waiting: usize,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self {
            world: World::start().await,
            expected: Vec::new(),
        }
    }

    /// A process of this name.
    pub(crate) fn store(&self, name: &str) -> Store {
        self.world.node(name, 0).store
    }

    /// A compactor of this name that takes whatever waits.
    pub(crate) fn compactor(&self, name: &str) -> Compactor {
        eager(self.store(name))
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.world.clock.advance(time);
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::at(self.world.clock.now().saturating_add(MINUTE))
    }

    /// Stores points in one plain request.
    pub(crate) async fn accept(&mut self, store: &Store, points: &[Point]) {
        let accepted = store.accept(plain(store, points)).await.unwrap();
        assert_eq!(accepted.accepted, points.len() as u64);
        self.expect(points);
    }

    /// Says that these are stored as well.
    pub(crate) fn expect(&mut self, points: &[Point]) {
        self.expected.extend(points);
    }

    /// Asserts that a new reader counts and sees exactly what was accepted.
    pub(crate) async fn is_exact(&self) {
        let sight = look(&self.store("reader")).await.unwrap();
        assert_eq!(sight.points, self.points());
    }

    /// What was accepted, in order.
    pub(crate) fn points(&self) -> Vec<Point> {
        sorted(self.expected.clone())
    }

    /// Compacts, as time passes, until nothing is left to do; everything stays exact.
    pub(crate) async fn settle(&self) {
        let mut compactor = self.compactor("settler");
        for _ in 0..60 {
            self.pass(10 * MINUTE);
            compactor.run().await.unwrap();
            self.is_exact().await;
            let upkeep = compactor_upkeep(&self.store("reader"), self.deadline()).await;
            if upkeep == 0 && self.items(Table::Inbox).await.is_empty() {
                return self.is_sound().await;
            }
        }
        panic!("there is always something left to do");
    }

    /// Asserts that manifests agree with their chunks, and that no chunk is left but theirs.
    pub(crate) async fn is_sound(&self) {
        let options = VerifyOptions {
            series: None,
            sweep: false,
        };
        let report = verify(&self.store("verifier"), &options).await.unwrap();
        assert_eq!(report.differences, []);
        assert_eq!(
            (report.incomplete, report.events),
            (0, self.expected.len() as u64)
        );
    }

    /// Chunks that no manifest names, live or dead.
    pub(crate) async fn unnamed_chunks(&self) -> usize {
        let mut named = 0;
        let days: BTreeSet<Day> = self.expected.iter().map(|(ms, _)| at(*ms).day()).collect();
        for day in days {
            let manifest = self.manifest(day).await;
            named += manifest
                .runs
                .iter()
                .map(|run| run.chunks.len())
                .sum::<usize>();
            named += manifest
                .dead
                .iter()
                .map(|run| run.chunks as usize)
                .sum::<usize>();
        }
        self.items(Table::Chunks).await.len() - named
    }

    pub(crate) async fn manifest(&self, day: Day) -> Manifest {
        let store = self.store("reader");
        store
            .manifest(&series(), day, self.deadline())
            .await
            .unwrap()
            .1
    }

    /// The day that it is.
    pub(crate) async fn today(&self) -> Manifest {
        self.manifest(at(0).day()).await
    }

    /// Deletes expired records, as DynamoDB does by itself.
    pub(crate) async fn sweep_expired(&self) {
        let seconds = self.world.clock.now().as_millis() / 1_000;
        let is_over = |item: &Item| {
            let expires = item.get(EXPIRES).and_then(|at| at.as_n().ok());
            expires.is_some_and(|at| at.parse::<i64>().unwrap() <= seconds)
        };
        let mut items = self.items(Table::Records).await;
        items.retain(is_over);
        let keys = items.iter().filter_map(Key::of).collect();
        let db = self.store("ttl").db().clone();
        let deleted = db.delete_many(Table::Records, keys, self.deadline());
        deleted.await.unwrap();
    }

    pub(crate) async fn items(&self, table: Table) -> Vec<Item> {
        let db = self.store("reader").db().clone();
        let (mut items, mut from) = (Vec::new(), None);
        loop {
            let page = db.scan_page(table, from, None, None, self.deadline());
            let page = page.await.unwrap();
            items.extend(page.items);
            from = page.next;
            if from.is_none() {
                return items;
            }
        }
    }
}

/// As long as a request may take.
pub(crate) fn soon(store: &Store) -> Deadline {
    Deadline::at(store.now().saturating_add(MINUTE / 3))
}

async fn compactor_upkeep(store: &Store, deadline: Deadline) -> usize {
    store.list_upkeep(deadline).await.unwrap().len()
}

pub(crate) fn eager(store: Store) -> Compactor {
    let threshold = Threshold {
        blocks: 1,
        bytes: 1,
        age: Duration::ZERO,
    };
    Compactor::new(
        store,
        Options {
            threshold,
            ..Options::slice()
        },
    )
}

/// Reads totals and events of everything, and asserts that they agree with each other.
pub(crate) async fn look(store: &Store) -> Result<Sight, StoreError> {
    let view = store.begin_view();
    let extent = store.extent(&series(), Deadline::at(view.ends())).await?;
    let all = (Day::first_of_year(1970), Day::last_of_year(9999));
    let days = store
        .days(&series(), &extent, all, |_| Detail::Events, view)
        .await?;
    let mut sight = Sight::default();
    for day in &days {
        let events = store.events(&series(), day, (0, 23), view).await?;
        let origins: BTreeSet<_> = events.iter().map(|event| event.origin).collect();
        assert_eq!(origins.len(), events.len(), "an event is there twice");
        let quarters = day.quarters()?;
        assert!(
            quarters.agrees_with(&Quarters::from_events(&events)),
            "{quarters:?}"
        );
        assert!(day.total()?.agrees_with(&quarters.total()));
        let points = events
            .iter()
            .map(|event| (since_midnight(event.timestamp), event.value));
        sight.points.extend(points);
        sight.waiting += day.waiting_blocks();
    }
    sight.points = sorted(sight.points);
    Ok(sight)
}

fn sorted(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points
}

pub(crate) fn series() -> Series {
    Series::parse("races", "m").unwrap()
}

fn midnight() -> i64 {
    START_MS / 86_400_000 * 86_400_000
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(midnight() + ms).unwrap()
}

fn since_midnight(timestamp: Timestamp) -> i64 {
    timestamp.as_millis() - midnight()
}

/// A request without key and ids.
pub(crate) fn plain(store: &Store, points: &[Point]) -> Submission {
    let events = points.iter().map(|(ms, value)| Event {
        series: series(),
        timestamp: Some(at(*ms)),
        value: *value,
        id: None,
        actor: None,
        properties: None,
        expires: None,
    });
    Submission {
        events: events.collect(),
        key: None,
        body: [0; 32],
        received: store.now(),
        arrived: store.now(),
        client: "client".to_owned(),
        door: "track",
    }
}

pub(crate) fn keyed(store: &Store, key: &str, points: &[Point]) -> Submission {
    let key = Some(IdempotencyKey(key.to_owned()));
    Submission {
        key,
        ..plain(store, points)
    }
}

/// A request whose first event has an id.
pub(crate) fn with_id(store: &Store, id: &str, points: &[Point]) -> Submission {
    let mut submission = plain(store, points);
    submission.events[0].id = Some(id.into());
    submission
}

/// Accepts in a task of its own.
pub(crate) fn spawn(
    store: &Store,
    submission: Submission,
) -> tokio::task::JoinHandle<Result<Accepted, AcceptError>> {
    let store = store.clone();
    tokio::spawn(async move { store.accept(submission).await })
}

/// A process that stands still while nobody waits for it.
pub(crate) type Frozen<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Lets a process go until the gate stops it; `None` if it comes to its end before.
pub(crate) async fn freeze<'a, T>(
    process: impl Future<Output = T> + 'a,
    gate: &Gate,
) -> Option<Frozen<'a, T>> {
    let mut process: Frozen<'a, T> = Box::pin(process);
    tokio::select! {
        biased;
        () = gate.reached() => Some(process),
        _ = &mut process => None,
    }
}

/// Lets a frozen process go on to its end.
pub(crate) async fn thaw<T>(process: Frozen<'_, T>, gate: &Gate) -> T {
    gate.release();
    process.await
}

/// Everything at once: blocks to take and to delete, runs to merge and to delete, years to count.
pub(crate) async fn with_work(scene: &mut Scene) -> Report {
    let writer = scene.store("writer");
    let mut compactor = scene.compactor("before");
    for n in 0..3 {
        scene
            .accept(&writer, &[(10_000 + n, 1.0), (20_000 + n, 0.5)])
            .await;
        compactor.run().await.unwrap();
        scene.pass(25 * MINUTE);
    }
    let merged = compactor.run().await.unwrap();
    scene.accept(&writer, &[(30_000, 2.0)]).await;
    scene.pass(40 * MINUTE);
    compactor.run().await.unwrap();
    scene
        .accept(&writer, &[(40_000, 4.0), (90_000_000, 8.0)])
        .await;
    scene.pass(25 * MINUTE);
    merged
}

/// Counts by what is asked for.
pub(crate) fn tally<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in of {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

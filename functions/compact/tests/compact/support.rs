//! A store over an engine in memory, with a tap on the line between them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use weir_compact::{Compactor, Options, Report, VerifyOptions, VerifyReport, verify};
use weir_model::{Day, Event, Manifest, Quarters, Series, Timestamp, Totals};
use weir_store::embedded::{Answer, Call, Cut, Engine, Transport};
use weir_store::{Clock as _, Db, Deadline, Detail, ManualClock, Store, Submission};

/// 2024-05-15T10:20:30Z.
pub(crate) const START_MS: i64 = 1_715_768_430_000;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Tells of each call, and stops the line after some.
#[derive(Debug)]
pub(crate) struct Tap {
    engine: Engine,
    calls: Mutex<Vec<String>>,
    /// Calls that still get through; negative for all.
    left: AtomicI64,
    /// Whether batches of writes are answered and not carried out.
    lies: AtomicBool,
}

impl Tap {
    /// The operations since this was last asked.
    pub(crate) fn drain(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Answers so many calls more, then none: the last one of them takes effect, and its answer
    /// is lost.
    pub(crate) fn stop_after(&self, calls: i64) {
        self.left.store(calls, Ordering::SeqCst);
    }

    pub(crate) fn go_on(&self) {
        self.left.store(-1, Ordering::SeqCst);
    }

    /// Whether to say from now on that deletions are done, and not do them.
    pub(crate) fn lie_about_deletions(&self, lies: bool) {
        self.lies.store(lies, Ordering::SeqCst);
    }

    /// Whether the line is dead.
    pub(crate) fn has_stopped(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Transport for Tap {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        self.calls.lock().unwrap().push(call.operation.clone());
        Box::pin(async move {
            if self.lies.load(Ordering::SeqCst) && call.operation == "BatchWriteItem" {
                let body = r#"{"UnprocessedItems":{}}"#.into();
                return Ok(Answer { status: 200, body });
            }
            let answer = self.engine.call(call).await;
            match self.left.load(Ordering::SeqCst) {
                ..0 => {}
                left @ (0 | 1) => {
                    self.left.fetch_sub(left, Ordering::SeqCst);
                    futures::future::pending::<()>().await;
                }
                _ => _ = self.left.fetch_sub(1, Ordering::SeqCst),
            }
            answer
        })
    }
}

/// One process and its engine.
pub(crate) struct Bench {
    pub(crate) clock: ManualClock,
    pub(crate) tap: Arc<Tap>,
    pub(crate) store: Store,
    pub(crate) compactor: Compactor,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(START_MS).unwrap());
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let tap = Tap {
            engine,
            calls: Mutex::default(),
            left: AtomicI64::new(-1),
            lies: AtomicBool::new(false),
        };
        let tap = Arc::new(tap);
        let store = open(&tap, &clock);
        store.db().create_tables().await.unwrap();
        let compactor = Compactor::new(store.clone(), Options::slice());
        Self {
            clock,
            tap,
            store,
            compactor,
        }
    }

    /// A new process on the same engine.
    pub(crate) fn restart(&mut self) {
        self.store = open(&self.tap, &self.clock);
        self.compactor = Compactor::new(self.store.clone(), Options::slice());
    }

    pub(crate) fn pass_time(&self, minutes: u32) {
        self.clock.advance(MINUTE * minutes);
    }

    pub(crate) async fn compact(&mut self) -> Report {
        self.compactor.run().await.unwrap()
    }

    /// Lets time pass, run by run, until there is nothing to keep up.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..100 {
            self.pass_time(10);
            let report = self.compact().await;
            assert_eq!((report.failed, report.lost), (0, 0), "{report:?}");
            if self
                .store
                .list_upkeep(self.deadline())
                .await
                .unwrap()
                .is_empty()
                && self.waiting().await == 0
            {
                return;
            }
        }
        panic!("there is always something to keep up");
    }

    /// Blocks that no manifest has taken.
    pub(crate) async fn waiting(&self) -> usize {
        self.days(&series())
            .await
            .iter()
            .map(weir_store::DayView::waiting_blocks)
            .sum()
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(MINUTE))
    }

    /// Stores events of the series in one request: so many seconds after the start of the day,
    /// with these values.
    pub(crate) async fn accept(&self, events: &[(i64, f64)]) {
        self.accept_all(
            events
                .iter()
                .map(|(second, value)| event(*second, *value))
                .collect(),
        )
        .await;
    }

    pub(crate) async fn accept_all(&self, events: Vec<Event>) {
        let count = events.len() as u64;
        let accepted = self.store.accept(self.submission(events)).await.unwrap();
        assert_eq!(accepted.accepted, count);
    }

    fn submission(&self, events: Vec<Event>) -> Submission {
        Submission {
            events,
            key: None,
            body: [0; 32],
            received: self.clock.now(),
            arrived: self.clock.now(),
            client: "test".to_owned(),
            door: "track",
        }
    }

    pub(crate) async fn manifest(&self) -> Manifest {
        self.store
            .manifest(&series(), day(), self.deadline())
            .await
            .unwrap()
            .1
    }

    pub(crate) async fn days(&self, series: &Series) -> Vec<weir_store::DayView> {
        let extent = self.store.extent(series, self.deadline()).await.unwrap();
        let all = (Day::first_of_year(1970), Day::last_of_year(9999));
        let view = self.store.begin_view();
        self.store
            .days(series, &extent, all, |_| Detail::Events, view)
            .await
            .unwrap()
    }

    /// Asserts that exactly these events are counted and shown, however they are stored.
    pub(crate) async fn holds(&self, expected: &[(i64, f64)]) {
        let mut shown = Vec::new();
        let mut by_day: BTreeMap<Day, Quarters> = BTreeMap::new();
        for (second, value) in expected {
            let at = at(*second);
            by_day.entry(at.day()).or_default().add(at, *value);
        }
        let mut days = self.days(&series()).await;
        assert_eq!(
            days.iter().map(|day| day.day).collect::<Vec<_>>(),
            by_day.keys().copied().collect::<Vec<_>>()
        );
        for day in &mut days {
            let quarters = day.quarters().unwrap();
            assert!(quarters.agrees_with(&by_day[&day.day]), "{quarters:?}");
            assert!(day.total().unwrap().agrees_with(&by_day[&day.day].total()));
            let view = self.store.begin_view();
            let events = self
                .store
                .events(&series(), day, (0, 23), view)
                .await
                .unwrap();
            shown.extend(events.iter().map(|event| (event.timestamp, event.value)));
        }
        let mut wanted: Vec<_> = expected
            .iter()
            .map(|(second, value)| (at(*second), *value))
            .collect();
        let order =
            |a: &(Timestamp, f64), b: &(Timestamp, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        shown.sort_by(order);
        wanted.sort_by(order);
        assert_eq!(shown, wanted);
    }

    /// Asserts that the catalogue's count and what it lacks make the whole.
    pub(crate) async fn lists(&self, expected: &[(i64, f64)]) {
        let namespace = series().namespace;
        let listing = self.store.names(&namespace, None, 10, self.deadline());
        let listed = listing.await.unwrap().entries.remove(0);
        let view = self.store.begin_view();
        let lacking = self.store.waiting_totals(&namespace, &listed, view).await;
        let mut whole = listed.totals.clone();
        whole.merge(&lacking.unwrap());
        let mut wanted = Totals::default();
        for (second, value) in expected {
            wanted.add(at(*second), *value);
        }
        assert_eq!(
            whole.count(),
            wanted.count(),
            "{:?} are listed",
            listed.totals.count()
        );
        assert!(whole.agrees_with(&wanted));
    }

    pub(crate) async fn verify(&self, sweep: bool) -> VerifyReport {
        let options = VerifyOptions {
            series: None,
            sweep,
        };
        verify(&self.store, &options).await.unwrap()
    }

    /// Items of a table.
    pub(crate) async fn items(&self, table: weir_store::db::Table) -> Vec<weir_store::db::Item> {
        let page = self
            .store
            .db()
            .scan_page(table, None, None, None, self.deadline())
            .await
            .unwrap();
        assert!(page.next.is_none());
        page.items
    }
}

fn open(tap: &Arc<Tap>, clock: &ManualClock) -> Store {
    Store::new(Db::embedded(tap.clone(), Arc::new(clock.clone())))
}

pub(crate) fn series() -> Series {
    Series::parse("n", "m").unwrap()
}

pub(crate) fn day() -> Day {
    Timestamp::from_millis(START_MS).unwrap().day()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(day().start().as_millis() + second * 1_000).unwrap()
}

pub(crate) fn event(second: i64, value: f64) -> Event {
    Event {
        series: series(),
        timestamp: Some(at(second)),
        value,
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

impl Bench {
    /// What the housekeeping of an embedded engine does.
    pub(crate) async fn sweep_expired(&self) {
        let names = self.store.db().names();
        self.tap.engine.sweep_expired(names, 10).await.unwrap();
    }
}

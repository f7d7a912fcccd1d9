//! An engine in memory, a job, a data set, and processes that run the job.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use weir_collector::sink::DataSetSink;
use weir_collector::{Keep, Limits, Report, Sink, State, run};
use weir_model::{DataSetName, DataSetSettings, Timestamp};
use weir_store::embedded::{Engine, Transport};
use weir_store::registry::SecretHash;
use weir_store::{
    Clock, Db, Deadline, JobName, Lease, Leasing, ManualClock, Order, RecordSpan, Store,
};

use crate::faults::{Fault, Faulty};
use crate::source::{Pages, Reader, page_of};

/// For how long a run has the job.
pub(crate) const LEASE: Duration = Duration::from_secs(300);

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) pages: Pages,
    engine: Arc<dyn Transport>,
    /// A process to which nothing happens.
    pub(crate) calm: Store,
    /// Each bookmark that was ever put, in order.
    bookmarks: Arc<Mutex<Vec<Value>>>,
    processes: Mutex<usize>,
}

/// A process: its store, what happens to its calls, and its name.
pub(crate) struct Process {
    pub(crate) store: Store,
    pub(crate) faulty: Arc<Faulty>,
    name: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        let start = Timestamp::parse("2026-01-01T00:00:00Z").expect("a time");
        let clock = ManualClock::running(start);
        let engine = Engine::memory(Arc::new(clock.clone())).expect("memory");
        let engine: Arc<dyn Transport> = Arc::new(engine);
        let db = Db::embedded(Arc::clone(&engine), Arc::new(clock.clone()));
        db.create_tables().await.expect("tables");
        let world = Self {
            calm: Store::new(db),
            clock,
            pages: Pages::default(),
            engine,
            bookmarks: Arc::default(),
            processes: Mutex::default(),
        };
        let settings = DataSetSettings::default();
        let token = SecretHash::of("token");
        let made = world
            .calm
            .create_data_set(&set(), token, settings, world.soon())
            .await;
        made.expect("the engine answers").expect("it is the first");
        world
    }

    pub(crate) fn soon(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(Duration::from_secs(60)))
    }

    /// A process whose calls fail at these places.
    pub(crate) fn process(&self, faults: HashMap<usize, Fault>) -> Process {
        let mut processes = self.processes.lock().unwrap();
        *processes += 1;
        let bookmarks = Arc::clone(&self.bookmarks);
        let faulty = Faulty::new(Arc::clone(&self.engine), faults, bookmarks);
        let transport: Arc<dyn Transport> = Arc::clone(&faulty) as _;
        Process {
            store: Store::new(Db::embedded(transport, Arc::new(self.clock.clone()))),
            faulty,
            name: format!("process {processes}"),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::none(Arc::new(self.clock.clone()))
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader {
            pages: self.pages.clone(),
            fails_at: None,
            whole_pages_only: false,
            replaces: false,
        }
    }

    /// What the data set holds: each record's value.
    pub(crate) async fn records(&self) -> BTreeMap<String, String> {
        let there = self.calm.data_set(&set(), self.soon()).await;
        let there = there.expect("the engine answers").expect("it is there");
        let span = RecordSpan::default();
        let mut reader = self
            .calm
            .read_records(&there, span, Order::Ascending, self.soon());
        let mut records = BTreeMap::new();
        while let Some(page) = reader.next_page().await.expect("the engine answers") {
            for record in page {
                let document: Value = serde_json::from_str(&record.json).expect("JSON");
                let value = document["value"].as_str().expect("a value").to_owned();
                records.insert(record.id, value);
            }
        }
        records
    }

    /// What it must hold after an undisturbed run.
    pub(crate) fn expected(&self) -> BTreeMap<String, String> {
        (0..=self.pages.newest())
            .flat_map(|page| self.pages.records(page))
            .map(|record| {
                let text = |key| record[key].as_str().expect("text").to_owned();
                (text("_id"), text("value"))
            })
            .collect()
    }

    pub(crate) async fn bookmark(&self) -> Option<State> {
        let state = self.calm.job(&job(), self.soon()).await;
        state.expect("the engine answers")?.bookmark.map(State)
    }

    /// The pages of all bookmarks that were put, in order.
    pub(crate) fn bookmarks(&self) -> Vec<u64> {
        let bookmarks = self.bookmarks.lock().unwrap();
        let pages = bookmarks.iter().map(|b| page_of(Some(&State(b.clone()))));
        pages.collect()
    }

    /// The records of all pages before the bookmark are there, as they will stay.
    pub(crate) async fn assert_nothing_is_skipped(&self) {
        let records = self.records().await;
        let bookmark = page_of(self.bookmark().await.as_ref());
        for page in 0..bookmark {
            for record in self.pages.records(page) {
                let id = record["_id"].as_str().expect("text");
                assert_eq!(
                    records.get(id).map(String::as_str),
                    record["value"].as_str(),
                    "the bookmark is {bookmark}, and {id} of page {page} is not there"
                );
            }
        }
        let bookmarks = self.bookmarks();
        assert!(bookmarks.is_sorted(), "bookmarks moved back: {bookmarks:?}");
    }
}

impl Process {
    /// Leases the job; nothing if another has it or the store does not answer.
    pub(crate) async fn lease(&self) -> Option<Lease> {
        let deadline = self.store.now().saturating_add(Duration::from_secs(20));
        let deadline = Deadline::at(deadline);
        let leased = self
            .store
            .lease_job(&job(), &self.name, LEASE, deadline)
            .await;
        match leased {
            Ok(Leasing::Held(lease)) => Some(lease),
            Ok(Leasing::Busy { .. }) | Err(_) => None,
        }
    }

    pub(crate) fn data_set_sink(&self) -> DataSetSink {
        DataSetSink::new(self.store.clone(), set())
    }

    /// Runs the job to its end and gives it back; nothing if it could not be leased.
    pub(crate) async fn run<K: Sink>(
        &self,
        mut source: Reader,
        mut sink: K,
        limits: Limits,
    ) -> Option<Report> {
        let mut lease = self.lease().await?;
        let keep = Keep::Bookmark {
            store: &self.store,
            lease: &mut lease,
        };
        let report = run(&mut source, &mut sink, keep, limits).await;
        let deadline = self.store.now().saturating_add(Duration::from_secs(20));
        // Without it the job is free when the lease is over.
        let _ = lease.release(&self.store, Deadline::at(deadline)).await;
        Some(report)
    }

    /// The same, unless the process is killed.
    pub(crate) async fn run_or_die<K: Sink>(
        &self,
        source: Reader,
        sink: K,
        limits: Limits,
    ) -> Option<Report> {
        let mut killed = self.faulty.killed.subscribe();
        tokio::select! {
            report = self.run(source, sink, limits) => report,
            _ = killed.wait_for(|killed| *killed) => None,
        }
    }
}

pub(crate) fn set() -> DataSetName {
    DataSetName::new("group", "type").expect("a name")
}

pub(crate) fn job() -> JobName {
    "a-job".parse().expect("a name")
}

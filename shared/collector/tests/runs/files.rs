//! Sinks that keep whatever they get, by planned names: every record exactly once.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use proptest::prelude::*;
use serde_json::Value;
use weir_collector::message::Message;
use weir_collector::sink::{FileFormat, FilesSink};
use weir_collector::{
    Ended, Fault as Trouble, Keep, Output, Patience, Repeats, Sink, SinkError, Source, SourceError,
    State, run,
};
use weir_store::{Lease, Store};

use crate::faults::Fault;
use crate::source::{PAGE, Reader};
use crate::world::{LEASE, World};

/// Files by name.
#[derive(Debug, Clone, Default)]
struct Directory {
    files: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    names: Arc<AtomicU64>,
}

/// What happens when a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    FailsBefore,
    FailsAfter,
}

struct PlannedSink {
    directory: Directory,
    lines: Vec<String>,
    name: Option<String>,
    patience: u64,
    fails: HashMap<usize, Writing>,
    flushes: usize,
    takes: Duration,
}

impl PlannedSink {
    fn into_directory(directory: &Directory, patience: u64) -> Self {
        Self {
            directory: directory.clone(),
            lines: Vec::new(),
            name: None,
            patience,
            fails: HashMap::new(),
            flushes: 0,
            takes: Duration::ZERO,
        }
    }
}

impl Sink for PlannedSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        for message in messages {
            if let Message::Record(record) = message {
                let id = record.record["_id"].as_str().expect("an id");
                self.lines.push(id.to_owned());
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        let Some(name) = self.name.take() else {
            return Ok(());
        };
        self.flushes += 1;
        let fails = self.fails.get(&(self.flushes - 1)).copied();
        tokio::time::sleep(self.takes).await;
        if fails != Some(Writing::FailsBefore) {
            let lines = std::mem::take(&mut self.lines);
            self.directory.files.lock().unwrap().insert(name, lines);
        }
        match fails {
            None => Ok(()),
            Some(_) => Err(SinkError::Later {
                fault: Trouble::new("the disk failed"),
                after: None,
            }),
        }
    }

    fn plan(&mut self) -> Vec<String> {
        if !self.lines.is_empty() {
            let number = self.directory.names.fetch_add(1, Ordering::SeqCst);
            self.name = Some(format!("file-{number}"));
        }
        self.name.iter().cloned().collect()
    }

    async fn discard(&mut self, names: &[String]) -> Result<(), SinkError> {
        let mut files = self.directory.files.lock().unwrap();
        files.retain(|name, _| !names.contains(name));
        Ok(())
    }

    async fn abandon(&mut self) {
        self.lines.clear();
        self.name = None;
    }

    fn repeats(&self) -> Repeats {
        Repeats::Double
    }

    fn patience(&self) -> Patience {
        Patience {
            records: self.patience,
            time: Duration::from_secs(3600),
        }
    }
}

/// One disturbed run.
#[derive(Debug, Clone)]
struct Disturbed {
    grown: u64,
    faults: HashMap<usize, Fault>,
    writing: HashMap<usize, Writing>,
    source_fails_at: Option<u64>,
    patience: u64,
}

/// A place where files are, and the sinks that write there.
trait Place {
    type Sink: Sink;

    /// A sink as a new run makes it.
    fn sink(&self, patience: u64, writing: HashMap<usize, Writing>) -> Self::Sink;

    /// The ids of all records there, in any order.
    fn ids(&self) -> Vec<String>;
}

impl Place for Directory {
    type Sink = PlannedSink;

    fn sink(&self, patience: u64, writing: HashMap<usize, Writing>) -> PlannedSink {
        let mut sink = PlannedSink::into_directory(self, patience);
        sink.fails = writing;
        sink
    }

    fn ids(&self) -> Vec<String> {
        let files = self.files.lock().unwrap();
        files.values().flatten().cloned().collect()
    }
}

/// A directory on the disk.
struct Disk(tempfile::TempDir);

impl Place for Disk {
    type Sink = Hasty<FilesSink>;

    fn sink(&self, patience: u64, _: HashMap<usize, Writing>) -> Hasty<FilesSink> {
        let url = format!("file://{}", self.0.path().display());
        let sink = FilesSink::open(&url, FileFormat::JsonLines, None).unwrap();
        Hasty { sink, patience }
    }

    fn ids(&self) -> Vec<String> {
        let mut lines = String::new();
        for path in files_below(self.0.path()) {
            let file = std::fs::File::open(path).unwrap();
            MultiGzDecoder::new(file)
                .read_to_string(&mut lines)
                .unwrap();
        }
        let id = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["_id"].as_str().unwrap().to_owned()
        };
        lines.lines().map(id).collect()
    }
}

/// The files that are in their places: those on their way have a `#` in their names.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = paths.flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    });
    below
        .filter(|path| !path.to_string_lossy().contains('#'))
        .collect()
}

/// A sink that is flushed more often.
struct Hasty<K> {
    sink: K,
    patience: u64,
}

impl<K: Sink> Sink for Hasty<K> {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        self.sink.write(messages).await
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush().await
    }

    fn plan(&mut self) -> Vec<String> {
        self.sink.plan()
    }

    async fn discard(&mut self, names: &[String]) -> Result<(), SinkError> {
        self.sink.discard(names).await
    }

    async fn abandon(&mut self) {
        self.sink.abandon().await;
    }

    fn repeats(&self) -> Repeats {
        self.sink.repeats()
    }

    fn patience(&self) -> Patience {
        Patience {
            records: self.patience,
            time: Duration::from_secs(3600),
        }
    }
}

async fn disturbed(world: &World, place: &impl Place, plan: &Disturbed) {
    world.pages.grow(plan.grown);
    let process = world.process(plan.faults.clone());
    let mut source = world.reader();
    source.whole_pages_only = true;
    source.fails_at = plan.source_fails_at;
    let sink = place.sink(plan.patience, plan.writing.clone());
    let mut frozen = process.faulty.frozen.subscribe();
    let overtaking = async {
        let is_frozen = frozen.wait_for(|frozen| *frozen).await;
        is_frozen.expect("the process is held here");
        world.clock.advance(LEASE);
        undisturbed(world, place).await;
        process.faulty.thaw();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = process.run_or_die(source, sink, world.limits()) => {}
        () = overtaking => {}
    }
    world.clock.advance(LEASE);
}

async fn undisturbed(world: &World, place: &impl Place) {
    let process = world.process(HashMap::new());
    let mut source = world.reader();
    source.whole_pages_only = true;
    let sink = place.sink(10, HashMap::new());
    let report = process.run(source, sink, world.limits()).await;
    let report = report.expect("nobody has the lease");
    assert_eq!(report.ended, Ended::Complete);
}

fn assert_each_record_is_there_once(world: &World, place: &impl Place) {
    let mut there = place.ids();
    there.sort();
    let pages = world.pages.newest();
    let mut expected: Vec<String> = (0..pages * PAGE).map(|n| format!("r{n}")).collect();
    expected.sort();
    assert_eq!(there, expected);
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LostBefore),
        Just(Fault::LostAfter),
        Just(Fault::Throttled),
        Just(Fault::KilledBefore),
        Just(Fault::KilledAfter),
        Just(Fault::FrozenBefore),
        Just(Fault::FrozenAfter),
    ]
}

fn any_plan() -> impl Strategy<Value = Disturbed> {
    let writing = prop_oneof![Just(Writing::FailsBefore), Just(Writing::FailsAfter)];
    (
        0..4_u64,
        prop::collection::hash_map(0..20_usize, any_fault(), 0..4),
        prop::collection::hash_map(0..4_usize, writing, 0..2),
        prop::option::of(0..25_u64),
        prop_oneof![Just(0), Just(10), Just(10_000)],
    )
        .prop_map(
            |(grown, faults, writing, source_fails_at, patience)| Disturbed {
                grown,
                faults,
                writing,
                source_fails_at,
                patience,
            },
        )
}

async fn check(place: &impl Place, plans: &[Disturbed]) {
    let world = World::start().await;
    for plan in plans {
        disturbed(&world, place, plan).await;
    }
    undisturbed(&world, place).await;
    assert_each_record_is_there_once(&world, place);
}

fn play(place: &impl Place, plans: &[Disturbed]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(check(place, plans));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_each_record_is_there_once(
        plans in prop::collection::vec(any_plan(), 1..6),
    ) {
        play(&Directory::default(), &plans);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_each_record_is_once_on_the_disk(
        plans in prop::collection::vec(any_plan(), 1..5),
    ) {
        play(&Disk(tempfile::tempdir().unwrap()), &plans);
    }
}

/// The file comes into being while another run is under way already: that one looks again at its end.
#[tokio::test(start_paused = true)]
async fn a_file_that_comes_late_is_discarded_by_the_run_that_inherited_its_name() {
    let world = World::start().await;
    let directory = Directory::default();
    world.pages.grow(3);
    let (dying, next) = (world.process(HashMap::new()), world.process(HashMap::new()));
    let mut source = world.reader();
    source.whole_pages_only = true;
    let mut sink = PlannedSink::into_directory(&directory, 10_000);
    sink.takes = Duration::from_secs(100);
    // It dies in the middle of a flush, and what it was writing appears afterwards.
    let ran = tokio::time::timeout(
        Duration::from_secs(50),
        dying.run(source, sink, world.limits()),
    );
    ran.await.expect_err("the flush takes longer");
    world.clock.advance(LEASE);
    let mut sink = PlannedSink::into_directory(&directory, 10_000);
    let late = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let lines = vec!["r0".to_owned()];
        directory
            .files
            .lock()
            .unwrap()
            .insert("file-0".to_owned(), lines);
    };
    let mut slow = world.reader();
    slow.whole_pages_only = true;
    let mut slow = SlowStart(slow);
    let mut lease = next.lease().await.expect("the lease is over");
    assert_eq!(lease.pending(), ["file-0"]);
    let keep = Keep::Bookmark {
        store: &next.store,
        lease: &mut lease,
    };
    let (report, ()) = tokio::join!(run(&mut slow, &mut sink, keep, world.limits()), late);
    assert_eq!(report.ended, Ended::Complete);
    assert!(lease.pending().is_empty());
    assert_each_record_is_there_once(&world, &directory);
}

fn range<'a>(store: &'a Store, lease: &'a mut Lease) -> Keep<'a> {
    Keep::Range {
        store,
        lease,
        state: None,
    }
}

/// A range that dies leaves its names beside the bookmark, which stays where it is.
#[tokio::test(start_paused = true)]
async fn what_a_range_has_left_is_discarded_by_the_next_run() {
    let world = World::start().await;
    let directory = Directory::default();
    world.pages.grow(3);
    let (dying, next) = (world.process(HashMap::new()), world.process(HashMap::new()));
    let mut source = world.reader();
    source.whole_pages_only = true;
    let mut sink = PlannedSink::into_directory(&directory, 0);
    let mut lease = dying.lease().await.expect("it is free");
    let keep = range(&dying.store, &mut lease);
    let report = run(&mut source, &mut sink, keep, world.limits()).await;
    assert_eq!((report.ended, report.progressed), (Ended::Complete, true));
    assert_eq!((lease.bookmark(), lease.pending().len()), (None, 0));
    assert_each_record_is_there_once(&world, &directory);
    directory.files.lock().unwrap().clear();

    let mut sink = PlannedSink::into_directory(&directory, 10_000);
    sink.takes = Duration::from_secs(100);
    let keep = range(&dying.store, &mut lease);
    let running = run(&mut source, &mut sink, keep, world.limits());
    let ran = tokio::time::timeout(Duration::from_secs(50), running);
    ran.await.expect_err("the flush takes longer");
    let name = lease.pending()[0].clone();
    let lines = vec!["r0".to_owned()];
    directory.files.lock().unwrap().insert(name, lines);
    world.clock.advance(LEASE);
    assert_eq!(world.bookmark().await, None);
    let sink = PlannedSink::into_directory(&directory, 10);
    let mut source = world.reader();
    source.whole_pages_only = true;
    let report = next.run(source, sink, world.limits()).await;
    assert!(report.expect("the lease is over").is_complete());
    assert_each_record_is_there_once(&world, &directory);
}

/// Begins after a while.
struct SlowStart(Reader);

impl Source for SlowStart {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.0.read(state, output).await
    }
}

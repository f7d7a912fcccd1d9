//! Runs that keep nothing. Runs with a bookmark are played against an engine in `tests/`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, json};
use tokio::sync::watch;
use weir_model::Timestamp;
use weir_store::ManualClock;

use super::*;
use crate::fault::Fault;
use crate::message::Message;
use crate::sink::{Patience, SinkError};
use crate::suite::Gathered;

/// What a scripted source does next.
enum Step {
    Records(usize),
    State(u64),
    Wait(Duration),
    Skip,
    Called(String),
    Fail(SourceError),
}

struct Script {
    steps: VecDeque<Step>,
    told: usize,
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script {
        steps: steps.into_iter().collect(),
        told: 0,
    }
}

impl Source for Script {
    async fn read(&mut self, _: Option<&State>, output: &mut Output) -> Result<(), SourceError> {
        let stream: Arc<str> = "numbers".into();
        while let Some(step) = self.steps.pop_front() {
            match step {
                Step::Records(count) => {
                    for _ in 0..count {
                        self.told += 1;
                        output.record(&stream, record(self.told)).await?;
                    }
                }
                Step::State(number) => output.state(state(number)).await?,
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Called(id) => {
                    let record = Map::from_iter([("_id".to_owned(), json!(id))]);
                    output.record(&stream, record).await?;
                }
                Step::Skip => output.skip("record 7", "it has no time"),
                Step::Fail(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn record(number: usize) -> Map<String, serde_json::Value> {
    Map::from_iter([("_id".to_owned(), json!(number.to_string()))])
}

fn state(number: u64) -> State {
    State(json!({"at": number}))
}

fn start() -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").expect("a time")
}

fn unlimited() -> Limits {
    Limits::none(Arc::new(ManualClock::running(start())))
}

const NOTHING: Keep<'static> = Keep::Nothing { state: None };

/// Gathers, and fails when it is given more than so many records.
#[derive(Default)]
struct Picky {
    gathered: Gathered,
    takes: Option<usize>,
    seen: usize,
    repeats: Option<Repeats>,
    patience: Option<Patience>,
    slow: Duration,
    abandoned: usize,
}

impl Sink for Picky {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        tokio::time::sleep(self.slow).await;
        self.seen += messages
            .iter()
            .filter(|m| matches!(m, Message::Record(_)))
            .count();
        if self.takes.is_some_and(|takes| self.seen > takes) {
            return Err(SinkError::Final(Fault::new("the sink is full")));
        }
        self.gathered.write(messages).await
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.gathered.flush().await
    }

    async fn abandon(&mut self) {
        self.abandoned += 1;
    }

    fn repeats(&self) -> Repeats {
        self.repeats.unwrap_or(Repeats::Replace)
    }

    fn patience(&self) -> Patience {
        self.patience.unwrap_or(Patience {
            records: u64::MAX,
            time: Duration::MAX,
        })
    }
}

fn flushed_records(sink: &Picky) -> usize {
    let messages = sink.gathered.messages().iter();
    messages.filter(|m| matches!(m, Message::Record(_))).count()
}

#[tokio::test(start_paused = true)]
async fn a_run_delivers_all_and_keeps_the_last_state() {
    let mut source = script([
        Step::Records(1000),
        Step::State(1),
        Step::Records(1),
        Step::State(2),
    ]);
    let mut sink = Picky::default();
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert_eq!(report.ended, Ended::Complete);
    assert_eq!((report.records, flushed_records(&sink)), (1001, 1001));
    assert_eq!(report.bookmark, Some(state(2)));
    assert!(report.progressed);
}

#[tokio::test(start_paused = true)]
async fn messages_keep_their_order_through_batches() {
    let mut source = script((0..10).map(|_| Step::Records(300)).chain([Step::State(1)]));
    let mut sink = Picky::default();
    run(&mut source, &mut sink, NOTHING, unlimited()).await;
    let ids = sink.gathered.messages().iter().filter_map(|m| match m {
        Message::Record(r) => r.record["_id"].as_str()?.parse::<usize>().ok(),
        _ => None,
    });
    assert!(ids.eq(1..=3000));
}

#[tokio::test(start_paused = true)]
async fn an_empty_source_is_complete_and_has_not_progressed() {
    let mut sink = Picky::default();
    let keep = Keep::Nothing {
        state: Some(state(9)),
    };
    let report = run(&mut script([]), &mut sink, keep, unlimited()).await;
    assert_eq!(report.ended, Ended::Complete);
    assert_eq!(report.bookmark, Some(state(9)));
    assert!(!report.progressed);
}

#[tokio::test(start_paused = true)]
async fn what_a_failing_source_told_is_delivered_where_repeats_replace() {
    let later = SourceError::Later {
        fault: Fault::new("no quota"),
        after: Some(Duration::from_secs(60)),
    };
    let mut source = script([
        Step::Records(3),
        Step::State(1),
        Step::Records(2),
        Step::Fail(later),
    ]);
    let mut sink = Picky::default();
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert!(matches!(report.ended, Ended::Later { after: Some(_), .. }));
    assert_eq!((report.records, flushed_records(&sink)), (5, 5));
    assert_eq!(report.bookmark, Some(state(1)));
}

#[tokio::test(start_paused = true)]
async fn what_no_state_covers_is_abandoned_where_repeats_double() {
    let mut source = script([
        Step::Records(3),
        Step::State(1),
        Step::Records(2),
        Step::Fail(SourceError::failed("gone")),
    ]);
    let mut sink = Picky {
        repeats: Some(Repeats::Double),
        ..Picky::default()
    };
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert_eq!(report.ended, Ended::Failed(Fault::new("gone")));
    assert_eq!((report.records, flushed_records(&sink)), (0, 0));
    assert_eq!((report.bookmark, sink.abandoned), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_right_after_a_state_keeps_that_state_where_repeats_double() {
    let mut source = script([
        Step::Records(3),
        Step::State(1),
        Step::Fail(SourceError::failed("gone")),
    ]);
    let mut sink = Picky {
        repeats: Some(Repeats::Double),
        ..Picky::default()
    };
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert_eq!((report.records, report.bookmark), (3, Some(state(1))));
}

#[tokio::test(start_paused = true)]
async fn a_failing_sink_ends_the_run_and_its_source_at_the_last_saved_state() {
    let forever = (0..u64::MAX).flat_map(|n| [Step::Records(10), Step::State(n)]);
    let mut source = Endless(Box::new(forever));
    let mut sink = Picky {
        takes: Some(65),
        patience: Some(Patience {
            records: 20,
            time: Duration::MAX,
        }),
        ..Picky::default()
    };
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert_eq!(report.ended, Ended::Failed(Fault::new("the sink is full")));
    assert_eq!((report.records, report.bookmark), (60, Some(state(5))));
    assert_eq!(sink.abandoned, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_source_is_saved_when_the_time_of_the_sinks_patience_is_over() {
    let mut sink = Picky {
        patience: Some(Patience {
            records: u64::MAX,
            time: Duration::from_secs(60),
        }),
        ..Picky::default()
    };
    let mut source = script([
        Step::Records(1),
        Step::State(1),
        Step::Wait(Duration::from_secs(61)),
        Step::Records(1),
        Step::State(2),
        Step::Records(1),
        Step::State(3),
        Step::Wait(Duration::MAX),
    ]);
    let stopped = tokio::time::timeout(
        Duration::from_secs(120),
        run(&mut source, &mut sink, NOTHING, unlimited()),
    );
    stopped.await.expect_err("the source waits for ever");
    assert_eq!(flushed_records(&sink), 2);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_up_at_the_next_state() {
    let step = |n| {
        [
            Step::Wait(Duration::from_secs(10)),
            Step::Records(1),
            Step::State(n),
        ]
    };
    let mut source = script((1..100).flat_map(step));
    let mut sink = Picky::default();
    let limits = unlimited().stop_at(start().saturating_add(Duration::from_secs(95)));
    let report = run(&mut source, &mut sink, NOTHING, limits).await;
    assert_eq!(report.ended, Ended::Stopped);
    assert_eq!((report.records, report.bookmark), (10, Some(state(10))));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_comes_to_no_state_is_cut_off() {
    for (repeats, records) in [(Repeats::Replace, 2), (Repeats::Double, 0)] {
        let mut source = script([
            Step::Records(1),
            Step::State(1),
            Step::Records(1000),
            Step::Wait(Duration::from_secs(1_000_000)),
            Step::State(2),
        ]);
        let mut sink = Picky {
            repeats: Some(repeats),
            ..Picky::default()
        };
        let limits = unlimited()
            .stop_at(start().saturating_add(Duration::from_secs(60)))
            .grace(Duration::from_secs(30));
        let began = tokio::time::Instant::now();
        let report = run(&mut source, &mut sink, NOTHING, limits).await;
        assert_eq!(report.ended, Ended::Stopped);
        assert!(began.elapsed() < Duration::from_secs(95));
        // One batch of 512 messages after the state had been handed on.
        assert_eq!(report.records, if records == 0 { 0 } else { 513 });
        let bookmark = (records > 0).then(|| state(1));
        assert_eq!(report.bookmark, bookmark);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_request_ends_with_its_time_has_stopped() {
    let fault = Fault::new("no answer in time");
    let mut source = script([
        Step::Records(1),
        Step::State(1),
        Step::Wait(Duration::from_secs(70)),
        Step::Fail(SourceError::Later { fault, after: None }),
    ]);
    let mut sink = Picky::default();
    let limits = unlimited().stop_at(start().saturating_add(Duration::from_secs(60)));
    let report = run(&mut source, &mut sink, NOTHING, limits).await;
    assert_eq!(
        (report.ended, report.bookmark),
        (Ended::Stopped, Some(state(1)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_waits_and_comes_to_no_state_is_cut_off_too() {
    let mut source = Endless(Box::new(std::iter::repeat_with(|| Step::Records(512))));
    let mut sink = Picky {
        slow: Duration::from_millis(100),
        ..Picky::default()
    };
    let limits = unlimited().stop_at(start()).grace(Duration::from_secs(30));
    let report = run(&mut source, &mut sink, NOTHING, limits).await;
    assert_eq!((report.ended, report.bookmark), (Ended::Stopped, None));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_ends_at_the_next_state() {
    let (asked, stop) = watch::channel(true);
    let mut source = script([Step::Records(1), Step::State(1), Step::Records(1)]);
    let mut sink = Picky::default();
    let limits = unlimited().stop_when(stop);
    let report = run(&mut source, &mut sink, NOTHING, limits).await;
    drop(asked);
    assert_eq!((report.ended, report.records), (Ended::Stopped, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_left_out_is_counted_and_the_first_hundred_are_named() {
    let mut source = script((0..250).map(|_| Step::Skip));
    let mut sink = Picky::default();
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert_eq!((report.skips.count, report.skips.first.len()), (250, 100));
    assert_eq!(report.skips.first[0].what, "record 7");
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_id_is_too_long_for_any_data_set_is_left_out() {
    let mut source = script([
        Step::Called("x".repeat(900)),
        Step::Called("y".repeat(901)),
        Step::State(1),
    ]);
    let mut sink = Picky::default();
    let report = run(&mut source, &mut sink, NOTHING, unlimited()).await;
    assert_eq!((report.ended, report.records), (Ended::Complete, 1));
    let skip = &report.skips.first[0];
    assert_eq!(
        skip.what,
        format!("a record of numbers, {}…", "y".repeat(100))
    );
    assert_eq!(skip.why, "its _id has 901 bytes; up to 900 are allowed");
}

/// How many records of this size a source gets rid of while the sink takes none.
async fn told_to_a_sink_that_takes_none(bytes: usize) -> usize {
    let told = Arc::new(AtomicUsize::new(0));
    let mut source = Counting {
        told: Arc::clone(&told),
        bytes,
    };
    let mut sink = Picky {
        slow: Duration::from_secs(3600),
        ..Picky::default()
    };
    let stopped = tokio::time::timeout(
        Duration::from_secs(60),
        run(&mut source, &mut sink, NOTHING, unlimited()),
    );
    stopped.await.expect_err("the sink is slower");
    told.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_holds_its_source_up() {
    let told = told_to_a_sink_that_takes_none(10).await;
    assert!(told <= 7 * 512, "{told} records wait for the sink");
}

#[tokio::test(start_paused = true)]
async fn large_records_do_not_pile_up() {
    let told = told_to_a_sink_that_takes_none(1_000_000).await;
    assert!(told <= 7, "{told} records of a megabyte wait for the sink");
}

/// A script that may not end.
struct Endless(Box<dyn Iterator<Item = Step> + Send>);

impl Source for Endless {
    async fn read(&mut self, _: Option<&State>, output: &mut Output) -> Result<(), SourceError> {
        loop {
            let steps = self.0.by_ref().take(1);
            let mut part = script(steps);
            if part.steps.is_empty() {
                return Ok(());
            }
            part.read(None, output).await?;
        }
    }
}

/// Counts what it has got rid of.
struct Counting {
    told: Arc<AtomicUsize>,
    bytes: usize,
}

impl Source for Counting {
    async fn read(&mut self, _: Option<&State>, output: &mut Output) -> Result<(), SourceError> {
        let stream: Arc<str> = "numbers".into();
        loop {
            let mut record = record(1);
            record.insert("text".to_owned(), json!("x".repeat(self.bytes)));
            output.record(&stream, record).await?;
            self.told.fetch_add(1, Ordering::SeqCst);
        }
    }
}

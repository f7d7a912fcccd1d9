//! The claims, one function each. They panic with what did not hold.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::watch;
use weir_store::SystemClock;

use crate::limits::Limits;
use crate::message::{Message, State};
use crate::report::{Ended, Report};
use crate::runner::{Keep, run};
use crate::suite::{Failure, Gathered, Table, World};

/// Requests of an undisturbed run in whose place failures are tried: the first so many.
const REQUESTS_TRIED: usize = 24;

/// Holds a source to all claims.
///
/// # Panics
/// When a claim does not hold.
pub async fn every_source_must<W: World>(world: &W) {
    tell_its_schema_first(world).await;
    repeat_safely(world).await;
    resume(world).await;
    stop_at_a_state(world).await;
    obey_a_429(world).await;
    keep_its_bookmark_on_failure(world).await;
}

/// Each stream's schema comes before its first record, each record has the schema's keys, and the
/// run ends with a state.
///
/// # Panics
/// When the claim does not hold.
pub async fn tell_its_schema_first<W: World>(world: &W) {
    let told = undisturbed(world).await;
    let mut keys = std::collections::HashMap::new();
    for message in &told.messages {
        match message {
            Message::Schema(schema) => {
                keys.insert(Arc::clone(&schema.stream), schema.key_properties.clone());
            }
            Message::Record(record) => {
                let stream = &record.stream;
                let keys = keys.get(stream).unwrap_or_else(|| {
                    panic!("a record of {stream} comes before the schema of {stream}")
                });
                for key in keys {
                    assert!(
                        record.record.contains_key(key),
                        "a record of {stream} has no {key}: {:?}",
                        record.record
                    );
                }
            }
            Message::Empty { .. } | Message::State(_) => {}
        }
    }
    assert!(
        matches!(told.messages.last(), Some(Message::State(_))),
        "the source does not end with a state"
    );
}

/// Read twice from the same place, the source leaves what it left the first time.
///
/// # Panics
/// When the claim does not hold.
pub async fn repeat_safely<W: World>(world: &W) {
    let first = undisturbed(world).await;
    let second = undisturbed(world).await;
    let both = first.messages.iter().chain(&second.messages);
    assert_eq!(
        first.table(),
        Table::after(both),
        "reading again changes what is there"
    );
}

/// From each state that the source tells, a new run adds what was still missing.
///
/// # Panics
/// When the claim does not hold.
pub async fn resume<W: World>(world: &W) {
    let whole = undisturbed(world).await;
    for (place, state) in whole.states() {
        let rest = read(world, Some(state.clone())).await;
        assert_complete(&rest.report, "a run that resumes");
        let parts = whole.messages[..=place].iter().chain(&rest.messages);
        assert_eq!(
            whole.table(),
            Table::after(parts),
            "resuming from {} gives something else",
            state.0
        );
    }
}

/// Asked to stop, the source ends with its next state, and the next run does the rest.
///
/// # Panics
/// When the claim does not hold.
pub async fn stop_at_a_state<W: World>(world: &W) {
    let whole = undisturbed(world).await;
    let mut messages = Vec::new();
    let mut state = None;
    for _ in 0..=whole.states().count() {
        let part = read_until_stopped(world, state.take()).await;
        messages.extend(part.messages);
        state = part.report.bookmark;
        match part.report.ended {
            Ended::Stopped => {}
            Ended::Complete => break,
            other => panic!("a run that is asked to stop ends otherwise: {other}"),
        }
    }
    assert_eq!(
        whole.table(),
        Table::after(&messages),
        "stopping at every state gives something else"
    );
}

/// Whatever request is answered with 429, the source comes again when it may, or leaves the rest
/// to the next run.
///
/// # Panics
/// When the claim does not hold.
pub async fn obey_a_429<W: World>(world: &W) {
    let whole = undisturbed(world).await;
    for place in 0..whole.requests.min(REQUESTS_TRIED) {
        world.fail(place, Failure::Throttled);
        let told = read(world, None).await;
        assert_complete(&told.report, "a run that was throttled once");
        assert!(
            told.requests > whole.requests,
            "request {place} was answered with 429 and not repeated"
        );
        assert_eq!(whole.table(), told.table(), "a 429 changes what is told");

        world.fail(place, Failure::Exhausted);
        let told = read(world, None).await;
        assert!(
            matches!(told.report.ended, Ended::Later { .. }),
            "without quota for hours the run must end for later, but: {}",
            told.report.ended
        );
        assert_next_run_mends(world, &whole, told, place, Failure::Exhausted).await;
    }
}

/// Whatever request fails in whatever way, the bookmark is one that was told, and the next run
/// does the rest.
///
/// # Panics
/// When the claim does not hold.
pub async fn keep_its_bookmark_on_failure<W: World>(world: &W) {
    let whole = undisturbed(world).await;
    for place in 0..whole.requests.min(REQUESTS_TRIED) {
        for failure in [
            Failure::Unavailable,
            Failure::CutOff,
            Failure::Malformed,
            Failure::Refused,
        ] {
            world.fail(place, failure);
            let told = read(world, None).await;
            match failure {
                Failure::Refused => assert!(
                    matches!(told.report.ended, Ended::Failed(_)),
                    "refused request {place}, the run must fail, but: {}",
                    told.report.ended
                ),
                Failure::Unavailable | Failure::CutOff => {
                    assert_complete(&told.report, "a run with one failure that passes");
                }
                Failure::Malformed | Failure::Throttled | Failure::Exhausted => {}
            }
            assert_next_run_mends(world, &whole, told, place, failure).await;
        }
    }
}

async fn assert_next_run_mends<W: World>(
    world: &W,
    whole: &Told,
    told: Told,
    place: usize,
    failure: Failure,
) {
    world.recover();
    let bookmark = told.report.bookmark.clone();
    let may_differ = failure == Failure::Refused && world.goes_on_beside_refusals();
    if let Some(state) = bookmark.as_ref().filter(|_| !may_differ) {
        assert!(
            whole.states().any(|(_, known)| known == state),
            "request {place} failed ({failure:?}) and left a bookmark that an undisturbed run \
             never has: {}",
            state.0
        );
    }
    let next = read(world, bookmark).await;
    assert_complete(&next.report, "the run after a failure");
    let both = told.messages.iter().chain(&next.messages);
    assert_eq!(
        whole.table(),
        Table::after(both),
        "request {place} failed ({failure:?}), and the next run did not mend it"
    );
}

/// What a run told, and what it took.
struct Told {
    messages: Vec<Message>,
    report: Report,
    requests: usize,
}

impl Told {
    fn table(&self) -> Table {
        Table::after(&self.messages)
    }

    fn states(&self) -> impl Iterator<Item = (usize, &State)> {
        let places = self.messages.iter().enumerate();
        places.filter_map(|(place, message)| match message {
            Message::State(state) => Some((place, state)),
            _ => None,
        })
    }
}

async fn undisturbed<W: World>(world: &W) -> Told {
    world.recover();
    let told = read(world, None).await;
    assert_complete(&told.report, "an undisturbed run");
    let streams: HashSet<_> = told.table().records().keys().cloned().collect();
    assert!(
        !streams.is_empty(),
        "there is nothing to read in this world"
    );
    told
}

async fn read<W: World>(world: &W, state: Option<State>) -> Told {
    read_within(world, state, Limits::none(Arc::new(SystemClock))).await
}

async fn read_until_stopped<W: World>(world: &W, state: Option<State>) -> Told {
    let (_asked, stop) = watch::channel(true);
    let limits = Limits::none(Arc::new(SystemClock)).stop_when(stop);
    read_within(world, state, limits).await
}

async fn read_within<W: World>(world: &W, state: Option<State>, limits: Limits) -> Told {
    let before = world.requests();
    let mut sink = Gathered::default();
    let keep = Keep::Nothing { state };
    let report = run(&mut world.source(), &mut sink, keep, limits).await;
    Told {
        messages: sink.into_messages(),
        report,
        requests: world.requests() - before,
    }
}

fn assert_complete(report: &Report, what: &str) {
    assert!(
        report.is_complete(),
        "{what} is not complete: {}",
        report.ended
    );
}

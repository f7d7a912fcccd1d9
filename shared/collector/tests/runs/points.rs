//! Any number of runs with anything going wrong at any point, then one undisturbed run: the data
//! set holds what it would have held without, and no bookmark was ever ahead of the records.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use weir_collector::message::Message;
use weir_collector::{Ended, Fault as Trouble, Patience, Sink, SinkError};

use crate::faults::Fault;
use crate::world::{LEASE, World};

/// One disturbed run.
#[derive(Debug, Clone)]
struct Disturbed {
    /// Pages that the third party has more of by then.
    grown: u64,
    faults: HashMap<usize, Fault>,
    source_fails_at: Option<u64>,
    sink_fails_at: Option<usize>,
    patience: u64,
    /// Whether another run comes while this one is frozen, and how long after.
    overtaken_after_s: u64,
    /// Whether the source replaces all there is each time.
    replaces: bool,
}

/// A sink that saves often and fails at a chunk.
struct Impatient<K> {
    sink: K,
    patience: u64,
    fails_at: Option<usize>,
    writes: usize,
}

impl<K: Sink> Sink for Impatient<K> {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        self.writes += 1;
        if self.fails_at == Some(self.writes - 1) {
            // Half of the chunk is there.
            let half = messages.len() / 2;
            self.sink
                .write(messages.into_iter().take(half).collect())
                .await?;
            self.sink.flush().await?;
            let fault = Trouble::new("the sink failed");
            return Err(SinkError::Later { fault, after: None });
        }
        self.sink.write(messages).await
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush().await
    }

    fn patience(&self) -> Patience {
        Patience {
            records: self.patience,
            time: Duration::from_secs(3600),
        }
    }
}

/// A run to which something happens; while it is frozen, another one may come.
async fn disturbed(world: &World, plan: &Disturbed) {
    world.pages.grow(plan.grown);
    let process = world.process(plan.faults.clone());
    let mut source = world.reader();
    source.fails_at = plan.source_fails_at;
    source.replaces = plan.replaces;
    let sink = Impatient {
        sink: process.data_set_sink(),
        patience: plan.patience,
        fails_at: plan.sink_fails_at,
        writes: 0,
    };
    let mut frozen = process.faulty.frozen.subscribe();
    let first = process.run_or_die(source, sink, world.limits());
    let second = async {
        let is_frozen = frozen.wait_for(|frozen| *frozen).await;
        is_frozen.expect("the process is held here");
        world
            .clock
            .advance(Duration::from_secs(plan.overtaken_after_s));
        world.pages.grow(1);
        let other = world.process(HashMap::new());
        let mut source = world.reader();
        source.replaces = plan.replaces;
        let sink = other.data_set_sink();
        other.run(source, sink, world.limits()).await;
        process.faulty.thaw();
        // Until the frozen one has ended.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = first => {}
        () = second => {}
    }
    // Whatever it was that died, its lease ends.
    world.clock.advance(LEASE);
}

async fn undisturbed(world: &World, replaces: bool) {
    let process = world.process(HashMap::new());
    let mut source = world.reader();
    source.replaces = replaces;
    let report = process
        .run(source, process.data_set_sink(), world.limits())
        .await
        .expect("nobody has the lease");
    assert_eq!(report.ended, Ended::Complete);
}

async fn check(plans: &[Disturbed]) {
    let world = World::start().await;
    let replaces = plans.iter().any(|plan| plan.replaces);
    for plan in plans {
        disturbed(&world, plan).await;
        if !replaces {
            world.assert_nothing_is_skipped().await;
        }
    }
    world.pages.grow(1);
    undisturbed(&world, replaces).await;
    world.assert_nothing_is_skipped().await;
    assert_eq!(world.records().await, world.expected());
    let newest = world.pages.newest();
    assert_eq!(world.bookmarks().last(), Some(&newest));
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
    (
        0..3_u64,
        prop::collection::hash_map(0..40_usize, any_fault(), 0..4),
        prop::option::of(0..20_u64),
        prop::option::of(0..6_usize),
        prop_oneof![Just(0), Just(5), Just(10_000)],
        prop_oneof![Just(0), Just(200), Just(301), Just(1000)],
    )
        .prop_map(
            |(grown, faults, source_fails_at, sink_fails_at, patience, overtaken_after_s)| {
                Disturbed {
                    grown,
                    faults,
                    source_fails_at,
                    sink_fails_at,
                    patience,
                    overtaken_after_s,
                    replaces: false,
                }
            },
        )
}

/// Plays plans on a runtime whose time stands still when nothing happens.
fn play(plans: &[Disturbed]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(check(plans));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_the_next_run_mends(plans in prop::collection::vec(any_plan(), 1..5)) {
        play(&plans);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_with_a_source_that_replaces_all_the_next_run_mends(
        mut plans in prop::collection::vec(any_plan(), 1..5),
    ) {
        for plan in &mut plans {
            plan.replaces = true;
        }
        play(&plans);
    }
}

/// Each way to fail, at each call that a run makes.
#[test]
fn a_failure_at_any_call_of_a_run_is_mended() {
    for fault in [
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::Throttled,
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::FrozenBefore,
        Fault::FrozenAfter,
    ] {
        for call in 0..24 {
            let plan = Disturbed {
                grown: 2,
                faults: HashMap::from([(call, fault)]),
                source_fails_at: None,
                sink_fails_at: None,
                patience: 5,
                overtaken_after_s: 1000,
                replaces: false,
            };
            play(&[plan]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_throttles_for_a_minute_ends_the_run_for_later() {
    let world = World::start().await;
    world.pages.grow(3);
    // The lease is taken with two calls; then every call is refused.
    let faults = (2..2000).map(|call| (call, Fault::Throttled)).collect();
    let process = world.process(faults);
    let sink = process.data_set_sink();
    let report = process.run(world.reader(), sink, world.limits()).await;
    let report = report.expect("the lease was free");
    assert!(
        matches!(report.ended, Ended::Later { .. }),
        "{}",
        report.ended
    );
    assert_eq!((report.bookmark, report.records), (None, 0));
    world.clock.advance(LEASE);
    undisturbed(&world, false).await;
    assert_eq!(world.records().await, world.expected());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_at_chunk_seven_leaves_the_bookmark_before_it() {
    let world = World::start().await;
    world.pages.grow(20);
    let process = world.process(HashMap::new());
    let sink = Impatient {
        sink: process.data_set_sink(),
        patience: 0,
        fails_at: Some(6),
        writes: 0,
    };
    let report = process.run(world.reader(), sink, world.limits()).await;
    let report = report.expect("the lease was free");
    assert!(matches!(report.ended, Ended::Later { .. }));
    assert_eq!(report.bookmark, Some(crate::source::state_of(6)));
    world.assert_nothing_is_skipped().await;
    undisturbed(&world, false).await;
    assert_eq!(world.records().await, world.expected());
}

//! The lease while source or sink are slow, and runs that overlap.

use std::collections::HashMap;
use std::time::Duration;

use weir_collector::message::Message;
use weir_collector::{Ended, Output, Patience, Sink, SinkError, Source, SourceError, State};
use weir_collector::{Keep, run};
use weir_store::Clock as _;

use crate::faults::Fault;
use crate::source::state_of;
use crate::world::World;

/// Waits, and tells nothing.
struct Slow(Duration);

impl Source for Slow {
    async fn read(&mut self, _: Option<&State>, output: &mut Output) -> Result<(), SourceError> {
        tokio::time::sleep(self.0).await;
        Ok(output.state(state_of(1)).await?)
    }
}

/// Takes its time over a flush.
struct SlowToFlush(Duration);

impl Sink for SlowToFlush {
    async fn write(&mut self, _: Vec<Message>) -> Result<(), SinkError> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        tokio::time::sleep(self.0).await;
        Ok(())
    }

    fn patience(&self) -> Patience {
        Patience {
            records: 0,
            time: Duration::ZERO,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_kept_while_source_and_sink_are_slow() {
    let world = World::start().await;
    let (process, other) = (world.process(HashMap::new()), world.process(HashMap::new()));
    let mut lease = process.lease().await.expect("it is free");
    let keep = Keep::Bookmark {
        store: &process.store,
        lease: &mut lease,
    };
    let hour = Duration::from_secs(3600);
    let (mut source, mut sink) = (Slow(hour), SlowToFlush(hour));
    let running = run(&mut source, &mut sink, keep, world.limits());
    let others = async {
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_secs(1000)).await;
            assert!(other.lease().await.is_none(), "the job is under way");
        }
    };
    let (report, ()) = tokio::join!(running, others);
    assert_eq!(report.ended, Ended::Complete);
    assert_eq!(world.bookmark().await, Some(state_of(1)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_for_a_while_does_not_end_a_run_that_holds_its_lease() {
    let world = World::start().await;
    // The first two attempts to renew.
    let faults = (2..6).map(|call| (call, Fault::LostBefore)).collect();
    let process = world.process(faults);
    let mut lease = process.lease().await.expect("it is free");
    let keep = Keep::Bookmark {
        store: &process.store,
        lease: &mut lease,
    };
    let mut source = Slow(Duration::from_secs(400));
    let mut sink = SlowToFlush(Duration::ZERO);
    let report = run(&mut source, &mut sink, keep, world.limits()).await;
    assert_eq!(report.ended, Ended::Complete);
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_one_finds_the_job_taken() {
    let world = World::start().await;
    world.pages.grow(3);
    let (one, two) = (world.process(HashMap::new()), world.process(HashMap::new()));
    let (first, second) = tokio::join!(
        one.run(world.reader(), one.data_set_sink(), world.limits()),
        two.run(world.reader(), two.data_set_sink(), world.limits()),
    );
    assert_eq!(first.iter().chain(&second).count(), 1);
    assert_eq!(world.records().await, world.expected());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_slept_through_its_lease_writes_nothing() {
    let world = World::start().await;
    world.pages.grow(2);
    let sleeper = world.process(HashMap::new());
    let mut lease = sleeper.lease().await.expect("it is free");
    world.clock.advance(Duration::from_secs(301));
    let other = world.process(HashMap::new());
    let report = other
        .run(world.reader(), other.data_set_sink(), world.limits())
        .await;
    assert!(report.expect("the lease is over").is_complete());

    world.pages.grow(5);
    let before = world.records().await;
    let keep = Keep::Bookmark {
        store: &sleeper.store,
        lease: &mut lease,
    };
    let mut sink = sleeper.data_set_sink();
    let report = run(&mut world.reader(), &mut sink, keep, world.limits()).await;
    assert_eq!(report.ended, Ended::LeaseLost);
    assert_eq!(world.records().await, before);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_up_the_run_stops_and_the_next_one_goes_on() {
    let world = World::start().await;
    world.pages.grow(9);
    let process = world.process(HashMap::new());
    let limits = world.limits().stop_at(world.clock.now());
    let report = process
        .run(world.reader(), process.data_set_sink(), limits)
        .await
        .expect("it is free");
    assert_eq!(report.ended, Ended::Stopped);
    assert!(report.progressed);
    assert_eq!(report.bookmark, Some(state_of(1)));
    let again = world.process(HashMap::new());
    let report = again
        .run(world.reader(), again.data_set_sink(), world.limits())
        .await;
    assert!(report.expect("it is free").is_complete());
    assert_eq!(world.records().await, world.expected());
}

//! Senders that end, or do not answer, when nobody expects it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use weir_client::{Client, Left, Loss, Refused, WhenFull, blocking, codes};
use weir_model::Timestamp;

use crate::server::Fault;
use crate::world::{START_MS, World, event, report};

/// Nothing is taken in any more, and what was is lost, counted and told.
fn has_stopped(world: &World, client: &Client, lost: u64) {
    assert_eq!(client.report(event(999)), Err(Refused::Closed));
    let statistics = client.statistics();
    assert_eq!(statistics.dropped(Loss::Left), lost);
    assert_eq!(statistics.buffered_events, 0);
    let told = world.codes();
    let stopped = told.iter().filter(|code| **code == codes::STOPPED);
    assert_eq!(stopped.count(), 1, "{told:?}");
}

fn world() -> (tokio::runtime::Runtime, World) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    world.faults(|_| Fault::Refused(503, &[("retry-after", "600")], ""));
    (runtime, world)
}

#[test]
fn the_end_of_a_runtime_is_the_end_of_its_clients_and_is_told() {
    let (server, world) = world();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = world
        .builder()
        .buffer_events(42)
        .when_full(WhenFull::Block {
            timeout: Duration::from_secs(60),
        });
    let client = builder.build_on(runtime.handle()).unwrap();
    report(&client, 0..42);
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| client.report(event(42)));
        std::thread::sleep(Duration::from_millis(50));
        drop(runtime);
        assert_eq!(blocked.join().unwrap(), Err(Refused::Closed));
    });
    has_stopped(&world, &client, 42);
    server.block_on(client.flush());
    let left = server.block_on(client.close(Duration::from_secs(60)));
    assert_eq!((left.lost, left.spooled), (42, 0));
}

#[test]
fn a_client_of_a_runtime_that_has_ended_takes_nothing_in() {
    let (_server, world) = world();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let client = world.builder().build_on(&handle).unwrap();
    has_stopped(&world, &client, 0);
}

#[test]
fn a_sender_that_panics_is_told_of_and_loses_nothing_in_silence() {
    let (server, world) = world();
    let is_bad = Arc::new(AtomicBool::new(false));
    let clock = Arc::clone(&is_bad);
    let builder = world.builder().clock(move || {
        assert!(!clock.load(Ordering::Relaxed), "on purpose");
        Timestamp::from_millis(START_MS).unwrap()
    });
    let client = builder.build().unwrap();
    report(&client, 0..7);
    is_bad.store(true, Ordering::Relaxed);
    server.block_on(client.flush());
    // A moment passes between the sender's end and what is done about it.
    let left = server.block_on(client.close(Duration::from_secs(60)));
    assert_eq!(left.lost, 7);
    is_bad.store(false, Ordering::Relaxed);
    let ended = Instant::now();
    while !world.codes().contains(&codes::STOPPED) && ended.elapsed().as_secs() < 10 {
        std::thread::yield_now();
    }
    has_stopped(&world, &client, 7);
}

#[test]
fn closing_ends_even_on_the_thread_that_it_waits_for() {
    let (_server, world) = world();
    let client: Arc<OnceLock<blocking::Client>> = Arc::default();
    let closed: Arc<Mutex<Option<(Left, Duration)>>> = Arc::default();
    let (of_callback, result) = (Arc::clone(&client), Arc::clone(&closed));
    let builder = world.builder().on_notice(move |notice| {
        if let (codes::RETRY, Some(client)) = (notice.code, of_callback.get()) {
            let started = Instant::now();
            let left = client.close(Duration::from_millis(10));
            *result.lock().unwrap() = Some((left, started.elapsed()));
        }
    });
    let built = builder.build_blocking().unwrap();
    let client = client.get_or_init(|| built);
    for number in 0..5 {
        client.report(event(number)).unwrap();
    }
    assert!(!client.flush(Duration::from_secs(5)));
    let (left, took) = closed.lock().unwrap().unwrap();
    assert_eq!((left.lost, left.spooled), (5, 0));
    assert!((1000..3000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(client.report(event(5)), Err(Refused::Closed));
}

//! A sender with a thread of its own, beside a thread that reports: real time, as short as it may
//! be. What must not be is that the sender sleeps while events wait for it.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use weir_client::{Client, Statistics};

use crate::server::Fault;
use crate::world::{World, event};

/// Longer than a thread waits on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reports events and looks, each time that it stops, whether as many are through by `through`.
async fn check(client: Client, stops: u64, between: u64, through: fn(Statistics) -> u64) {
    let reporter = tokio::task::spawn_blocking(move || {
        for stop in 1..=stops {
            for number in (stop - 1) * between..stop * between {
                spin(10 + number % 41);
                client.report(event(number)).unwrap();
            }
            let stopped = Instant::now();
            while through(client.statistics()) < stop * between {
                let waited = stopped.elapsed();
                assert!(waited < PATIENCE, "{:?}", client.statistics());
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert_eq!(client.statistics().dropped_in_all(), 0);
        client
    });
    reporter.await.unwrap().close(Duration::ZERO).await;
}

/// A pause in microseconds, another one each time, so that reports meet the sender at every step of
/// its way.
fn spin(micros: u64) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_no_server_answers_the_spool_keeps_up_with_what_is_reported() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::Refused(503, &[("retry-after", "600")], ""));
    let builder = world.builder().batch_interval(Duration::from_millis(20));
    let client = builder.spool(directory.path()).build().unwrap();
    check(client, 20, 3_000, |statistics| statistics.spooled_events).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_spool_no_event_waits_longer_than_its_interval() {
    let world = World::start().await;
    let builder = world.builder().batch_interval(Duration::from_millis(1));
    let client = builder.build().unwrap();
    check(client, 300, 20, |statistics| statistics.delivered).await;
}

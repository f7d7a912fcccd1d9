//! All ways to fail, mixed, with and without a spool, across restarts of the client.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;
use weir_client::Compression;

use crate::server::Fault;
use crate::world::{World, close, report};

const NOT_STORED: &str = r#"{"code":"not-stored"}"#;
const PROBLEM: &str = r#"{"code":"repeat-with-key"}"#;

/// A batch that may be stored is not taken apart, so what is refused meets only failures that say
/// that nothing is stored; a batch that is never refused meets all of them.
fn any_fault(random: &mut StdRng, is_refusing: bool) -> Fault {
    if is_refusing {
        return match random.random_range(0..10) {
            0 => Fault::Slow(Duration::from_secs(random.random_range(1..50))),
            1 => Fault::Refused(429, &[("retry-after", "3")], ""),
            2 => Fault::Refused(503, &[("retry-after", "0")], NOT_STORED),
            3 => Fault::Refused(404, &[], ""),
            _ => Fault::None,
        };
    }
    match random.random_range(0..16) {
        0 => Fault::Slow(Duration::from_secs(random.random_range(1..100))),
        1 => Fault::Refused(429, &[("retry-after", "3")], ""),
        2 => Fault::Refused(500, &[], ""),
        3 => Fault::Refused(503, &[("retry-after", "1")], PROBLEM),
        4 => Fault::StoredAndRefused(503, PROBLEM),
        5 => Fault::StoredAndRefused(502, "<html>"),
        6 => Fault::CutBefore,
        7 => Fault::CutWithin,
        8 => Fault::CutAfter,
        9 => Fault::Refused(404, &[], ""),
        _ => Fault::None,
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_each_event_is_there_once() {
    for seed in 0..20 {
        let world = World::start().await;
        let mut random = StdRng::seed_from_u64(seed);
        let (events_max, at_once) = (random.random_range(20..200), random.random_range(1..5));
        let is_refusing = seed % 4 < 2;
        let mut bad: Vec<u64> = (0..10).map(|_| random.random_range(0..5000)).collect();
        match is_refusing {
            true => world.shared().events_max = events_max,
            false => bad.clear(),
        }
        world.shared().bad = bad.clone();
        let mut faults = StdRng::seed_from_u64(seed + 1000);
        world.faults(move |_| any_fault(&mut faults, is_refusing));
        let client = world.client(|builder| {
            builder
                .batch_events(150)
                .batches_at_once(at_once)
                .compression(if seed % 2 == 0 {
                    Compression::Gzip
                } else {
                    Compression::None
                })
        });
        let mut reported = 0;
        while reported < 5000 {
            let some = random.random_range(1..1000).min(5000 - reported);
            report(&client, reported..reported + some);
            reported += some;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..20_000))).await;
        }
        close(client).await;
        world.has_each_once((0..5000).filter(|number| !bad.contains(number)));
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_spool_clients_may_come_and_go() {
    for seed in 0..10 {
        let world = World::start().await;
        let spool = TempDir::new().unwrap();
        let mut random = StdRng::seed_from_u64(seed);
        let mut faults = StdRng::seed_from_u64(seed + 1000);
        world.faults(move |_| any_fault(&mut faults, false));
        let build = || {
            let spooled = |builder: weir_client::Builder| {
                builder
                    .spool(spool.path())
                    .batch_events(100)
                    .batches_at_once(3)
            };
            world.client(spooled)
        };
        let mut reported = 0;
        for _ in 0..8 {
            let client = build();
            for _ in 0..random.random_range(1..5) {
                let some = random.random_range(1..300);
                report(&client, reported..reported + some);
                reported += some;
                tokio::time::sleep(Duration::from_millis(random.random_range(0..9_000))).await;
            }
            let within = Duration::from_millis(random.random_range(0..5_000));
            assert_eq!(client.close(within).await.lost, 0, "seed {seed}");
        }
        close(build()).await;
        world.has_each_once(0..reported);
    }
}

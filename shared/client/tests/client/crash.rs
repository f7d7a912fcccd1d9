//! A program that is killed, again and again, while it reports.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::RngExt as _;
use tempfile::TempDir;

use crate::server::Fault;
use crate::world::World;

/// What a crash may cost.
const LOSS: Duration = Duration::from_millis(100);

fn start(url: &str, spool: &Path, first: u64, count: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_weir-client-reporter"))
        .args([
            url,
            &spool.to_string_lossy(),
            &first.to_string(),
            &count.to_string(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The numbers that a program has reported, with the time since its first.
fn reported(child: &mut Child) -> Vec<(u64, Duration)> {
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    // The last line may be cut short.
    let lines = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    let pair = |line: &str| {
        let (number, micros) = line.split_once(' ').unwrap();
        let since = Duration::from_micros(micros.parse().unwrap());
        (number.parse().unwrap(), since)
    };
    lines.map(pair).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_killed_loses_100_milliseconds_and_nothing_is_counted_twice() {
    let (world, spool) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| match rand::rng().random_range(0..6) {
        0 => Fault::CutAfter,
        1 => Fault::CutBefore,
        2 => Fault::StoredAndRefused(503, ""),
        3 => Fault::Slow(Duration::from_millis(20)),
        _ => Fault::None,
    });
    let mut must_be_there = Vec::new();
    let mut may_be_there = Vec::new();
    for run in 0..8_u64 {
        let mut child = start(
            &world.server.url(),
            spool.path(),
            run * 1_000_000,
            1_000_000,
        );
        let pause = Duration::from_millis(rand::rng().random_range(150..600));
        tokio::time::sleep(pause).await;
        child.kill().unwrap();
        let numbers = tokio::task::spawn_blocking(move || {
            let numbers = reported(&mut child);
            child.wait().unwrap();
            numbers
        });
        let numbers = numbers.await.unwrap();
        let last = numbers.last().map_or(Duration::ZERO, |(_, since)| *since);
        for (number, since) in numbers {
            match since + LOSS < last {
                true => must_be_there.push(number),
                false => may_be_there.push(number),
            }
        }
    }
    let mut child = start(&world.server.url(), spool.path(), 99_000_000, 10);
    let status = tokio::task::spawn_blocking(move || {
        must(reported(&mut child));
        child.wait().unwrap()
    });
    assert!(status.await.unwrap().success());

    let counts = world.shared().counts();
    assert!(
        must_be_there.len() > 500,
        "{} were reported",
        must_be_there.len()
    );
    let lost: Vec<_> = must_be_there
        .iter()
        .filter(|n| !counts.contains_key(n))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let repeated: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(repeated.is_empty(), "counted more than once: {repeated:?}");
    let late = may_be_there
        .iter()
        .filter(|n| counts.contains_key(n))
        .count();
    println!(
        "{} of {} reported in the last 100 ms survived",
        late,
        may_be_there.len()
    );
}

/// The last run reports all that it should.
fn must(numbers: Vec<(u64, Duration)>) {
    assert_eq!(numbers.len(), 10);
}

//! Events that outlive their client.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Handle;
use weir_client::{BuildError, Builder, Durability, Loss, codes};

use crate::server::Fault;
use crate::world::{World, close, report};

fn files(directory: &Path, suffix: &str) -> usize {
    let names = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with(suffix))
        .count()
}

fn spooled(directory: &TempDir) -> impl Fn(Builder) -> Builder {
    let path = directory.path().to_owned();
    move |builder| builder.spool(&path)
}

#[tokio::test(start_paused = true)]
async fn the_next_run_sends_what_this_one_could_not_under_the_same_key() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutAfter);
    let client = world.client(spooled(&directory));
    report(&client, 0..100);
    tokio::time::sleep(Duration::from_secs(6)).await;
    report(&client, 100..150);
    let left = client.close(Duration::from_secs(3)).await;
    assert_eq!((left.lost, left.spooled), (0, 150));
    assert_eq!(client.statistics().spooled_events, 150);
    assert!(world.codes().contains(&codes::LEFT));

    world.faults(|_| Fault::None);
    let client = world.client(spooled(&directory));
    client.flush().await;
    world.has_each_once(0..150);
    assert!(world.codes().contains(&codes::SPOOL_FOUND));
    let statistics = client.statistics();
    assert_eq!((statistics.delivered, statistics.spooled_events), (150, 0));
    assert_eq!(
        (statistics.spooled_bytes, files(directory.path(), ".spool")),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn with_a_spool_memory_is_free_again_while_the_server_is_away() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutBefore);
    let client = world.client(|builder| spooled(&directory)(builder).buffer_events(1000));
    for round in 0..50 {
        report(&client, round * 1000..round * 1000 + 1000);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let statistics = client.statistics();
    assert_eq!(
        (statistics.buffered_events, statistics.spooled_events),
        (0, 50_000)
    );
    assert!(statistics.spooled_bytes > 50_000 * 50);
    world.faults(|_| Fault::None);
    close(client).await;
    world.has_each_once(0..50_000);
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_leaves_events_in_memory_and_loses_none() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutBefore);
    let client = world.client(|builder| {
        let builder = spooled(&directory)(builder).spool_bytes(20_000);
        builder.batch_events(50).batches_at_once(1)
    });
    for round in 0..20 {
        report(&client, round * 50..round * 50 + 50);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let statistics = client.statistics();
    assert!(statistics.spooled_bytes <= 20_000, "{statistics:?}");
    assert!(statistics.buffered_events > 500 && statistics.spooled_events > 100);
    assert!(world.codes().contains(&codes::SPOOL_FULL));
    world.faults(|_| Fault::None);
    close(client).await;
    world.has_each_once(0..1000);
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_is_older_than_the_servers_day_is_told_and_kept_and_not_sent() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutAfter);
    let client = world.client(|builder| spooled(&directory)(builder).batches_at_once(1));
    report(&client, 0..30);
    tokio::time::sleep(Duration::from_secs(6)).await;
    // These are never attempted, so nothing can be counted twice, however late they go.
    report(&client, 30..50);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(client.close(Duration::ZERO).await.spooled, 50);
    world.has_each_once(0..30);

    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    world.faults(|_| Fault::None);
    let seen = world.shared().seen.len();
    let client = world.client(spooled(&directory));
    client.flush().await;
    assert_eq!(world.shared().seen.len(), seen + 1);
    world.has_each_once(0..50);
    let statistics = client.statistics();
    assert_eq!(
        (statistics.delivered, statistics.dropped(Loss::Stale)),
        (20, 30)
    );
    assert!(world.codes().contains(&codes::STALE));
    assert_eq!(
        (
            files(directory.path(), ".stale"),
            files(directory.path(), ".spool")
        ),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_another_client_has_attempted_is_not_sent_blindly() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutAfter);
    let client = world.client(spooled(&directory));
    report(&client, 0..5);
    client.close(Duration::from_secs(1)).await;
    world.faults(|_| Fault::None);
    let other = world.client(|builder| spooled(&directory)(builder).write_key("another-key"));
    other.flush().await;
    world.has_each_once(0..5);
    assert_eq!(other.statistics().dropped(Loss::Stale), 5);
    assert_eq!(files(directory.path(), ".stale"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_cut_stays_cut_in_the_next_run() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.shared().events_max = 30;
    world.shared().bad = vec![3, 50];
    world.faults(|number| {
        if number < 3 {
            Fault::None
        } else {
            Fault::CutAfter
        }
    });
    let client = world.client(|builder| spooled(&directory)(builder).batches_at_once(1));
    report(&client, 0..100);
    client.close(Duration::from_secs(8)).await;
    world.faults(|_| Fault::None);
    let client = world.client(spooled(&directory));
    close(client).await;
    world.has_each_once((0..100).filter(|n| ![3, 50].contains(n)));
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_cannot_be_written_costs_no_event() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    let client = world.client(|builder| builder.spool(directory.path().join("spool")));
    fs::remove_dir_all(directory.path().join("spool")).unwrap();
    for round in 0..30 {
        report(&client, round * 10..round * 10 + 10);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(world.codes().contains(&codes::SPOOL_BROKEN));
    close(client.clone()).await;
    world.has_each_once(0..300);
    assert_eq!(client.statistics().dropped_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_gone_before_its_batch_was_delivered_is_told() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutAfter);
    let client = world.client(|builder| {
        let builder = spooled(&directory)(builder).durability(Durability::Machine);
        builder.batches_at_once(1)
    });
    report(&client, 0..10);
    tokio::time::sleep(Duration::from_secs(6)).await;
    for entry in fs::read_dir(directory.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    world.faults(|_| Fault::None);
    report(&client, 10..20);
    close(client).await;
    world.has_each_once(0..20);
    assert!(world.codes().contains(&codes::SPOOL_BROKEN));
}

#[tokio::test(start_paused = true)]
async fn a_directory_belongs_to_one_client() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    let client = world.client(spooled(&directory));
    let second = spooled(&directory)(world.builder()).build_on(&Handle::current());
    assert!(matches!(second, Err(BuildError::Spool(_))));
    close(client).await;
    close(world.client(spooled(&directory))).await;
}

#[tokio::test(start_paused = true)]
async fn batches_that_the_disk_does_not_give_let_others_go_first() {
    let (world, directory) = (World::start().await, TempDir::new().unwrap());
    world.faults(|_| Fault::CutBefore);
    let spool = directory.path().join("spool");
    let build = || {
        let spooled = |builder: Builder| builder.spool(&spool).batch_events(10);
        world.client(|builder| spooled(builder).batches_at_once(1))
    };
    let client = build();
    report(&client, 0..50);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.close(Duration::ZERO).await.spooled, 50);

    world.faults(|_| Fault::None);
    let client = build();
    let entries = fs::read_dir(&spool)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<_> = entries.filter(|path| path.extension().is_some()).collect();
    let away = |path: &Path| directory.path().join(path.file_name().unwrap());
    for path in &files {
        fs::rename(path, away(path)).unwrap();
        fs::create_dir(path).unwrap();
    }
    report(&client, 50..60);
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.has_each_once(50..60);
    assert!(world.codes().contains(&codes::SPOOL_BROKEN));
    for path in &files {
        fs::remove_dir(path).unwrap();
        fs::rename(away(path), path).unwrap();
    }
    close(client).await;
    world.has_each_once(0..60);
}

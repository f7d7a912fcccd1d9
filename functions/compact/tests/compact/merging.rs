//! Merging the runs of an hour.

use weir_model::{Event, Timestamp};
use weir_store::Clock as _;
use weir_store::db::Table;

use crate::support::{Bench, event, series};

#[tokio::test]
async fn the_runs_of_an_hour_that_is_over_become_one() {
    let mut bench = Bench::start().await;
    let mut events = Vec::new();
    for n in 0..3 {
        let request = [(37_300 + n, 1.0), (37_300 - n, 2.0), (37_300, n as f64)];
        bench.accept(&request).await;
        events.extend(request);
        bench.pass_time(15);
        bench.compact().await;
    }
    assert!(bench.manifest().await.runs.len() > 1);
    bench.settle().await;
    let manifest = bench.manifest().await;
    assert_eq!((manifest.runs.len(), manifest.dead.len()), (1, 0));
    assert_eq!(manifest.runs[0].events, 9);
    assert_eq!(bench.items(Table::Chunks).await.len(), 1);
    bench.holds(&events).await;
    let run = &manifest.runs[0];
    let stored = bench
        .store
        .run_events(&series(), crate::support::day(), run, bench.deadline())
        .await
        .unwrap();
    assert!(stored.is_sorted_by(|a, b| a.order() < b.order()));
    assert_eq!(bench.verify(false).await.differences, []);
}

#[tokio::test]
async fn replaced_runs_stay_for_an_hour() {
    let mut bench = Bench::start().await;
    for n in 0..2 {
        bench.accept(&[(100 + n, 1.0)]).await;
        bench.pass_time(15);
        bench.compact().await;
    }
    assert_eq!(bench.manifest().await.runs.len(), 2);
    bench.pass_time(20);
    assert_eq!(bench.compact().await.merged, 2);
    assert_eq!(bench.manifest().await.dead.len(), 2);
    assert_eq!(bench.items(Table::Chunks).await.len(), 3);
    bench.pass_time(59);
    assert_eq!(bench.compact().await.runs_deleted, 0);
    assert_eq!(bench.items(Table::Chunks).await.len(), 3);
    bench.pass_time(2);
    assert_eq!(bench.compact().await.runs_deleted, 2);
    assert_eq!(bench.items(Table::Chunks).await.len(), 1);
    assert_eq!(bench.manifest().await.dead.len(), 0);
    bench.holds(&[(100, 1.0), (101, 1.0)]).await;
}

#[tokio::test]
async fn a_reader_of_the_manifest_before_a_merge_reads_all_events_after_it() {
    let mut bench = Bench::start().await;
    for n in 0..2 {
        bench.accept(&[(100 + n, 1.0)]).await;
        bench.pass_time(15);
        bench.compact().await;
    }
    bench.pass_time(20);
    let day = bench.days(&series()).await.remove(0);
    assert_eq!(bench.compact().await.merged, 2);
    let view = bench.store.begin_view();
    let events = bench
        .store
        .events(&series(), &day, (0, 23), view)
        .await
        .unwrap();
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_merge_drops_events_that_expired_an_hour_ago_and_totals_keep_them() {
    let mut bench = Bench::start().await;
    let in_minutes = |minutes: i64| {
        Timestamp::from_millis(bench.clock.now().as_millis() + minutes * 60_000).ok()
    };
    let (soon, late) = (in_minutes(5), in_minutes(60 * 24));
    let events = [soon, None, late].map(|expires| Event {
        expires,
        ..event(100, 1.0)
    });
    bench.accept_all(events.to_vec()).await;
    bench.pass_time(15);
    bench.compact().await;
    bench.pass_time(50);
    bench.accept(&[(101, 7.0)]).await;
    bench.settle().await;
    let manifest = bench.manifest().await;
    assert_eq!(manifest.runs.len(), 1);
    assert_eq!(
        (manifest.runs[0].events, manifest.runs[0].totals.count()),
        (3, 4)
    );
    assert_eq!(manifest.total().count(), 4);
    let report = bench.verify(false).await;
    assert_eq!((report.events, report.incomplete), (3, 1));
    assert_eq!(report.differences, []);
}

#[tokio::test]
async fn runs_whose_chunks_have_expired_are_merged_without_them() {
    let mut bench = Bench::start().await;
    let expires = Timestamp::from_millis(bench.clock.now().as_millis() + 60_000).ok();
    bench
        .accept_all(vec![Event {
            expires,
            ..event(100, 1.0)
        }])
        .await;
    bench.pass_time(15);
    bench.compact().await;
    bench.pass_time(90);
    bench.sweep_expired().await;
    assert_eq!(bench.items(Table::Chunks).await, []);
    bench.accept(&[(101, 7.0)]).await;
    bench.settle().await;
    let manifest = bench.manifest().await;
    assert_eq!((manifest.runs.len(), manifest.runs[0].events), (1, 1));
    assert_eq!(manifest.total().count(), 2);
    assert_eq!(bench.verify(true).await.differences, []);
}

#[tokio::test]
async fn an_hour_in_many_pieces_does_not_wait_for_its_end() {
    let mut bench = Bench::start().await;
    let mut events = Vec::new();
    for n in 0..40 {
        // It is 10:20 when this begins; the hour from 22:00 is far from over.
        let second = 79_300 + n;
        bench.accept(&[(second, 1.0)]).await;
        events.push((second, 1.0));
        bench.pass_time(15);
        bench.compact().await;
        assert!(bench.manifest().await.runs.len() <= 17);
    }
    bench.holds(&events).await;
}

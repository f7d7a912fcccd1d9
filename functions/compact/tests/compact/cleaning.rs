//! Deleting, in time, and being done with a day.

use weir_model::{Name, Timestamp};
use weir_store::db::Table;

use crate::support::{Bench, at, day, event, series};

#[tokio::test]
async fn a_day_is_finished_when_nothing_is_left_of_it_but_its_manifest_and_chunks() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0), (2, 2.0)]).await;
    bench.pass_time(15);
    assert_eq!(bench.compact().await.published, 1);
    assert_eq!(
        bench
            .store
            .list_upkeep(bench.deadline())
            .await
            .unwrap()
            .len(),
        1
    );
    bench.pass_time(19);
    assert!(!bench.compact().await.did_something());
    bench.pass_time(1);
    let report = bench.compact().await;
    assert_eq!(
        (report.blocks_deleted, report.published, report.finished),
        (1, 1, 1)
    );
    let manifest = bench.manifest().await;
    assert_eq!(
        (
            manifest.took.len(),
            manifest.dead.len(),
            manifest.runs.len()
        ),
        (0, 0, 1)
    );
    assert_eq!(bench.items(Table::Inbox).await, []);
    assert_eq!(bench.items(Table::Chunks).await.len(), 1);
    assert!(
        bench
            .store
            .list_upkeep(bench.deadline())
            .await
            .unwrap()
            .is_empty()
    );
    bench.holds(&[(1, 1.0), (2, 2.0)]).await;
}

#[tokio::test]
async fn names_stay_while_their_blocks_are_there_whatever_was_said() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    bench.pass_time(15);
    bench.compact().await;
    bench.pass_time(20);
    bench.tap.lie_about_deletions(true);
    let report = bench.compact().await;
    assert_eq!((report.blocks_deleted, report.finished), (1, 0));
    assert_eq!(bench.manifest().await.took.len(), 1);
    bench.holds(&[(1, 1.0)]).await;
    bench.tap.lie_about_deletions(false);
    bench.settle().await;
    bench.holds(&[(1, 1.0)]).await;
}

#[tokio::test]
async fn a_late_event_opens_a_finished_day_again() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    bench.settle().await;
    bench.pass_time(60 * 24 * 30);
    bench.accept(&[(2, 2.0)]).await;
    bench.settle().await;
    bench.holds(&[(1, 1.0), (2, 2.0)]).await;
    assert_eq!(bench.manifest().await.runs.len(), 1);
}

#[tokio::test]
async fn blocks_of_a_day_that_always_has_new_ones_are_deleted_in_time() {
    let mut bench = Bench::start().await;
    let mut events = Vec::new();
    for n in 0..120 {
        bench.accept(&[(n, 1.0)]).await;
        events.push((n, 1.0));
        bench.pass_time(2);
        bench.compact().await;
        let oldest = bench.clock_minus(40);
        for item in bench.items(Table::Inbox).await {
            let put: i64 = item["at"].as_n().unwrap().parse().unwrap();
            assert!(
                put > oldest.as_millis(),
                "a block is still there after 40 minutes"
            );
        }
    }
    bench.holds(&events).await;
}

#[tokio::test]
async fn the_catalogue_has_what_the_manifests_have_when_a_day_is_finished() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0), (86_400 * 3, 5.0)]).await;
    bench.settle().await;
    let namespace = Name::parse("n").unwrap();
    let listed = bench
        .store
        .names(&namespace, None, 10, bench.deadline())
        .await
        .unwrap();
    let totals = &listed.entries[0].totals;
    assert_eq!((totals.count(), totals.sum()), (2, 6.0));
    assert_eq!(totals.last(), Some((at(86_400 * 3), 5.0)));
}

#[tokio::test]
async fn a_year_that_changes_is_counted_every_quarter_of_an_hour() {
    let mut bench = Bench::start().await;
    let mut counted = Vec::new();
    for n in 0..7 {
        for block in 0..64 {
            bench.accept(&[(n * 64 + block, 1.0)]).await;
        }
        bench.compact().await;
        let summary = bench
            .store
            .year_summary(&series(), day().year(), bench.deadline())
            .await;
        counted
            .push((summary.unwrap().made.unwrap().as_millis() - crate::support::START_MS) / 60_000);
        bench.pass_time(6);
    }
    assert_eq!(counted, [0, 0, 0, 18, 18, 30, 30]);
}

#[tokio::test]
async fn work_that_somebody_else_remembered_without_a_publish_is_forgotten() {
    let mut bench = Bench::start().await;
    let due = at(0);
    bench
        .store
        .put_upkeep(&series(), day(), due, bench.deadline())
        .await
        .unwrap();
    let report = bench.compact().await;
    assert_eq!((report.published, report.finished), (1, 1));
    assert!(
        bench
            .store
            .list_upkeep(bench.deadline())
            .await
            .unwrap()
            .is_empty()
    );
    assert!(bench.days(&series()).await.is_empty());
    bench.accept(&[(1, 1.0)]).await;
    bench.settle().await;
    bench.holds(&[(1, 1.0)]).await;
}

#[tokio::test]
async fn chunks_are_deleted_an_hour_after_their_last_event_expired() {
    let mut bench = Bench::start().await;
    let expires = bench.clock_minus(-100);
    let events = (0..3).map(|n| weir_model::Event {
        expires: Some(expires),
        ..event(n, 1.0)
    });
    bench.accept_all(events.collect()).await;
    bench.settle().await;
    let items = bench.items(Table::Chunks).await;
    let ttl: i64 = items[0]["expires"].as_n().unwrap().parse().unwrap();
    let wanted = expires.as_millis() / 1_000 + 3_600;
    assert!((wanted..=wanted + 1).contains(&ttl));
}

impl Bench {
    fn clock_minus(&self, minutes: i64) -> Timestamp {
        use weir_store::Clock as _;
        Timestamp::from_millis(self.clock.now().as_millis() - minutes * 60_000).unwrap()
    }
}

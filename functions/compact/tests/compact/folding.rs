//! Folding blocks into manifests.

use aws_smithy_types::Blob;
use weir_compact::{Compactor, Options};
use weir_model::Event;
use weir_store::Share;
use weir_store::db::{AttributeValue, Put, Table};

use crate::support::{Bench, day, event, series};

#[tokio::test]
async fn events_are_counted_alike_at_every_stage() {
    let mut bench = Bench::start().await;
    let mut events = Vec::new();
    for n in 0..40 {
        let request = [(n * 97, n as f64), (n * 2_000, 0.25), (n * 2_000 + 1, -3.5)];
        bench.accept(&request).await;
        events.extend(request);
        if n % 10 == 0 {
            bench.pass_time(15);
            bench.compact().await;
            bench.holds(&events).await;
            bench.lists(&events).await;
        }
    }
    for _ in 0..20 {
        bench.pass_time(7);
        bench.compact().await;
        bench.holds(&events).await;
        bench.lists(&events).await;
        assert_eq!(bench.verify(false).await.differences, []);
    }
    assert_eq!(bench.items(Table::Inbox).await, []);
}

#[tokio::test]
async fn events_of_several_days_and_series_are_kept_apart() {
    let mut bench = Bench::start().await;
    let other = weir_model::Series::parse("n", "other").unwrap();
    let events: Vec<(i64, f64)> = (0..5).map(|n| (n * 86_400, n as f64)).collect();
    bench.accept(&events).await;
    bench
        .accept_all(vec![Event {
            series: other.clone(),
            ..event(9, 9.0)
        }])
        .await;
    bench.pass_time(15);
    assert_eq!(bench.compact().await.published, 6);
    bench.settle().await;
    bench.holds(&events).await;
    let others = bench.days(&other).await;
    assert_eq!(
        others
            .iter()
            .map(|day| day.total().unwrap().sum())
            .collect::<Vec<_>>(),
        [9.0]
    );
}

#[tokio::test]
async fn a_run_of_many_events_is_cut_into_chunks() {
    let mut bench = Bench::start().await;
    let mut all = Vec::new();
    for request in 0..3 {
        let events: Vec<(i64, f64)> = (0..9_000)
            .map(|n| ((n * 7 + request) % 3_600, n as f64))
            .collect();
        bench.accept(&events).await;
        all.extend(events);
    }
    bench.pass_time(15);
    bench.compact().await;
    let manifest = bench.manifest().await;
    assert!(
        manifest.runs.len() == 1 && manifest.runs[0].chunks.len() > 1,
        "{:?}",
        manifest.runs
    );
    let starts: Vec<_> = manifest.runs[0]
        .chunks
        .iter()
        .map(|chunk| chunk.start)
        .collect();
    assert!(starts.is_sorted());
    bench.holds(&all).await;
    assert_eq!(bench.verify(false).await.differences, []);
}

#[tokio::test]
async fn a_hot_day_gets_its_share_of_a_run_and_the_rest_in_the_next() {
    let mut bench = Bench::start().await;
    let mut events = Vec::new();
    for n in 0..100 {
        bench.accept(&[(n, 1.0)]).await;
        events.push((n, 1.0));
    }
    let cold = weir_model::Series::parse("n", "cold").unwrap();
    bench
        .accept_all(vec![Event {
            series: cold.clone(),
            ..event(9, 9.0)
        }])
        .await;
    bench.pass_time(15);
    let share = Share {
        blocks: 15,
        bytes: 1 << 20,
    };
    let options = Options {
        share,
        publishes: 2,
        ..Options::slice()
    };
    bench.compactor = Compactor::new(bench.store.clone(), options);
    let taken: Vec<u64> = [bench.compact().await.blocks, bench.compact().await.blocks].into();
    assert_eq!(taken, [31, 30]);
    assert!(
        bench
            .days(&cold)
            .await
            .iter()
            .all(|day| day.waiting_blocks() == 0)
    );
    bench.holds(&events).await;
    bench.settle().await;
    bench.holds(&events).await;
}

#[tokio::test]
async fn all_shards_are_folded() {
    let mut bench = Bench::start().await;
    bench.accept(&[(0, 1.0)]).await;
    bench
        .store
        .raise_shards(&series(), 5, bench.deadline())
        .await
        .unwrap();
    let mut events = vec![(0, 1.0)];
    for n in 1..30 {
        bench.accept(&[(n, 1.0)]).await;
        events.push((n, 1.0));
    }
    let partitions: std::collections::BTreeSet<_> = bench
        .items(Table::Inbox)
        .await
        .iter()
        .map(|item| item["pk"].as_s().unwrap().clone())
        .collect();
    assert_eq!(partitions.len(), 5);
    bench.pass_time(15);
    assert_eq!(bench.compact().await.blocks, 30);
    bench.holds(&events).await;
    bench.settle().await;
    bench.holds(&events).await;
}

#[tokio::test]
async fn a_block_that_cannot_be_read_holds_up_nothing_else() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    bench.accept(&[(2, 2.0)]).await;
    let mut broken = bench.items(Table::Inbox).await.remove(0);
    broken.insert("block".into(), AttributeValue::B(Blob::new([99])));
    let put = Put {
        table: Table::Inbox,
        item: broken,
        condition: None,
    };
    bench
        .store
        .db()
        .put_repeatable(put, bench.deadline())
        .await
        .unwrap();
    bench.pass_time(15);
    let report = bench.compact().await;
    assert_eq!((report.blocks, report.failed), (1, 1));
    assert_eq!(bench.manifest().await.total().count(), 1);
}

#[tokio::test]
async fn a_manifest_stays_small_however_many_writers_there_are() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    let block = bench.items(Table::Inbox).await.remove(0);
    let key = block["sk"].as_s().unwrap().clone();
    let (of_day, _) = key.split_once('.').unwrap();
    for writer in 0..5_000 {
        let mut item = block.clone();
        let key = format!("{of_day}.{:024x}.{:016x}", writer * 7_919, 5);
        item.insert("sk".into(), AttributeValue::S(key));
        let put = Put {
            table: Table::Inbox,
            item,
            condition: None,
        };
        bench
            .store
            .db()
            .put_repeatable(put, bench.deadline())
            .await
            .unwrap();
    }
    let encoded = |manifest: &weir_model::Manifest| {
        let parts = manifest.encode();
        parts.day.len() + parts.quarters.len() + parts.took.len() + parts.runs.len()
    };
    let mut largest = 0;
    let mut fullest = 0;
    for _ in 0..100 {
        bench.compact().await;
        let manifest = bench.manifest().await;
        largest = largest.max(encoded(&manifest));
        fullest = fullest.max(manifest.took.iter().map(|took| took.names.len()).sum());
        let total = bench.days(&series()).await[0].total().unwrap();
        assert_eq!((total.count(), total.sum()), (5_001, 5_001.0));
        bench.pass_time(10);
    }
    assert!(
        largest < 200_000 && fullest > 2_000,
        "{largest} bytes, {fullest} names"
    );
    assert_eq!(bench.items(Table::Inbox).await, []);
    assert_eq!(bench.manifest().await.total().count(), 5_001);
    assert_eq!(day(), bench.days(&series()).await[0].day);
}

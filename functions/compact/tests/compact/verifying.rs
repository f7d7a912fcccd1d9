//! Verifying and sweeping.

use weir_model::{Manifest, RunId};
use weir_store::db::Table;
use weir_store::{ChunkPlace, Published};

use crate::support::{Bench, day, series};

async fn compacted() -> Bench {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0), (2, 2.0), (4_000, 4.0)]).await;
    bench.settle().await;
    bench
}

async fn damage(bench: &Bench, change: impl FnOnce(&mut Manifest)) {
    let (publish, mut manifest) = bench
        .store
        .manifest(&series(), day(), bench.deadline())
        .await
        .unwrap();
    change(&mut manifest);
    let published = bench
        .store
        .publish(
            &series(),
            day(),
            publish.as_ref(),
            &manifest,
            &[],
            bench.deadline(),
        )
        .await;
    assert_eq!(published.unwrap(), Published::Mine);
}

/// What verifying says of a manifest with this damage.
async fn check(damage_done: impl FnOnce(&mut Manifest), expected: &[&str]) {
    let bench = compacted().await;
    damage(&bench, damage_done).await;
    let differences = bench.verify(false).await.differences;
    let said: Vec<&str> = differences
        .iter()
        .map(|difference| difference.what.as_str())
        .collect();
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said} has no {expected}");
    }
}

#[tokio::test]
async fn a_sound_store_has_no_differences() {
    let bench = compacted().await;
    let report = bench.verify(true).await;
    assert_eq!((report.days, report.events, report.swept), (1, 3, 0));
    assert_eq!((report.incomplete, report.differences), (0, vec![]));
}

#[tokio::test]
async fn totals_that_are_not_those_of_the_events_are_found() {
    let more = |manifest: &mut Manifest| manifest.quarters.add(crate::support::at(3), 1.0);
    check(more, &["quarter 0 says 3 events", "the totals of hour 0"]).await;
    let of_run =
        |manifest: &mut Manifest| manifest.runs[0].totals = manifest.runs[1].totals.clone();
    check(of_run, &["the totals of hour 0"]).await;
}

#[tokio::test]
async fn a_run_that_is_not_named_is_missed() {
    let forgotten = |manifest: &mut Manifest| _ = manifest.runs.remove(0);
    check(
        forgotten,
        &[
            "quarter 0 says 2 events; its chunks hold 0",
            "the totals of hour 0",
        ],
    )
    .await;
}

#[tokio::test]
async fn events_that_are_there_twice_are_found() {
    let twice = |manifest: &mut Manifest| manifest.runs.push(manifest.runs[0].clone());
    check(
        twice,
        &[
            "2 events of hour 0 are there twice",
            "quarter 0 says 2 events; its chunks hold 4",
            "the totals of hour 0",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_chunk_that_is_lost_is_found() {
    let bench = compacted().await;
    let run = bench.manifest().await.runs[0].clone();
    let place = ChunkPlace {
        hour: run.hour,
        run: run.id,
        position: 0,
    };
    bench
        .store
        .delete_chunks(&series(), day(), vec![place], bench.deadline())
        .await
        .unwrap();
    let report = bench.verify(false).await;
    assert_eq!(report.differences.len(), 1);
    let difference = &report.differences[0];
    assert!(difference.what.contains("not all there"), "{difference}");
    assert_eq!(
        difference.to_string().split(':').next(),
        Some("n/m on 2024-05-15")
    );
}

#[tokio::test]
async fn a_sweep_deletes_what_no_manifest_names_and_nothing_else() {
    let mut bench = compacted().await;
    bench.accept(&[(3, 3.0)]).await;
    bench.pass_time(15);
    bench.compact().await;
    bench.pass_time(20);
    bench.compact().await;
    let manifest = bench.manifest().await;
    assert!(!manifest.dead.is_empty());
    let named = bench.items(Table::Chunks).await.len();
    for day in [day(), day().next().unwrap()] {
        let place = ChunkPlace {
            hour: 7,
            run: RunId::from_bits(7),
            position: 0,
        };
        bench
            .store
            .put_chunk(&series(), day, place, vec![1], None, bench.deadline())
            .await
            .unwrap();
    }
    assert_eq!(bench.verify(false).await.swept, 0);
    assert_eq!(bench.verify(true).await.swept, 2);
    assert_eq!(bench.items(Table::Chunks).await.len(), named);
    assert_eq!(bench.manifest().await, manifest);
    bench
        .holds(&[(1, 1.0), (2, 2.0), (3, 3.0), (4_000, 4.0)])
        .await;
    assert_eq!(bench.verify(true).await.swept, 0);
}

#[tokio::test]
async fn a_day_whose_upkeep_was_forgotten_is_remembered() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    bench.pass_time(15);
    bench.compact().await;
    for upkeep in bench.store.list_upkeep(bench.deadline()).await.unwrap() {
        bench.store.delete_upkeep(&upkeep).await.unwrap();
    }
    assert_eq!(bench.verify(false).await.differences, []);
    bench.settle().await;
    assert_eq!(bench.items(Table::Inbox).await, []);
}

#[tokio::test]
async fn only_the_series_that_is_asked_for_is_verified() {
    let bench = compacted().await;
    let other = weir_model::Series::parse("n", "other").unwrap();
    let options = weir_compact::VerifyOptions {
        series: Some(other),
        sweep: true,
    };
    assert_eq!(
        weir_compact::verify(&bench.store, &options)
            .await
            .unwrap()
            .days,
        0
    );
}

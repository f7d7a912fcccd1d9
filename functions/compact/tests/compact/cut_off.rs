//! A run that ends at any call, and what the next ones make of it.

use weir_store::db::Table;

use crate::support::{Bench, at};

const EVENTS: [(i64, f64); 5] = [
    (10, 1.0),
    (20, 2.0),
    (30, 4.0),
    (4_000, 8.0),
    (90_000, 16.0),
];

/// Makes a store that has everything to be done at once: blocks to take and to delete, runs to
/// merge and to delete, years to count.
async fn with_work() -> Bench {
    let mut bench = Bench::start().await;
    for event in &EVENTS[..2] {
        bench.accept(&[*event]).await;
        bench.pass_time(15);
        bench.compact().await;
    }
    bench.pass_time(20);
    bench.compact().await;
    bench.accept(&EVENTS[2..3]).await;
    bench.pass_time(40);
    bench.compact().await;
    bench.accept(&EVENTS[3..]).await;
    bench.pass_time(25);
    bench
}

/// Runs until call `last` has taken effect and its answer is lost; false if all was done before.
async fn run_up_to(bench: &mut Bench, last: i64) -> bool {
    bench.tap.stop_after(last);
    let stopped = async {
        while !bench.tap.has_stopped() {
            tokio::task::yield_now().await;
        }
    };
    let cut = tokio::select! {
        biased;
        _ = bench.compactor.run() => false,
        () = stopped => true,
    };
    bench.tap.go_on();
    cut
}

#[tokio::test]
async fn a_run_may_be_cut_off_at_any_call() {
    for last in 1.. {
        let mut bench = with_work().await;
        if !run_up_to(&mut bench, last).await {
            assert!(last > 25, "there were only {last} calls");
            return;
        }
        bench.holds(&EVENTS).await;
        bench.lists(&EVENTS).await;
        bench.restart();
        bench.settle().await;
        bench.holds(&EVENTS).await;
        bench.lists(&EVENTS).await;
        let report = bench.verify(true).await;
        assert_eq!(report.differences, [], "cut off at call {last}");
        bench.holds(&EVENTS).await;
        assert_eq!(bench.items(Table::Inbox).await, []);
        let chunks: usize = named(&bench).await;
        assert_eq!(
            bench.items(Table::Chunks).await.len(),
            chunks,
            "cut off at call {last}"
        );
    }
}

/// Chunks that manifests name.
async fn named(bench: &Bench) -> usize {
    let mut chunks = 0;
    for day in [at(0).day(), at(90_000).day()] {
        let manifest = bench
            .store
            .manifest(&crate::support::series(), day, bench.deadline())
            .await;
        chunks += manifest
            .unwrap()
            .1
            .runs
            .iter()
            .map(|run| run.chunks.len())
            .sum::<usize>();
    }
    chunks
}

//! When there is work, and what it costs to find none.

use weir_model::Event;
use weir_store::db::{Item, Table};

use crate::support::{Bench, event};

#[tokio::test]
async fn nothing_to_do_costs_a_page_and_two_queries() {
    let mut bench = Bench::start().await;
    bench.tap.drain();
    let report = bench.compact().await;
    assert!(!report.did_something());
    assert_eq!(bench.tap.drain(), ["Query", "Query", "Scan"]);
}

#[tokio::test]
async fn blocks_that_wait_for_their_deletion_cost_nothing_more() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    bench.pass_time(15);
    assert_eq!(bench.compact().await.published, 1);
    bench.pass_time(16);
    bench.tap.drain();
    assert!(!bench.compact().await.did_something());
    assert_eq!(bench.tap.drain(), ["Query", "Query", "Scan"]);
}

#[tokio::test]
async fn a_few_fresh_blocks_wait() {
    let mut bench = Bench::start().await;
    for n in 0..63 {
        bench.accept(&[(n, 1.0)]).await;
    }
    assert_eq!(bench.compact().await.published, 0);
    bench.accept(&[(63, 1.0)]).await;
    assert_eq!(bench.compact().await.blocks, 64);
}

#[tokio::test]
async fn large_blocks_do_not_wait() {
    let mut bench = Bench::start().await;
    // Digits that do not repeat, so that they do not pack well.
    let noise: String = (0..60_000_u64)
        .map(|n| (n * n * 7_919 % 99_991).to_string())
        .collect();
    let mut accepted = Vec::new();
    while bench.compact().await.published == 0 {
        let from = accepted.len() * 25_000;
        let properties = format!("{{\"x\":\"{}\"}}", &noise[from..from + 25_000]);
        let properties = Some(properties.into());
        bench
            .accept_all(vec![Event {
                properties,
                ..event(1, 1.0)
            }])
            .await;
        accepted.push(
            bench
                .items(Table::Inbox)
                .await
                .iter()
                .map(size)
                .sum::<u64>(),
        );
    }
    let (last, before) = accepted.split_last().unwrap();
    assert!(
        *last >= 64_000 && before.iter().all(|size| *size < 64_000),
        "{accepted:?}"
    );
}

fn size(item: &Item) -> u64 {
    item["size"].as_n().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_old_block_does_not_wait() {
    let mut bench = Bench::start().await;
    bench.accept(&[(1, 1.0)]).await;
    bench.pass_time(14);
    assert_eq!(bench.compact().await.published, 0);
    bench.pass_time(1);
    assert_eq!(bench.compact().await.published, 1);
}

#[tokio::test]
async fn a_few_new_blocks_wait_beside_many_that_are_taken() {
    let mut bench = Bench::start().await;
    for n in 0..70 {
        bench.accept(&[(n, 1.0)]).await;
    }
    assert_eq!(bench.compact().await.published, 1);
    bench.accept(&[(100, 1.0)]).await;
    // Another process does not know what was taken, and finds out.
    bench.restart();
    assert_eq!(bench.compact().await.published, 0);
    assert_eq!(bench.waiting().await, 1);
}

//! Readers under writers.

use weir_store::{Order, RecordSpan};
use weir_tests::chaos::{Seen, When};

use super::shelf::{create, look, numbers, put, record};
use crate::scene::{Scene, freeze, thaw};

/// Records of which the even ones stay as they are, and the odd ones go elsewhere.
#[tokio::test(start_paused = true)]
async fn a_record_that_nobody_writes_is_there_once_whatever_others_do() {
    for order in [Order::Ascending, Order::Descending] {
        for held in [0, 1, 3, 6, 9] {
            let scene = Scene::start().await;
            scene.world.chaos.tear_transactions(true);
            let set = create(&scene).await;
            let (one, two) = (scene.store("one"), scene.store("two"));
            let id = |n: u32| format!("r{n:03}");
            let before: Vec<_> = (0..60).map(|n| record(&id(n), 1 + n % 28, 1)).collect();
            put(&two, &set, &before).await;
            // A torn query reads a few items at a time; it is held up between two of them.
            let is_read = |call: &Seen| call.actor() == "one" && call.is("Query");
            let gate = scene.world.chaos.hold_piece(is_read, held, When::Before);
            let reading = async {
                let span = RecordSpan::default();
                let mut reader = one.read_records(&set, span, order, scene.deadline());
                let mut records = Vec::new();
                while let Some(page) = reader.next_page().await? {
                    records.extend(page);
                }
                Ok::<_, weir_store::StoreError>(records)
            };
            let Some(frozen) = freeze(reading, &gate).await else {
                continue;
            };
            let moved: Vec<_> = (0..60)
                .filter(|n| n % 2 == 1)
                .map(|n| record(&id(n), 28 - n % 28, 2))
                .collect();
            put(&two, &set, &moved).await;
            let mut read = thaw(frozen, &gate).await.unwrap();
            let places: Vec<_> = read.iter().map(|r| (r.timestamp, r.id.clone())).collect();
            let mut sorted = places.clone();
            sorted.sort();
            if order == Order::Descending {
                sorted.reverse();
            }
            assert_eq!(places, sorted);
            read.retain(|record| record.id[1..].parse::<u32>().unwrap() % 2 == 0);
            let read = numbers(&read);
            assert_eq!(read.len(), 30);
            assert!(read.values().all(|n| *n == 1));
            let after = look(&scene).await;
            assert_eq!((after.len(), after.values().sum()), (60, 90));
        }
    }
}

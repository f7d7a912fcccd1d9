//! Transactions that others see item by item: in part perhaps, twice never.

use weir_tests::chaos::{Seen, When};

use crate::scene::{MINUTE, Point, Scene, keyed, look, plain, spawn};

/// One block a day, so that the request is a transaction of several items.
const DAYS: i64 = 4;

fn points() -> Vec<Point> {
    (0..DAYS)
        .map(|day| (day * 86_400_000 + 5, (day + 1) as f64))
        .collect()
}

fn is_transaction(call: &Seen) -> bool {
    call.is("TransactWriteItems")
}

#[tokio::test(start_paused = true)]
async fn a_reader_sees_a_torn_transaction_in_part_and_never_twice() {
    for has_key in [false, true] {
        for place in 0..DAYS as usize {
            let mut scene = Scene::start().await;
            scene.world.chaos.tear_transactions(true);
            let writer = scene.store("writer");
            let gate = scene
                .world
                .chaos
                .hold_piece(is_transaction, place, When::After);
            let submission = match has_key {
                true => keyed(&writer, "k", &points()),
                false => plain(&writer, &points()),
            };
            let request = spawn(&writer, submission);
            gate.reached().await;
            let part = look(&scene.store("reader")).await.unwrap().points;
            assert!(
                part.iter().all(|point| points().contains(point)) && part.len() <= points().len()
            );
            // A compactor takes what there is.
            let mut compactor = scene.compactor("compactor");
            compactor.run().await.unwrap();
            assert_eq!(look(&scene.store("reader")).await.unwrap().points, part);
            gate.release();
            assert_eq!(request.await.unwrap().unwrap().accepted, DAYS as u64);
            scene.expect(&points());
            scene.is_exact().await;
            compactor.run().await.unwrap();
            scene.settle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_visible_of_a_transaction_may_be_deleted_before_the_rest_appears() {
    let mut scene = Scene::start().await;
    scene.world.chaos.tear_transactions(true);
    let writer = scene.store("writer");
    let gate = scene
        .world
        .chaos
        .hold_piece(is_transaction, 2, When::Before);
    let request = spawn(&writer, keyed(&writer, "k", &points()));
    gate.reached().await;
    let part = look(&scene.store("reader")).await.unwrap().points;
    let mut compactor = scene.compactor("compactor");
    for _ in 0..5 {
        compactor.run().await.unwrap();
        assert_eq!(look(&scene.store("reader")).await.unwrap().points, part);
        scene.pass(10 * MINUTE);
    }
    gate.release();
    scene.world.chaos.quiet().await;
    _ = request.await.unwrap();
    scene.expect(&points());
    scene.is_exact().await;
    // The repeat under its key finds it complete.
    let other = scene.store("other");
    assert_eq!(
        other
            .accept(keyed(&other, "k", &points()))
            .await
            .unwrap()
            .accepted,
        DAYS as u64
    );
    scene.settle().await;
}

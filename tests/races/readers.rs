//! Readers that are slow: either they count exactly, or they say that they were too slow.

use std::time::Duration;

use weir_store::{StoreError, View};
use weir_tests::chaos::When;

use crate::scene::{HOUR, MINUTE, Scene, Sight, freeze, look, thaw, with_work};

/// Freezes a reader at each of its calls while `meanwhile` happens; gives what it said.
async fn at_each_call(meanwhile: impl AsyncFn(&Scene)) -> Vec<Result<Sight, StoreError>> {
    let mut said = Vec::new();
    for when in [When::Before, When::After] {
        for nth in 0.. {
            let mut scene = Scene::start().await;
            with_work(&mut scene).await;
            let reader = scene.store("slow");
            let gate = scene.world.chaos.freeze("slow", nth, when);
            let Some(frozen) = freeze(look(&reader), &gate).await else {
                assert!(nth > 3, "there were only {nth} calls");
                break;
            };
            meanwhile(&scene).await;
            let sight = thaw(frozen, &gate).await;
            if let Ok(sight) = &sight {
                assert_eq!(sight.points, scene.points(), "at call {nth}");
            }
            said.push(sight);
        }
    }
    said
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_across_a_publish_counts_exactly() {
    let said = at_each_call(async |scene| {
        let mut compactor = scene.compactor("compactor");
        let report = compactor.run().await.unwrap();
        assert!(report.published > 0 && report.merged > 0 && report.blocks_deleted > 0);
        for _ in 0..2 {
            scene.pass(Duration::from_secs(12));
            compactor.run().await.unwrap();
        }
    });
    for sight in said.await {
        sight.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_across_publish_and_deletion_fails_rather_than_count_wrong() {
    let said = at_each_call(async |scene| {
        let mut compactor = scene.compactor("compactor");
        for _ in 0..8 {
            compactor.run().await.unwrap();
            scene.pass(10 * MINUTE);
        }
    });
    for sight in said.await {
        let error = sight.unwrap_err();
        let is_honest = matches!(
            error,
            StoreError::TooSlow(View::SECONDS) | StoreError::Unavailable(_)
        );
        assert!(is_honest, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_for_any_time_counts_exactly_or_fails() {
    for minutes in [1, 5, 14, 16, 19, 20, 21, 25, 40, 61] {
        let said = at_each_call(async |scene| {
            let mut compactor = scene.compactor("compactor");
            compactor.run().await.unwrap();
            scene.pass(MINUTE * minutes);
            compactor.run().await.unwrap();
        });
        assert!(said.await.iter().all(Result::is_err));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_beside_writers_and_compactors_sees_each_event_once() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.world.chaos.tear_transactions(true);
    let mut compactors = [scene.compactor("one"), scene.compactor("two")];
    for round in 0..30 {
        scene
            .accept(&writer, &[(round * 1_000, 1.0), (round * 2_000_000, 2.0)])
            .await;
        let before = scene.points();
        let store = scene.store("reader");
        let (sight, ..) = {
            let [one, two] = &mut compactors;
            tokio::join!(look(&store), one.run(), two.run())
        };
        assert_eq!(sight.unwrap().points, before);
        scene.pass(7 * MINUTE);
    }
    scene.pass(HOUR);
    scene.settle().await;
}

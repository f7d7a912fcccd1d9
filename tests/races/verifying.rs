//! Verifying and sweeping beside compactors.

use weir_compact::{VerifyOptions, VerifyReport, verify};
use weir_model::RunId;
use weir_store::db::Table;
use weir_store::{ChunkPlace, Store, StoreError};
use weir_tests::chaos::{Seen, When};

use crate::scene::{MINUTE, Scene, at, freeze, series, thaw, with_work};

async fn run(store: &Store, sweep: bool) -> Result<VerifyReport, StoreError> {
    verify(
        store,
        &VerifyOptions {
            series: None,
            sweep,
        },
    )
    .await
}

/// A chunk that a crash has left behind.
async fn litter(scene: &Scene) {
    let store = scene.store("crashed");
    let place = ChunkPlace {
        hour: 3,
        run: RunId::from_bits(42),
        position: 0,
    };
    let day = at(0).day();
    store
        .put_chunk(&series(), day, place, vec![1], None, scene.deadline())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_is_swept_up_under_its_feet_loses() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    scene.compactor("before").run().await.unwrap();
    scene.accept(&writer, &[(2, 2.0)]).await;
    let is_publish = |call: &Seen| {
        call.actor() == "frozen" && call.is("PutItem") && call.touches(Table::Manifests)
    };
    let gate = scene.world.chaos.hold(is_publish, When::Before);
    let mut compactor = scene.compactor("frozen");
    let frozen = freeze(compactor.run(), &gate).await.unwrap();
    assert_eq!(run(&scene.store("sweeper"), true).await.unwrap().swept, 1);
    let report = thaw(frozen, &gate).await.unwrap();
    assert_eq!((report.published, report.lost), (0, 1));
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_compactor_of_a_day_that_is_swept_up_under_its_feet_loses() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    let is_publish = |call: &Seen| {
        call.actor() == "frozen" && call.is("PutItem") && call.touches(Table::Manifests)
    };
    let gate = scene.world.chaos.hold(is_publish, When::Before);
    let mut compactor = scene.compactor("frozen");
    let frozen = freeze(compactor.run(), &gate).await.unwrap();
    assert_eq!(run(&scene.store("sweeper"), true).await.unwrap().swept, 1);
    assert_eq!(thaw(frozen, &gate).await.unwrap().lost, 1);
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_loses_to_a_publish_deletes_nothing_of_it() {
    for day_is_new in [true, false] {
        let mut scene = Scene::start().await;
        let writer = scene.store("writer");
        if !day_is_new {
            scene.accept(&writer, &[(1, 1.0)]).await;
            scene.compactor("before").run().await.unwrap();
        }
        scene.accept(&writer, &[(2, 2.0)]).await;
        litter(&scene).await;
        let is_publish = |actor: &'static str| {
            move |call: &Seen| {
                call.actor() == actor && call.is("PutItem") && call.touches(Table::Manifests)
            }
        };
        let gates = ["frozen", "sweeper"]
            .map(|actor| scene.world.chaos.hold(is_publish(actor), When::Before));
        let mut compactor = scene.compactor("frozen");
        let sweeper = scene.store("sweeper");
        let frozen = freeze(compactor.run(), &gates[0]).await.unwrap();
        let sweeping = freeze(run(&sweeper, true), &gates[1]).await.unwrap();
        assert_eq!(thaw(frozen, &gates[0]).await.unwrap().published, 1);
        assert_eq!(thaw(sweeping, &gates[1]).await.unwrap().swept, 1);
        scene.is_exact().await;
        assert_eq!(scene.unnamed_chunks().await, 0);
        scene.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_beside_a_compactor_at_any_call_deletes_nothing_that_is_named() {
    for nth in 0.. {
        let mut scene = Scene::start().await;
        with_work(&mut scene).await;
        let gate = scene.world.chaos.freeze("frozen", nth, When::After);
        let mut compactor = scene.compactor("frozen");
        let Some(frozen) = freeze(compactor.run(), &gate).await else {
            assert!(nth > 20, "there were only {nth} calls");
            return;
        };
        assert_eq!(
            run(&scene.store("sweeper"), true)
                .await
                .unwrap()
                .differences,
            []
        );
        scene.is_exact().await;
        _ = thaw(frozen, &gate).await;
        scene.is_exact().await;
        scene.settle().await;
        run(&scene.store("sweeper"), true).await.unwrap();
        assert_eq!(scene.unnamed_chunks().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_compactor_beside_a_sweep_at_any_call_loses_nothing() {
    for minutes in [0, 70] {
        for nth in 0.. {
            let mut scene = Scene::start().await;
            with_work(&mut scene).await;
            litter(&scene).await;
            let gate = scene.world.chaos.freeze("sweeper", nth, When::After);
            let sweeper = scene.store("sweeper");
            let Some(frozen) = freeze(run(&sweeper, true), &gate).await else {
                assert!(nth > 10, "there were only {nth} calls");
                break;
            };
            let writer = scene.store("writer-2");
            let mut compactor = scene.compactor("compactor");
            for n in 0..3 {
                scene.accept(&writer, &[(10_000 + n, 1.0)]).await;
                compactor.run().await.unwrap();
                scene.pass(MINUTE * minutes / 2);
            }
            if let Ok(report) = thaw(frozen, &gate).await {
                assert_eq!(report.differences, []);
            }
            scene.is_exact().await;
            scene.settle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn verifying_beside_a_compactor_at_any_call_finds_no_difference() {
    for nth in 0.. {
        let mut scene = Scene::start().await;
        with_work(&mut scene).await;
        let gate = scene.world.chaos.freeze("verifier", nth, When::After);
        let verifier = scene.store("verifier");
        let Some(frozen) = freeze(run(&verifier, false), &gate).await else {
            assert!(nth > 6, "there were only {nth} calls");
            return;
        };
        // Long enough for runs to be merged, and what they replace to be deleted, while the
        // verifier still holds the manifest of before.
        let mut compactor = scene.compactor("compactor");
        for _ in 0..4 {
            compactor.run().await.unwrap();
            scene.pass(35 * MINUTE);
        }
        match thaw(frozen, &gate).await {
            Ok(report) => assert_eq!(report.differences, [], "at call {nth}"),
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
        scene.settle().await;
    }
}

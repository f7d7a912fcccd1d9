//! Compactors that freeze for an hour at a call and then go on.

use weir_store::db::Table;
use weir_tests::chaos::{Seen, When};

use crate::scene::{HOUR, MINUTE, Scene, freeze, thaw, with_work};

/// Freezes a compactor at the first such call while another does all the work for an hour and
/// more, and thaws it.
async fn thawed_before(
    call: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    prepare: impl AsyncFn(&mut Scene),
) -> Scene {
    let mut scene = Scene::start().await;
    prepare(&mut scene).await;
    let gate = scene.world.chaos.hold(
        move |seen| seen.actor() == "frozen" && call(seen),
        When::Before,
    );
    let mut compactor = scene.compactor("frozen");
    let frozen = freeze(compactor.run(), &gate)
        .await
        .expect("it makes such a call");
    let writer = scene.store("writer-2");
    let mut other = scene.compactor("other");
    for n in 0..8 {
        scene.accept(&writer, &[(10_000 + n, 1.0)]).await;
        other.run().await.unwrap();
        scene.is_exact().await;
        scene.pass(10 * MINUTE);
    }
    _ = thaw(frozen, &gate).await;
    scene.world.chaos.quiet().await;
    scene.is_exact().await;
    scene.settle().await;
    scene
}

async fn one_block(scene: &mut Scene) {
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
}

async fn work(scene: &mut Scene) {
    with_work(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_thaws_before_its_publish_does_not_publish() {
    let is_publish = |call: &Seen| call.is("PutItem") && call.touches(Table::Manifests);
    let scene = thawed_before(is_publish, one_block).await;
    assert_eq!(scene.unnamed_chunks().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_thaws_before_it_writes_a_chunk_does_no_harm() {
    let is_chunk = |call: &Seen| call.is("PutItem") && call.touches(Table::Chunks);
    thawed_before(is_chunk, one_block).await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_thaws_before_it_deletes_blocks_deletes_only_those_taken() {
    let is_deletion = |call: &Seen| call.is("BatchWriteItem") && call.touches(Table::Inbox);
    thawed_before(is_deletion, work).await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_thaws_before_it_deletes_replaced_runs_deletes_only_those() {
    let is_deletion = |call: &Seen| call.is("BatchWriteItem") && call.touches(Table::Chunks);
    let replaced = async |scene: &mut Scene| {
        with_work(scene).await;
        scene.compactor("before").run().await.unwrap();
        scene.pass(HOUR);
    };
    thawed_before(is_deletion, replaced).await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_lost_and_thaws_before_it_deletes_its_chunks_deletes_only_those() {
    let mut scene = Scene::start().await;
    one_block(&mut scene).await;
    let is_publish = |call: &Seen| {
        call.actor() == "frozen" && call.is("PutItem") && call.touches(Table::Manifests)
    };
    let publishing = scene.world.chaos.hold(is_publish, When::Before);
    let is_deletion = |call: &Seen| {
        call.actor() == "frozen" && call.is("BatchWriteItem") && call.touches(Table::Chunks)
    };
    let deleting = scene.world.chaos.hold(is_deletion, When::Before);
    let mut compactor = scene.compactor("frozen");
    let frozen = freeze(compactor.run(), &publishing).await.unwrap();
    scene.compactor("other").run().await.unwrap();
    publishing.release();
    let frozen = freeze(frozen, &deleting).await.unwrap();
    scene.pass(HOUR);
    scene.compactor("other").run().await.unwrap();
    scene.is_exact().await;
    _ = thaw(frozen, &deleting).await;
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_that_forgets_a_day_does_not_forget_what_came_meanwhile() {
    // It is about to delete the upkeep item of a finished day when another publishes the day.
    let mut scene = Scene::start().await;
    one_block(&mut scene).await;
    let mut compactor = scene.compactor("frozen");
    compactor.run().await.unwrap();
    scene.pass(21 * MINUTE);
    let is_forgetting = |call: &Seen| call.actor() == "frozen" && call.is("DeleteItem");
    let gate = scene.world.chaos.hold(is_forgetting, When::Before);
    let frozen = freeze(compactor.run(), &gate).await.unwrap();
    let writer = scene.store("writer");
    scene.accept(&writer, &[(2, 2.0)]).await;
    assert_eq!(scene.compactor("other").run().await.unwrap().published, 1);
    _ = thaw(frozen, &gate).await;
    let reader = scene.store("reader");
    assert_eq!(reader.list_upkeep(scene.deadline()).await.unwrap().len(), 1);
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_may_thaw_an_hour_later_at_any_call() {
    for when in [When::Before, When::After] {
        for nth in 0.. {
            let mut scene = Scene::start().await;
            with_work(&mut scene).await;
            let gate = scene.world.chaos.freeze("frozen", nth, when);
            let mut compactor = scene.compactor("frozen");
            let Some(frozen) = freeze(compactor.run(), &gate).await else {
                assert!(nth > 20, "there were only {nth} calls");
                break;
            };
            scene.is_exact().await;
            let writer = scene.store("writer");
            let mut other = scene.compactor("other");
            for n in 0..7 {
                scene.accept(&writer, &[(10_000 + n, 3.0)]).await;
                other.run().await.unwrap();
                scene.pass(11 * MINUTE);
            }
            _ = thaw(frozen, &gate).await;
            scene.is_exact().await;
            scene.settle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_compactors_may_thaw_one_after_the_other_at_many_pairs_of_calls() {
    // Prime steps go through many different pairs.
    for pair in 0..45 {
        let (first, second) = (pair * 7 % 22, pair * 11 % 23);
        let mut scene = Scene::start().await;
        with_work(&mut scene).await;
        let gates = [
            scene.world.chaos.freeze("frozen-1", first, When::After),
            scene.world.chaos.freeze("frozen-2", second, When::Before),
        ];
        let mut one = scene.compactor("frozen-1");
        let mut two = scene.compactor("frozen-2");
        let one = freeze(one.run(), &gates[0]).await;
        let two = freeze(two.run(), &gates[1]).await;
        scene.is_exact().await;
        scene.compactor("other").run().await.unwrap();
        scene.pass((pair as u32 % 3) * 25 * MINUTE);
        scene.compactor("other").run().await.unwrap();
        scene.is_exact().await;
        if let Some(two) = two {
            _ = thaw(two, &gates[1]).await;
        }
        scene.is_exact().await;
        if let Some(one) = one {
            _ = thaw(one, &gates[0]).await;
        }
        scene.settle().await;
    }
}

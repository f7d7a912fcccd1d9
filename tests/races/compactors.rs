//! Two compactors of one day.

use weir_store::db::Table;
use weir_tests::chaos::{Failure, Seen, When};

use crate::scene::{MINUTE, Scene, freeze, thaw};

fn publish(actor: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync + Copy {
    move |call| call.actor() == actor && call.is("PutItem") && call.touches(Table::Manifests)
}

#[tokio::test(start_paused = true)]
async fn of_two_compactors_that_publish_one_day_one_wins_and_the_other_leaves_nothing() {
    for day_is_new in [true, false] {
        let mut scene = Scene::start().await;
        let writer = scene.store("writer");
        if !day_is_new {
            scene.accept(&writer, &[(1, 1.0)]).await;
            scene.compactor("before").run().await.unwrap();
        }
        scene.accept(&writer, &[(2, 2.0), (5_000_000, 3.0)]).await;
        let gate = scene.world.chaos.hold(publish("one"), When::Before);
        let mut one = scene.compactor("one");
        let frozen = freeze(one.run(), &gate).await.unwrap();
        scene.accept(&writer, &[(3, 4.0)]).await;
        assert_eq!(scene.compactor("two").run().await.unwrap().published, 1);
        scene.is_exact().await;
        let report = thaw(frozen, &gate).await.unwrap();
        assert_eq!((report.published, report.lost), (0, 1));
        assert_eq!(scene.unnamed_chunks().await, 0);
        scene.is_exact().await;
        scene.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_compactor_whose_answer_was_lost_finds_its_own_manifest() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    let lost = scene
        .world
        .chaos
        .fail_once(publish("one"), Failure::AfterEffect);
    let report = scene.compactor("one").run().await.unwrap();
    assert_eq!((report.published, report.lost, lost.happened()), (1, 0, 1));
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_compactor_whose_manifest_was_built_on_before_it_heard_of_it_keeps_its_chunks() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    // Its first attempt is published and not answered; it is frozen before its second one.
    let lost = scene
        .world
        .chaos
        .fail_once(publish("one"), Failure::AfterEffect);
    let again = move |call: &Seen| publish("one")(call) && lost.happened() == 1;
    let gate = scene.world.chaos.hold(again, When::Before);
    let mut one = scene.compactor("one");
    let frozen = freeze(one.run(), &gate).await.unwrap();
    scene.accept(&writer, &[(2, 2.0)]).await;
    assert_eq!(scene.compactor("two").run().await.unwrap().published, 1);
    thaw(frozen, &gate).await.unwrap();
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_when_its_run_is_already_replaced() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    scene.compactor("before").run().await.unwrap();
    scene.accept(&writer, &[(2, 2.0)]).await;
    let lost = scene
        .world
        .chaos
        .fail_once(publish("one"), Failure::AfterEffect);
    let again = move |call: &Seen| publish("one")(call) && lost.happened() == 1;
    let gate = scene.world.chaos.hold(again, When::Before);
    let mut one = scene.compactor("one");
    let frozen = freeze(one.run(), &gate).await.unwrap();
    // One second is left of its time to publish when the other has merged its run away.
    scene.pass(std::time::Duration::from_secs(25));
    let mut two = scene.compactor("two");
    scene.accept(&writer, &[(3, 2.0)]).await;
    two.run().await.unwrap();
    thaw(frozen, &gate).await.unwrap();
    scene.is_exact().await;
    scene.pass(21 * MINUTE);
    assert!(two.run().await.unwrap().merged > 0);
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_under_way_is_refused_after_another() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    // Every attempt of the one is under way for ever; it gives up in doubt.
    let gate = scene.world.chaos.hold(publish("one"), When::Before);
    let report = scene.compactor("one").run().await.unwrap();
    assert_eq!((report.published, report.lost), (0, 1));
    assert!(gate.held() > 1);
    assert_eq!(
        scene.items(Table::Chunks).await.len(),
        1,
        "what is in doubt is not deleted"
    );
    scene.is_exact().await;
    scene.accept(&writer, &[(2, 2.0)]).await;
    scene.compactor("two").run().await.unwrap();
    gate.release();
    scene.world.chaos.quiet().await;
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_under_way_may_land_when_it_was_given_up() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    let gate = scene.world.chaos.hold(publish("one"), When::Before);
    scene.compactor("one").run().await.unwrap();
    scene.pass(10 * MINUTE);
    gate.release();
    scene.world.chaos.quiet().await;
    assert_eq!(
        scene.today().await.took.len(),
        1,
        "it is signed ten minutes ago"
    );
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn compactors_side_by_side_count_once() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.world.chaos.random(7, 0.0);
    for round in 0..12 {
        for n in 0..3 {
            scene.accept(&writer, &[(round * 400_000 + n, 1.0)]).await;
        }
        let mut compactors: Vec<_> = ["one", "two", "three"]
            .map(|name| scene.compactor(name))
            .into();
        let runs = compactors.iter_mut().map(weir_compact::Compactor::run);
        futures::future::join_all(runs).await;
        scene.is_exact().await;
        scene.pass(9 * MINUTE);
    }
    scene.settle().await;
}

//! Processes whose clocks are a minute apart, either way.

use weir_store::db::Table;
use weir_tests::chaos::{Seen, When};

use crate::scene::{MINUTE, Scene, eager, freeze, look, plain, thaw};

const AHEAD: i64 = 60_000;
const BEHIND: i64 = -60_000;

#[tokio::test(start_paused = true)]
async fn clocks_a_minute_apart_do_not_matter() {
    for offsets in [
        [AHEAD, BEHIND, 0],
        [BEHIND, AHEAD, 0],
        [0, AHEAD, BEHIND],
        [0, BEHIND, AHEAD],
    ] {
        let mut scene = Scene::start().await;
        let [writer, one, two] = offsets;
        let writer = scene.world.node("writer", writer).store;
        let mut one = eager(scene.world.node("one", one).store);
        let mut two = eager(scene.world.node("two", two).store);
        for n in 0..40 {
            let points = [(n * 7, 1.0), (36_000_000 + n * 60_000, 2.0)];
            if n < 20 {
                writer.accept(plain(&writer, &points)).await.unwrap();
                scene.expect(&points);
            }
            one.run().await.unwrap();
            for offset in [AHEAD, 0, BEHIND] {
                let reader = scene.world.node("reader", offset).store;
                assert_eq!(look(&reader).await.unwrap().points, scene.points());
            }
            two.run().await.unwrap();
            scene.is_exact().await;
            scene.pass(3 * MINUTE);
        }
        scene.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_signed_long_before_it_lands_leaves_readers_their_time() {
    // The publisher's clock is behind, its put is under way for 14 minutes, and the one that
    // deletes has a clock that is ahead: still no reader that saw the manifest before misses a
    // block that the view of its time allows.
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    let is_publish =
        |call: &Seen| call.actor() == "one" && call.is("PutItem") && call.touches(Table::Manifests);
    let gate = scene.world.chaos.hold(is_publish, When::Before);
    let mut one = eager(scene.world.node("one", BEHIND).store);
    let report = one.run().await.unwrap();
    assert_eq!(report.lost, 1, "it gave up in doubt");
    scene.pass(13 * MINUTE);
    let reader = scene.store("slow");
    let reads = scene.world.chaos.freeze("slow", 1, When::After);
    let slow = freeze(look(&reader), &reads).await.unwrap();
    gate.release();
    // It lands all the same.
    while scene.today().await.took.is_empty() {
        tokio::task::yield_now().await;
    }
    let mut two = eager(scene.world.node("two", AHEAD).store);
    two.run().await.unwrap();
    scene.pass(std::time::Duration::from_secs(20));
    two.run().await.unwrap();
    assert_eq!(thaw(slow, &reads).await.unwrap().points, scene.points());
    scene.is_exact().await;
    scene.settle().await;
}

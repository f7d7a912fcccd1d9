//! Shards raised while others write, read and compact by the old count.

use weir_store::Store;
use weir_store::db::Table;
use weir_tests::chaos::When;

use crate::scene::{MINUTE, Scene, freeze, look, series, thaw};

/// Raises the shards and writes until all of them have blocks.
async fn raise(scene: &mut Scene, to: u8, writer: &Store) {
    writer
        .raise_shards(&series(), to, scene.deadline())
        .await
        .unwrap();
    for n in 0..i64::from(to) * 2 {
        scene.accept(writer, &[(40_000 + n, 1.0)]).await;
    }
}

/// Shards whose partitions have blocks.
async fn shards_used(scene: &Scene) -> usize {
    let items = scene.items(Table::Inbox).await;
    let partitions: std::collections::BTreeSet<_> = items
        .iter()
        .map(|item| item["pk"].as_s().unwrap())
        .collect();
    partitions.len()
}

#[tokio::test(start_paused = true)]
async fn shards_are_raised_while_writing_by_the_old_count() {
    let mut scene = Scene::start().await;
    let old = scene.store("old");
    scene.accept(&old, &[(1, 1.0)]).await;
    let new = scene.store("new");
    raise(&mut scene, 4, &new).await;
    assert_eq!(shards_used(&scene).await, 4);
    // This one goes by what it has read.
    for n in 0..6 {
        scene.accept(&old, &[(2 + n, 1.0)]).await;
    }
    scene.is_exact().await;
    scene.compactor("compactor").run().await.unwrap();
    scene.is_exact().await;
    raise(&mut scene, 16, &new).await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn shards_are_raised_while_a_reader_is_at_any_call() {
    for nth in 0.. {
        let mut scene = Scene::start().await;
        let writer = scene.store("writer");
        scene.accept(&writer, &[(1, 1.0), (86_400_001, 1.0)]).await;
        scene.compactor("compactor").run().await.unwrap();
        scene.accept(&writer, &[(2, 1.0)]).await;
        let before = scene.points();
        let reader = scene.store("slow");
        let gate = scene.world.chaos.freeze("slow", nth, When::After);
        let Some(frozen) = freeze(look(&reader), &gate).await else {
            assert!(nth > 3, "there were only {nth} calls");
            return;
        };
        raise(&mut scene, 4, &writer).await;
        scene.compactor("compactor").run().await.unwrap();
        let sight = thaw(frozen, &gate).await.unwrap();
        // What was stored before it began is all there; of the rest, each event at most once.
        let mut rest = scene.points();
        for point in &sight.points {
            let place = rest
                .iter()
                .position(|p| p == point)
                .expect("it was stored, once");
            rest.remove(place);
        }
        assert!(before.iter().all(|point| sight.points.contains(point)));
        scene.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shards_are_raised_while_a_compactor_is_at_any_call() {
    for nth in 0.. {
        let mut scene = Scene::start().await;
        let writer = scene.store("writer");
        let mut compactor = scene.compactor("frozen");
        scene.accept(&writer, &[(1, 1.0)]).await;
        compactor.run().await.unwrap();
        scene.accept(&writer, &[(2, 1.0)]).await;
        scene.pass(21 * MINUTE);
        let gate = scene.world.chaos.freeze("frozen", nth, When::After);
        let Some(frozen) = freeze(compactor.run(), &gate).await else {
            assert!(nth > 10, "there were only {nth} calls");
            return;
        };
        raise(&mut scene, 4, &writer).await;
        scene.compactor("other").run().await.unwrap();
        scene.is_exact().await;
        scene.pass((nth as u32 % 3) * 11 * MINUTE);
        _ = thaw(frozen, &gate).await;
        scene.is_exact().await;
        scene.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shards_are_raised_while_a_key_is_repeated() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    let points = [(1, 1.0), (86_400_001, 2.0)];
    writer
        .accept(crate::scene::keyed(&writer, "k", &points))
        .await
        .unwrap();
    scene.expect(&points);
    raise(&mut scene, 8, &writer).await;
    let other = scene.store("other");
    let answer = other
        .accept(crate::scene::keyed(&other, "k", &points))
        .await
        .unwrap();
    assert_eq!(answer.accepted, 2);
    scene.settle().await;
}

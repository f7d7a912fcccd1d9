//! Repeats of a key or an id, while what they repeat is compacted.

use weir_store::AcceptError;
use weir_store::db::Table;
use weir_tests::chaos::{Failure, Seen, When};

use crate::scene::{MINUTE, Point, Scene, freeze, keyed, spawn, tally, thaw, with_id};

const POINTS: [Point; 3] = [(100, 1.0), (200, 2.0), (86_400_300, 4.0)];

/// Repeats the request under its key through a process that has never seen it.
async fn repeat(scene: &Scene) {
    let other = scene.store("another");
    let answer = other.accept(keyed(&other, "k", &POINTS)).await.unwrap();
    assert_eq!((answer.accepted, answer.duplicates), (3, 0));
    scene.is_exact().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_is_repeated_during_and_after_merging() {
    let mut scene = Scene::start().await;
    scene.world.chaos.tear_transactions(true);
    let writer = scene.store("writer");
    writer.accept(keyed(&writer, "k", &POINTS)).await.unwrap();
    scene.expect(&POINTS);
    repeat(&scene).await;
    let mut compactor = scene.compactor("compactor");
    for table in [
        Table::Chunks,
        Table::Manifests,
        Table::Inbox,
        Table::Manifests,
    ] {
        scene.accept(&writer, &[(100, 1.0)]).await;
        let is_next =
            move |call: &Seen| call.actor() == "compactor" && call.writes() && call.touches(table);
        for when in [When::Before, When::After] {
            let gate = scene.world.chaos.hold(is_next, when);
            let Some(frozen) = freeze(compactor.run(), &gate).await else {
                continue;
            };
            repeat(&scene).await;
            _ = thaw(frozen, &gate).await;
            repeat(&scene).await;
            scene.pass(11 * MINUTE);
        }
    }
    scene.settle().await;
    repeat(&scene).await;
    let wrong = [(100, 1.0)];
    let other = scene.store("another");
    let mut reused = keyed(&other, "k", &wrong);
    reused.body = [1; 32];
    assert_eq!(other.accept(reused).await, Err(AcceptError::KeyReused));
    scene.is_exact().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_in_doubt_is_repeated_while_its_blocks_are_taken() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    let of_writer = |call: &Seen| call.actor() == "writer" && call.is("TransactWriteItems");
    let lost = scene.world.chaos.fail_all(of_writer, Failure::AfterEffect);
    let request = spawn(&writer, keyed(&writer, "k", &POINTS));
    scene.expect(&POINTS);
    while lost.happened() == 0 {
        tokio::task::yield_now().await;
    }
    scene.compactor("compactor").run().await.unwrap();
    repeat(&scene).await;
    lost.end();
    assert_eq!(request.await.unwrap().unwrap().accepted, 3);
    repeat(&scene).await;
    scene.settle().await;
    repeat(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn one_key_through_many_processes_at_once_is_counted_once() {
    for seed in 0..8 {
        let mut scene = Scene::start().await;
        scene.world.chaos.tear_transactions(true);
        scene.world.chaos.random(seed, 0.1);
        let requests: Vec<_> = (0..6)
            .map(|n| {
                let writer = scene.store(&format!("writer-{n}"));
                spawn(&writer, keyed(&writer, "k", &POINTS))
            })
            .collect();
        let mut compactor = scene.compactor("compactor");
        _ = compactor.run().await;
        let answers = futures::future::join_all(requests).await;
        scene.world.chaos.calm();
        scene.world.chaos.quiet().await;
        let said = answers
            .into_iter()
            .filter_map(|answer| answer.unwrap().ok());
        assert!(said.into_iter().all(|answer| answer.accepted == 3));
        repeat_to_the_end(&mut scene).await;
        scene.settle().await;
        repeat(&scene).await;
    }
}

/// Whatever became of the others, a repeat under the key completes it.
async fn repeat_to_the_end(scene: &mut Scene) {
    let other = scene.store("another");
    assert_eq!(
        other
            .accept(keyed(&other, "k", &POINTS))
            .await
            .unwrap()
            .accepted,
        3
    );
    scene.expect(&POINTS);
    scene.is_exact().await;
}

#[tokio::test(start_paused = true)]
async fn an_id_in_concurrent_requests_is_counted_once() {
    for torn in [false, true] {
        let mut scene = Scene::start().await;
        scene.world.chaos.tear_transactions(torn);
        let requests: Vec<_> = (0..8)
            .map(|n| {
                let writer = scene.store(&format!("writer-{n}"));
                // The event with the id is the same everywhere; the other one is each one's own.
                spawn(
                    &writer,
                    with_id(&writer, "a", &[(100, 1.0), (200 + n, 1.0)]),
                )
            })
            .collect();
        let mut compactor = scene.compactor("compactor");
        compactor.run().await.unwrap();
        let mut duplicates = Vec::new();
        for request in requests {
            let answer = request.await.unwrap().unwrap();
            assert_eq!(answer.accepted + answer.duplicates, 2);
            duplicates.push(answer.duplicates);
        }
        assert_eq!(tally(duplicates), [(0, 1), (1, 7)].into());
        scene.expect(&[(100, 1.0)]);
        scene.expect(&(0..8).map(|n| (200 + n, 1.0)).collect::<Vec<_>>());
        scene.is_exact().await;
        scene.settle().await;
        let late = scene.store("late");
        let answer = late
            .accept(with_id(&late, "a", &[(100, 1.0)]))
            .await
            .unwrap();
        assert_eq!((answer.accepted, answer.duplicates), (0, 1));
        scene.is_exact().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_whose_request_is_half_visible_is_counted_once() {
    // The marker of the one is there and its block is not, or the other way round.
    for place in 0..3 {
        let mut scene = Scene::start().await;
        scene.world.chaos.tear_transactions(true);
        let one = scene.store("one");
        let of_one = |call: &Seen| call.actor() == "one" && call.is("TransactWriteItems");
        let gate = scene.world.chaos.hold_piece(of_one, place, When::Before);
        let request = spawn(&one, with_id(&one, "a", &[(100, 1.0), (86_400_100, 1.0)]));
        gate.reached().await;
        let two = scene.store("two");
        let other = spawn(&two, with_id(&two, "a", &[(100, 1.0), (300, 1.0)]));
        scene.compactor("compactor").run().await.unwrap();
        gate.release();
        let (first, second) = (
            request.await.unwrap().unwrap(),
            other.await.unwrap().unwrap(),
        );
        assert_eq!(first.duplicates + second.duplicates, 1);
        scene.expect(&[(100, 1.0), (86_400_100, 1.0), (300, 1.0)]);
        scene.is_exact().await;
        scene.settle().await;
    }
}

//! One record, and who writes it last.

use serde_json::json;
use weir_store::Patched;
use weir_tests::chaos::{Failure, When, error_code};

use super::shelf::{body, create, is_sound, look, object, of, put, record, writes_of};
use crate::scene::{HOUR, MINUTE, Scene, freeze, thaw};

#[tokio::test(start_paused = true)]
async fn two_writers_of_one_id_at_different_times_leave_one_record() {
    for (first, second) in [(11, 12), (12, 11), (11, 11), (0, 11), (11, 0)] {
        for before in [None, Some(10)] {
            let scene = Scene::start().await;
            let set = create(&scene).await;
            let (one, two) = (scene.store("one"), scene.store("two"));
            if let Some(day) = before {
                put(&two, &set, &[record("a", day, 0)]).await;
            }
            let gate = scene.world.chaos.hold_once(writes_of("one"), When::Before);
            let records = [record("a", first, 1)];
            let frozen = freeze(put(&one, &set, &records), &gate).await.unwrap();
            put(&two, &set, &[record("a", second, 2)]).await;
            assert_eq!(look(&scene).await, of(&[("a", 2)]));
            // It finds that another was faster, and goes on from what that one left.
            thaw(frozen, &gate).await;
            assert_eq!(look(&scene).await, of(&[("a", 1)]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_delivered_again_after_a_newer_one_changes_nothing() {
    for newer in [10, 11, 12] {
        let scene = Scene::start().await;
        let set = create(&scene).await;
        let (one, two) = (scene.store("one"), scene.store("two"));
        let late = scene.world.chaos.repeat_later(writes_of("one"));
        put(&one, &set, &[record("a", 11, 1)]).await;
        put(&two, &set, &[record("a", newer, 2)]).await;
        let answer = late.deliver().await.unwrap();
        assert_eq!(
            error_code(&answer).as_deref(),
            Some("TransactionCanceledException")
        );
        assert_eq!(look(&scene).await, of(&[("a", 2)]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_delivered_again_does_not_bring_a_deleted_record_back() {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let late = scene.world.chaos.repeat_later(writes_of("one"));
    put(&one, &set, &[record("a", 11, 1)]).await;
    assert!(
        two.delete_record(&set, "a", scene.deadline())
            .await
            .unwrap()
    );
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("TransactionCanceledException")
    );
    assert_eq!(look(&scene).await, of(&[]));
    // What says that it is gone goes itself only when the write is too old.
    scene.pass(HOUR + MINUTE);
    scene.sweep_expired().await;
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("InvalidSignatureException")
    );
    assert_eq!(look(&scene).await, of(&[]));
}

#[tokio::test(start_paused = true)]
async fn a_writer_whose_answers_are_lost_finds_its_own_records() {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let one = scene.store("one");
    let lost = scene
        .world
        .chaos
        .fail_once(writes_of("one"), Failure::AfterEffect);
    let records: Vec<_> = (0..49)
        .map(|n| record(&format!("r{n}"), n % 20, n.into()))
        .collect();
    one.put_records(&set, &records, scene.deadline())
        .await
        .unwrap();
    assert_eq!(lost.happened(), 1);
    let before = look(&scene).await;
    assert_eq!(before.len(), 49);
}

#[tokio::test(start_paused = true)]
async fn a_record_never_has_a_mark_again_that_it_had_before() {
    // One writes, and its answer is lost. Another writes over it, and is delivered twice, the
    // second time after the first has written once more.
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let lost = scene
        .world
        .chaos
        .fail_once(writes_of("one"), Failure::AfterEffect);
    let gate = scene.world.chaos.freeze("one", 2, When::Before);
    let records = [record("a", 11, 1)];
    let frozen = freeze(put(&one, &set, &records), &gate).await.unwrap();
    let late = scene.world.chaos.repeat_later(writes_of("two"));
    put(&two, &set, &[record("a", 11, 2)]).await;
    thaw(frozen, &gate).await;
    assert_eq!(lost.happened(), 1);
    assert_eq!(look(&scene).await, of(&[("a", 1)]));
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("TransactionCanceledException")
    );
    assert_eq!(look(&scene).await, of(&[("a", 1)]));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_writer_that_thaws_after_its_time_writes_nothing() {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let gate = scene.world.chaos.hold(writes_of("one"), When::Before);
    let records = [record("a", 11, 1)];
    let frozen = one.put_records(&set, &records, scene.deadline());
    let frozen = freeze(frozen, &gate).await.unwrap();
    put(&two, &set, &[record("a", 12, 2)]).await;
    scene.pass(HOUR);
    thaw(frozen, &gate).await.unwrap_err();
    scene.world.chaos.quiet().await;
    assert_eq!(look(&scene).await, of(&[("a", 2)]));
}

#[tokio::test(start_paused = true)]
async fn two_patches_at_once_are_both_made() {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    put(&one, &set, &[record("a", 11, 1)]).await;
    let gate = scene.world.chaos.hold_once(writes_of("one"), When::Before);
    let patch = object(json!({"xx": 1}));
    let patching = one.patch_record(&set, "a", &patch, scene.deadline());
    let frozen = freeze(patching, &gate).await.unwrap();
    let patch = object(json!({"yy": 2, "_timestamp": "2013-03-20T00:00:00Z"}));
    let done = two.patch_record(&set, "a", &patch, scene.deadline()).await;
    assert_eq!(done.unwrap(), Patched::Done);
    assert_eq!(thaw(frozen, &gate).await.unwrap(), Patched::Done);
    is_sound(&scene, &set).await;
    let there = one
        .record(&set, "a", scene.deadline())
        .await
        .unwrap()
        .unwrap();
    let there = body(&there);
    assert_eq!(
        (&there["nn"], &there["xx"], &there["yy"]),
        (&json!(1), &json!(1), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_is_read_whole_while_a_transaction_shows_its_parts_one_by_one() {
    for moves_to in [11, 12] {
        for place in 0..3 {
            let scene = Scene::start().await;
            let set = create(&scene).await;
            let (one, two) = (scene.store("one"), scene.store("two"));
            put(&one, &set, &[record("a", 11, 1)]).await;
            scene.world.chaos.tear_transactions(true);
            let gate = scene
                .world
                .chaos
                .hold_piece(writes_of("one"), place, When::Before);
            let records = [record("a", moves_to, 2)];
            let writing = put(&one, &set, &records);
            let Some(frozen) = freeze(writing, &gate).await else {
                continue;
            };
            let reading = two.record(&set, "a", scene.deadline());
            let reading = tokio::time::timeout(MINUTE, reading);
            let (read, ()) = tokio::join!(reading, async {
                tokio::time::sleep(MINUTE / 4).await;
                thaw(frozen, &gate).await;
            });
            let there = read.unwrap().unwrap().expect("it was there all the time");
            let there = body(&there);
            let day = format!("2013-03-{moves_to}T00:00:00Z");
            let whole = match there["nn"].as_u64() {
                Some(1) => there["_timestamp"] == "2013-03-11T00:00:00Z",
                Some(2) => there["_timestamp"] == *day,
                _ => false,
            };
            assert!(whole, "{there}");
            assert_eq!(look(&scene).await, of(&[("a", 2)]));
        }
    }
}

//! Sets that are emptied, deleted and made again under writers and readers.

use weir_store::db::Table;
use weir_store::{DataSetChange, Order, RecordSpan};
use weir_tests::chaos::{Failure, Seen, When, error_code};

use super::shelf::{create, current, look, name, numbers, of, put, record, writes_of};
use crate::scene::{MINUTE, Scene, freeze, thaw};

#[tokio::test(start_paused = true)]
async fn a_write_that_lands_after_an_emptying_is_not_in_the_new_set_and_is_deleted() {
    let scene = Scene::start().await;
    let old = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    put(&two, &old, &[record("a", 11, 1), record("b", 0, 2)]).await;
    let gate = scene.world.chaos.hold(writes_of("one"), When::Before);
    let records = [record("c", 11, 3)];
    let frozen = freeze(put(&one, &old, &records), &gate).await.unwrap();
    two.empty_data_set(&name(), scene.deadline()).await.unwrap();
    let new = current(&scene).await;
    put(&two, &new, &[record("d", 11, 4)]).await;
    scene.pass(14 * MINUTE);
    gate.release();
    scene.world.chaos.quiet().await;
    assert_eq!(scene.items(Table::Records).await.len(), 8);
    assert_eq!(look(&scene).await, of(&[("d", 4)]));
    drop(frozen);
    scene.pass(17 * MINUTE);
    let deleted = two.sweep_records(scene.deadline()).await.unwrap();
    assert_eq!(deleted, 6);
    assert_eq!(look(&scene).await, of(&[("d", 4)]));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_too_old_when_an_emptied_generation_is_deleted() {
    let scene = Scene::start().await;
    let old = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let late = scene.world.chaos.repeat_later(writes_of("one"));
    put(&one, &old, &[record("a", 11, 1)]).await;
    two.empty_data_set(&name(), scene.deadline()).await.unwrap();
    scene.pass(31 * MINUTE);
    two.sweep_records(scene.deadline()).await.unwrap();
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("InvalidSignatureException")
    );
    assert_eq!(scene.items(Table::Records).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_is_emptied_while_it_is_read_is_read_to_its_end() {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let records: Vec<_> = (0..300)
        .map(|n| record(&format!("r{n}"), n % 20, n.into()))
        .collect();
    put(&two, &set, &records).await;
    let is_read = |call: &Seen| call.actor() == "one" && call.is("Query");
    let gate = scene.world.chaos.hold(is_read, When::Before);
    let reading = async {
        let mut reader = one.read_records(
            &set,
            RecordSpan::default(),
            Order::Ascending,
            scene.deadline(),
        );
        let mut records = Vec::new();
        while let Some(page) = reader.next_page().await? {
            records.extend(page);
        }
        Ok::<_, weir_store::StoreError>(records)
    };
    let frozen = freeze(reading, &gate).await.unwrap();
    two.empty_data_set(&name(), scene.deadline()).await.unwrap();
    put(&two, &current(&scene).await, &[record("new", 1, 1)]).await;
    two.sweep_records(scene.deadline()).await.unwrap();
    let read = thaw(frozen, &gate).await.unwrap();
    assert_eq!(numbers(&read).len(), 300);
    assert_eq!(look(&scene).await, of(&[("new", 1)]));
}

#[tokio::test(start_paused = true)]
async fn an_emptying_whose_answer_is_lost_empties_once_and_keeps_what_came_after() {
    let is_emptying = |call: &Seen| call.actor() == "one" && call.is("TransactWriteItems");
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    put(&two, &set, &[record("a", 11, 1)]).await;
    let lost = scene
        .world
        .chaos
        .fail_once(is_emptying, Failure::AfterEffect);
    let emptied = one.empty_data_set(&name(), scene.deadline()).await.unwrap();
    assert_eq!(lost.happened(), 1);
    let now = current(&scene).await;
    assert_eq!(emptied.as_ref(), Some(&now));
    assert_ne!(now.generation, set.generation);
    // The one generation that went is noted, and no other.
    let notes = scene.items(Table::Registry).await;
    let is_note = |item: &&weir_store::db::Item| item["pk"].as_s().unwrap() == "data-sets-gone";
    assert_eq!(notes.iter().filter(is_note).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_and_an_emptying_at_once_are_both_made() {
    let scene = Scene::start().await;
    let set = create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    put(&two, &set, &[record("a", 11, 1)]).await;
    let is_change = |call: &Seen| call.actor() == "one" && call.is("TransactWriteItems");
    let gate = scene.world.chaos.hold_once(is_change, When::Before);
    let settings = weir_model::DataSetSettings {
        realtime: true,
        ..set.settings
    };
    let change = DataSetChange {
        token: None,
        settings: Some(settings),
    };
    let name = name();
    let changing = one.change_data_set(&name, change, scene.deadline());
    let frozen = freeze(changing, &gate).await.unwrap();
    two.empty_data_set(&name, scene.deadline()).await.unwrap();
    thaw(frozen, &gate).await.unwrap();
    let now = current(&scene).await;
    assert!(now.settings.realtime && now.generation != set.generation);
    assert_eq!(look(&scene).await, of(&[]));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_slow_does_not_delete_the_next_set_of_the_name() {
    let scene = Scene::start().await;
    create(&scene).await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let is_deletion = |call: &Seen| call.actor() == "one" && call.is("TransactWriteItems");
    let gate = scene.world.chaos.hold_once(is_deletion, When::Before);
    let name = name();
    let deleting = one.delete_data_set(&name, scene.deadline());
    let frozen = freeze(deleting, &gate).await.unwrap();
    assert!(two.delete_data_set(&name, scene.deadline()).await.unwrap());
    let next = create(&scene).await;
    assert!(thaw(frozen, &gate).await.unwrap());
    assert_eq!(current(&scene).await, next);
}

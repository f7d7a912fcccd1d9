//! Late puts: a call that arrives long after whoever made it has given up or moved on.

use weir_store::db::Table;
use weir_store::embedded::{Answer, Cut};
use weir_tests::chaos::{Late, error_code};

use crate::scene::{HOUR, MINUTE, Scene, keyed, spawn, with_id};

fn code(answer: &Result<Answer, Cut>) -> Option<String> {
    error_code(answer.as_ref().unwrap())
}

/// Delivers a copy of a write at every stage in the life of what it wrote, and says what became
/// of each.
async fn deliver_throughout(scene: &Scene, late: &Late) -> Vec<Option<String>> {
    let mut compactor = scene.compactor("compactor");
    let mut codes = vec![code(&late.deliver().await)];
    scene.is_exact().await;
    compactor.run().await.unwrap();
    assert_eq!(scene.today().await.took.len(), 1);
    codes.push(code(&late.deliver().await));
    scene.is_exact().await;
    scene.pass(14 * MINUTE);
    compactor.run().await.unwrap();
    codes.push(code(&late.deliver().await));
    scene.is_exact().await;
    scene.pass(7 * MINUTE);
    compactor.run().await.unwrap();
    assert!(
        scene.items(Table::Inbox).await.is_empty(),
        "it is deleted by now"
    );
    codes.push(code(&late.deliver().await));
    scene.is_exact().await;
    scene.pass(HOUR);
    codes.push(code(&late.deliver().await));
    scene.is_exact().await;
    codes
}

#[tokio::test(start_paused = true)]
async fn a_late_put_after_deletion_counts_nothing() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    let late = scene
        .world
        .chaos
        .repeat_later(|c| c.is("PutItem") && c.touches(Table::Inbox));
    scene.accept(&writer, &[(1, 1.0)]).await;
    let codes = deliver_throughout(&scene, &late).await;
    let there = Some("ConditionalCheckFailedException".to_owned());
    let too_late = Some("InvalidSignatureException".to_owned());
    assert_eq!(
        codes,
        [
            there.clone(),
            there.clone(),
            there,
            too_late.clone(),
            too_late
        ]
    );
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_transaction_after_deletion_counts_nothing() {
    let mut scene = Scene::start().await;
    scene.world.chaos.tear_transactions(true);
    let writer = scene.store("writer");
    let late = scene
        .world
        .chaos
        .repeat_later(|c| c.is("TransactWriteItems"));
    writer
        .accept(keyed(&writer, "k", &[(1, 1.0), (2, 2.0)]))
        .await
        .unwrap();
    scene.expect(&[(1, 1.0), (2, 2.0)]);
    let codes = deliver_throughout(&scene, &late).await;
    let refused = Some("TransactionCanceledException".to_owned());
    let too_late = Some("InvalidSignatureException".to_owned());
    assert_eq!(
        codes,
        [
            refused.clone(),
            refused.clone(),
            refused,
            too_late.clone(),
            too_late
        ]
    );
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_under_way_while_its_repeat_is_taken_counts_nothing() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    let first = |c: &weir_tests::chaos::Seen| {
        c.actor() == "writer" && c.is("PutItem") && c.touches(Table::Inbox)
    };
    let gate = scene
        .world
        .chaos
        .hold_once(first, weir_tests::chaos::When::Before);
    scene.accept(&writer, &[(1, 1.0)]).await;
    assert_eq!(gate.held(), 1, "the first attempt is still under way");
    let mut compactor = scene.compactor("compactor");
    compactor.run().await.unwrap();
    scene.pass(21 * MINUTE);
    compactor.run().await.unwrap();
    assert!(scene.items(Table::Inbox).await.is_empty());
    gate.release();
    scene.world.chaos.quiet().await;
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_marker_does_not_bring_its_event_back() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    let late = scene
        .world
        .chaos
        .repeat_later(|c| c.is("TransactWriteItems"));
    let first = spawn(&writer, with_id(&writer, "a", &[(1, 1.0), (2, 2.0)]));
    assert_eq!(first.await.unwrap().unwrap().accepted, 2);
    scene.expect(&[(1, 1.0), (2, 2.0)]);
    deliver_throughout(&scene, &late).await;
    scene.settle().await;
}

//! Blocks of their own kind: empty ones that settle a doubt, and one that fills a gap.

use std::time::Duration;

use weir_store::AcceptError;
use weir_store::db::Table;
use weir_tests::chaos::{Failure, Seen, When, error_code};

use crate::scene::{MINUTE, Scene, keyed, plain, spawn};

fn is_block(call: &Seen) -> bool {
    call.is("PutItem") && call.touches(Table::Inbox)
}

#[tokio::test(start_paused = true)]
async fn an_empty_block_is_taken_like_any_other_and_what_it_settled_never_comes() {
    let scene = Scene::start().await;
    let writer = scene.store("writer");
    let late = scene.world.chaos.repeat_later(is_block);
    let cut = scene.world.chaos.fail_all(is_block, Failure::BeforeEffect);
    let request = spawn(&writer, plain(&writer, &[(1, 1.0)]));
    // First attempts end after ten seconds; what follows puts the empty block.
    tokio::time::sleep(Duration::from_secs(11)).await;
    cut.end();
    let refused = request.await.unwrap().unwrap_err();
    assert!(matches!(refused, AcceptError::NotStored(_)), "{refused:?}");
    assert_eq!(scene.items(Table::Inbox).await.len(), 1);
    scene.is_exact().await;
    let mut compactor = scene.compactor("compactor");
    assert_eq!(compactor.run().await.unwrap().blocks, 1);
    let manifest = scene.today().await;
    assert_eq!(
        (
            manifest.took.len(),
            manifest.runs.len(),
            manifest.total().count()
        ),
        (1, 0, 0)
    );
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("ConditionalCheckFailedException")
    );
    scene.is_exact().await;
    scene.pass(21 * MINUTE);
    compactor.run().await.unwrap();
    assert!(scene.items(Table::Inbox).await.is_empty());
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("InvalidSignatureException")
    );
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_doubt_about_a_block_that_was_taken_meanwhile_is_settled_as_stored() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    let lost = scene.world.chaos.fail_all(is_block, Failure::AfterEffect);
    let request = spawn(&writer, plain(&writer, &[(1, 1.0)]));
    scene.expect(&[(1, 1.0)]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    scene.compactor("compactor").run().await.unwrap();
    scene.is_exact().await;
    lost.end();
    assert_eq!(request.await.unwrap().unwrap().accepted, 1);
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_empty_block_after_deletion_counts_nothing_and_goes() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    // Every answer is lost until the first attempts are over; settling sees what is there.
    let lost = scene.world.chaos.fail_all(is_block, Failure::AfterEffect);
    let request = spawn(&writer, plain(&writer, &[(1, 1.0)]));
    scene.expect(&[(1, 1.0)]);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let late = scene.world.chaos.repeat_later(is_block);
    late.caught().await;
    lost.end();
    assert_eq!(request.await.unwrap().unwrap().accepted, 1);
    let mut compactor = scene.compactor("compactor");
    compactor.run().await.unwrap();
    scene.pass(21 * MINUTE);
    compactor.run().await.unwrap();
    assert!(scene.items(Table::Inbox).await.is_empty());
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("InvalidSignatureException")
    );
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_a_sequence_is_never_taken_and_its_late_block_is_counted() {
    let mut scene = Scene::start().await;
    let writer = scene.store("writer");
    for n in 0..80 {
        scene.accept(&writer, &[(n, 1.0)]).await;
    }
    // A keyed request whose one attempt is still under way when all its repeats have failed.
    let is_transaction = |call: &Seen| call.is("TransactWriteItems");
    let gate = scene.world.chaos.hold_once(is_transaction, When::Before);
    let gap = keyed(&writer, "k", &[(500, 5.0), (600, 6.0)]);
    let request = spawn(&writer, gap);
    gate.reached().await;
    let cut = scene
        .world
        .chaos
        .fail_all(is_transaction, Failure::BeforeEffect);
    let doubt = request.await.unwrap().unwrap_err();
    assert!(
        matches!(doubt, AcceptError::RepeatUnderKey { .. }),
        "{doubt:?}"
    );
    cut.end();
    for n in 0..80 {
        scene.accept(&writer, &[(1_000 + n, 1.0)]).await;
    }
    let mut compactor = scene.compactor("compactor");
    assert_eq!(compactor.run().await.unwrap().blocks, 160);
    let sequences: Vec<_> = scene.today().await.took[0]
        .names
        .ranges()
        .map(|(_, first, last)| (first, last))
        .collect();
    assert_eq!(sequences, [(0, 79), (81, 160)]);
    scene.is_exact().await;
    scene.pass(10 * MINUTE);
    gate.release();
    scene.world.chaos.quiet().await;
    scene.expect(&[(500, 5.0), (600, 6.0)]);
    scene.is_exact().await;
    // Its client repeats it under the key, as it was told to.
    let repeat = keyed(&writer, "k", &[(500, 5.0), (600, 6.0)]);
    assert_eq!(writer.accept(repeat).await.unwrap().accepted, 2);
    scene.is_exact().await;
    compactor.run().await.unwrap();
    scene.is_exact().await;
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_filled_after_the_blocks_around_it_are_deleted() {
    // The late transaction is held up on its way in, past the checks, item by item.
    let mut scene = Scene::start().await;
    scene.world.chaos.tear_transactions(true);
    let writer = scene.store("writer");
    scene.accept(&writer, &[(1, 1.0)]).await;
    let is_transaction = |call: &Seen| call.is("TransactWriteItems");
    let gate = scene
        .world
        .chaos
        .hold_piece(is_transaction, 1, When::Before);
    let request = spawn(
        &writer,
        keyed(&writer, "k", &[(500, 5.0), (86_400_500, 6.0)]),
    );
    gate.reached().await;
    let other = scene.store("writer-2");
    scene.accept(&other, &[(2, 2.0)]).await;
    let mut compactor = scene.compactor("compactor");
    for _ in 0..4 {
        compactor.run().await.unwrap();
        scene.pass(10 * MINUTE);
    }
    gate.release();
    scene.world.chaos.quiet().await;
    scene.expect(&[(500, 5.0), (86_400_500, 6.0)]);
    scene.is_exact().await;
    // The client's process has given up long ago; it does not say that nothing was stored.
    let told = request.await.unwrap();
    assert!(!matches!(told, Err(AcceptError::NotStored(_))), "{told:?}");
    scene.settle().await;
}

//! Requests without a key whose events all have ids: the same events come again in other groups,
//! from other processes, while some of them are stored.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use weir_model::Event;
use weir_store::{AcceptError, Accepted, Store, Submission};
use weir_tests::chaos::{Failure, Seen, When};

use crate::scene::{MINUTE, Point, Scene, look, plain, spawn};

/// More than two transactions hold.
const ALL: Range<i64> = 0..250;

fn point(n: i64) -> Point {
    (100 + n, (n % 7) as f64)
}

fn points(numbers: Range<i64>) -> Vec<Point> {
    numbers.map(point).collect()
}

/// The events of these numbers, each with its own id.
fn identified(store: &Store, numbers: Range<i64>) -> Submission {
    let mut submission = plain(store, &points(numbers.clone()));
    let with_id = |(event, n): (&mut Event, i64)| event.id = Some(format!("id-{n}").into());
    submission.events.iter_mut().zip(numbers).for_each(with_id);
    submission
}

/// Cuts numbers into groups of a size, the last one perhaps smaller.
fn groups(numbers: Range<i64>, size: usize) -> impl Iterator<Item = Range<i64>> {
    let end = numbers.end;
    let cut = move |from: i64| from..end.min(from + size as i64);
    numbers.step_by(size).map(cut)
}

/// Sends a group until it is answered.
async fn insist(store: &Store, group: Range<i64>) -> Accepted {
    loop {
        match store.accept(identified(store, group.clone())).await {
            Ok(answer) => return answer,
            Err(AcceptError::RepeatWithIds { .. } | AcceptError::NotStored(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends numbers in groups, each until it is answered; how many were accepted as those answers say.
async fn send(store: Store, numbers: Range<i64>, size: usize) -> u64 {
    let mut accepted = 0;
    for group in groups(numbers, size) {
        let events = group.clone().count() as u64;
        let answer = insist(&store, group).await;
        assert_eq!(answer.accepted + answer.duplicates, events);
        accepted += answer.accepted;
    }
    accepted
}

/// Everything is sent at once by four processes in groups of their own, and compacted meanwhile.
/// Gives how many were accepted in all.
async fn send_in_many_ways(scene: &Scene) -> u64 {
    let senders = [(ALL, 250), (ALL, 37), (40..240, 100), (90..130, 1)];
    let sent = senders.into_iter().enumerate().map(|(n, (numbers, size))| {
        let store = scene.store(&format!("writer-{n}"));
        tokio::spawn(send(store, numbers, size))
    });
    let sent: Vec<_> = sent.collect();
    // A run that faults cut short is taken up by a later one.
    _ = scene.compactor("compactor").run().await;
    let accepted = futures::future::join_all(sent).await;
    accepted.into_iter().map(|accepted| accepted.unwrap()).sum()
}

/// Whoever sends everything once more is told that all of it is there.
async fn all_is_there(scene: &mut Scene) {
    scene.expect(&points(ALL));
    scene.is_exact().await;
    let late = scene.store("late");
    let answer = late.accept(identified(&late, ALL)).await.unwrap();
    assert_eq!((answer.accepted, answer.duplicates), (0, 250));
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn ids_in_other_groups_are_counted_once() {
    for torn in [false, true] {
        let mut scene = Scene::start().await;
        scene.world.chaos.tear_transactions(torn);
        assert_eq!(send_in_many_ways(&scene).await, 250);
        all_is_there(&mut scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn ids_in_other_groups_are_counted_once_while_calls_fail() {
    for seed in 0..6 {
        let mut scene = Scene::start().await;
        scene.world.chaos.tear_transactions(true);
        scene.world.chaos.random(seed, 0.15);
        let accepted = send_in_many_ways(&scene).await;
        scene.world.chaos.calm();
        scene.world.chaos.quiet().await;
        // What was stored by a request that broke off is in no answer.
        assert!(accepted <= 250, "{accepted}");
        all_is_there(&mut scene).await;
    }
}

/// All transactions of the writer but its first.
fn behind_the_first() -> impl Fn(&Seen) -> bool + Send + Sync {
    let calls = AtomicUsize::new(0);
    move |call: &Seen| {
        call.actor() == "writer"
            && call.is("TransactWriteItems")
            && calls.fetch_add(1, Ordering::SeqCst) > 0
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_request_that_broke_off_has_stored_is_known_by_its_ids() {
    let mut scene = Scene::start().await;
    let failing = scene
        .world
        .chaos
        .fail_all(behind_the_first(), Failure::BeforeEffect);
    let writer = scene.store("writer");
    let broken = writer.accept(identified(&writer, ALL)).await;
    assert!(
        matches!(broken, Err(AcceptError::RepeatWithIds { .. })),
        "{broken:?}"
    );
    failing.end();
    scene.world.chaos.quiet().await;
    let there = look(&scene.store("reader")).await.unwrap().points;
    assert!(!there.is_empty() && there.len() < 250, "{}", there.len());
    scene.compactor("compactor").run().await.unwrap();
    let accepted = send(scene.store("another"), ALL, 60).await;
    assert_eq!(accepted, 250 - there.len() as u64);
    all_is_there(&mut scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_part_that_arrives_late_counts_nothing_that_was_sent_again() {
    let mut scene = Scene::start().await;
    scene.world.chaos.tear_transactions(true);
    let gate = scene.world.chaos.hold(behind_the_first(), When::Before);
    let writer = scene.store("writer");
    let request = spawn(&writer, identified(&writer, ALL));
    gate.reached().await;
    // All but the last few come again, in other groups.
    send(scene.store("another"), 0..240, 60).await;
    let broken = request.await.unwrap();
    assert!(
        matches!(broken, Err(AcceptError::RepeatWithIds { .. })),
        "{broken:?}"
    );
    scene.compactor("compactor").run().await.unwrap();
    scene.pass(13 * MINUTE);
    gate.release();
    scene.world.chaos.quiet().await;
    let there = look(&scene.store("reader")).await.unwrap().points;
    assert!((240..=250).contains(&there.len()), "{}", there.len());
    let accepted = send(scene.store("third"), ALL, 1).await;
    assert_eq!(accepted, 250 - there.len() as u64);
    all_is_there(&mut scene).await;
}

#[tokio::test(start_paused = true)]
async fn one_transaction_in_doubt_is_known_by_its_ids() {
    for (failure, stored) in [(Failure::BeforeEffect, 0), (Failure::AfterEffect, 5)] {
        let mut scene = Scene::start().await;
        let of_writer = |call: &Seen| call.actor() == "writer" && call.is("TransactWriteItems");
        let lost = scene.world.chaos.fail_all(of_writer, failure);
        let writer = scene.store("writer");
        let doubtful = writer.accept(identified(&writer, 0..5)).await;
        lost.end();
        match (failure, doubtful) {
            // The second attempt was refused by the first, and the round saw why.
            (Failure::AfterEffect, Ok(answer)) => assert_eq!(answer.accepted, 5),
            (_, Err(AcceptError::RepeatWithIds { .. })) => {}
            (_, other) => panic!("{other:?}"),
        }
        let again = send(scene.store("another"), 3..250, 50).await;
        assert_eq!(again, 250 - 3.max(stored));
        send(scene.store("another"), ALL, 250).await;
        all_is_there(&mut scene).await;
    }
}

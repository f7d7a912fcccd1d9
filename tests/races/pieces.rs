//! Bookmarks in pieces: whoever freezes, dies or comes late at whatever step, the bookmark is whole,
//! is one that its holder saved, and the next holder leaves no other pieces about.

use std::time::Duration;

use serde_json::{Value, json};
use weir_store::db::Table;
use weir_store::{BookmarkSizes, JobName, Lease, LeaseError, Leasing, Store, StoreError};
use weir_tests::chaos::{Failure, Seen, When, error_code};

use crate::scene::{HOUR, MINUTE, Scene, freeze, soon, thaw};

const LENGTH: Duration = Duration::from_secs(300);

/// More calls than taking a job or saving makes.
const STEPS: usize = 16;

/// Bookmarks of these tests have some 250 bytes if their number is odd.
const SIZES: BookmarkSizes = BookmarkSizes {
    in_item: 100,
    piece: 60,
    longest: 1_000,
};

/// Pieces of one of them.
const PIECES: usize = 5;

fn job() -> JobName {
    "pendo".parse().unwrap()
}

/// A long one, or a short one if the number is even.
fn at(n: u64) -> Value {
    let long = if n.is_multiple_of(2) { 0 } else { 240 };
    json!({"n": n, "known": "x".repeat(long)})
}

fn number(bookmark: &Value) -> u64 {
    let n = bookmark["n"].as_u64().unwrap();
    assert_eq!(*bookmark, at(n), "it is not whole");
    n
}

fn store(scene: &Scene, name: &str) -> Store {
    Store::with_bookmark_sizes(scene.store(name).db().clone(), SIZES)
}

async fn ask(store: &Store, holder: &str) -> Result<Leasing, StoreError> {
    let job = job();
    store.lease_job(&job, holder, LENGTH, soon(store)).await
}

async fn lease(store: &Store, holder: &str) -> Lease {
    match ask(store, holder).await.unwrap() {
        Leasing::Held(lease) => lease,
        Leasing::Busy { holder, .. } => panic!("{holder} has it"),
    }
}

async fn save(lease: &mut Lease, store: &Store, n: u64) -> Result<(), LeaseError> {
    lease.save(store, at(n), vec![], soon(store)).await
}

async fn bookmark(scene: &Scene) -> u64 {
    let store = store(scene, "reader");
    let state = store.job(&job(), scene.deadline()).await.unwrap();
    number(&state.unwrap().bookmark.unwrap())
}

/// Pieces of any bookmark.
async fn pieces(scene: &Scene) -> usize {
    let items = scene.items(Table::Bookmarks).await;
    items
        .iter()
        .filter(|item| item.contains_key("piece"))
        .count()
}

/// Asserts that this is the bookmark, and that nothing else is left once the lease is taken.
async fn settles_at(scene: &Scene, n: u64) {
    assert_eq!(bookmark(scene).await, n);
    scene.pass(LENGTH + MINUTE);
    let last = store(scene, "last");
    assert_eq!(number(lease(&last, "last").await.bookmark().unwrap()), n);
    let expected = if n.is_multiple_of(2) { 0 } else { PIECES };
    assert_eq!(pieces(scene).await, expected, "of {n}");
}

fn puts_of_pieces(actor: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync + 'static {
    move |call| call.actor() == actor && call.is("PutItem") && is_of_pieces(call)
}

fn puts_of_the_item(actor: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync + 'static {
    move |call| call.actor() == actor && call.is("PutItem") && !is_of_pieces(call)
}

fn is_of_pieces(call: &Seen) -> bool {
    call.mentions("pieces#pendo")
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_freezes_anywhere_in_a_save_moves_its_bookmark_or_nothing() {
    for when in [When::Before, When::After] {
        for (step, next) in (0..STEPS).flat_map(|step| [None, Some(7), Some(8)].map(|n| (step, n)))
        {
            let scene = Scene::start().await;
            let (one, two) = (store(&scene, "one"), store(&scene, "two"));
            let mut old = lease(&one, "one").await;
            save(&mut old, &one, 1).await.unwrap();
            let gate = scene.world.chaos.freeze("one", step, when);
            let Some(frozen) = freeze(save(&mut old, &one, 3), &gate).await else {
                assert!(step > PIECES, "a save has more steps than {step}");
                break;
            };
            scene.pass(LENGTH + MINUTE);
            if let Some(next) = next {
                let mut new = lease(&two, "two").await;
                let found = number(new.bookmark().unwrap());
                assert!([1, 3].contains(&found), "{found}");
                save(&mut new, &two, next).await.unwrap();
            }
            let saved = thaw(frozen, &gate).await;
            scene.world.chaos.quiet().await;
            // Frozen past its deadline, it cannot tell what has come of it.
            let expected = match (next, saved) {
                (Some(next), _) => next,
                (None, Ok(())) => 3,
                (None, Err(_)) => bookmark(&scene).await,
            };
            assert!(next == Some(expected) || [1, 3].contains(&expected));
            settles_at(&scene, expected).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_dies_anywhere_in_a_save_leaves_a_whole_bookmark() {
    for when in [When::Before, When::After] {
        for step in 0..STEPS {
            let scene = Scene::start().await;
            let one = store(&scene, "one");
            let mut old = lease(&one, "one").await;
            save(&mut old, &one, 1).await.unwrap();
            let gate = scene.world.chaos.freeze("one", step, when);
            let Some(dying) = freeze(save(&mut old, &one, 3), &gate).await else {
                assert!(step > PIECES, "a save has more steps than {step}");
                break;
            };
            drop(dying);
            let left = bookmark(&scene).await;
            assert!([1, 3].contains(&left), "{left}");
            settles_at(&scene, left).await;
            // What it had sent before its death arrives only now.
            gate.release();
            scene.world.chaos.quiet().await;
            settles_at(&scene, left).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_freezes_anywhere_while_it_takes_the_job_deletes_nothing_that_counts() {
    for when in [When::Before, When::After] {
        for step in 0..STEPS {
            let scene = Scene::start().await;
            let (zero, one, two) = (
                store(&scene, "zero"),
                store(&scene, "one"),
                store(&scene, "two"),
            );
            let mut first = lease(&zero, "zero").await;
            save(&mut first, &zero, 1).await.unwrap();
            // Something to delete: pieces whose item never came to be.
            let cut = scene
                .world
                .chaos
                .fail_all(puts_of_the_item("zero"), Failure::BeforeEffect);
            assert!(save(&mut first, &zero, 3).await.is_err());
            cut.end();
            scene.pass(LENGTH + MINUTE);
            let gate = scene.world.chaos.freeze("one", step, when);
            let Some(frozen) = freeze(ask(&one, "one"), &gate).await else {
                assert!(step > 2, "taking a job has more steps than {step}");
                break;
            };
            scene.pass(LENGTH + MINUTE);
            let mut new = lease(&two, "two").await;
            save(&mut new, &two, 5).await.unwrap();
            scene.pass(LENGTH + MINUTE);
            let told = thaw(frozen, &gate).await;
            scene.world.chaos.quiet().await;
            assert_eq!(bookmark(&scene).await, 5);
            // It had the job before the other one, or finds in time that its lease is over.
            let is_held = match told {
                Ok(Leasing::Held(mut late)) => save(&mut late, &one, 7).await.is_ok(),
                Ok(Leasing::Busy { .. }) | Err(_) => false,
            };
            assert!(!is_held, "it froze past its deadline");
            settles_at(&scene, 5).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_arrives_late_is_never_read_and_does_not_stay() {
    let scene = Scene::start().await;
    let (one, two) = (store(&scene, "one"), store(&scene, "two"));
    let mut old = lease(&one, "one").await;
    let late = scene.world.chaos.repeat_later(puts_of_pieces("one"));
    save(&mut old, &one, 1).await.unwrap();
    save(&mut old, &one, 3).await.unwrap();
    late.deliver().await.unwrap();
    assert_eq!(
        (bookmark(&scene).await, pieces(&scene).await),
        (3, PIECES + 1)
    );
    scene.pass(LENGTH + MINUTE);
    let mut new = lease(&two, "two").await;
    assert_eq!(pieces(&scene).await, PIECES);
    late.deliver().await.unwrap();
    save(&mut new, &two, 5).await.unwrap();
    assert_eq!(
        (bookmark(&scene).await, pieces(&scene).await),
        (5, PIECES + 1)
    );
    settles_at(&scene, 5).await;
    scene.pass(HOUR);
    let answer = late.deliver().await.unwrap();
    let code = error_code(&answer);
    assert_eq!(code.as_deref(), Some("InvalidSignatureException"));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_arrives_late_names_no_pieces_that_are_gone() {
    let scene = Scene::start().await;
    let one = store(&scene, "one");
    let mut held = lease(&one, "one").await;
    let late = scene.world.chaos.repeat_later(puts_of_the_item("one"));
    for n in [1, 3, 4, 5] {
        save(&mut held, &one, n).await.unwrap();
        let answer = late.deliver().await.unwrap();
        let code = error_code(&answer);
        assert_eq!(code.as_deref(), Some("ConditionalCheckFailedException"));
        assert_eq!(bookmark(&scene).await, n);
    }
    settles_at(&scene, 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_save_in_doubt_is_settled_by_the_next_write_and_leaves_nothing() {
    for failure in [Failure::AfterEffect, Failure::BeforeEffect] {
        for next in [None, Some(1), Some(4), Some(5)] {
            let scene = Scene::start().await;
            let one = store(&scene, "one");
            let mut held = lease(&one, "one").await;
            save(&mut held, &one, 1).await.unwrap();
            let cut = scene.world.chaos.fail_all(puts_of_the_item("one"), failure);
            assert!(save(&mut held, &one, 3).await.is_err());
            cut.end();
            match next {
                None => held.renew(&one, scene.deadline()).await.unwrap(),
                Some(n) => save(&mut held, &one, n).await.unwrap(),
            }
            let landed = failure == Failure::AfterEffect;
            let expected = next.unwrap_or(if landed { 3 } else { 1 });
            assert_eq!(number(held.bookmark().unwrap()), expected);
            let named = if expected == 4 { 0 } else { PIECES };
            assert_eq!(pieces(&scene).await, named, "{failure:?} {next:?}");
            settles_at(&scene, expected).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_pieces_do_not_arrive_moves_nothing_and_can_be_repeated() {
    let scene = Scene::start().await;
    let one = store(&scene, "one");
    let mut held = lease(&one, "one").await;
    save(&mut held, &one, 1).await.unwrap();
    for failure in [
        Failure::AfterEffect,
        Failure::BeforeEffect,
        Failure::Throttle,
    ] {
        let cut = scene.world.chaos.fail_all(puts_of_pieces("one"), failure);
        let told = save(&mut held, &one, 3).await.unwrap_err();
        cut.end();
        assert!(matches!(
            told,
            LeaseError::Store(StoreError::Unavailable(_))
        ));
        assert_eq!(bookmark(&scene).await, 1);
    }
    save(&mut held, &one, 3).await.unwrap();
    assert_eq!(pieces(&scene).await, PIECES);
    settles_at(&scene, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_pieces_are_replaced_reads_the_next_ones() {
    for torn in [false, true] {
        let scene = Scene::start().await;
        scene.world.chaos.tear_transactions(torn);
        let (one, slow) = (store(&scene, "one"), store(&scene, "slow"));
        let mut held = lease(&one, "one").await;
        save(&mut held, &one, 1).await.unwrap();
        let is_read = |call: &Seen| call.actor() == "slow" && call.is("Query");
        let gate = scene.world.chaos.hold_once(is_read, When::Before);
        let job = job();
        let reading = freeze(slow.job(&job, scene.deadline()), &gate)
            .await
            .unwrap();
        for n in [3, 5, 7] {
            save(&mut held, &one, n).await.unwrap();
        }
        let state = thaw(reading, &gate).await.unwrap().unwrap();
        assert_eq!(number(&state.bookmark.unwrap()), 7);
    }
}

/// Holders take the job from each other by chance while calls fail at random; bookmarks grow out of
/// their item and shrink into it. What was saved is never lost, is always whole, and nothing else is
/// left.
#[test]
fn bookmarks_in_pieces_only_grow_whoever_holds_the_job_and_whatever_fails() {
    for seed in 0..40 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(compete(seed));
    }
}

async fn compete(seed: u64) {
    let scene = Scene::start().await;
    scene.world.chaos.tear_transactions(seed.is_multiple_of(2));
    scene.world.chaos.random(seed, 0.15);
    let runners = ["one", "two", "three"].map(|actor| {
        let store = store(&scene, actor);
        tokio::spawn(run_often(store, actor, seed))
    });
    let mut saved = 0;
    for runner in runners {
        saved = saved.max(runner.await.unwrap());
    }
    scene.world.chaos.calm();
    scene.world.chaos.quiet().await;
    let last = bookmark(&scene).await;
    // One that nobody was told of may have landed.
    assert!(
        last >= saved && saved > 0,
        "seed {seed}: {saved} was saved, {last} is there"
    );
    settles_at(&scene, last).await;
}

/// Runs the job some times; the highest bookmark that is known to be saved.
async fn run_often(store: Store, actor: &'static str, seed: u64) -> u64 {
    let mut saved = 0;
    for round in 0..6 {
        let holder = format!("{actor}-{round}");
        let Ok(Leasing::Held(mut lease)) =
            store.lease_job(&job(), &holder, LENGTH, soon(&store)).await
        else {
            tokio::time::sleep(MINUTE).await;
            continue;
        };
        let found = lease.bookmark().map_or(0, number);
        assert!(
            found >= saved,
            "seed {seed}: {saved} was saved, {found} is found"
        );
        for n in found + 1..found + 5 {
            // Some are slow, and lose the job meanwhile.
            tokio::time::sleep(LENGTH * u32::try_from((seed + n) % 4).unwrap() / 2).await;
            match save(&mut lease, &store, n).await {
                Ok(()) => saved = n,
                Err(_) => break,
            }
        }
        if (seed + round).is_multiple_of(2) {
            let _ = lease.release(&store, soon(&store)).await;
        }
    }
    saved
}

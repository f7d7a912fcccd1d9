//! Jobs that two processes run, and writes of their state that are lost, late or both: the
//! bookmark only ever moves by the hand of the one who holds the lease.

use std::time::Duration;

use serde_json::{Value, json};
use weir_store::db::Table;
use weir_store::{JobName, JobOutcome, JobRun, JobState, Lease, LeaseError, Leasing, Store};
use weir_tests::chaos::{Failure, Seen, When, error_code};

use crate::scene::{HOUR, MINUTE, Scene, freeze, soon, thaw};

const LENGTH: Duration = Duration::from_secs(300);

fn job() -> JobName {
    "pingdom".parse().unwrap()
}

fn at(n: u64) -> Value {
    json!({ "n": n })
}

async fn lease(store: &Store, holder: &str) -> Lease {
    match store
        .lease_job(&job(), holder, LENGTH, soon(store))
        .await
        .unwrap()
    {
        Leasing::Held(lease) => lease,
        Leasing::Busy { holder, .. } => panic!("{holder} has it"),
    }
}

async fn save(lease: &mut Lease, store: &Store, n: u64) -> Result<(), LeaseError> {
    lease.save(store, at(n), vec![], soon(store)).await
}

async fn state(scene: &Scene) -> JobState {
    let store = scene.store("reader");
    store.job(&job(), scene.deadline()).await.unwrap().unwrap()
}

async fn bookmark(scene: &Scene) -> Option<u64> {
    state(scene).await.bookmark?["n"].as_u64()
}

fn puts_of(actor: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync + 'static {
    move |call| call.actor() == actor && call.is("PutItem") && call.touches(Table::Bookmarks)
}

#[tokio::test(start_paused = true)]
async fn of_two_who_ask_at_once_one_has_the_job() {
    let scene = Scene::start().await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    for round in 1..=3_u64 {
        let gate = scene.world.chaos.hold_once(puts_of("one"), When::Before);
        let job = job();
        let asking = one.lease_job(&job, "one", LENGTH, scene.deadline());
        let frozen = freeze(asking, &gate).await.unwrap();
        let lease = lease(&two, "two").await;
        let told = thaw(frozen, &gate).await.unwrap();
        assert!(matches!(told, Leasing::Busy { holder, .. } if holder == "two"));
        assert_eq!(lease.fence(), round);
        lease.release(&two, scene.deadline()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_freezes_at_a_save_and_thaws_after_its_time_moves_nothing() {
    for taken_over in [true, false] {
        let scene = Scene::start().await;
        let (one, two) = (scene.store("one"), scene.store("two"));
        let mut old = lease(&one, "one").await;
        save(&mut old, &one, 1).await.unwrap();
        let gate = scene.world.chaos.hold(puts_of("one"), When::Before);
        let frozen = freeze(save(&mut old, &one, 2), &gate).await.unwrap();
        scene.pass(LENGTH + MINUTE);
        if taken_over {
            let mut new = lease(&two, "two").await;
            assert_eq!(new.bookmark(), Some(&at(1)));
            save(&mut new, &two, 7).await.unwrap();
        }
        let saved = thaw(frozen, &gate).await;
        scene.world.chaos.quiet().await;
        match taken_over {
            true => {
                assert!(saved.is_err());
                assert_eq!(bookmark(&scene).await, Some(7));
                assert!(matches!(
                    save(&mut old, &one, 3).await,
                    Err(LeaseError::Lost { .. })
                ));
                assert_eq!(bookmark(&scene).await, Some(7));
            }
            false => assert_eq!(bookmark(&scene).await, Some(2)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_that_is_delivered_again_does_not_move_the_bookmark_back() {
    let scene = Scene::start().await;
    let one = scene.store("one");
    let mut held = lease(&one, "one").await;
    let late = scene.world.chaos.repeat_later(puts_of("one"));
    save(&mut held, &one, 1).await.unwrap();
    save(&mut held, &one, 2).await.unwrap();
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("ConditionalCheckFailedException")
    );
    assert_eq!(bookmark(&scene).await, Some(2));
    scene.pass(HOUR);
    let answer = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&answer).as_deref(),
        Some("InvalidSignatureException")
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_delivered_again_takes_the_job_from_nobody() {
    let scene = Scene::start().await;
    let (one, two) = (scene.store("one"), scene.store("two"));
    let late = scene.world.chaos.repeat_later(puts_of("one"));
    let old = lease(&one, "one").await;
    old.release(&one, scene.deadline()).await.unwrap();
    let mut new = lease(&two, "two").await;
    late.deliver().await.unwrap();
    save(&mut new, &two, 1).await.unwrap();
    assert_eq!(state(&scene).await.holder, "two");
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_answer_is_lost_is_known_to_have_landed() {
    for failure in [
        Failure::AfterEffect,
        Failure::BeforeEffect,
        Failure::ServerError,
    ] {
        let scene = Scene::start().await;
        let one = scene.store("one");
        let mut held = lease(&one, "one").await;
        let failed = scene.world.chaos.fail_once(puts_of("one"), failure);
        save(&mut held, &one, 1).await.unwrap();
        save(&mut held, &one, 2).await.unwrap();
        assert_eq!((failed.happened(), bookmark(&scene).await), (1, Some(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_that_could_not_be_settled_can_be_saved_again() {
    for failure in [Failure::AfterEffect, Failure::BeforeEffect] {
        let scene = Scene::start().await;
        let one = scene.store("one");
        let mut held = lease(&one, "one").await;
        let any = |call: &Seen| call.actor() == "one" && call.touches(Table::Bookmarks);
        let cut = scene.world.chaos.fail_all(any, failure);
        let told = save(&mut held, &one, 1).await.unwrap_err();
        assert!(matches!(told, LeaseError::Store(_)), "{told:?}");
        cut.end();
        save(&mut held, &one, 1).await.unwrap();
        save(&mut held, &one, 2).await.unwrap();
        assert_eq!(bookmark(&scene).await, Some(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_after_a_save_in_doubt_keeps_what_has_landed() {
    let scene = Scene::start().await;
    let one = scene.store("one");
    let mut held = lease(&one, "one").await;
    save(&mut held, &one, 1).await.unwrap();
    let any = |call: &Seen| call.actor() == "one" && call.touches(Table::Bookmarks);
    let cut = scene.world.chaos.fail_all(any, Failure::AfterEffect);
    assert!(save(&mut held, &one, 2).await.is_err());
    cut.end();
    held.renew(&one, scene.deadline()).await.unwrap();
    assert_eq!(held.bookmark(), Some(&at(2)));
    assert_eq!(bookmark(&scene).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_stands_whatever_arrives_late() {
    let scene = Scene::start().await;
    let one = scene.store("one");
    let begun = JobRun {
        id: "r".into(),
        started: one.now(),
        finished: None,
        outcome: JobOutcome::Running,
        records: 0,
        skipped: 0,
        bookmark: None,
        error: None,
        next: None,
    };
    let late = scene.world.chaos.repeat_later(puts_of("one"));
    one.record_job_run(&job(), &begun, scene.deadline())
        .await
        .unwrap();
    let done = JobRun {
        finished: Some(one.now()),
        outcome: JobOutcome::Complete,
        records: 9,
        ..begun
    };
    one.record_job_run(&job(), &done, scene.deadline())
        .await
        .unwrap();
    late.deliver().await.unwrap();
    let runs = one.job_runs(&job(), 9, scene.deadline()).await.unwrap();
    assert_eq!(runs, [done]);
}

/// Holders take the job from each other by chance while calls fail at random, and each saves one
/// more than what it found. A bookmark that was saved is never lost, and never goes back.
#[test]
fn bookmarks_only_grow_whoever_holds_the_job_and_whatever_fails() {
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
    scene.world.chaos.random(seed, 0.25);
    let runners = ["one", "two", "three"].map(|actor| {
        let store = scene.store(actor);
        tokio::spawn(run_often(store, actor, seed))
    });
    let mut saved = 0;
    for runner in runners {
        saved = saved.max(runner.await.unwrap());
    }
    scene.world.chaos.calm();
    scene.world.chaos.quiet().await;
    let last = bookmark(&scene).await.unwrap_or(0);
    // One that nobody was told of may have landed.
    assert!(
        last >= saved,
        "seed {seed}: {saved} was saved, {last} is there"
    );
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
        let found = lease.bookmark().map_or(0, |at| at["n"].as_u64().unwrap());
        assert!(
            found >= saved,
            "seed {seed}: {saved} was saved, {found} is found"
        );
        for n in found + 1..found + 5 {
            // Some are slow, and lose the job meanwhile.
            tokio::time::sleep(LENGTH * u32::try_from((seed + n) % 4).unwrap() / 2).await;
            match save(&mut lease, &store, n).await {
                Ok(()) => saved = n,
                Err(LeaseError::Store(_)) => break,
                Err(LeaseError::Lost { .. }) => break,
            }
        }
        if (seed + round).is_multiple_of(2) {
            let _ = lease.release(&store, soon(&store)).await;
        }
    }
    saved
}

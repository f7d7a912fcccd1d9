//! Who holds a job, and whose bookmark counts.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_job_is_one_holders_until_it_is_given_back_or_its_time_is_up() {
    let bench = Bench::start().await;
    let lease = bench.held("one").await;
    assert_eq!(
        (lease.fence(), lease.bookmark(), lease.pending().len()),
        (1, None, 0)
    );
    let until = lease.until();
    match bench.lease("two").await {
        Leasing::Busy {
            holder,
            until: told,
        } => assert_eq!((&*holder, told), ("one", until)),
        Leasing::Held(_) => panic!("two have it"),
    }
    lease.release(&bench.store, bench.soon()).await.unwrap();
    let lease = bench.held("two").await;
    assert_eq!(lease.fence(), 2);
    bench.clock.advance(9 * MINUTE);
    assert!(matches!(bench.lease("three").await, Leasing::Busy { .. }));
    bench.clock.advance(MINUTE);
    assert_eq!(bench.held("three").await.fence(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_by_all_that_its_holder_stores() {
    let bench = Bench::start().await;
    let mut lease = bench.held("one").await;
    for n in 0..3 {
        bench.clock.advance(9 * MINUTE);
        match n {
            0 => lease.renew(&bench.store, bench.soon()).await.unwrap(),
            1 => lease
                .intend(&bench.store, vec![], bench.soon())
                .await
                .unwrap(),
            _ => lease
                .save(&bench.store, at(n), vec![], bench.soon())
                .await
                .unwrap(),
        }
        assert!(matches!(bench.lease("two").await, Leasing::Busy { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_holder_begins_where_the_last_one_saved() {
    let bench = Bench::start().await;
    let mut lease = bench.held("one").await;
    lease
        .intend(&bench.store, vec!["a".into()], bench.soon())
        .await
        .unwrap();
    assert_eq!(
        (lease.bookmark(), lease.pending()),
        (None, &["a".to_owned()][..])
    );
    lease
        .save(&bench.store, at(1), vec![], bench.soon())
        .await
        .unwrap();
    lease
        .intend(&bench.store, vec!["b".into(), "c".into()], bench.soon())
        .await
        .unwrap();
    bench.clock.advance(11 * MINUTE);
    let lease = bench.held("two").await;
    assert_eq!(lease.bookmark(), Some(&at(1)));
    assert_eq!(lease.pending(), ["b", "c"]);
    let state = bench.state().await;
    assert_eq!(
        (state.bookmark, state.fence, &*state.holder),
        (Some(at(1)), 2, "two")
    );
    assert_eq!(bench.store.jobs(bench.soon()).await.unwrap(), [job("j")]);
}

#[tokio::test(start_paused = true)]
async fn who_has_lost_a_job_can_change_nothing_of_it() {
    let bench = Bench::start().await;
    let mut old = bench.held("one").await;
    old.save(&bench.store, at(1), vec![], bench.soon())
        .await
        .unwrap();
    bench.clock.advance(11 * MINUTE);
    let mut new = bench.held("two").await;
    new.save(&bench.store, at(5), vec!["x".into()], bench.soon())
        .await
        .unwrap();
    let before = bench.state().await;
    let told = [
        old.save(&bench.store, at(2), vec![], bench.soon())
            .await
            .unwrap_err(),
        old.intend(&bench.store, vec![], bench.soon())
            .await
            .unwrap_err(),
        old.renew(&bench.store, bench.soon()).await.unwrap_err(),
        old.release(&bench.store, bench.soon()).await.unwrap_err(),
    ];
    for error in told {
        assert_eq!(error.to_string(), "the job j is two's now");
    }
    assert_eq!(bench.state().await, before);
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_that_nobody_took_is_still_good() {
    let bench = Bench::start().await;
    let mut lease = bench.held("one").await;
    bench.clock.advance(60 * MINUTE);
    lease
        .save(&bench.store, at(1), vec![], bench.soon())
        .await
        .unwrap();
    assert!(matches!(bench.lease("two").await, Leasing::Busy { .. }));
    // Its own name finds it again, as if it had begun anew.
    assert_eq!(bench.held("one").await.fence(), 2);
    let lost = lease.renew(&bench.store, bench.soon()).await;
    assert!(matches!(lost, Err(LeaseError::Lost { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_job_has_no_state() {
    let bench = Bench::start().await;
    assert_eq!(
        bench.store.job(&job("j"), bench.soon()).await.unwrap(),
        None
    );
    assert_eq!(bench.store.jobs(bench.soon()).await.unwrap(), []);
}

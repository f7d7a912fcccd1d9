//! Requests at the gate, in time that passes when nothing else happens.

use std::sync::Arc;

use futures::future::join_all;

use super::*;

/// When each of so many that come at once has passed, in milliseconds from now.
async fn passed(gate: &Gate, count: usize) -> Vec<u128> {
    let began = Instant::now();
    join_all((0..count).map(|_| async {
        gate.pass().await;
        began.elapsed().as_millis()
    }))
    .await
}

#[tokio::test(start_paused = true)]
async fn requests_pass_evenly_and_in_the_order_in_which_they_came() {
    let gate = Gate::new(Some(4.0));
    let times = passed(&gate, 5).await;
    // What the first finds is slack, which is no burst.
    for (n, time) in times.into_iter().enumerate() {
        let due = 250 * n as u128;
        assert!(
            (due.saturating_sub(SLACK.as_millis())..=due + 1).contains(&time),
            "{time} for {due}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_was_quiet_lets_no_more_pass_at_once() {
    let gate = Gate::new(Some(10.0));
    gate.pass().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let times = passed(&gate, 21).await;
    let first_second = times.iter().filter(|&&time| time < 1000).count();
    assert!((10..=11).contains(&first_second), "{times:?}");
    assert!((1980..=2001).contains(times.last().unwrap()), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_finer_than_timers_is_reached() {
    let gate = Gate::new(Some(20_000.0));
    let last = *passed(&gate, 40_000).await.last().unwrap();
    assert!((1950..=2050).contains(&last), "{last}");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nobody_waits() {
    let last = *passed(&Gate::new(None), 1000).await.last().unwrap();
    assert_eq!(last, 0);
}

#[tokio::test(start_paused = true)]
async fn a_held_gate_holds_those_who_wait_at_it_and_those_who_come() {
    for limit in [None, Some(5.0)] {
        let gate = Arc::new(Gate::new(limit));
        gate.pass().await;
        let began = Instant::now();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move {
                gate.hold(Duration::from_secs(1));
                gate.pass().await;
                began.elapsed()
            }
        });
        tokio::time::advance(Duration::from_millis(100)).await;
        gate.hold(Duration::from_secs(30));
        // A shorter wait does not open it.
        gate.hold(Duration::from_secs(2));
        gate.pass().await;
        let late = waiting.await.unwrap();
        let until = Duration::from_millis(30_100);
        assert!(
            late >= until && late < until + Duration::from_secs(1),
            "{late:?}"
        );
        assert!(began.elapsed() >= until, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_keeps_nobody_waiting() {
    let gate = Gate::new(Some(1.0));
    gate.pass().await;
    let given_up = tokio::time::timeout(Duration::from_millis(10), gate.pass()).await;
    assert!(given_up.is_err());
    let times = passed(&gate, 1).await;
    assert!(times[0] <= 1001, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_none_is_as_slow_as_can_be() {
    for bad in [0.0, -3.0, f64::NAN, 1e-300] {
        let gate = Gate::new(Some(bad));
        gate.pass().await;
        assert!((86_000_000..=86_400_001).contains(&passed(&gate, 1).await[0]));
    }
}

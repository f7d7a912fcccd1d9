//! Killed at each call that a request makes: before the call arrives, when its answer is on the
//! way, and with the call still under way, to arrive when the repeat is over.

use http::StatusCode;

use crate::cloud::Cloud;
use crate::killing::{Doomed, FATES, Fate};
use crate::request::{Request, Sent, Shape, check_counts};

/// More calls than any of the requests makes.
const MOST_CALLS: usize = 40;

async fn check(shape: Shape) {
    for fate in FATES {
        let cloud = Cloud::start().await;
        let mut kills = 0;
        while kills < MOST_CALLS && kill_at(&cloud, shape, fate, kills).await {
            kills += 1;
        }
        // Who is revoked, the catalogue, and the commit itself.
        assert!(
            (3..MOST_CALLS).contains(&kills),
            "{shape:?} {fate:?}: {kills} kills"
        );
    }
}

/// Kills the process at its call number `nth`; whether it made so many.
async fn kill_at(cloud: &Cloud, shape: Shape, fate: Fate, nth: usize) -> bool {
    let name = format!("call-{nth}");
    let request = Request::new(&name, shape, 0);
    let doomed = Doomed::start(cloud, &cloud.track, nth, fate).await;
    let first = doomed.during(request.send(cloud)).await;
    let was_killed = doomed.was_killed();
    let expected = match was_killed {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => StatusCode::CREATED,
    };
    assert_eq!(
        first.status,
        expected,
        "{shape:?} {fate:?} {nth}: {}",
        first.text()
    );
    let became = match request.is_repeatable() {
        true => {
            let answer = request.send_on(cloud).await;
            if request.shape.has_key {
                assert_eq!(
                    request.send(cloud).await.body,
                    answer.body,
                    "a repeat is answered alike"
                );
            }
            Sent::Answered
        }
        false if was_killed => Sent::Unanswered,
        false => Sent::Answered,
    };
    doomed.last_call(cloud).await;
    check_counts(cloud, &name, &[(request, became)]).await;
    was_killed
}

const ONE: Shape = Shape {
    days: 1,
    each: 2,
    has_key: false,
    has_ids: false,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_small_request_with_a_key_counts_once() {
    check(Shape {
        has_key: true,
        ..ONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_with_ids_count_once() {
    check(Shape {
        has_ids: true,
        ..ONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_several_days_with_a_key_counts_once() {
    check(Shape {
        days: 3,
        has_key: true,
        ..ONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_several_transactions_with_a_key_counts_once() {
    check(Shape {
        days: 120,
        each: 1,
        has_key: true,
        ..ONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_several_transactions_with_key_and_ids_counts_once() {
    check(Shape {
        each: 200,
        has_key: true,
        has_ids: true,
        ..ONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_several_transactions_with_ids_counts_once() {
    check(Shape {
        each: 200,
        has_ids: true,
        ..ONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_key_counts_at_most_once() {
    check(ONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_several_days_without_a_key_counts_whole_or_not_at_all() {
    check(Shape { days: 3, ..ONE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_several_transactions_without_a_key_counts_at_most_once() {
    check(Shape {
        days: 120,
        each: 1,
        ..ONE
    })
    .await;
}

//! Everything that can be done to the function that takes events in.

use http::StatusCode;
use serde_json::json;
use weir_model::Series;
use weir_store::registry::ClientId;

use super::place::{Place, Process, events};
use super::{MINUTE, ROUNDS};
use crate::calls::Actions;

/// One event alone, several series, many; each without and with a key, without and with ids, and
/// each repeated.
async fn track_all(track: &Process, token: &str, round: &str) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    let id = format!("id-{round}");
    let bodies = [
        events(1, 1, None),
        events(3, 2, None),
        events(1, 3, Some(&id)),
        events(120, 1, None),
        events(2, 150, Some(&id)),
    ];
    for (shape, body) in bodies.iter().enumerate() {
        let key = format!("key-{round}-{shape}");
        for key in [None, Some(key.as_str()), Some(key.as_str())] {
            statuses.push(track.post(token, key, body).await.status);
        }
    }
    statuses
}

pub(crate) async fn track() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("write", None).await;
    let (store, recorder) = place.watched();
    let track = place.process(store, weir_track::router).await;
    at_first(&track, &helper.token(&client).await).await;
    spread(&place, &helper).await;
    while_calls_fail(&place, &helper, &track, &client).await;
    a_day_later(&place, &helper, &track, &client).await;
    after_revocation(&place, &helper, &track, &client).await;
    recorder.seen()
}

async fn at_first(track: &Process, token: &str) {
    assert_created(&track_all(track, token, "first").await);
    let other = track.post(token, Some("key-first-0"), &json!([])).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// Gives a series more shards.
async fn spread(place: &Place, helper: &Process) {
    let series = Series::parse("n", "m0").expect("legal");
    let store = &helper.service.store;
    let spread = store.raise_shards(&series, 4, place.soon()).await;
    spread.expect("shards");
}

async fn while_calls_fail(
    place: &Place,
    helper: &Process,
    track: &Process,
    client: &(String, String),
) {
    let limited = helper.register("write", Some(1)).await;
    for round in 0..ROUNDS {
        place.pass(10 * MINUTE);
        place.stop_failing().await;
        let (token, limited) = (helper.token(client).await, helper.token(&limited).await);
        place.fail(round);
        track_all(track, &token, &round.to_string()).await;
        track.post(&limited, None, &events(1, 1, None)).await;
    }
    place.stop_failing().await;
}

/// Receipts no longer count then.
async fn a_day_later(place: &Place, helper: &Process, track: &Process, client: &(String, String)) {
    place.pass(25 * 60 * MINUTE);
    let token = helper.token(client).await;
    assert_created(&track_all(track, &token, "first").await);
}

async fn after_revocation(
    place: &Place,
    helper: &Process,
    track: &Process,
    client: &(String, String),
) {
    let token = helper.token(client).await;
    let id = ClientId::parse(&client.0).expect("an id");
    let store = &helper.service.store;
    let revoked = store.revoke_client(&id, place.soon()).await;
    revoked.expect("it is revoked");
    place.pass(2 * MINUTE);
    let refused = track.post(&token, None, &events(1, 1, None)).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

fn assert_created(statuses: &[StatusCode]) {
    let created = |status: &StatusCode| *status == StatusCode::CREATED;
    assert!(statuses.iter().all(created), "{statuses:?}");
}

//! Everything that can be done to the function that takes events in.

use http::StatusCode;
use serde_json::json;
use weir_model::Series;
use weir_store::registry::ClientId;

use super::doors::knock_at_all;
use super::place::{Place, Process, basic, events};
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

/// Whoever writes.
struct Writers {
    client: (String, String),
    limited: (String, String),
    key: (ClientId, String),
    limited_key: (ClientId, String),
}

impl Writers {
    async fn register(helper: &Process) -> Self {
        Self {
            client: helper.register("write", None).await,
            limited: helper.register("write", Some(1)).await,
            key: helper.make_key("web", None).await,
            limited_key: helper.make_key("slow", Some(1)).await,
        }
    }
}

pub(crate) async fn track() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let writers = Writers::register(&helper).await;
    let (store, recorder) = place.watched();
    let track = place.process(store, weir_track::router).await;
    at_first(&helper, &track, &writers).await;
    spread(&place, &helper).await;
    while_calls_fail(&place, &helper, &track, &writers).await;
    a_day_later(&place, &helper, &track, &writers).await;
    after_revocation(&place, &helper, &track, &writers).await;
    recorder.seen()
}

async fn at_first(helper: &Process, track: &Process, writers: &Writers) {
    let token = helper.token(&writers.client).await;
    assert_created(&track_all(track, &token, "first").await);
    let other = track.post(&token, Some("key-first-0"), &json!([])).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    for (request, answered, expected) in knock_at_all(track, &writers.key.1, "first").await {
        assert_eq!(answered, expected, "{request}");
    }
    let statuses = by_key(track, &writers.key.1).await;
    let expected = [201, 400, 401].map(|code| StatusCode::from_u16(code).expect("known"));
    assert_eq!(statuses, expected);
}

/// A write key in the place of a token: good events, bad ones, which are recorded, and a key that
/// nobody has made.
async fn by_key(track: &Process, key: &str) -> Vec<StatusCode> {
    let (good, bad) = (events(1, 2, None), json!([{"namespace": ""}]));
    let mut statuses = Vec::new();
    for (key, body) in [(key, &good), (key, &bad), ("wk_nobodys", &good)] {
        statuses.push(track.post_as(&basic(key), None, body).await.status);
    }
    statuses
}

/// Gives a series more shards.
async fn spread(place: &Place, helper: &Process) {
    let series = Series::parse("n", "m0").expect("legal");
    let store = &helper.service.store;
    let spread = store.raise_shards(&series, 4, place.soon()).await;
    spread.expect("shards");
}

async fn while_calls_fail(place: &Place, helper: &Process, track: &Process, writers: &Writers) {
    for round in 0..ROUNDS {
        place.pass(10 * MINUTE);
        place.stop_failing().await;
        let token = helper.token(&writers.client).await;
        let limited = helper.token(&writers.limited).await;
        place.fail(round);
        track_all(track, &token, &round.to_string()).await;
        track.post(&limited, None, &events(1, 1, None)).await;
        for (_, key) in [&writers.key, &writers.limited_key] {
            by_key(track, key).await;
            knock_at_all(track, key, &round.to_string()).await;
        }
    }
    place.stop_failing().await;
}

/// Receipts no longer count then.
async fn a_day_later(place: &Place, helper: &Process, track: &Process, writers: &Writers) {
    place.pass(25 * 60 * MINUTE);
    let token = helper.token(&writers.client).await;
    assert_created(&track_all(track, &token, "first").await);
}

async fn after_revocation(place: &Place, helper: &Process, track: &Process, writers: &Writers) {
    let token = helper.token(&writers.client).await;
    let id = ClientId::parse(&writers.client.0).expect("an id");
    let store = &helper.service.store;
    let revoked = store.revoke_client(&id, place.soon()).await;
    revoked.expect("it is revoked");
    let revoked = helper.service.revoke_key(&writers.key.0).await;
    revoked.expect("the store answers").expect("it is there");
    place.pass(2 * MINUTE);
    for authorization in [format!("Bearer {token}"), basic(&writers.key.1)] {
        let refused = track
            .post_as(&authorization, None, &events(1, 1, None))
            .await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
}

fn assert_created(statuses: &[StatusCode]) {
    let created = |status: &StatusCode| *status == StatusCode::CREATED;
    assert!(statuses.iter().all(created), "{statuses:?}");
}

//! All of the upkeep.

use http::StatusCode;
use serde_json::json;
use weir_compact::{Done, Upkeep};
use weir_model::{DataSetName, DataSetSettings, Record};
use weir_store::registry::SecretHash;
use weir_tests::world::START_MS;

use super::place::{Place, Process, events};
use super::{MINUTE, ROUNDS};
use crate::calls::Actions;

/// Days in which everything happens: much and little, late events, events that expire, merges,
/// and what was replaced is deleted when its time has come.
pub(crate) async fn compact() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("write", None).await;
    leave_records(&place, &helper).await;
    let (store, recorder) = place.watched();
    let mut upkeep = Upkeep::new(store.clone());
    for round in 0..2 * ROUNDS {
        place.stop_failing().await;
        let token = helper.token(&client).await;
        let mut body = events(4, 3, None);
        body[0]["expires"] = (START_MS + 3 * 3_600_000).into();
        for _ in 0..20 {
            let answer = helper.post(&token, None, &body).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        }
        place.pass(25 * MINUTE);
        if round >= ROUNDS {
            place.fail(round);
            // What the faults cut short is taken up by the next run.
            _ = keep_up(&mut upkeep).await;
        } else {
            let done = keep_up(&mut upkeep).await;
            assert_eq!(done.failed, None);
        }
    }
    place.stop_failing().await;
    for _ in 0..60 {
        place.pass(10 * MINUTE);
        let done = keep_up(&mut upkeep).await;
        assert_eq!(done.failed, None);
        assert_eq!(done.verified.expect("it is asked for").differences, []);
    }
    let called = recorder.seen();
    let left = store
        .list_upkeep(place.soon())
        .await
        .expect("the store answers");
    assert!(left.is_empty(), "{left:?}");
    called
}

/// A data set that was emptied, whose records are still there.
async fn leave_records(place: &Place, helper: &Process) {
    let store = &helper.service.store;
    let name = DataSetName::new("licensing", "journey").expect("legal");
    let (token, settings) = (SecretHash::of("token"), DataSetSettings::default());
    let made = store
        .create_data_set(&name, token, settings, place.soon())
        .await;
    let set = made.expect("the store answers").expect("it is new");
    let body = json!({"count": 1}).as_object().expect("an object").clone();
    let record = Record::check(body).expect("a record");
    let stored = store.put_records(&set, &[record], place.soon()).await;
    stored.expect("it is stored");
    let emptied = store.empty_data_set(&name, place.soon()).await;
    emptied.expect("the store answers").expect("it is there");
}

async fn keep_up(upkeep: &mut Upkeep) -> Done {
    upkeep.run(&json!({"verify": true}), 15 * MINUTE).await
}

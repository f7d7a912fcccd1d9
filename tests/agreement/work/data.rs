//! Everything that can be done with a data set over HTTP.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use weir_model::{DataSetName, DataSetSettings};
use weir_store::registry::SecretHash;

use super::place::{Place, Process};
use super::{MINUTE, ROUNDS};
use crate::calls::Actions;

const TOKEN: &str = "the-token-of-the-data-set";

/// As many records as need several transactions, and several pages.
const MANY: usize = 300;

/// Writes, changes, asks and empties.
async fn use_all(data: &Process, token: &str) -> Vec<StatusCode> {
    let record = |n: usize| json!({"_id": format!("r{n}"), "_timestamp": time(n), "channel": n % 3, "count": n});
    let many: Vec<Value> = (0..MANY).map(record).collect();
    let set = "/data/licensing/journey";
    let mut statuses = Vec::new();
    for (method, path, body) in [
        (Method::POST, set, record(1)),
        (Method::POST, set, many.into()),
        (Method::POST, set, json!([{"channel": "no id"}])),
        (Method::PATCH, &format!("{set}/r1"), json!({"count": 7})),
        (Method::DELETE, &format!("{set}/r2"), Value::Null),
        (Method::GET, set, Value::Null),
        (
            Method::GET,
            &format!("{set}?filter_by=channel:1&sort_by=count:descending&limit=5"),
            Value::Null,
        ),
        (
            Method::GET,
            &format!("{set}?group_by=channel&collect=count:sum"),
            Value::Null,
        ),
        (
            Method::GET,
            &format!("{set}?period=week&duration=3&group_by=channel"),
            Value::Null,
        ),
        (
            Method::GET,
            &format!("{set}?start_at=2024-05-01T00:00:00Z&end_at=2024-05-09T00:00:00Z&period=day"),
            Value::Null,
        ),
        (Method::GET, "/_status", Value::Null),
        (Method::GET, "/_status/data-sets", Value::Null),
        (Method::PUT, set, json!([])),
        (Method::GET, set, Value::Null),
    ] {
        statuses.push(send(data, method, path, token, &body).await);
    }
    statuses
}

async fn send(data: &Process, method: Method, path: &str, token: &str, body: &Value) -> StatusCode {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    let request = request
        .header("content-type", "application/json")
        .body(body);
    data.send(request.expect("a request")).await.status
}

/// A day and an hour of May 2024.
fn time(n: usize) -> String {
    format!("2024-05-{:02}T{:02}:00:00Z", n % 28 + 1, n % 24)
}

pub(crate) async fn data() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("read write", None).await;
    make_set(&place, &helper).await;
    let (store, recorder) = place.watched();
    let data = place.process(store, weir_data::router).await;
    for token in [TOKEN, &helper.token(&client).await] {
        let statuses = use_all(&data, token).await;
        assert!(statuses.iter().all(StatusCode::is_success), "{statuses:?}");
    }
    refused(&data).await;
    for round in 0..ROUNDS {
        place.stop_failing().await;
        place.pass(MINUTE);
        let token = helper.token(&client).await;
        place.fail(round);
        for token in [TOKEN, &token] {
            use_all(&data, token).await;
        }
    }
    recorder.seen()
}

async fn make_set(place: &Place, helper: &Process) {
    let name = DataSetName::new("licensing", "journey").expect("legal");
    let settings = DataSetSettings {
        max_age_expected_s: Some(60),
        ..DataSetSettings::default()
    };
    let store = &helper.service.store;
    let made = store.create_data_set(&name, SecretHash::of(TOKEN), settings, place.soon());
    made.await
        .expect("the store answers")
        .expect("there was none");
}

/// Whoever may not, and what is not there.
async fn refused(data: &Process) {
    for (method, path, token, expected) in [
        (Method::POST, "/data/licensing/journey", "wrong", 401),
        (Method::POST, "/data/licensing/nothing", TOKEN, 404),
        (Method::DELETE, "/data/licensing/journey/nobody", TOKEN, 404),
    ] {
        let status = send(data, method, path, token, &json!({"a_key": 1})).await;
        assert_eq!(status.as_u16(), expected, "{path}");
    }
}

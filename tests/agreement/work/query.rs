//! Everything that can be asked.

use std::sync::Arc;

use axum::Router;
use http::StatusCode;
use serde_json::json;
use weir_compact::Options;
use weir_service::Service;
use weir_store::Store;
use weir_tests::world::START_MS;

use super::MINUTE;
use super::place::{Place, Process, basic, events};
use crate::calls::Actions;

/// Everything that can be asked for: each kind of answer, in each detail, with pages.
async fn ask_all(query: &Process, token: &str) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    let mut paths = vec![
        "/api/namespaces".to_owned(),
        "/api/namespaces/n".to_owned(),
        "/api/namespaces/n?limit=2".to_owned(),
        "/healthz".to_owned(),
        "/api/raw/n/m0".to_owned(),
        "/api/raw?namespace=n&name=m0&limit=1".to_owned(),
        "/api/raw/n/unknown".to_owned(),
        "/api/events/n/unknown".to_owned(),
        "/api/rejected".to_owned(),
        "/api/rejected?limit=1".to_owned(),
        "/api/rejected?key=wk-nobodys".to_owned(),
    ];
    for granularity in ["none", "minute", "hour", "day", "week", "month", "year"] {
        for zone in ["UTC", "Asia/Kathmandu"] {
            let what = format!("granularity={granularity}&aggregationType=sum&tz={zone}");
            paths.push(format!("/api/events/n/m0?{what}"));
            paths.push(format!(
                "/api/events?namespace=n&name=m0&{what}&tsMin={START_MS}"
            ));
        }
    }
    for path in paths {
        let answer = query.get(token, &path).await;
        if let Some(next) = answer.headers.get("link") {
            let next = next.to_str().expect("text");
            let (_, next) = next.split_once('<').expect("a link");
            let (next, _) = next.split_once('>').expect("a link");
            let path = path.split('?').next().expect("a path");
            statuses.push(query.get(token, &format!("{path}{next}")).await.status);
        }
        statuses.push(answer.status);
    }
    statuses
}

fn with_health(service: Arc<Service>) -> Router {
    weir_query::router(Arc::clone(&service)).merge(weir_service::health::router(service))
}

pub(crate) async fn query() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("read write aggregation", None).await;
    let token = helper.token(&client).await;
    let (store, recorder) = place.watched();
    let query = place.process(store, with_health).await;
    assert_ok(&ask_all(&query, &token).await);
    fill(&helper, &token).await;
    assert_ok(&ask_all(&query, &token).await);
    place.pass(20 * MINUTE);
    compact_once(&helper.service.store).await;
    fill(&helper, &helper.token(&client).await).await;
    assert_ok(&ask_all(&query, &helper.token(&client).await).await);
    by_key(&query, &helper.make_key("web", None).await.1).await;
    // Reads are only repeated, which is seen soon.
    for round in 0..2 {
        place.stop_failing().await;
        place.pass(MINUTE);
        let token = helper.token(&client).await;
        place.fail(round);
        ask_all(&query, &token).await;
    }
    recorder.seen()
}

/// Whoever may only write is turned away.
async fn by_key(query: &Process, key: &str) {
    for key in [key, "wk_nobodys"] {
        let answer = query.get_as(&basic(key), "/api/rejected").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    }
}

/// A few series, one of them with more than a page of events, and events that are refused.
async fn fill(helper: &Process, token: &str) {
    let refused = helper.post(token, None, &json!([{}, {}])).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    for body in [events(3, 2, None), events(1, 100, None)] {
        let answer = helper.post(token, None, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
}

fn assert_ok(statuses: &[StatusCode]) {
    assert!(statuses.iter().all(StatusCode::is_success), "{statuses:?}");
}

async fn compact_once(store: &Store) {
    weir_compact::run(store, &Options::default())
        .await
        .expect("the store answers");
}

//! Bodies that are long on their way, and those that never come whole.

use super::*;
use axum::body::Bytes;
use futures::{StreamExt as _, stream};
use std::io::{Error, ErrorKind};

/// What each door takes for one event of the name `e`, and where it goes.
fn doors(key: &str) -> [(String, (&'static str, String), &'static str, &'static str); 4] {
    [
        (
            "/api/track/".into(),
            ("authorization", basic(key)),
            r#"{"namespace":"web","name":"e","value":1}"#,
            "web",
        ),
        (
            "/api/v1/trigger/".into(),
            ("x-fl-api-key", key.to_owned()),
            r#"{"actor_id":1,"action":"e","object":"page"}"#,
            "page",
        ),
        (
            format!("/pysdk/{key}"),
            ("accept", "*/*".into()),
            r#"[{"@uuid":"u","event_type":"e","message":"m"}]"#,
            "web",
        ),
        (
            "/v1/batch".into(),
            ("authorization", basic(key)),
            r#"{"batch":[{"type":"track","event":"e"}]}"#,
            "web",
        ),
    ]
}

/// Sends the halves of a body, the second one after so long, or never for a broken connection.
async fn send_in_halves(
    place: &Place,
    path: &str,
    (name, value): (&str, &str),
    body: &'static str,
    second: Option<Duration>,
) -> Answer {
    let (first, rest) = body.split_at(body.len() / 2);
    let later = stream::once(async move {
        let Some(after) = second else {
            return Err(Error::from(ErrorKind::ConnectionReset));
        };
        tokio::time::sleep(after).await;
        Ok(Bytes::from(rest))
    });
    let halves = stream::iter([Ok(Bytes::from(first))]).chain(later);
    let headers = [(name, value), ("content-type", "application/json")];
    let body = Body::from_stream(halves);
    place.send(Method::POST, path, &headers, body).await
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_comes_again_and_is_not_listed() {
    let place = Place::start().await;
    for (path, (name, value), body, namespace) in doors(&place.key) {
        let answer = send_in_halves(&place, &path, (name, &value), body, None).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(retry_after(&answer.headers).is_some(), "{path}");
        assert!(answer.text().contains("body-cut-off"), "{}", answer.text());
        let before = place.count(namespace, "e").await;
        let at_once = Some(Duration::ZERO);
        let again = send_in_halves(&place, &path, (name, &value), body, at_once).await;
        assert!(again.status.is_success(), "{path}: {}", again.text());
        assert_eq!(place.count(namespace, "e").await, before + 1, "{path}");
    }
    assert!(place.rejected().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_comes_again() {
    let place = Place::start().await;
    let never = Some(Duration::from_secs(3600));
    for (path, (name, value), body, _) in &doors(&place.key)[1..] {
        let answer = send_in_halves(&place, path, (name, value), body, never).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(retry_after(&answer.headers).is_some(), "{path}");
    }
    assert!(place.rejected().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_long_to_come_is_stored() {
    let place = Place::start().await;
    for (path, (name, value), body, namespace) in doors(&place.key) {
        let before = place.count(namespace, "e").await;
        let began = place.node.service.now();
        let long = Some(Duration::from_secs(25));
        let answer = send_in_halves(&place, &path, (name, &value), body, long).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        assert!(place.node.service.now() > began.saturating_add(Duration::from_secs(20)));
        assert_eq!(place.count(namespace, "e").await, before + 1, "{path}");
    }
}

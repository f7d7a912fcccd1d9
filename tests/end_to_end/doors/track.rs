//! What `/api/track/` refuses without having read it, or read it to its end.

use super::*;
use serde_json::json;

const EVENT: &str = r#"{"namespace":"web","name":"e","value":1}"#;

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_read_is_listed() {
    let place = Place::start().await;
    let key = basic(&place.key);
    let check = async |header: (&str, &str), body: Vec<u8>, status: u16, code: &str| {
        let headers = [("authorization", key.as_str()), header];
        let answer = place
            .send(Method::POST, "/api/track/", &headers, body)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        let listed = &place.rejected().await[0];
        assert_eq!(
            [&listed["reason"], &listed["event"], &listed["door"]],
            [&json!(code), &json!(""), &json!("track")]
        );
        assert_eq!(listed["key"]["label"], "web");
    };
    let json = ("content-type", "application/json");
    let gzip = ("content-encoding", "gzip");
    let event = || EVENT.as_bytes().to_vec();
    check(
        ("content-type", "text/xml"),
        event(),
        415,
        "unsupported-media-type",
    )
    .await;
    check(
        ("content-encoding", "br"),
        event(),
        415,
        "unsupported-encoding",
    )
    .await;
    check(gzip, event(), 400, "invalid-compression").await;
    check(json, vec![b' '; (4 << 20) + 1], 413, "too-large").await;
    check(json, vec![b'{', 0xff], 400, "invalid-utf8").await;
    check(
        ("idempotency-key", "a b"),
        event(),
        400,
        "invalid-idempotency-key",
    )
    .await;
    assert_eq!(place.rejected().await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn of_many_bad_events_all_are_counted_and_some_are_listed() {
    let place = Place::start().await;
    let key = basic(&place.key);
    let headers = [("authorization", key.as_str())];
    let body = format!("[{}]", vec!["7"; 1_500].join(","));
    let answer = place
        .send(Method::POST, "/api/track/", &headers, body)
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text().contains("1500 events are invalid"),
        "{}",
        answer.text()
    );
    assert_eq!(
        place.node.service.tally().take().rejected["invalid-event"],
        1_500
    );
    assert_eq!(place.rejected().await.len(), 1_000);
}

//! What Segment-style SDKs send.

use std::io::Write as _;

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use weir_tests::chaos::Failure;

impl Place {
    async fn call(&self, call: &str, body: impl Into<Body>) -> Answer {
        let key = basic(&self.key);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", key.as_str()),
        ];
        self.send(Method::POST, &format!("/v1/{call}"), &headers, body)
            .await
    }

    async fn stored_by(&self, call: &str, body: &Value) {
        let answer = self.call(call, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json(), json!({"success": true}));
    }
}

fn order(number: usize) -> Value {
    json!({"type": "track", "event": "Ordered", "userId": "u", "messageId": format!("m{number}"),
        "properties": {"revenue": number}})
}

fn batch(numbers: impl IntoIterator<Item = usize>) -> Value {
    let messages: Vec<Value> = numbers.into_iter().map(order).collect();
    json!({"batch": messages, "sentAt": "2024-05-15T10:20:30.000Z"})
}

#[tokio::test(start_paused = true)]
async fn every_call_is_an_event() {
    let place = Place::start().await;
    let message = json!({"event": "Ordered", "name": "Home", "userId": "u", "groupId": "g"});
    for (call, name) in [
        ("track", "Ordered"),
        ("identify", "identify"),
        ("page", "page: Home"),
        ("screen", "screen: Home"),
        ("group", "group"),
        ("alias", "alias"),
    ] {
        place.stored_by(call, &message).await;
        place.stored_by(&call[..1], &message).await;
        assert_eq!(place.count("web", name).await, 2, "{call}");
    }
    let unknown = place.call("unknown", message.to_string()).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_kept_with_what_stands_beside_it() {
    let place = Place::start().await;
    let batch = json!({
        "batch": [
            {"type": "track", "event": "E", "originalTimestamp": "1999-01-01T00:00:00Z",
             "messageId": "m", "anonymousId": "a", "context": {"ip": "::1"},
             "properties": {"value": 2}},
        ],
        "context": {"app": "shop", "ip": "::2"},
        "sentAt": "1999-01-01T00:00:20Z",
    });
    place.stored_by("batch", &batch).await;
    let events = place.raw("web", "E").await;
    assert_eq!(
        events[0],
        json!({
            "id": "m", "namespace": "web", "name": "E", "value": 2, "actor": "a",
            "timestamp": "2024-05-15T10:20:10Z",
            "properties": {"value": 2, "_metadata": {
                "type": "track", "anonymousId": "a", "sentAt": "1999-01-01T00:00:20Z",
                "originalTimestamp": "1999-01-01T00:00:00Z",
                "context": {"ip": "::1", "app": "shop"}}},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_is_counted_once() {
    let place = Place::start().await;
    place.stored_by("batch", &batch(0..100)).await;
    place.stored_by("batch", &batch(90..130)).await;
    place.stored_by("track", &order(7)).await;
    assert_eq!(place.count("web", "Ordered").await, 130);
    let failing = place
        .world
        .chaos
        .fail_all(|call| call.writes(), Failure::ServerError);
    let answer = place.call("batch", batch(125..140).to_string()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["success"], false);
    assert!(retry_after(&answer.headers).is_some());
    failing.end();
    place.stored_by("batch", &batch(120..140)).await;
    assert_eq!(place.count("web", "Ordered").await, 140);
}

#[tokio::test(start_paused = true)]
async fn bad_messages_do_not_spoil_good_ones() {
    let place = Place::start().await;
    let mut mixed = batch(0..2);
    let messages = mixed["batch"].as_array_mut().unwrap();
    messages.push(json!({"type": "track"}));
    messages.push(json!({"type": "rant", "writeKey": "planted"}));
    messages.push(json!(null));
    messages.push(json!({"type": "page", "properties": {"x": "x".repeat(33_000)}}));
    place.stored_by("batch", &mixed).await;
    assert_eq!(place.count("web", "Ordered").await, 2);
    let expected = ["invalid-name", "unknown-type", "invalid-event", "too-large"];
    assert_eq!(place.reasons().await, expected);
    assert_eq!(
        place.rejected().await[1]["event"],
        r#"{"type":"rant","writeKey":"***"}"#
    );
    // A message that is sent alone is no exception.
    place.stored_by("track", &json!({"event": ""})).await;
    assert_eq!(place.reasons().await.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn only_broken_and_oversize_bodies_are_400() {
    let place = Place::start().await;
    let many = json!({"batch": vec![json!({"type": "page"}); 10_001]}).to_string();
    let amplified = json!({
        "batch": vec![json!({"type": "page"}); 10_000], "context": {"x": "x".repeat(5_000)}});
    for (body, code) in [
        ("{\"batch\":[{]}", "invalid-json"),
        ("{\"batch\":[],\"context\":{\"a\":NaN}}", "invalid-json"),
        ("{\"batch\":{}}", "invalid-json"),
        ("{}", "invalid-json"),
        ("[]", "invalid-event"),
        ("", "invalid-json"),
        (" ".repeat(4_200_000).as_str(), "too-large"),
        (many.as_str(), "too-large"),
        (amplified.to_string().as_str(), "too-large"),
    ] {
        let answer = place.call("batch", body.to_owned()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:.40}");
        assert_eq!(answer.json()["code"], code, "{body:.40}");
        assert_eq!(place.rejected().await[0]["reason"], code);
    }
    assert_eq!(place.rejected().await.len(), 9);
}

/// Python's `json.dumps` writes numbers that are no JSON.
#[tokio::test(start_paused = true)]
async fn one_number_that_is_none_does_not_spoil_a_batch() {
    let place = Place::start().await;
    let odd = r#"{"type":"track","event":"Ordered","properties":{"revenue":NaN,"é":-Infinity}}"#;
    let (first, last) = (order(1), order(2));
    let body = format!(r#"{{"batch": [{first}, {odd} ,{last}],"sentAt":"2024-05-15"}}"#);
    let answer = place.call("batch", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(place.count("web", "Ordered").await, 2);
    let rejected = place.rejected().await;
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (&rejected[0]["reason"], &rejected[0]["event"]),
        (&json!("invalid-json"), &json!(odd))
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_listed_under_the_key_in_it_or_counted() {
    let place = Place::start().await;
    let plain = [("content-type", "text/plain")];
    let many = vec![json!({"type": "page"}); 10_001];
    let body = |batch: Value| json!({"writeKey": place.key, "batch": batch}).to_string();
    for (body, code, listed) in [
        (body(json!({})), "invalid-json", 1),
        (body(json!(many)), "too-large", 2),
        (
            json!({"writeKey": place.key}).to_string(),
            "invalid-json",
            3,
        ),
        ("{\"batch\":[{]}".into(), "invalid-json", 3),
        (" ".repeat(4_200_000), "too-large", 3),
    ] {
        place.node.service.tally().take();
        let answer = place.send(Method::POST, "/v1/batch", &plain, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert_eq!(answer.json()["code"], code);
        let counted = place.node.service.tally().take();
        assert_eq!((counted.refused, counted.rejected[code]), (1, 1));
        let rejected = place.rejected().await;
        assert_eq!(rejected.len(), listed, "{code}");
        assert!(!Value::from(rejected).to_string().contains(&place.key));
    }
    let stranger = json!({"writeKey": "another-key", "batch": {}}).to_string();
    let answer = place
        .send(Method::POST, "/v1/batch", &plain, stranger)
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn bodies_may_be_compressed() {
    let place = Place::start().await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(batch(0..3).to_string().as_bytes()).unwrap();
    let key = basic(&place.key);
    let headers = [
        ("content-encoding", "gzip"),
        ("authorization", key.as_str()),
    ];
    let answer = place
        .send(Method::POST, "/v1/batch", &headers, gzip.finish().unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(place.count("web", "Ordered").await, 3);
}

#[tokio::test(start_paused = true)]
async fn beacons_carry_the_key_in_their_body() {
    let place = Place::start().await;
    let beacon = [
        ("content-type", "text/plain;charset=UTF-8"),
        ("origin", "https://shop.example"),
    ];
    let mut body = batch(0..2);
    body["writeKey"] = json!(place.key);
    let answer = place
        .send(Method::POST, "/v1/batch", &beacon, body.to_string())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let single = json!({"event": "Left", "writeKey": place.key}).to_string();
    let answer = place.send(Method::POST, "/v1/t", &beacon, single).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(place.count("web", "Ordered").await, 2);
    let kept = place.raw("web", "Left").await;
    assert_eq!(
        kept[0]["properties"],
        json!({"_metadata": {"type": "track"}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_is_401() {
    let place = Place::start().await;
    let body = order(1).to_string();
    let bad = basic("another-key");
    for headers in [vec![], vec![("authorization", bad.as_str())]] {
        let answer = place
            .send(Method::POST, "/v1/track", &headers, body.clone())
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    let mut with_key = order(1);
    for key in [json!("another-key"), json!(""), json!(null), json!(7)] {
        with_key["writeKey"] = key.clone();
        let answer = place
            .send(Method::POST, "/v1/track", &[], with_key.to_string())
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{key}");
    }
    assert_eq!(place.count("web", "Ordered").await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_image_brings_a_message() {
    let place = Place::start().await;
    let pixel = async |call: &str, message: &str| {
        let data = STANDARD.encode(message);
        let data = utf8_percent_encode(&data, NON_ALPHANUMERIC);
        place.get(&format!("/v1/pixel/{call}?data={data}")).await
    };
    let message = json!({"event": "Opened", "userId": "u", "writeKey": place.key}).to_string();
    for call in ["track", "identify"] {
        let answer = pixel(call, &message).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.headers["content-type"], "image/gif");
        assert!(answer.body.starts_with(b"GIF89a\x01\0\x01\0") && answer.body.ends_with(b";"));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    assert_eq!(place.count("web", "Opened").await, 1);
    assert_eq!(place.count("web", "identify").await, 1);
    for (message, status) in [
        ("{}", StatusCode::UNAUTHORIZED),
        (r#"{"writeKey":"another-key"}"#, StatusCode::UNAUTHORIZED),
        ("{", StatusCode::BAD_REQUEST),
    ] {
        let answer = pixel("track", message).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (status, &*pixel("track", "{").await.body)
        );
    }
    assert_eq!(
        place.get("/v1/pixel/track").await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(pixel("batch", &message).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_key_over_its_rate_waits() {
    let place = Place::with_key("an-old-clients-key", Some(1)).await;
    place.stored_by("track", &order(1)).await;
    let answer = place.call("track", order(2).to_string()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(retry_after(&answer.headers).is_some());
}

//! What `alooma_pysdk` 2.1 sends, and what makes it send again.

use super::*;
use serde_json::json;
use weir_tests::chaos::Failure;

impl Place {
    async fn pysdk(&self, body: impl Into<Body>) -> Answer {
        let path = format!("/pysdk/{}", self.key);
        let headers = [("content-type", "application/json")];
        self.send(Method::POST, &path, &headers, body).await
    }

    /// Sends events and expects these counts: accepted, duplicates, rejected.
    async fn counted_as(&self, body: &str, expected: [u64; 3]) {
        let answer = self.pysdk(body.to_owned()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let counts = answer.json();
        let counts = ["accepted", "duplicates", "rejected"].map(|name| counts[name].as_u64());
        assert_eq!(counts, expected.map(Some), "{body:.200}");
    }
}

/// As the SDK writes it, byte for byte but for the number.
fn event(number: usize) -> String {
    format!(
        r#"{{"report_time":"2024-05-15T10:20:3{}.469358","calling_file":"/srv/shop.py","calling_line":"5","@uuid":"e8f237f0-b896-4e70-bc82-{number:012x}","event_type":"order","message":{{"a":1,"value":{number}}}}}"#,
        number % 10
    )
}

fn body(numbers: impl IntoIterator<Item = usize>) -> String {
    let events: Vec<String> = numbers.into_iter().map(event).collect();
    format!("[{}]", events.join(","))
}

#[tokio::test(start_paused = true)]
async fn the_sdk_is_let_in() {
    let place = Place::start().await;
    // It sends this body with its GET.
    let limits = place.send(
        Method::GET,
        "/",
        &[("content-type", "application/json")],
        "{}",
    );
    let limits = limits.await;
    assert_eq!(limits.status, StatusCode::OK);
    assert_eq!(limits.json()["maxRequestSize"], 1_000_000);
    let verified = place.get(&format!("/verify/{}", place.key)).await;
    assert_eq!(verified.status, StatusCode::OK);
    for bad in [
        "/verify/another-key",
        "/verify/x",
        "/verify/%ff%fe%fd%fc%fb%fa%f9%f8",
    ] {
        assert_eq!(
            place.get(bad).await.status,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
    let answer = place
        .send(Method::POST, "/pysdk/another-key", &[], body([1]))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(place.rejected().await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn events_are_kept_with_what_the_sdk_says_about_them() {
    let place = Place::start().await;
    place.counted_as(&body([3]), [1, 0, 0]).await;
    let events = place.raw("web", "order").await;
    assert_eq!(
        events[0],
        json!({
            "id": "e8f237f0-b896-4e70-bc82-000000000003",
            "namespace": "web", "name": "order", "value": 3,
            "timestamp": "2024-05-15T10:20:33.469Z",
            "properties": {"a": 1, "value": 3, "_metadata": {
                "calling_file": "/srv/shop.py", "calling_line": "5", "event_type": "order"}},
        })
    );
    place
        .counted_as(
            r#"[{"@uuid":"u","event_type":null,"message":"a text"}]"#,
            [1, 0, 0],
        )
        .await;
    let events = place.raw("web", "web").await;
    assert_eq!(events[0]["properties"], json!({"message": "a text"}));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_again_in_other_company_is_counted_once() {
    let place = Place::start().await;
    place.counted_as(&body(0..100), [100, 0, 0]).await;
    place.counted_as(&body(50..150), [50, 50, 0]).await;
    for number in [0, 75, 149, 150] {
        place
            .counted_as(
                &body([number]),
                [u64::from(number == 150), u64::from(number < 150), 0],
            )
            .await;
    }
    place.counted_as(&body((0..151).rev()), [0, 151, 0]).await;
    assert_eq!(place.count("web", "order").await, 151);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_could_not_be_stored_comes_again_event_by_event() {
    let place = Place::start().await;
    place.counted_as(&body([0]), [1, 0, 0]).await;
    let failing = place
        .world
        .chaos
        .fail_all(|call| call.writes(), Failure::ServerError);
    let answer = place.pysdk(body(1..150)).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text()
    );
    assert!(retry_after(&answer.headers).is_some());
    failing.end();
    // It may hold what the store was asked for before the failure.
    let mut known = 0;
    for number in 1..150 {
        let answer = place.pysdk(body([number])).await.json();
        known += answer["duplicates"].as_u64().expect("a count");
        assert_eq!(answer["rejected"], 0);
    }
    assert_eq!(known, 0, "the store was never reached");
    assert_eq!(place.count("web", "order").await, 150);
}

#[tokio::test(start_paused = true)]
async fn bad_events_do_not_spoil_good_ones() {
    let place = Place::start().await;
    let bad = [
        r#"{"message":7}"#,
        r#"{"message":{"x":NaN}}"#,
        "[]",
        r#"{"message":{},"event_type":["x"]}"#,
        r#"{"message":{},"report_time":"in the year 3"}"#,
    ];
    let mixed = format!("[{},{},{}]", event(1), bad.join(" , "), event(2));
    place.counted_as(&mixed, [2, 0, 5]).await;
    assert_eq!(place.count("web", "order").await, 2);
    let rejected = place.rejected().await;
    let kept: Vec<_> = rejected
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    assert_eq!(kept, bad);
    assert_eq!(
        place.reasons().await,
        [
            "invalid-event",
            "invalid-json",
            "invalid-event",
            "invalid-name",
            "invalid-time"
        ]
    );
    assert!(rejected.iter().all(|entry| entry["key"]["label"] == "web"));
}

/// Anything but a 2xx would be sent again for ever.
#[tokio::test(start_paused = true)]
async fn a_body_that_can_never_be_used_is_taken_and_written_down() {
    let place = Place::start().await;
    for body in ["{}", "null", "[{]", "", "nonsense"] {
        place.counted_as(body, [0, 0, 1]).await;
    }
    place.counted_as(&" ".repeat(4_200_000), [0, 0, 1]).await;
    place
        .counted_as(&format!("[{}]", vec!["1"; 100_001].join(",")), [0, 0, 1])
        .await;
    let answer = place.pysdk(vec![b'[', 0xff]).await;
    assert_eq!(answer.json()["rejected"], 1);
    assert!(
        answer.json()["message"]
            .as_str()
            .is_some_and(|said| said.contains("UTF-8"))
    );
    let reasons = place.reasons().await;
    assert_eq!(reasons[..3], ["invalid-utf8", "too-large", "too-large"]);
    assert_eq!(reasons[3..], ["invalid-json"; 5]);
}

#[tokio::test(start_paused = true)]
async fn of_many_bad_events_all_are_counted_and_some_are_listed() {
    let place = Place::start().await;
    let body = format!("[{},{}]", vec!["1"; 99_998].join(","), event(1));
    place.counted_as(&body, [1, 0, 99_998]).await;
    assert_eq!(place.rejected().await.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_message_of_two_megabytes_is_taken_and_written_down() {
    let place = Place::start().await;
    let large = format!(r#"{{"message":"{}"}}"#, "x".repeat(2_000_000));
    place
        .counted_as(&format!("[{},{large}]", event(1)), [1, 0, 1])
        .await;
    let rejected = place.rejected().await;
    assert_eq!(
        (&rejected[0]["reason"], &rejected[0]["cut"]),
        (&json!("too-large"), &json!(true))
    );
    assert_eq!(rejected[0]["event"].as_str().map(str::len), Some(1024));
}

#[tokio::test(start_paused = true)]
async fn more_events_than_a_request_may_have_are_stored_all_the_same() {
    let place = Place::start().await;
    let event = r#"{"event_type":"many","message":{}}"#;
    place
        .counted_as(
            &format!("[{}]", vec![event; 10_500].join(",")),
            [10_500, 0, 0],
        )
        .await;
    assert_eq!(place.count("web", "many").await, 10_500);
}

/// Together they take longer than one of them may wait for its turn.
#[tokio::test(start_paused = true)]
async fn each_submission_of_a_long_body_has_its_own_time() {
    let place = Place::start().await;
    let event = r#"{"event_type":"many","message":{}}"#;
    place.counted_as(&format!("[{event}]"), [1, 0, 0]).await;
    let clock = place.world.clock.clone();
    let slow = place.world.chaos.fail_all(
        move |call| {
            if call.writes() {
                clock.advance(Duration::from_millis(5_500));
            }
            false
        },
        Failure::Throttle,
    );
    let body = format!("[{}]", vec![event; 25_000].join(","));
    place.counted_as(&body, [25_000, 0, 0]).await;
    slow.end();
    assert_eq!(place.count("web", "many").await, 25_001);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_comes_again() {
    let place = Place::start().await;
    place.counted_as("[]", [0, 0, 0]).await;
    let failing = place
        .world
        .chaos
        .fail_all(|call| call.writes(), Failure::ServerError);
    let mixed = format!("[{},7]", event(1));
    assert_eq!(
        place.pysdk(mixed.clone()).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    failing.end();
    place.counted_as(&mixed, [1, 0, 1]).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_over_its_rate_waits() {
    let place = Place::with_key("an-old-clients-key", Some(1)).await;
    place.counted_as(&body([1]), [1, 0, 0]).await;
    let answer = place.pysdk(body([2])).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(retry_after(&answer.headers).is_some());
}

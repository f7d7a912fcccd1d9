//! Brockman is Python 2 and in no registry, so what its document describes is sent byte for byte.

use super::*;
use serde_json::json;
use weir_tests::chaos::Failure;

/// `record_trigger` of its document, as Python writes it.
const TRIGGER: &str = r#"{"captured_attributes": {"plan": "pro"}, "action": "viewed", "object": "blog post", "actor_id": 7, "captured_identities": {"email": "anna@example.org", "user_id": 7}, "variables": {"tags": ["a", "b\u00e9"], "title": "T", "score": 1.50}}"#;

const PATH: &str = "/api/v1/trigger/";

impl Place {
    async fn trigger(&self, key: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("x-fl-api-key", key)];
        self.send(Method::POST, PATH, &headers, body.to_owned())
            .await
    }

    /// Brockman's Celery task: it tries again after a server error and after a status that it does
    /// not know, and gives up after the others. Says what each try was answered.
    async fn task(&self, tries: usize, body: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        while statuses.len() < tries {
            let status = self.trigger(&self.key, body).await.status.as_u16();
            statuses.push(status);
            if matches!(status, 201 | 400 | 401 | 403 | 404) {
                break;
            }
        }
        statuses
    }
}

#[tokio::test(start_paused = true)]
async fn a_trigger_is_recorded_and_all_of_it_comes_back() {
    let place = Place::start().await;
    let answer = place.trigger(&place.key, TRIGGER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let events = place.raw("blog post", "viewed").await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["actor"], &events[0]["value"]),
        (&json!("7"), &json!(1))
    );
    assert_eq!(
        events[0]["properties"],
        json!({
            "identities": {"email": "anna@example.org", "user_id": 7},
            "attributes": {"plan": "pro"},
            "variables": {"tags": ["a", "bé"], "title": "T", "score": 1.5},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_trigger_has_other_paths() {
    let place = Place::start().await;
    for path in ["/api/v1/trigger", "/api/v1/triggers", "/api/v1/triggers/"] {
        let headers = [("x-fl-api-key", place.key.as_str())];
        let answer = place.send(Method::POST, path, &headers, TRIGGER).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{path}");
    }
    assert_eq!(place.count("blog post", "viewed").await, 3);
}

#[tokio::test(start_paused = true)]
async fn raw_events_are_found_by_actor_identity_and_attribute() {
    let place = Place::start().await;
    place.trigger(&place.key, TRIGGER).await;
    let other = r#"{"actor_id":"b","action":"viewed","object":"blog post","captured_identities":{"email":["b@example.org","anna@example.org"]}}"#;
    place.trigger(&place.key, other).await;
    let check = async |filter: &str, expected: usize| {
        let path = format!("/api/raw/blog%20post/viewed?{filter}");
        assert_eq!(
            list(&place.node.get(&path).await).len(),
            expected,
            "{filter}"
        );
    };
    check("actor=7", 1).await;
    check("identity.email=anna@example.org", 2).await;
    check("identity.email=b@example.org", 1).await;
    check("identity.user_id=7", 1).await;
    check("attribute.plan=pro", 1).await;
    check("attribute.plan=pro&actor=b", 0).await;
    check("attribute.email=anna@example.org", 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_is_401_and_a_bad_trigger_400() {
    let place = Place::start().await;
    for key in ["another-key", "short", ""] {
        let answer = place.trigger(key, TRIGGER).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{key:?}");
    }
    let without = place.send(Method::POST, PATH, &[], TRIGGER).await;
    assert_eq!(without.status, StatusCode::UNAUTHORIZED);
    let bad = TRIGGER.replace("\"pro\"", "{\"no\":1}");
    for (body, code) in [
        (bad.as_str(), "invalid-attributes"),
        (r#"{"actor_id":"a","action":"viewed"}"#, "invalid-name"),
        (r#"{"action":"viewed","object":"o"}"#, "invalid-actor"),
        ("{", "invalid-json"),
        ("[]", "invalid-event"),
    ] {
        let answer = place.trigger(&place.key, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.code(), code, "{body}");
        let kept = &place.rejected().await[0];
        assert_eq!(
            (&kept["reason"], &kept["event"]),
            (&json!(code), &json!(body))
        );
        assert_eq!(kept["door"], "focuslab");
    }
    assert_eq!(place.rejected().await.len(), 5);
    assert_eq!(place.count("blog post", "viewed").await, 0);
}

/// 413 and 415 are statuses that the task does not know, and would repeat for ever.
#[tokio::test(start_paused = true)]
async fn what_can_never_be_read_is_400() {
    let place = Place::start().await;
    let large = TRIGGER.replace("\"T\"", &format!("\"{}\"", "x".repeat(2_000_000)));
    let huge = " ".repeat(4_200_000);
    for body in [large.as_str(), huge.as_str()] {
        let answer = place.trigger(&place.key, body).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (StatusCode::BAD_REQUEST, "too-large")
        );
    }
    let headers = [
        ("x-fl-api-key", place.key.as_str()),
        ("content-encoding", "br"),
    ];
    let answer = place.send(Method::POST, PATH, &headers, TRIGGER).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let headers = &headers[..1];
    let answer = place
        .send(Method::POST, PATH, headers, vec![b'{', 0xff])
        .await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (StatusCode::BAD_REQUEST, "invalid-utf8")
    );
    let reasons = place.reasons().await;
    assert_eq!(
        reasons,
        [
            "invalid-utf8",
            "unsupported-encoding",
            "too-large",
            "too-large"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_was_not_stored_comes_again_and_is_counted_once() {
    let place = Place::start().await;
    // The key is known by then.
    assert_eq!(
        place.trigger(&place.key, "{}").await.status,
        StatusCode::BAD_REQUEST
    );
    let failing = place
        .world
        .chaos
        .fail_all(|call| call.writes(), Failure::Throttle);
    let answer = place.trigger(&place.key, TRIGGER).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "not-stored");
    assert!(retry_after(&answer.headers).is_some_and(|seconds| seconds > 0));
    assert_eq!(place.task(2, TRIGGER).await, [503, 503]);
    failing.end();
    assert_eq!(place.task(9, TRIGGER).await, [201]);
    assert_eq!(place.count("blog post", "viewed").await, 1);
}

#[tokio::test(start_paused = true)]
async fn the_task_gives_up_what_is_final() {
    let place = Place::start().await;
    assert_eq!(place.task(9, "{}").await, [400]);
    let stranger = Place {
        key: "a-stranger".into(),
        ..place
    };
    assert_eq!(stranger.task(9, TRIGGER).await, [401]);
}

/// An answer of the store's that is lost is settled: the trigger is there once.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_the_store_is_no_error() {
    let place = Place::start().await;
    place.trigger(&place.key, TRIGGER).await;
    place
        .world
        .chaos
        .fail_once(|call| call.is("PutItem"), Failure::AfterEffect);
    assert_eq!(place.task(9, TRIGGER).await, [201]);
    assert_eq!(place.count("blog post", "viewed").await, 2);
}

/// The one 5xx after which a repeat may count a trigger twice says so.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_nobody_knows_has_a_code_of_its_own() {
    let place = Place::start().await;
    place.trigger(&place.key, TRIGGER).await;
    let lost = place
        .world
        .chaos
        .fail_all(|call| call.writes(), Failure::AfterEffect);
    let cut = place
        .world
        .chaos
        .fail_all(|call| !call.writes(), Failure::BeforeEffect);
    let answer = place.trigger(&place.key, TRIGGER).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "outcome-unknown");
    lost.end();
    cut.end();
}

#[tokio::test(start_paused = true)]
async fn a_key_over_its_rate_waits() {
    let place = Place::with_key("an-old-clients-key", Some(1)).await;
    assert_eq!(place.task(2, TRIGGER).await, [201]);
    let answer = place.trigger(&place.key, TRIGGER).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(retry_after(&answer.headers).is_some());
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_may_send_the_key() {
    let place = Place::start().await;
    let preflight = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "content-type,x-fl-api-key",
        ),
    ];
    let answer = place
        .send(Method::OPTIONS, PATH, &preflight, Body::empty())
        .await;
    assert!(answer.status.is_success());
    let allowed = answer.headers["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(
        allowed.to_ascii_lowercase().contains("x-fl-api-key"),
        "{allowed}"
    );
    let headers = [
        ("origin", "https://shop.example"),
        ("x-fl-api-key", "a-bad-key"),
    ];
    let answer = place.send(Method::POST, PATH, &headers, TRIGGER).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
}

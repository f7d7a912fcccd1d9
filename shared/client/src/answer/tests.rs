use super::*;

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn judged(status: u16, body: &str) -> Outcome {
    judge(&reply(status, body), 4, Timestamp::MIN)
}

fn again(status: u16, body: &str) -> (&'static str, Pace) {
    match judged(status, body) {
        Outcome::Again(again) => (again.code, again.pace),
        other => panic!("{status} {body}: {other:?}"),
    }
}

#[test]
fn only_a_weirs_201_for_all_events_is_success() {
    let counted = judged(201, r#"{"accepted":3,"duplicates":1}"#);
    assert_eq!(counted, Outcome::Accepted { duplicates: 1 });
    for (status, body) in [
        (201, r#"{"accepted":3,"duplicates":0}"#),
        (201, "<html>"),
        (200, r#"{"accepted":4,"duplicates":0}"#),
        (204, ""),
        (302, ""),
        (404, ""),
        (400, "<html>"),
        (400, r#"{"code":"invalid-idempotency-key"}"#),
        (422, ""),
    ] {
        assert_eq!(
            again(status, body),
            (codes::NOT_WEIR, Pace::Slow),
            "{status} {body}"
        );
    }
}

#[test]
fn bad_events_are_named_by_their_places() {
    let body = r#"{"code":"invalid-event","detail":"d","errors":[
        {"index":1,"field":"name","reason":"is empty"},
        {"index":1,"field":"value","reason":"is missing"},
        {"index":3,"field":"id","reason":"is empty"},
        {"index":9,"field":"id","reason":"is not of this batch"}]}"#;
    let expected = BTreeMap::from([
        (1, "name is empty; value is missing".to_owned()),
        (3, "id is empty".to_owned()),
    ]);
    assert_eq!(judged(400, body), Outcome::Reject(expected));
    let nameless = r#"{"code":"invalid-json","detail":"d"}"#;
    let halve = Outcome::Halve("answered 400 invalid-json: d".to_owned());
    assert_eq!(judged(400, nameless), halve);
    let one = r#"{"code":"invalid-event","errors":[{"field":"name","reason":"is empty"}]}"#;
    let outcome = judge(&reply(400, one), 1, Timestamp::MIN);
    assert_eq!(
        outcome,
        Outcome::Reject(BTreeMap::from([(0, "name is empty".to_owned())]))
    );
}

#[test]
fn what_passes_is_tried_again_soon_and_what_someone_must_mend_slowly() {
    for status in [408, 429, 500, 502, 503, 504] {
        assert_eq!(again(status, ""), (codes::RETRY, Pace::Usual), "{status}");
    }
    assert_eq!(again(403, ""), (codes::UNAUTHORIZED, Pace::Slow));
    assert!(matches!(judged(401, ""), Outcome::Unauthorized(_)));
    assert_eq!(Again::unauthorized(String::new()).status, Some(401));
    assert!(matches!(judged(413, "<html>"), Outcome::Halve(_)));
    let one = |body| judge(&reply(413, body), 1, Timestamp::MIN);
    assert!(matches!(one("<html>"), Outcome::Again(again) if again.code == codes::NOT_WEIR));
    assert!(matches!(one(r#"{"code":"too-large"}"#), Outcome::Halve(_)));
    let reused = r#"{"code":"idempotency-key-reused"}"#;
    assert!(matches!(judged(422, reused), Outcome::KeyReused(_)));
}

#[test]
fn only_an_answer_that_says_so_or_that_is_given_instead_means_that_nothing_is_stored() {
    let check = |status, body: &str, expected| match judged(status, body) {
        Outcome::Again(again) => assert_eq!(again.is_doubtful, expected, "{status} {body}"),
        other => panic!("{status} {body}: {other:?}"),
    };
    for status in [500, 502, 503, 504, 408, 200, 204] {
        check(status, "<html>", true);
    }
    check(201, r#"{"accepted":1,"duplicates":0}"#, true);
    for code in ["repeat-with-key", "outcome-unknown", "not-known"] {
        check(503, &format!(r#"{{"code":"{code}"}}"#), true);
    }
    for code in NOTHING_STORED {
        check(503, &format!(r#"{{"code":"{code}"}}"#), false);
    }
    for status in [302, 400, 403, 404, 429] {
        check(status, "<html>", false);
    }
}

#[test]
fn a_server_may_ask_for_a_wait_in_seconds_or_until_a_date() {
    let now = Timestamp::parse("2024-05-15T10:20:30Z").unwrap();
    let check = |value: &'static str, expected: Option<u64>| {
        let mut reply = reply(503, "");
        reply.headers.insert(RETRY_AFTER, value.parse().unwrap());
        let Outcome::Again(again) = judge(&reply, 1, now) else {
            panic!("a 503 is tried again")
        };
        assert_eq!(again.after.map(|wait| wait.as_secs()), expected, "{value}");
    };
    check("7", Some(7));
    check("Wed, 15 May 2024 10:21:00 GMT", Some(30));
    check("Wed, 15 May 2024 10:00:00 GMT", Some(0));
    check("999999999", Some(LONGEST_WAIT.as_secs()));
    check("soon", None);
}

#[test]
fn no_server_fills_a_notice() {
    let long = "x".repeat(100_000);
    let body = format!(r#"{{"code":"{long}","detail":"{long}"}}"#);
    match judged(503, &body) {
        Outcome::Again(again) => assert!(again.detail.len() < 1100, "{}", again.detail.len()),
        other => panic!("{other:?}"),
    }
}

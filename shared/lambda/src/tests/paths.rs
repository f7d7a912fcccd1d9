//! Paths as API Gateway hands them on, and what becomes of the names in them.

use serde_json::json;

use super::world::{World, body, check_problem, event};

#[tokio::test]
async fn names_in_paths_arrive_as_they_were_meant() {
    let world = World::start().await;
    // A name, how it is sent, and what an HTTP API makes of that.
    let names = [
        ("plain", "plain", "plain"),
        ("a b", "a%20b", "a b"),
        ("hash#tag", "hash%23tag", "hash#tag"),
        (
            "unicode-λ-世界",
            "unicode-%CE%BB-%E4%B8%96%E7%95%8C",
            "unicode-λ-世界",
        ),
        (
            "a+b&c=d;e:f@g,'!*()",
            "a+b&c=d;e:f@g,'!*()",
            "a+b&c=d;e:f@g,'!*()",
        ),
        (
            "\"quoted\" <tag> {x} \\ | ^ `",
            "%22quoted%22%20%3Ctag%3E%20%7Bx%7D%20%5C%20%7C%20%5E%20%60",
            "\"quoted\" <tag> {x} \\ | ^ `",
        ),
        ("line\nbreak", "line%0Abreak", "line\nbreak"),
        ("what?", "what%253F, encoded twice", "what?"),
        ("50%", "50%2525, encoded twice", "50%"),
        ("50% off", "50%2525%20off, encoded twice", "50% off"),
    ];
    for (value, (name, _, _)) in names.iter().enumerate() {
        world.track(name, value as i64).await;
    }
    for (value, (name, sent, handed_on)) in names.iter().enumerate() {
        let found = world
            .values(&format!("/api/raw/Shop/{handed_on}"), "")
            .await;
        assert_eq!(found, [value as i64], "{name:?}, sent as {sent}");
    }
}

#[tokio::test]
async fn a_path_that_was_left_encoded_is_understood_as_well() {
    let world = World::start().await;
    for (value, (name, raw)) in [
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("what?", "what%3F"),
        ("a/b", "a%2Fb"),
        ("λ", "%CE%BB"),
    ]
    .into_iter()
    .enumerate()
    {
        world.track(name, value as i64).await;
        let found = world.values(&format!("/api/raw/Shop/{raw}"), "").await;
        assert_eq!(found, [value as i64], "{name:?}");
    }
}

#[tokio::test]
async fn what_a_path_loses_the_query_form_keeps() {
    let world = World::start().await;
    let lost = [
        // Cut off at the question mark: another name.
        ("what?", "/api/raw/Shop/what", "what%3F"),
        // A separator: no route.
        ("a/b", "/api/raw/Shop/a/b", "a%2Fb"),
        // Decoded twice: another name.
        ("%41", "/api/raw/Shop/A", "%2541"),
    ];
    for (value, (name, raw_path, in_query)) in lost.into_iter().enumerate() {
        let value = value as i64 + 7;
        world.track(name, value).await;
        let answer = world.get(raw_path, "").await;
        match answer.status_code {
            404 => check_problem(&answer, 404, "not-found"),
            _ => assert_eq!(body(&answer), json!([]), "{name:?}"),
        }
        let query = format!("namespace=Shop&name={in_query}");
        assert_eq!(world.values("/api/raw", &query).await, [value], "{name:?}");
    }
}

#[tokio::test]
async fn a_decoded_question_mark_does_not_begin_a_query() {
    let world = World::start().await;
    world.track("x?granularity=nonsense", 1).await;
    let path = "/api/events/Shop/x?granularity=nonsense";
    let answer = world
        .get(path, "granularity=day&aggregationType=count")
        .await;
    assert_eq!(answer.status_code, 200, "{}", answer.body);
    assert_eq!(body(&answer)[0]["value"], 1);
}

#[tokio::test]
async fn a_named_stage_is_no_part_of_the_path() {
    let world = World::start().await;
    world.track("a b", 1).await;
    for (stage, raw_path) in [
        ("prod", "/prod/api/raw/Shop/a b"),
        ("prod", "/api/raw/Shop/a b"),
    ] {
        let sent = event("GET", raw_path, "limit=1").stage(stage);
        let answer = world.authorized(sent).await;
        assert_eq!(body(&answer)[0]["value"], 1, "{raw_path}");
    }
    let answer = world
        .authorized(event("GET", "/prod/api/raw/Shop/a b", ""))
        .await;
    check_problem(&answer, 404, "not-found");
}

//! Who may what, what settings close, and what pages and caches are told.

use axum::body::Body;
use http::Request;
use serde_json::json;
use weir_model::DataSetSettings;

use crate::world::{FOO, TOKEN, World};

const RECORD: &str = "{\"_id\": \"a\"}";

#[tokio::test]
async fn a_data_set_takes_its_own_token_or_one_that_may_write() {
    let world = World::start().await;
    let write = world.oauth2("write").await;
    for token in [TOKEN, &write] {
        let answer = world.call_with(token, "POST", FOO, RECORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for (method, path) in [("POST", FOO), ("PUT", FOO)] {
        let read = world.oauth2("read aggregation").await;
        world
            .call_with(&read, method, path, "[]")
            .await
            .refusal(403);
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_everywhere_and_never_repeated() {
    let world = World::with(json!([{"_id": "a"}])).await;
    let record = format!("{FOO}/a");
    for (method, path) in [
        ("POST", FOO),
        ("PUT", FOO),
        ("PATCH", &record),
        ("DELETE", &record),
    ] {
        let request = Request::builder().method(method).uri(path);
        let answer = world.send(request.body(Body::from("[]")).unwrap()).await;
        let expected = "Expected header of form: Authorization: Bearer <token>";
        assert_eq!(answer.refusal(401), expected);
        assert_eq!(answer.header("www-authenticate"), "bearer");
        for token in ["planted", "the-token-of-the-data-set2", "a.b.c", ""] {
            let answer = world.call_with(token, method, path, "[]").await;
            let message = answer.refusal(401);
            let is_named = message.starts_with("Unauthorized: Invalid bearer token for 'foo/bar'");
            assert!(is_named || token.is_empty(), "{message}");
            assert!(!message.contains("planted"), "{message}");
            assert_eq!(answer.header("www-authenticate"), "bearer");
        }
    }
    assert_eq!(world.get("").await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_key_opens_nothing() {
    let world = World::start().await;
    let request = Request::post(FOO).header("authorization", "Basic YW4tb2xkLWtleTo=");
    let answer = world.send(request.body(Body::from(RECORD)).unwrap()).await;
    answer.refusal(401);
}

#[tokio::test]
async fn a_data_set_that_there_is_not_is_not_found() {
    let world = World::start().await;
    for path in [
        "/data/foo/other",
        "/data/a%20b/c",
        "/data/%2F/c",
        "/data/é/c",
    ] {
        let path = path.replace('é', "%C3%A9");
        for method in ["GET", "POST", "PUT"] {
            let answer = world.call(method, &path, "[]").await;
            assert_eq!(answer.refusal(404), "data_set not found", "{method} {path}");
        }
        let answer = world.call("DELETE", &format!("{path}/a"), "").await;
        assert_eq!(answer.refusal(404), "data_set not found");
    }
}

#[tokio::test]
async fn what_is_not_queryable_is_not_found_but_by_who_may_read() {
    let world = World::start().await;
    let settings = DataSetSettings {
        queryable: false,
        ..DataSetSettings::default()
    };
    world.create("foo/hidden", settings).await;
    let path = "/data/foo/hidden";
    let message = world.get_at(path, "").await.refusal(404);
    assert_eq!(message, "data_set not found");
    let (read, write) = (world.oauth2("read").await, world.oauth2("write").await);
    for token in [TOKEN, &read] {
        let answer = world.call_with(token, "GET", path, "").await;
        assert_eq!(answer.data(), json!([]));
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    world.call_with(&write, "GET", path, "").await.refusal(403);
    let answer = world.call_with("planted", "GET", path, "").await;
    answer.refusal(401);
}

#[tokio::test]
async fn raw_queries_are_for_those_who_may_read_where_they_are_not_allowed() {
    let world = World::start().await;
    let settings = DataSetSettings {
        raw_queries_allowed: false,
        ..DataSetSettings::default()
    };
    world.create("foo/coarse", settings).await;
    let path = "/data/foo/coarse";
    let message = world.get_at(path, "").await.refusal(400);
    assert_eq!(message, "querying for raw data is not allowed");
    let day = "period=day&start_at=2013-01-01T00:00:00Z&end_at=2013-01-02T00:00:00Z";
    let message = world.get_at(path, day).await.refusal(400);
    assert_eq!(message, "The minimum time span for a query is 7 days");
    let answer = world.get_at(path, "group_by=foo").await;
    assert_eq!(answer.data(), json!([]));
    assert_eq!(
        answer.header("cache-control"),
        "max-age=1800, must-revalidate"
    );

    let read = world.oauth2("read").await;
    for query in ["", day] {
        let path = format!("{path}?{query}");
        assert_eq!(world.call_with(&read, "GET", &path, "").await.status, 200);
        assert_eq!(world.call("GET", &path, "").await.status, 200);
        let answer = world.call_with("planted", "GET", &path, "").await;
        answer.refusal(401);
    }
    // Who is told no more than everybody needs no good token.
    let grouped = format!("{path}?group_by=foo");
    assert_eq!(
        world.call_with("planted", "GET", &grouped, "").await.status,
        200
    );
}

#[tokio::test]
async fn settings_say_how_long_an_answer_is_kept_and_whether_it_is_final() {
    let world = World::start().await;
    let check = async |name: &str, settings: DataSetSettings, cached: &str, warned: bool| {
        world.create(name, settings).await;
        let answer = world.get_at(&format!("/data/{name}"), "").await;
        assert_eq!(answer.header("cache-control"), cached, "{name}");
        let warning = answer.json()["warning"].as_str().map(str::to_owned);
        assert_eq!(warning.is_some(), warned, "{name}");
        assert!(
            warning.is_none_or(|text| text.starts_with("Warning: This data-set is unpublished"))
        );
    };
    let settings = DataSetSettings::default;
    check(
        "a/usual",
        settings(),
        "max-age=1800, must-revalidate",
        false,
    )
    .await;
    let realtime = DataSetSettings {
        realtime: true,
        ..settings()
    };
    check("a/live", realtime, "max-age=120, must-revalidate", false).await;
    let unpublished = DataSetSettings {
        published: false,
        ..realtime
    };
    check("a/draft", unpublished, "no-cache", true).await;
}

#[tokio::test]
async fn an_answer_that_a_client_has_is_not_sent_again() {
    let world = World::with(json!([{"_id": "a"}])).await;
    let first = world.get("").await;
    let tag = first.header("etag").to_owned();
    assert_eq!(tag.len(), 34);
    let ask = async |tags: &str| {
        let request = Request::get(FOO).header("if-none-match", tags);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    for tags in [tag.as_str(), &format!("\"x\", W/{tag}"), "*"] {
        let answer = ask(tags).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""));
        assert_eq!(answer.header("etag"), tag);
        assert_eq!(
            answer.header("cache-control"),
            "max-age=1800, must-revalidate"
        );
    }
    assert_eq!(ask("\"x\"").await.data(), first.data());
    world.store(json!([{"_id": "b"}])).await;
    let answer = ask(&tag).await;
    assert_eq!(answer.status, 200);
    assert_ne!(answer.header("etag"), tag);
}

#[tokio::test]
async fn pages_of_every_origin_read_answers_and_refusals() {
    let world = World::start().await;
    for query in ["", "period=fortnight"] {
        let answer = world.get(query).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let preflight = Request::options(FOO)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "cache-control");
    let answer = world.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let allowed = answer.header("access-control-allow-headers");
    assert_eq!(allowed, "cache-control");
    assert!(
        answer
            .header("access-control-allow-methods")
            .contains("GET")
    );
}

#[tokio::test(start_paused = true)]
async fn while_the_store_does_not_answer_nothing_is_made_up() {
    let world = World::running().await;
    world.line.cut(true);
    let answer = world.get("").await;
    answer.refusal(503);
    assert_eq!(answer.header("retry-after"), "2");
}

//! Bad parameters: each is named, with what is allowed.

use http::StatusCode;

use crate::world::World;

async fn check(world: &World, uri: &str, expected: &[(&str, &str)]) {
    let answer = world.get(uri).await;
    assert_eq!(
        answer.status,
        StatusCode::BAD_REQUEST,
        "{uri}: {}",
        answer.body
    );
    assert_eq!(answer.content_type(), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["code"], "invalid-parameter", "{uri}");
    let fields: Vec<_> = expected.iter().map(|(field, _)| *field).collect();
    assert_eq!(answer.fields(), fields, "{uri}: {problem}");
    for (error, (_, allowed)) in problem["errors"].as_array().unwrap().iter().zip(expected) {
        let reason = error["reason"].as_str().unwrap();
        assert!(reason.contains(allowed), "{uri}: {reason}");
    }
}

#[tokio::test]
async fn each_bad_parameter_of_an_aggregate_is_named_with_what_is_allowed() {
    let world = World::start().await;
    let check = async |query: &str, expected: &[(&str, &str)]| {
        check(&world, &format!("/api/events/n/s?{query}"), expected).await;
    };
    check("tsMin=yesterday", &[("tsMin", "ISO 8601")]).await;
    check("tsMax=", &[("tsMax", "ISO 8601")]).await;
    check("tsMax=1969-12-31", &[("tsMax", "1970 to 9999")]).await;
    check("tsMin=2&tsMax=1", &[("tsMin", "after its end")]).await;
    check(
        "granularity=fortnight",
        &[("granularity", "minute, hour, day, week")],
    )
    .await;
    check(
        "aggregationType=AVG",
        &[("aggregationType", "max, min, avg, sum")],
    )
    .await;
    check("tz=Mars/Olympus", &[("tz", "IANA")]).await;
    check(
        "fill=blank&granularity=day",
        &[("fill", "none, zero or null")],
    )
    .await;
    check("fill=zero", &[("fill", "other than none")]).await;
    check("fill=zero&granularity=none", &[("fill", "other than none")]).await;
    check("format=xml", &[("format", "json, csv, ndjson")]).await;
    check("limit=0", &[("limit", "1 to 10000")]).await;
    check("limit=10001", &[("limit", "1 to 10000")]).await;
    check("limit=ten", &[("limit", "1 to 10000")]).await;
    check("cursor=non.sense", &[("cursor", "Link")]).await;
    check("cursor=", &[("cursor", "Link")]).await;
    check(
        "tsmin=1",
        &[("tsmin", "allowed are tsMin, tsMax, granularity")],
    )
    .await;
    check("namespace=n", &[("namespace", "not a parameter here")]).await;
    check("tz=UTC&tz=UTC", &[("tz", "more than once")]).await;
    check("tz=%ff", &[("tz", "UTF-8")]).await;
    let all = "granularity=x&aggregationType=y&tz=z&fill=f&limit=l&format=m&tsMin=a&tsMax=b&more=1";
    let named = [
        "more",
        "tsMin",
        "tsMax",
        "granularity",
        "aggregationType",
        "tz",
        "fill",
    ];
    let named: Vec<_> = named
        .into_iter()
        .chain(["limit", "format"])
        .map(|n| (n, ""))
        .collect();
    check(all, &named).await;
}

#[tokio::test]
async fn each_bad_parameter_of_raw_events_is_named_with_what_is_allowed() {
    let world = World::start().await;
    let check = async |query: &str, expected: &[(&str, &str)]| {
        check(&world, &format!("/api/raw/n/s?{query}"), expected).await;
    };
    check("order=random", &[("order", "newest or oldest")]).await;
    check("limit=10001", &[("limit", "1 to 10000")]).await;
    check("format=csv", &[("format", "json, ndjson")]).await;
    check("property=1", &[("property", "property.KEY")]).await;
    check("property.=1", &[("property.", "property.KEY")]).await;
    check(
        "property.a=1&property.a=2",
        &[("property.a", "more than once")],
    )
    .await;
    check(
        "granularity=day",
        &[("granularity", "tsMin, tsMax, actor, id")],
    )
    .await;
    check("cursor=AQ", &[("cursor", "Link")]).await;
}

#[tokio::test]
async fn each_bad_parameter_of_the_catalogue_is_named_with_what_is_allowed() {
    let world = World::start().await;
    check(
        &world,
        "/api/namespaces?limit=1001",
        &[("limit", "1 to 1000")],
    )
    .await;
    check(
        &world,
        "/api/namespaces?page=2",
        &[("page", "namespace, limit, cursor")],
    )
    .await;
    check(
        &world,
        "/api/namespaces?namespace=",
        &[("namespace", "1 to 120")],
    )
    .await;
    check(
        &world,
        "/api/namespaces/n?namespace=n",
        &[("namespace", "limit, cursor")],
    )
    .await;
    check(&world, "/api/namespaces/n?cursor=x", &[("cursor", "Link")]).await;
}

#[tokio::test]
async fn a_series_is_named_whole_and_within_the_limits() {
    let world = World::start().await;
    let missing = [("namespace", "missing"), ("name", "missing")];
    check(&world, "/api/events", &missing).await;
    check(&world, "/api/raw", &missing).await;
    check(&world, "/api/events?namespace=n", &missing[1..]).await;
    check(
        &world,
        "/api/events?namespace=&name=s",
        &[("namespace", "1 to 120")],
    )
    .await;
    let long = "x".repeat(121);
    check(
        &world,
        &format!("/api/events/n/{long}"),
        &[("name", "121 characters")],
    )
    .await;
    check(&world, "/api/events/n/%00", &[("name", "U+0000")]).await;
    check(&world, "/api/events/n/%ff", &[("path", "UTF-8")]).await;
    check(&world, "/api/namespaces/%ff", &[("path", "UTF-8")]).await;
}

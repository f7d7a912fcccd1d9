//! Pages of aggregates: they end, together they are the whole, and a cursor knows what it is for.

use http::StatusCode;
use serde_json::Value;
use weir_model::Timestamp;

use crate::world::{World, at, event, series};

/// An event every seven hours of two years.
async fn two_years() -> World {
    let world = World::start().await;
    let series = series("n", "s");
    let start = at("2023-01-01T00:30:00").as_millis();
    let times = (0..2_500).map(|n| Timestamp::from_millis(start + n * 7 * 3_600_000).unwrap());
    world
        .accept(times.map(|time| event(&series, time, 1.0)).collect())
        .await;
    world
}

#[tokio::test]
async fn the_pages_together_are_the_whole() {
    let world = two_years().await;
    for (query, limit) in [
        ("granularity=none&aggregationType=count", 400),
        (
            "granularity=minute&aggregationType=count&tsMin=2023-02-03T04:05:06Z",
            300,
        ),
        (
            "granularity=hour&aggregationType=count&tz=Asia/Kathmandu",
            999,
        ),
        (
            "granularity=day&aggregationType=count&tz=America/New_York",
            100,
        ),
        (
            "granularity=day&fill=zero&tsMin=2022-12-01&tsMax=2025-06-01",
            90,
        ),
        ("granularity=week&aggregationType=sum&tz=Europe/Berlin", 7),
        (
            "granularity=month&aggregationType=sum&fill=null&tsMin=2020-01-01",
            5,
        ),
        ("granularity=year&aggregationType=sum", 1),
    ] {
        let whole = world.json(&format!("/api/events/n/s?{query}")).await;
        let paged = format!("{query}&limit={limit}");
        let pages = world.pages("/api/events/n/s", &paged).await;
        let (last, full) = pages.split_last().unwrap();
        let length = |page: &crate::world::Answer| page.json().as_array().unwrap().len();
        assert!(full.iter().all(|page| length(page) == limit), "{query}");
        assert!((1..=limit).contains(&length(last)), "{query}");
        assert_eq!(
            Value::from(world.union("/api/events/n/s", &paged).await),
            whole,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_parameters_but_for_limit_and_format() {
    let world = two_years().await;
    let first = world.get("/api/events/n/s?granularity=day&limit=3").await;
    let next = first.next().unwrap();
    assert!(
        next.starts_with("granularity=day&limit=3&cursor="),
        "{next}"
    );
    let cursor = next.rsplit_once("cursor=").unwrap().1;
    let check = async |uri: &str, status: StatusCode| {
        let answer = world.get(&format!("{uri}&cursor={cursor}")).await;
        assert_eq!(answer.status, status, "{uri}: {}", answer.body);
        answer
    };
    let bad = StatusCode::BAD_REQUEST;
    let two = check(
        "/api/events/n/s?granularity=day&limit=2&format=csv",
        StatusCode::OK,
    )
    .await;
    assert_eq!(two.body.lines().count(), 3);
    assert!(two.body.contains("2023-01-04T"), "{}", two.body);
    let unlimited = check("/api/events/n/s?granularity=day", StatusCode::OK).await;
    assert_eq!(unlimited.next(), None);
    check(
        "/api/events?namespace=n&name=s&granularity=day",
        StatusCode::OK,
    )
    .await;
    for other in [
        "/api/events/n/s?granularity=hour",
        "/api/events/n/other?granularity=day",
        "/api/events/n/s?granularity=day&tz=Europe/Berlin",
        "/api/events/n/s?granularity=day&tsMin=2023-01-01",
        "/api/events/n/s?granularity=day&aggregationType=sum",
        "/api/events/n/s?granularity=day&fill=zero",
        "/api/raw/n/s?limit=3",
        "/api/namespaces?limit=3",
    ] {
        assert_eq!(check(other, bad).await.fields(), ["cursor"], "{other}");
    }
}

#[tokio::test]
async fn an_event_that_comes_in_between_pages_spoils_none_of_them() {
    let world = two_years().await;
    let first = world
        .get("/api/events/n/s?granularity=day&aggregationType=count&limit=2")
        .await;
    let next = first.next().unwrap().to_owned();
    let late = [
        "2023-01-01T01:00:00",
        "2023-01-02T00:00:00",
        "2023-01-05T00:00:00",
    ];
    let series = series("n", "s");
    world
        .accept(late.map(|time| event(&series, at(time), 1.0)).to_vec())
        .await;
    let second = world.get(&format!("/api/events/n/s?{next}")).await.json();
    assert_eq!(second[0]["aggregatedTimestamp"], "2023-01-03T01:30:00Z");
    assert_eq!(second[1]["aggregatedTimestamp"], "2023-01-04T05:30:00Z");
}

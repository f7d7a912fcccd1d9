//! The events themselves: order, filters, pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir_model::{Event, Timestamp};

use crate::world::{World, at, event, series};

/// 1,500 events of twenty days, five at each instant, some through a compaction.
async fn many() -> World {
    let world = World::start().await;
    let series = series("n", "s");
    let start = at("2023-12-01").as_millis();
    let make = |n: i64| {
        let time = Timestamp::from_millis(start + n / 5 * 5_760_000).unwrap();
        let mut event = event(&series, time, n as f64);
        event.id = (n % 3 == 0).then(|| format!("id-{}", 9_999 - n).into());
        event.actor = Some(format!("actor {}", n % 7).into());
        event.properties = Some(format!("{{\"parity\":{},\"tens\":\"{}\"}}", n % 2, n / 10).into());
        event
    };
    let (published, accepted): (Vec<Event>, Vec<Event>) = (0..1_500)
        .map(make)
        .partition(|event| event.value % 4.0 == 0.0 && event.value > 9.0);
    world.accept(accepted).await;
    world.publish(&published).await;
    world
}

fn values(events: &[Value]) -> Vec<i64> {
    events
        .iter()
        .map(|event| event["value"].as_i64().unwrap())
        .collect()
}

fn order(event: &Value) -> (String, String) {
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    (text("timestamp"), text("id"))
}

#[tokio::test]
async fn pages_in_either_order_show_each_event_once() {
    let world = many().await;
    let mut whole = world
        .union("/api/raw/n/s", "order=oldest&limit=10000")
        .await;
    assert_eq!(whole.len(), 1_500);
    assert!(whole.is_sorted_by_key(order));
    let distinct: BTreeSet<i64> = values(&whole).into_iter().collect();
    assert_eq!(distinct.len(), 1_500);
    for limit in [61, 499, 700] {
        let union = world
            .union("/api/raw/n/s", &format!("order=oldest&limit={limit}"))
            .await;
        assert_eq!(union, whole, "{limit}");
    }
    whole.reverse();
    for query in ["limit=113", "order=newest&limit=1000", ""] {
        assert_eq!(world.union("/api/raw/n/s", query).await, whole, "{query}");
    }
}

#[tokio::test]
async fn a_window_has_both_its_ends() {
    let world = many().await;
    let window = "tsMin=2023-12-01T01:36:00Z&tsMax=2023-12-01T03:12:00Z";
    for order in ["oldest", "newest"] {
        let query = format!("{window}&order={order}&limit=4");
        let mut found = values(&world.union("/api/raw/n/s", &query).await);
        found.sort_unstable();
        assert_eq!(found, (5..15).collect::<Vec<_>>(), "{order}");
    }
}

#[tokio::test]
async fn filters_show_what_they_admit_and_nothing_else() {
    let world = many().await;
    let check = async |query: &str, expected: Vec<i64>| {
        for limit in [60, 1000] {
            let query = format!("{query}&order=oldest&limit={limit}");
            let mut found = values(&world.union("/api/raw/n/s", &query).await);
            found.sort_unstable();
            assert_eq!(found, expected, "{query}");
        }
    };
    check("actor=actor+3", (0..1_500).filter(|n| n % 7 == 3).collect()).await;
    check(
        "property.parity=1&property.tens=12",
        vec![121, 123, 125, 127, 129],
    )
    .await;
    check("property.parity=01", vec![]).await;
    check("property.other=1", vec![]).await;
    check("id=id-9990", vec![9]).await;
    let both = (0..1_500).filter(|n| n % 7 == 3 && n % 2 == 0).collect();
    check("actor=actor%203&property.parity=0", both).await;
    check("actor=actor+3&id=id-9990", vec![]).await;
}

#[tokio::test]
async fn an_event_is_shown_with_all_that_is_known_of_it() {
    let world = World::start().await;
    let mut full = event(&series("a b", "c"), at("2024-03-01T00:00:00.5"), 1.0);
    full.id = Some("é\"1".into());
    full.actor = Some("anna".into());
    full.properties = Some("{\"price\":1.10}".into());
    full.expires = Some(at("2027-01-01"));
    world.accept(vec![full]).await;
    let list = world.get("/api/raw/a%20b/c").await;
    assert_eq!(list.content_type(), "application/json");
    let expected = json!([{
        "id": "é\"1", "namespace": "a b", "name": "c", "timestamp": "2024-03-01T00:00:00.500Z",
        "value": 1, "actor": "anna", "properties": {"price": 1.1},
        "expires": "2027-01-01T00:00:00Z"
    }]);
    assert_eq!(list.json(), expected);
    assert!(
        list.body.contains("1.10"),
        "numbers stay as they were sent: {}",
        list.body
    );

    let lines = world
        .get("/api/raw?namespace=a+b&name=c&format=ndjson")
        .await;
    assert_eq!(lines.content_type(), "application/x-ndjson");
    assert_eq!(format!("[{}]", lines.body.trim_end()), list.body);

    world.clock.set(at("2027-01-01"));
    assert_eq!(world.json("/api/raw/a%20b/c").await, json!([]));
    assert_eq!(world.json("/api/raw/a%20b/unknown").await, json!([]));
}

#[tokio::test]
async fn a_page_ends_before_it_has_more_than_4_and_a_half_mb() {
    let world = World::start().await;
    let series = series("n", "s");
    let start = at("2024-03-01").as_millis();
    let make = |n: i64| {
        let mut event = event(
            &series,
            Timestamp::from_millis(start + n).unwrap(),
            n as f64,
        );
        event.properties = Some(format!("{{\"text\":\"{}\"}}", "x".repeat(30_000)).into());
        event
    };
    for batch in 0..4 {
        world
            .accept((batch * 50..batch * 50 + 50).map(make).collect())
            .await;
    }
    let pages = world
        .pages("/api/raw/n/s", "order=oldest&limit=10000")
        .await;
    assert!(pages.iter().all(|page| page.body.len() <= 4_500_002));
    let found: Vec<i64> = pages
        .iter()
        .flat_map(|p| values(p.json().as_array().unwrap()))
        .collect();
    assert_eq!(found, (0..200).collect::<Vec<_>>());
    assert_eq!(pages.len(), 2);
}

#[tokio::test]
async fn a_page_that_takes_long_ends_early_and_the_next_goes_on() {
    let world = many().await;
    let query = "property.tens=12&limit=20";
    let whole = world.union("/api/raw/n/s", query).await;
    assert_eq!(whole.len(), 10);
    world.line.takes(std::time::Duration::from_secs(1));
    for order in ["newest", "oldest"] {
        let pages = world
            .pages("/api/raw/n/s", &format!("{query}&order={order}"))
            .await;
        assert!(pages.len() > 2, "{} pages", pages.len());
        assert!(pages.iter().any(|page| page.body == "[]"));
        let found = pages
            .iter()
            .flat_map(|p| values(p.json().as_array().unwrap()));
        let found: BTreeSet<i64> = found.collect();
        assert_eq!(found, (120..130).collect(), "{order}");
    }
}

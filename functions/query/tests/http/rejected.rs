//! Events that were refused: seen for a day, by who may read.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use weir_service::{Rejection, RejectionSource};
use weir_store::registry::ClientId;

use crate::world::{Answer, World};

const PATH: &str = "/api/rejected";

/// A world at half past ten of its second day, so that an hour's end is not near.
async fn world() -> World {
    let world = World::start().await;
    world
        .clock
        .advance(Duration::from_secs(24 * 3600 + 10 * 3600 + 1800));
    world
}

async fn reject(world: &World, key: &str, events: std::ops::Range<usize>) {
    let source = RejectionSource {
        id: ClientId::parse(key).unwrap(),
        label: if key == "wk-1" {
            "web".into()
        } else {
            String::new()
        },
    };
    let bad = |number| {
        Rejection::new(
            "invalid-event",
            "value: is missing",
            &format!("{{\"n\":{number}}}"),
        )
    };
    world
        .service
        .reject(&source, "track", events.map(bad).collect())
        .await
        .unwrap();
}

fn events(entries: &[Value]) -> Vec<String> {
    let event = |entry: &Value| entry["event"].as_str().unwrap().to_owned();
    entries.iter().map(event).collect()
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| format!("{{\"n\":{number}}}"))
        .collect()
}

#[tokio::test]
async fn a_refused_event_is_shown_with_who_sent_it_where_and_why() {
    let world = world().await;
    assert_eq!(world.json(PATH).await, json!([]));
    reject(&world, "wk-1", 0..1).await;
    let expected = json!({
        "time": "2026-01-02T10:30:00Z",
        "door": "track",
        "key": { "id": "wk-1", "label": "web" },
        "reason": "invalid-event",
        "detail": "value: is missing",
        "event": "{\"n\":0}",
        "cut": false,
    });
    assert_eq!(world.json(PATH).await, json!([expected]));
    let lines = world.get("/api/rejected?format=ndjson").await;
    assert_eq!(lines.content_type(), "application/x-ndjson");
    assert_eq!(lines.body, format!("{expected}\n"));
    reject(&world, "client", 1..2).await;
    let newest = &world.json("/api/rejected?key=client").await[0];
    assert_eq!(newest["key"], json!({ "id": "client" }));
}

#[tokio::test]
async fn the_newest_come_first_and_nothing_is_shown_after_a_day() {
    let world = world().await;
    for number in 0..4 {
        reject(&world, "wk-1", number * 10..number * 10 + 2).await;
        world.clock.advance(Duration::from_secs(8 * 3600));
    }
    let check = async |query: &str, expected: &[usize]| {
        let entries = world.json(&format!("{PATH}{query}")).await;
        let entries = entries.as_array().unwrap();
        assert_eq!(
            events(entries),
            numbered(expected.iter().copied()),
            "{query}"
        );
    };
    // It is 18:30 of the third day; the first ones are 32 hours old.
    check("", &[30, 31, 20, 21, 10, 11]).await;
    check("?since=2026-01-01", &[30, 31, 20, 21, 10, 11]).await;
    check("?since=2026-01-03T02:30:00Z", &[30, 31, 20, 21]).await;
    check("?since=2026-01-03T02:30:00.001Z", &[30, 31]).await;
    check("?since=2026-01-03T18:30:00Z", &[]).await;
    check("?since=2030-01-01", &[]).await;
    check("?key=wk-2", &[]).await;
}

#[tokio::test]
async fn the_pages_together_are_the_whole() {
    let world = world().await;
    for hour in 0..5 {
        reject(&world, "wk-1", hour * 100..hour * 100 + 50).await;
        reject(&world, "wk-2", hour * 100 + 50..hour * 100 + 60).await;
        world.clock.advance(Duration::from_secs(3600));
    }
    for query in ["", "key=wk-1&", "key=wk-2&", "since=2026-01-02T12:00:00Z&"] {
        let whole = world.json(&format!("{PATH}?{query}limit=1000")).await;
        let whole = whole.as_array().unwrap();
        assert!(!whole.is_empty());
        for limit in [7, 50, 60] {
            let paged = world.union(PATH, &format!("{query}limit={limit}")).await;
            assert_eq!(&paged, whole, "{query}{limit}");
        }
    }
    let of_one = world.union(PATH, "key=wk-2&limit=3").await;
    let expected = (0..5)
        .rev()
        .flat_map(|hour| hour * 100 + 50..hour * 100 + 60);
    assert_eq!(events(&of_one), numbered(expected));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_named() {
    let world = world().await;
    reject(&world, "wk-1", 0..3).await;
    let bad = world
        .get("/api/rejected?since=then&limit=1001&from=1&format=csv")
        .await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let mut fields = bad.fields();
    fields.sort_unstable();
    assert_eq!(fields, ["format", "from", "limit", "since"]);
    let first = world.get("/api/rejected?limit=1").await;
    let cursor = first.next().unwrap().rsplit_once('=').unwrap().1;
    let status = async |query: &str| {
        let answer: Answer = world.get(&format!("{PATH}?{query}cursor={cursor}")).await;
        answer.status.as_u16()
    };
    assert_eq!(status("limit=2&format=ndjson&").await, 200);
    assert_eq!(status("key=wk-1&").await, 400);
    assert_eq!(status("since=2026-01-01&").await, 400);
    // A cursor may outlive what it points to.
    world.clock.advance(Duration::from_secs(48 * 3600));
    assert_eq!(status("").await, 200);
}

#[tokio::test]
async fn only_who_may_read_sees_it() {
    let world = world().await;
    for (scopes, status) in [("read", 200), ("write aggregation", 403)] {
        let answer = world.send(world.request(PATH, scopes).await).await;
        assert_eq!(answer.status.as_u16(), status, "{scopes}");
    }
    let stranger = world.send(http::Request::get(PATH)).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

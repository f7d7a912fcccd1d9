//! More records than one page of the store has, and more than one answer may.

use serde_json::{Value, json};

use crate::world::World;

/// So many records, a minute apart, of which every seventh is of each of seven kinds.
async fn world_of(count: usize, filler: usize) -> World {
    let world = World::start().await;
    let filler = "x".repeat(filler);
    let record = |n: usize| {
        let minutes = n % 60;
        let (day, hour) = (1 + n / 1440, n / 60 % 24);
        json!({
            "_id": format!("{n:06}"),
            "_timestamp": format!("2013-01-{day:02}T{hour:02}:{minutes:02}:00Z"),
            "kind": format!("k{}", n % 7), "number": n, "filler": filler,
        })
    };
    let all: Vec<Value> = (0..count).map(record).collect();
    for chunk in all.chunks(500) {
        world.store(json!(chunk)).await;
    }
    world
}

#[tokio::test]
async fn records_of_many_pages_of_the_store_are_all_counted() {
    let world = world_of(7_001, 0).await;
    let data = world
        .get("group_by=kind&collect=number:sum&collect=number:count")
        .await
        .data();
    let rows = data.as_array().unwrap();
    let of = |name: &str| -> u64 { rows.iter().map(|row| row[name].as_u64().unwrap()).sum() };
    assert_eq!((rows.len(), of("_count")), (7, 7_001));
    assert_eq!(of("number:count"), 7_001);
    assert_eq!(of("number:sum"), 7_000 * 7_001 / 2);
    assert_eq!(rows[0]["_count"], 1_001);

    let mut query = "limit=2500".to_owned();
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let answer = world.get(&query).await;
        let data = answer.data();
        let records = data.as_array().unwrap().iter();
        found.extend(records.map(|record| record["number"].as_u64().unwrap()));
        pages += 1;
        match answer.next() {
            Some(next) => query = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert!(found.into_iter().eq(0..7_001));

    let last = world.get("sort_by=number:descending&limit=2").await.data();
    assert_eq!(
        (&last[0]["number"], &last[1]["number"]),
        (&json!(7_000), &json!(6_999))
    );
}

#[tokio::test]
async fn an_answer_that_would_be_too_large_says_what_to_do() {
    let world = world_of(1_000, 5_000).await;
    for query in ["", "sort_by=number:ascending", "format=csv", "limit=1000"] {
        let said = world.get(query).await.refusal(400);
        assert!(said.contains("more than 4500000 bytes"), "{query}: {said}");
        assert!(
            said.contains("limit") && said.contains("start_at"),
            "{said}"
        );
    }
    let page = world.get("limit=800").await;
    assert_eq!(page.data().as_array().unwrap().len(), 800);
    assert!(page.next().is_some());
    let first = world.get("sort_by=number:descending&limit=10").await.data();
    assert_eq!(first[0]["number"], 999);
}

#[tokio::test]
async fn a_cursor_of_any_time_is_taken() {
    let world = world_of(3, 0).await;
    for (cursor, rows) in [("9223372036854775807.a", 3), ("-9223372036854775808.a", 0)] {
        let query = format!(
            "start_at=2013-01-01T00:00:00Z&sort_by=_timestamp:descending&limit=9&cursor={cursor}"
        );
        let data = world.get(&query).await.data();
        assert_eq!(data.as_array().unwrap().len(), rows, "{cursor}");
    }
}

#[tokio::test]
async fn too_many_rows_are_not_made() {
    let world = world_of(2_000, 0).await;
    let query = "group_by=number&period=hour&start_at=2013-01-01T00:00:00Z&\
                 end_at=2013-06-01T00:00:00Z&flatten=true";
    let said = world.get(query).await.refusal(400);
    assert!(said.contains("longer periods"), "{said}");
}

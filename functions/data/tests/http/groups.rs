//! Groups, periods, and what is collected of them, worked out by hand.

use serde_json::{Value, json};

use crate::world::World;

/// Records of some weeks from 2013-08-05, a Monday.
fn collectables() -> Value {
    let record = |time: &str, level: &str, pickup: &str, size: Value| {
        json!({
            "_timestamp": format!("2013-08-{time}"), "level": level, "pickup": pickup, "size": size,
        })
    };
    json!([
        record("05T00:00:00+00:00", "1-1", "ring", json!(1)),
        record("06T10:00:00Z", "1-1", "mushroom", json!(2.5)),
        record("11T23:59:59Z", "1-2", "ring", json!(true)),
        record("12T00:00:00Z", "1-1", "ring", json!(4)),
        record("27T00:00:00Z", "1-2", "coin", json!(null)),
        {"level": "1-3", "pickup": "time"},
        {"_timestamp": "2013-08-06T00:00:00Z", "pickup": "nowhere", "size": 100},
    ])
}

const AUGUST: &str = "start_at=2013-08-05T00:00:00Z&end_at=2013-09-02T00:00:00Z";

async fn check(world: &World, query: &str, expected: Value) {
    let data = world.get(query).await.data();
    assert_eq!(data, expected, "{query}");
}

fn week(day: u32, more: Value) -> Value {
    let date = |day: u32| match day {
        ..=31 => format!("2013-08-{day:02}T00:00:00+00:00"),
        _ => format!("2013-09-{:02}T00:00:00+00:00", day - 31),
    };
    let mut row = json!({"_start_at": date(day), "_end_at": date(day + 7)});
    row.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    row
}

#[tokio::test]
async fn a_group_is_every_value_of_its_key() {
    let world = World::with(collectables()).await;
    let expected = json!([
        {"level": "1-1", "_count": 3},
        {"level": "1-2", "_count": 2},
        {"level": "1-3", "_count": 1},
    ]);
    check(&world, "group_by=level", expected).await;
    check(&world, "group_by=unknown", json!([])).await;
    let expected = json!([
        {"level": "1-1", "pickup": "mushroom", "_count": 1},
        {"level": "1-1", "pickup": "ring", "_count": 2},
        {"level": "1-2", "pickup": "coin", "_count": 1},
        {"level": "1-2", "pickup": "ring", "_count": 1},
        {"level": "1-3", "pickup": "time", "_count": 1},
    ]);
    check(&world, "group_by=level&group_by=pickup", expected.clone()).await;
    check(
        &world,
        "group_by=level&group_by=pickup&flatten=true",
        expected,
    )
    .await;
    // Truths come before numbers, and what has no value is in no group.
    let expected = json!([
        {"size": true, "_count": 1}, {"size": 1, "_count": 1}, {"size": 2.5, "_count": 1},
        {"size": 4, "_count": 1}, {"size": 100, "_count": 1},
    ]);
    check(&world, "group_by=size", expected).await;
}

#[tokio::test]
async fn groups_are_sorted_and_limited() {
    let world = World::with(collectables()).await;
    let check_levels = async |query: &str, expected: &[&str]| {
        let data = world.get(&format!("group_by=level&{query}")).await.data();
        let rows = data.as_array().unwrap().iter();
        let levels: Vec<_> = rows.map(|row| row["level"].as_str().unwrap()).collect();
        assert_eq!(levels, expected, "{query}");
    };
    check_levels("sort_by=_count:ascending", &["1-3", "1-2", "1-1"]).await;
    check_levels("sort_by=_count:descending&limit=2", &["1-1", "1-2"]).await;
    check_levels("sort_by=level:descending", &["1-3", "1-2", "1-1"]).await;
    check_levels("limit=1", &["1-1"]).await;
    let by_sum = "collect=size:sum&sort_by=size:sum:ascending";
    check_levels(by_sum, &["1-3", "1-2", "1-1"]).await;
    let by_set = "collect=pickup&sort_by=pickup:descending";
    check_levels(by_set, &["1-3", "1-1", "1-2"]).await;
    let said = world.get("group_by=level&sort_by=pickup:ascending").await;
    assert!(said.refusal(400).starts_with("Invalid sort key \"pickup\""));
}

#[tokio::test]
async fn values_are_collected_of_each_group() {
    let world = World::with(collectables()).await;
    let query = "group_by=level&collect=pickup&collect=size:sum&collect=size:mean&\
                 collect=size:count&collect=size:set";
    let expected = json!([
        {
            "level": "1-1", "_count": 3, "pickup": ["mushroom", "ring"],
            "pickup:set": ["mushroom", "ring"], "size:sum": 7.5, "size:mean": 2.5,
            "size:count": 3, "size:set": [1, 2.5, 4],
        },
        {
            "level": "1-2", "_count": 2, "pickup": ["coin", "ring"],
            "pickup:set": ["coin", "ring"], "size:sum": 1, "size:mean": 1,
            "size:count": 1, "size:set": [true],
        },
        {
            "level": "1-3", "_count": 1, "pickup": ["time"], "pickup:set": ["time"],
            "size:sum": 0, "size:mean": null, "size:count": 0, "size:set": [],
        },
    ]);
    check(&world, query, expected).await;
    for method in ["sum", "mean"] {
        let said = world
            .get(&format!("group_by=level&collect=pickup:{method}"))
            .await;
        assert_eq!(said.refusal(400), "invalid collect function");
    }
}

#[tokio::test]
async fn periods_without_records_are_filled_in() {
    let world = World::with(collectables()).await;
    let expected = json!([
        week(5, json!({"_count": 4})),
        week(12, json!({"_count": 1})),
        week(19, json!({"_count": 0})),
        week(26, json!({"_count": 1})),
    ]);
    check(&world, &format!("period=week&{AUGUST}"), expected.clone()).await;
    check(
        &world,
        &format!("period=week&{AUGUST}&flatten=true"),
        expected,
    )
    .await;
    let expected = json!([
        week(5, json!({"_count": 4, "size:sum": 104.5})),
        week(12, json!({"_count": 1, "size:sum": 4})),
        week(19, json!({"_count": 0, "size:sum": null})),
        week(26, json!({"_count": 1, "size:sum": 0})),
    ]);
    check(
        &world,
        &format!("period=week&{AUGUST}&collect=size:sum"),
        expected,
    )
    .await;
    let month = json!([{
        "_start_at": "2013-08-01T00:00:00+00:00", "_end_at": "2013-09-01T00:00:00+00:00",
        "_count": 2, "pickup": ["coin", "ring"], "pickup:set": ["coin", "ring"],
    }]);
    let query = "period=month&start_at=2013-08-12T00:00:00Z&end_at=2013-08-31T00:00:00Z&\
                 collect=pickup";
    check(&world, query, month).await;
    let nothing = "period=day&start_at=2010-01-01T00:00:00Z&end_at=2010-01-02T00:00:00Z";
    let expected = json!([{
        "_start_at": "2010-01-01T00:00:00+00:00", "_end_at": "2010-01-02T00:00:00+00:00",
        "_count": 0,
    }]);
    check(&world, nothing, expected).await;
}

#[tokio::test]
async fn groups_have_their_periods() {
    let world = World::with(collectables()).await;
    let query = format!("group_by=level&period=week&{AUGUST}&collect=size:count");
    let expected = json!([
        {
            "level": "1-1", "_count": 3, "_group_count": 2, "size:count": 3,
            "values": [
                week(5, json!({"_count": 2, "size:count": 2})),
                week(12, json!({"_count": 1, "size:count": 1})),
                week(19, json!({"_count": 0, "size:count": null})),
                week(26, json!({"_count": 0, "size:count": null})),
            ],
        },
        {
            "level": "1-2", "_count": 2, "_group_count": 2, "size:count": 1,
            "values": [
                week(5, json!({"_count": 1, "size:count": 1})),
                week(12, json!({"_count": 0, "size:count": null})),
                week(19, json!({"_count": 0, "size:count": null})),
                week(26, json!({"_count": 1, "size:count": 0})),
            ],
        },
    ]);
    check(&world, &query, expected).await;
    let limited = world
        .get(&format!("{query}&sort_by=size:count:ascending&limit=1"))
        .await
        .data();
    assert_eq!(limited[0]["level"], "1-2");
    assert_eq!(limited.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn flat_rows_are_one_for_each_period_and_group() {
    let world = World::with(collectables()).await;
    let query = "group_by=level&period=week&start_at=2013-08-05T00:00:00Z&\
                 end_at=2013-08-19T00:00:00Z&flatten=true";
    let expected = json!([
        week(5, json!({"level": "1-1", "_count": 2})),
        week(5, json!({"level": "1-2", "_count": 1})),
        week(12, json!({"level": "1-1", "_count": 1})),
        week(12, json!({"level": "1-2", "_count": 0})),
    ]);
    check(&world, query, expected).await;
    let nested = query.replace("&flatten=true", "");
    let table = "level,_start_at,_end_at,_count,size:set\n\
        1-1,2013-08-05T00:00:00+00:00,2013-08-12T00:00:00+00:00,2,\"[1,2.5]\"\n\
        1-2,2013-08-05T00:00:00+00:00,2013-08-12T00:00:00+00:00,1,[true]\n\
        1-1,2013-08-12T00:00:00+00:00,2013-08-19T00:00:00+00:00,1,[4]\n\
        1-2,2013-08-12T00:00:00+00:00,2013-08-19T00:00:00+00:00,0,\n";
    let answer = world
        .get(&format!("{nested}&collect=size:set&format=csv"))
        .await;
    assert_eq!(answer.body, table);
}

#[tokio::test]
async fn a_table_of_groups_has_their_keys_first() {
    let world = World::with(collectables()).await;
    let answer = world.get("group_by=pickup&collect=level&format=csv").await;
    let expected = "pickup,_count,level:set,level\n\
        coin,1,\"[\"\"1-2\"\"]\",\"[\"\"1-2\"\"]\"\n\
        mushroom,1,\"[\"\"1-1\"\"]\",\"[\"\"1-1\"\"]\"\n\
        nowhere,1,[],[]\n\
        ring,3,\"[\"\"1-1\"\",\"\"1-2\"\"]\",\"[\"\"1-1\"\",\"\"1-2\"\"]\"\n\
        time,1,\"[\"\"1-3\"\"]\",\"[\"\"1-3\"\"]\"\n";
    assert_eq!(answer.body, expected);
}

/// The records of Backdrop's own tests of relative dates have counts like these.
#[tokio::test]
async fn a_duration_moves_until_its_end_has_records() {
    let world = World::with(json!([
        {"_timestamp": "2012-12-05T00:00:00Z", "aa": "x"},
        {"_timestamp": "2012-12-12T00:00:00Z", "aa": "x"},
        {"_timestamp": "2012-12-13T00:00:00Z", "aa": "y"},
    ]))
    .await;
    let counts = async |query: &str| {
        let data = world.get(query).await.data();
        let rows = data.as_array().unwrap();
        let first = rows[0]["_start_at"].as_str().unwrap()[..10].to_owned();
        let counts: Vec<_> = rows
            .iter()
            .map(|row| row["_count"].as_u64().unwrap())
            .collect();
        (first, counts)
    };
    let check = async |query: &str, first: &str, expected: &[u64]| {
        assert_eq!(
            counts(query).await,
            (first.to_owned(), expected.to_vec()),
            "{query}"
        );
    };
    // Forward: the first four weeks are empty.
    check(
        "period=week&duration=5&start_at=2012-11-05T00:00:00Z",
        "2012-12-03",
        &[1, 2, 0, 0, 0],
    )
    .await;
    // Backward: the last weeks are empty, also before now.
    check(
        "period=week&duration=3&end_at=2012-12-31T00:00:00Z",
        "2012-11-26",
        &[0, 1, 2],
    )
    .await;
    check("period=month&duration=6", "2012-07-01", &[0, 0, 0, 0, 0, 3]).await;
    // Nothing in all of it: it stays where it is.
    check(
        "period=day&duration=2&start_at=2010-01-01T00:00:00Z",
        "2010-01-01",
        &[0, 0],
    )
    .await;
    // Groups move together, until the first of them has records at the end.
    let query = "group_by=aa&period=week&duration=2&start_at=2012-11-26T00:00:00Z";
    let data = world.get(query).await.data();
    assert_eq!(
        data[0]["values"][0]["_start_at"],
        "2012-12-03T00:00:00+00:00"
    );
    assert_eq!(data[0]["_count"], 2);
    assert_eq!(data[1]["aa"], "y");
}

#[tokio::test]
async fn periods_of_all_lengths_begin_where_the_calendar_has_them() {
    let world = World::with(collectables()).await;
    for (period, count, first) in [
        ("hour", 24 * 28, "2013-08-05T00:00:00+00:00"),
        ("day", 28, "2013-08-05T00:00:00+00:00"),
        ("week", 4, "2013-08-05T00:00:00+00:00"),
        ("month", 2, "2013-08-01T00:00:00+00:00"),
        ("quarter", 1, "2013-07-01T00:00:00+00:00"),
        ("year", 1, "2013-01-01T00:00:00+00:00"),
    ] {
        let data = world.get(&format!("period={period}&{AUGUST}")).await.data();
        let rows = data.as_array().unwrap();
        assert_eq!(rows.len(), count, "{period}");
        assert_eq!(rows[0]["_start_at"], first, "{period}");
        let counts = rows.iter().map(|row| row["_count"].as_u64().unwrap());
        assert_eq!(counts.sum::<u64>(), 6, "{period}");
    }
}

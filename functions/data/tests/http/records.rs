//! Records as they are: spans, filters, orders, limits, forms.

use serde_json::{Value, json};

use crate::world::{World, encoded};

/// Six records; one of them has no time.
fn licences() -> Value {
    let record = |id: &str, time: &str, authority: &str, number: f64, paid: bool| {
        json!({
            "_id": id, "_timestamp": time, "authority": authority, "number": number, "paid": paid,
        })
    };
    json!([
        record("1", "2012-12-12T01:01:01+00:00", "Westminster", 10.0, true),
        record("2", "2012-12-13T01:01:01+01:00", "Camden", 9.5, false),
        record("3", "2012-12-13T01:01:01Z", "Camden Town", 9.0, true),
        record("4", "2012-12-14T01:01:01Z", "westminster", 100.0, false),
        record("5", "2012-12-14T01:01:02Z", "", 2.0, true),
        {"_id": "6", "authority": "true", "paid": "true", "number": null},
    ])
}

fn ids(data: &Value) -> String {
    let ids = data.as_array().unwrap().iter();
    ids.map(|record| record["_id"].as_str().unwrap()).collect()
}

async fn check(world: &World, query: &str, expected: &str) {
    let data = world.get(query).await.data();
    assert_eq!(ids(&data), expected, "{query}");
}

#[tokio::test]
async fn a_span_begins_with_its_start_and_ends_before_its_end() {
    let world = World::with(licences()).await;
    check(&world, "", "612345").await;
    check(&world, "start_at=2012-12-13T01:01:01%2B00:00", "345").await;
    check(&world, "end_at=2012-12-13T01:01:01%2B00:00", "12").await;
    check(
        &world,
        "start_at=2012-12-13T00:01:01Z&end_at=2012-12-14T01:01:02Z",
        "234",
    )
    .await;
    check(
        &world,
        "start_at=2012-12-13T00:01:01Z&end_at=2012-12-14T01:01:02Z&inclusive=true",
        "2345",
    )
    .await;
    check(&world, "start_at=2013-01-01T00:00:00Z", "").await;
    check(
        &world,
        "start_at=2013-01-01T00:00:00Z&end_at=2012-01-01T00:00:00Z",
        "",
    )
    .await;
    check(&world, "start_at=1900-01-01T00:00:00Z", "12345").await;
}

#[tokio::test]
async fn filters_choose_by_values_of_their_kind() {
    let world = World::with(licences()).await;
    let camden_town = format!("filter_by={}", encoded("authority:Camden Town"));
    check(&world, &camden_town, "3").await;
    check(&world, "filter_by=authority:Camden", "2").await;
    check(&world, "filter_by=authority:", "5").await;
    check(&world, "filter_by=paid:true", "135").await;
    check(&world, "filter_by=authority:true", "").await;
    check(&world, "filter_by=number:9", "3").await;
    check(&world, "filter_by=number:9.5&filter_by=paid:false", "2").await;
    check(&world, "filter_by=number:9.5&filter_by=paid:true", "").await;
    check(&world, "filter_by=_id:4", "4").await;
    check(&world, "filter_by=unknown:x", "").await;
    check(&world, "filter_by_prefix=authority:Camden", "23").await;
    check(&world, "filter_by_prefix=authority:", "612345").await;
    check(
        &world,
        "filter_by_prefix=authority:Camden&filter_by_prefix=_id:3",
        "3",
    )
    .await;
}

#[tokio::test]
async fn records_are_sorted_by_a_field_and_alike_ones_by_time() {
    let world = World::with(licences()).await;
    check(&world, "sort_by=number:ascending", "653214").await;
    check(&world, "sort_by=number:descending", "412356").await;
    check(&world, "sort_by=number:descending&limit=2", "41").await;
    check(&world, "sort_by=paid:ascending", "241356").await;
    check(&world, "sort_by=paid:descending", "613524").await;
    check(&world, "sort_by=unknown:descending&limit=3", "612").await;
    check(&world, "sort_by=_timestamp:ascending", "612345").await;
    check(&world, "sort_by=_timestamp:descending", "543216").await;
    check(&world, "sort_by=_timestamp:descending&limit=1", "5").await;
    check(
        &world,
        "sort_by=number:ascending&filter_by=paid:true&limit=2",
        "53",
    )
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_until_there_are_no_more() {
    let world = World::with(licences()).await;
    let check = async |query: &str, pages: &[&str]| {
        let mut next = Some(query.to_owned());
        for expected in pages {
            let query = next.unwrap();
            let answer = world.get(&query).await;
            assert_eq!(ids(&answer.data()), *expected, "{query}");
            next = answer.next().map(str::to_owned);
        }
        assert_eq!(next, None, "{query}");
    };
    check("limit=4", &["6123", "45"]).await;
    check("limit=1", &["6", "1", "2", "3", "4", "5"]).await;
    check("limit=6", &["612345"]).await;
    check("limit=2&filter_by=paid:true", &["13", "5"]).await;
    check("limit=2&sort_by=_timestamp:descending", &["54", "32", "16"]).await;
    check(
        "limit=2&sort_by=_timestamp:descending&start_at=2012-12-13T00:01:01Z",
        &["54", "32"],
    )
    .await;
    check(
        "limit=2&start_at=2012-12-13T00:01:01Z&end_at=2012-12-14T01:01:02Z",
        &["23", "4"],
    )
    .await;
    let sorted = world.get("limit=2&sort_by=number:ascending").await;
    assert_eq!(sorted.next(), None);
}

#[tokio::test]
async fn pages_of_records_at_one_instant_have_each_once() {
    let world = World::start().await;
    let time = "2012-12-12T00:00:00Z";
    let records: Vec<_> = (0..9)
        .map(|n| match n % 3 {
            0 => json!({"_id": n.to_string()}),
            _ => json!({"_id": n.to_string(), "_timestamp": time}),
        })
        .collect();
    world.store(json!(records)).await;
    for order in ["ascending", "descending"] {
        let mut query = format!("limit=2&sort_by=_timestamp:{order}");
        let mut found = String::new();
        loop {
            let answer = world.get(&query).await;
            found += &ids(&answer.data());
            match answer.next() {
                Some(next) => query = next.to_owned(),
                None => break,
            }
        }
        let expected = "036124578";
        match order {
            "ascending" => assert_eq!(found, expected),
            _ => assert_eq!(found, expected.chars().rev().collect::<String>()),
        }
    }
}

#[tokio::test]
async fn a_table_has_a_column_for_every_name() {
    let world = World::start().await;
    world
        .store(json!([
            {"_id": "a", "text": "x,\"y\"", "yes": true},
            {"_id": "b", "_timestamp": "2012-12-12T01:00:00+01:00", "number": 1.5, "text": null},
        ]))
        .await;
    let answer = world.get("format=csv").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let updated = "2013-04-01T12:00:00.000+00:00";
    let expected = format!(
        "_id,_timestamp,_updated_at,number,text,yes\n\
         a,,{updated},,\"x,\"\"y\"\"\",true\n\
         b,2012-12-12T00:00:00+00:00,{updated},1.5,,\n"
    );
    assert_eq!(answer.body, expected);
    let empty = world.get("format=csv&filter_by=_id:c").await;
    assert_eq!((empty.status, empty.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_bad_parameter_is_refused_in_backdrops_words() {
    let world = World::start().await;
    let check = async |query: &str, message: &str| {
        let said = world.get(query).await.refusal(400);
        assert!(said.starts_with(message), "{query}: {said}");
    };
    check("foo=bar", "An unrecognised parameter was provided").await;
    check("start_at=yesterday", "start_at is not a valid datetime").await;
    check("limit=0", "limit must be a positive integer").await;
    check("collect=foo", "collect can be used only with").await;
    check("duration=1", "If 'duration' is requested").await;
    check("filter_by=%FF", "filter_by must be a field name and value").await;
}

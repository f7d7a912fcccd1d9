//! Documents of each collector, worked out by hand from what the fixture measures.

use serde_json::{Value, json};
use weir_collect::Wanted;
use weir_collector::Message;
use weir_third_parties::google::{Fixture, Property};

use crate::world::{Told, World, check_schema, document, range};

async fn collect(world: &World, document: Value) -> Told {
    let told = world.collect(document, Wanted::Resume).await.complete();
    check_schema(&told);
    told
}

#[tokio::test]
async fn an_old_query_gives_the_documents_of_the_last_week() {
    let query = json!({
        "id": "ga:123",
        "metrics": ["visits", "avgSessionDuration"],
        "dimensions": ["deviceCategory"],
        "filters": ["country==United Kingdom"],
    });
    let options = json!({"property": "456"});
    let document = document("backdrop.collector.ga", "visits", query, options);
    let told = collect(&World::sample(), document).await;
    // A day has 120 sessions of 61.5 s on desktops, and 60 of 120.25 s on mobiles.
    let expected = [
        json!({
            "_timestamp": "2026-11-09T00:00:00+00:00",
            "dataType": "visits",
            "timeSpan": "week",
            "deviceCategory": "desktop",
            "visits": 840,
            "avgSessionDuration": 61_500.0,
            "humanId": "visits_20261109000000_week_desktop",
            "_id": "dmlzaXRzXzIwMjYxMTA5MDAwMDAwX3dlZWtfZGVza3RvcA==",
        }),
        json!({
            "_timestamp": "2026-11-09T00:00:00+00:00",
            "dataType": "visits",
            "timeSpan": "week",
            "deviceCategory": "mobile",
            "visits": 420,
            "avgSessionDuration": 120_250.0,
            "humanId": "visits_20261109000000_week_mobile",
            "_id": "dmlzaXRzXzIwMjYxMTA5MDAwMDAwX3dlZWtfbW9iaWxl",
        }),
    ];
    assert_eq!(told.records(), expected);
    let bookmark = json!({"start": "2026-11-16", "time_zone": "Europe/London"});
    assert_eq!(told.bookmark(), json!({"bookmarks": {"visits": bookmark}}));
}

#[tokio::test]
async fn a_query_in_ga4s_names_needs_no_translation() {
    let query = json!({
        "property": "properties/456",
        "metrics": ["sessions", "averageSessionDuration"],
        "dimensions": ["hostName", "customEvent:theme"],
        "dimensionFilter": {"filter": {
            "fieldName": "customEvent:theme", "stringFilter": {"value": "light"},
        }},
        "frequency": "monthly",
    });
    let options = json!({
        "mappings": {"customEvent:theme": "theme"}, "idMapping": ["theme", "timeSpan"],
    });
    let told = collect(&World::sample(), document("ga", "themes", query, options)).await;
    let expected = json!({
        "_timestamp": "2026-10-01T00:00:00+00:00",
        "dataType": "themes",
        "timeSpan": "month",
        "hostName": "www.example.org",
        "theme": "light",
        "sessions": 30 * 31,
        "averageSessionDuration": 30.5,
        "humanId": "lightmonth",
        "_id": "bGlnaHRtb250aA==",
    });
    assert_eq!(told.records(), [expected]);
}

#[tokio::test]
async fn rows_that_are_too_many_to_tell_apart_are_kept() {
    let query = json!({
        "id": "456", "metrics": ["pageviews"], "dimensions": ["ga:pagePath"], "frequency": "daily",
    });
    let told = collect(&World::sample(), document("ga", "pages", query, json!({}))).await;
    let page = |path: &str, views: u32, id: &str| {
        json!({
            "_timestamp": "2026-11-17T00:00:00+00:00",
            "dataType": "pages",
            "timeSpan": "day",
            "pagePath": path,
            "pageviews": views,
            "humanId": format!("pages_20261117000000_day_{path}"),
            "_id": id,
        })
    };
    let expected = [
        page("(other)", 5, "cGFnZXNfMjAyNjExMTcwMDAwMDBfZGF5XyhvdGhlcik="),
        page("/", 345, "cGFnZXNfMjAyNjExMTcwMDAwMDBfZGF5Xy8="),
        page(
            "/apply",
            150,
            "cGFnZXNfMjAyNjExMTcwMDAwMDBfZGF5Xy9hcHBseQ==",
        ),
    ];
    assert_eq!(told.records(), expected);
}

#[tokio::test]
async fn a_date_that_is_other_is_kept_and_not_read() {
    let rows = [
        json!({"date": "20261117", "hour": "07", "sessions": 4}),
        json!({"date": "(other)", "_day": "2026-11-17", "hour": "(other)", "sessions": 2}),
    ];
    let world = World::with(Fixture::default().property(Property::new("456").with_rows(rows)));
    let query = json!({
        "id": "456", "metrics": ["visits"], "dimensions": ["date", "hour"], "frequency": "daily",
    });
    let plain = collect(&world, document("ga", "hours", query.clone(), json!({}))).await;
    let dates: Vec<Value> = plain
        .records()
        .iter()
        .map(|it| it["date"].clone())
        .collect();
    assert_eq!(dates, ["(other)", "20261117"]);
    assert!(plain.records()[1].get("datetime").is_none());
    // The old client gave a `datetime`, which options may name.
    let options = json!({"mappings": {"datetime": "_timestamp"}});
    let mapped = collect(&world, document("ga", "hours", query, options)).await;
    let times: Vec<Value> = mapped
        .records()
        .iter()
        .map(|it| it["_timestamp"].clone())
        .collect();
    assert_eq!(
        times,
        ["2026-11-17T00:00:00+00:00", "2026-11-17T07:00:00+00:00"]
    );
}

#[tokio::test]
async fn a_report_without_rows_is_no_error_and_moves_the_bookmark() {
    let query = json!({"id": "457", "metrics": ["visits"], "frequency": "daily"});
    let told = collect(&World::sample(), document("ga", "visits", query, json!({}))).await;
    assert!(told.records().is_empty());
    assert_eq!(
        told.bookmark()["bookmarks"]["visits"]["start"],
        "2026-11-18"
    );
}

#[tokio::test]
async fn each_day_of_a_range_has_its_report() {
    let world = World::sample();
    let query = json!({"id": "456", "metrics": ["visits"], "frequency": "daily"});
    let wanted = range("2026-11-01", "2026-11-03");
    let told = world
        .collect(document("ga", "visits", query, json!({})), wanted)
        .await
        .complete();
    let days: Vec<Value> = told
        .records()
        .iter()
        .map(|it| it["_timestamp"].clone())
        .collect();
    let expected = ["01", "02", "03"].map(|day| format!("2026-11-{day}T00:00:00+00:00"));
    assert_eq!(days, expected);
    assert!(told.records().iter().all(|it| it["visits"] == 215));
    let asked = world.google.reports();
    assert_eq!(asked.len(), 3);
    let second = json!([{"startDate": "2026-11-02", "endDate": "2026-11-02"}]);
    assert_eq!(asked[1]["dateRanges"], second);
    assert_eq!(world.google.tokens_asked(), 1);
}

#[tokio::test]
async fn a_job_goes_on_where_it_was() {
    let world = World::sample();
    let query = json!({"id": "456", "metrics": ["visits"], "frequency": "daily"});
    let document = document("ga", "visits", query, json!({}));
    let first = collect(&world, document.clone()).await;
    world.set_now("2026-11-21T06:00:00Z");
    let state = first.report.bookmark;
    let next = world
        .collect_from(document.clone(), Wanted::Resume, state)
        .await
        .complete();
    let days: Vec<Value> = next
        .records()
        .iter()
        .map(|it| it["_timestamp"].clone())
        .collect();
    let expected = ["18", "19", "20"].map(|day| format!("2026-11-{day}T00:00:00+00:00"));
    assert_eq!(days, expected);
    let state = next.report.bookmark;
    let last = world
        .collect_from(document, Wanted::Resume, state.clone())
        .await
        .complete();
    assert!(last.records().is_empty());
    assert_eq!(last.report.bookmark, state);
}

#[tokio::test]
async fn a_day_that_is_not_over_in_the_propertys_zone_waits() {
    let row = json!({"sessions": 1});
    let property = Property::new("456")
        .in_zone("America/Los_Angeles")
        .with_daily([row]);
    let world = World::with(Fixture::default().property(property));
    let query = json!({"id": "456", "metrics": ["visits"], "frequency": "daily"});
    let document = document("ga", "visits", query, json!({}));
    world.set_now("2026-11-18T03:00:00Z");
    let told = collect(&world, document.clone()).await;
    // It is the evening of the 17th there.
    assert_eq!(told.records()[0]["_timestamp"], "2026-11-16T00:00:00+00:00");
    assert_eq!(told.records().len(), 1);
    let state = told.report.bookmark;
    let asked = world.google.reports().len();
    let again = world
        .collect_from(document.clone(), Wanted::Resume, state.clone())
        .await;
    assert!(again.complete().records().is_empty());
    assert_eq!(
        world.google.reports().len(),
        asked,
        "the bookmark knows the zone"
    );
    world.set_now("2026-11-18T08:00:00Z");
    let next = world
        .collect_from(document, Wanted::Resume, state)
        .await
        .complete();
    assert_eq!(next.records()[0]["_timestamp"], "2026-11-17T00:00:00+00:00");
}

fn trending_world() -> World {
    let row = |date: &str, title: &str, path: &str, views: u32| json!({"date": date, "pageTitle": title, "pagePath": path, "screenPageViews": views});
    let rows = [
        // The fourteen days are the 4th to the 17th; the second week begins on the 11th.
        row("20261103", "Tax", "/tax", 9_999),
        row("20261104", "Tax", "/tax/disc", 600),
        row("20261110", "Tax", "/tax", 200),
        row("20261111", "Tax", "/tax/disc", 400),
        row("20261117", "Tax", "/tax/disc", 600),
        row("20261118", "Tax", "/tax", 9_999),
        row("20261112", "Pay", "/pay", 750),
        row("20261105", "Old", "/old", 499),
        json!({
            "date": "20261106", "pageTitle": "(other)", "pagePath": "(other)", "screenPageViews": 800,
        }),
    ];
    World::with(Fixture::default().property(Property::new("456").with_rows(rows)))
}

#[tokio::test]
async fn trending_pages_are_folded_by_title() {
    let world = trending_world();
    let query = json!({
        "id": "ga:123", "metric": "pageviews", "dimensions": ["pageTitle", "pagePath"],
    });
    let options = json!({"property": "456"});
    let document = document(
        "performanceplatform.collector.ga.trending",
        "top",
        query,
        options,
    );
    let told = collect(&world, document).await;
    let page = |title: &str, path: &str, weeks: [u32; 2], change: f64, id: &str| {
        json!({
            "_timestamp": "2026-11-04T00:00:00+00:00", "_id": id, "pageTitle": title,
            "pagePath": path, "week1": weeks[0], "week2": weeks[1], "percent_change": change,
        })
    };
    let expected = [
        page("(other)", "(other)", [800, 500], -37.5, "KG90aGVyKQ=="),
        page("Old", "/old", [500, 500], 0.0, "L29sZA=="),
        page("Pay", "/pay", [500, 750], 50.0, "L3BheQ=="),
        page("Tax", "/tax", [800, 1_000], 25.0, "L3RheA=="),
    ];
    assert_eq!(told.records(), expected);
    let emptied = told
        .messages
        .iter()
        .position(|it| matches!(it, Message::Empty { .. }));
    let first = told
        .messages
        .iter()
        .position(|it| matches!(it, Message::Record(_)));
    assert!(
        emptied.unwrap() < first.unwrap(),
        "the data set is emptied first"
    );
    let asked = &world.google.reports()[0];
    let days = json!([{"startDate": "2026-11-04", "endDate": "2026-11-17"}]);
    assert_eq!(asked["dateRanges"], days);
    assert_eq!(asked["metrics"], json!([{"name": "screenPageViews"}]));
}

#[tokio::test]
async fn trending_pages_that_can_have_no_id_are_left_out() {
    let row = |title: &str, path: &str| json!({"pageTitle": title, "pagePath": path, "screenPageViews": 100});
    let long = format!("/{}", "x".repeat(700));
    let rows = [
        row("Tax", "/tax"),
        row("Tax", ""),
        row("None", ""),
        row("Long", &long),
    ];
    let property = Property::new("456").with_daily(rows);
    let world = World::with(Fixture::default().property(property));
    let query = json!({
        "id": "456", "metric": "pageviews", "dimensions": ["pageTitle", "pagePath"],
    });
    let told = collect(&world, document("ga.trending", "top", query, json!({}))).await;
    let records = told.records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["pagePath"], "/tax");
    assert_eq!(records[0]["week1"], 1_400);
    assert_eq!(told.report.skips.count, 2);
    let first = &told.report.skips.first[0];
    assert_eq!(first.what, "the page \"None\"");
    assert_eq!(
        first.why,
        "its pagePath is empty, and its _id is made of that"
    );
}

#[tokio::test]
async fn the_two_weeks_are_those_of_the_propertys_zone() {
    let row = json!({"pageTitle": "a", "pagePath": "/a", "screenPageViews": 100});
    let property = Property::new("456")
        .in_zone("Pacific/Auckland")
        .with_daily([row]);
    let world = World::with(Fixture::default().property(property));
    let query = json!({
        "id": "456", "metric": "pageviews", "dimensions": ["pageTitle", "pagePath"],
    });
    let document = document("ga.trending", "top", query, json!({}));
    let told = collect(&world, document).await;
    // It is the 19th there already.
    assert_eq!(told.records()[0]["_timestamp"], "2026-11-05T00:00:00+00:00");
    assert_eq!(told.records()[0]["week1"], 700);
}

#[tokio::test]
async fn realtime_is_how_many_are_there_now() {
    let world = World::sample();
    let record = |count: u32, filters: &str| {
        json!({
            "_timestamp": "2026-11-18T12:00:05+00:00", "_id": "2026-11-18T12:00:05+00:00",
            "unique_visitors": count, "for_url": filters,
        })
    };
    let check = async |query: Value, expected: Value| {
        let options = json!({"property": "456"});
        let told = collect(&world, document("ga.realtime", "now", query, options)).await;
        assert_eq!(told.records(), [expected]);
    };
    check(
        json!({"ids": "ga:123", "metrics": "ga:activeVisitors"}),
        record(11, ""),
    )
    .await;
    let filters = "ga:country==France";
    check(
        json!({"ids": "ga:123", "metrics": "ga:activeVisitors", "filters": filters}),
        record(4, filters),
    )
    .await;
    check(
        json!({"filters": "pageTitle=@Home"}),
        record(7, "pageTitle=@Home"),
    )
    .await;
    check(
        json!({"filters": "country==Nowhere"}),
        record(0, "country==Nowhere"),
    )
    .await;
}

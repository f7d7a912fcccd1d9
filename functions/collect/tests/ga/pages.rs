//! Reports of more than one page.

use serde_json::{Value, json};
use weir_collect::Wanted;
use weir_collect::ga::Reports;
use weir_third_parties::Failure;
use weir_third_parties::google::{Fixture, Property};

use crate::world::{Told, World, definition, document, tell};

/// Seventeen pages, of which several have as many views.
fn world() -> World {
    let row = |number: u32| json!({"pagePath": format!("/{}", number * 7 % 17), "screenPageViews": number % 4 + 1});
    let property = Property::new("456").with_daily((0..17).map(row));
    World::with(Fixture::default().property(property))
}

async fn read(world: &World, page_rows: u64, query: Value) -> Told {
    tell(source(world, query).page_rows(page_rows), None).await
}

fn source(world: &World, query: Value) -> Reports {
    let mut whole = json!({
        "property": "456", "metrics": ["screenPageViews"], "dimensions": ["pagePath"],
        "frequency": "daily",
    });
    whole
        .as_object_mut()
        .unwrap()
        .extend(query.as_object().unwrap().clone());
    let definition = definition(document("ga", "pages", whole, json!({})));
    Reports::new(&definition, Wanted::Resume, world.access()).unwrap()
}

fn paths(told: &Told) -> Vec<String> {
    let records = told.records();
    let path = |record: &Value| record["pagePath"].as_str().unwrap().to_owned();
    records.iter().map(path).collect()
}

#[tokio::test]
async fn what_is_read_does_not_depend_on_the_size_of_pages() {
    let world = world();
    for query in [
        json!({}),
        json!({"sort": "-screenPageViews"}),
        json!({"maxResults": 11}),
    ] {
        let whole = read(&world, 1_000, query.clone()).await.complete();
        let rows = if query.get("maxResults").is_some() {
            11
        } else {
            17
        };
        assert_eq!(whole.records().len(), rows);
        for page_rows in 1..20 {
            let told = read(&world, page_rows, query.clone()).await.complete();
            assert_eq!(told.records(), whole.records(), "{query} by {page_rows}");
        }
    }
}

#[tokio::test]
async fn an_order_with_a_limit_gives_the_first_rows() {
    let told = read(
        &world(),
        2,
        json!({"sort": ["-screenPageViews"], "maxResults": 5}),
    )
    .await;
    let views: Vec<u64> = told
        .complete()
        .records()
        .iter()
        .map(|record| record["screenPageViews"].as_u64().unwrap())
        .collect();
    assert_eq!(views, [4, 4, 4, 4, 3]);
}

#[tokio::test]
async fn pages_are_asked_for_by_limit_and_offset_as_text() {
    let world = world();
    read(&world, 7, json!({})).await.complete();
    let asked: Vec<(Value, Value)> = world
        .google
        .reports()
        .into_iter()
        .map(|body| (body["limit"].clone(), body["offset"].clone()))
        .collect();
    let expected = [("7", "0"), ("7", "7"), ("7", "14")];
    assert_eq!(
        asked,
        expected.map(|(limit, offset)| (json!(limit), json!(offset)))
    );
}

#[tokio::test]
async fn a_report_that_changes_while_it_is_read_is_begun_again() {
    let world = world();
    let page = json!({
        "dimensionHeaders": [{"name": "pagePath"}],
        "metricHeaders": [{"name": "screenPageViews"}],
        "rows": [{"dimensionValues": [{"value": "/0"}], "metricValues": [{"value": "1"}]}],
        "rowCount": 18,
    });
    world
        .google
        .fail("/properties/", 1, 1, Failure::Body(page.clone()));
    let told = read(&world, 7, json!({})).await.complete();
    assert_eq!(paths(&told), paths(&read(&world, 50, json!({})).await));
    for place in [1, 2, 3] {
        // Each beginning has a page of another count behind the first.
        world
            .google
            .fail("/properties/", place, 1, Failure::Body(page.clone()));
    }
    let told = read(&world, 7, json!({})).await;
    assert!(
        told.fault().contains("changes while it is read"),
        "{}",
        told.fault()
    );
    assert!(told.records().is_empty());
}

#[tokio::test]
async fn a_page_without_its_rows_is_an_error() {
    let world = world();
    let page = json!({
        "dimensionHeaders": [{"name": "pagePath"}],
        "metricHeaders": [{"name": "screenPageViews"}],
        "rowCount": 17,
    });
    world.google.fail("/properties/", 1, 1, Failure::Body(page));
    let told = read(&world, 7, json!({})).await;
    let expected = "a report on properties/456: the answer says rowCount 17 and has no rows";
    assert_eq!(told.fault(), expected);
    assert!(told.report.bookmark.is_none());
}

#[tokio::test]
async fn a_report_that_would_not_fit_is_an_error_before_more_of_it_is_read() {
    let world = world();
    let page = json!({
        "dimensionHeaders": [{"name": "pagePath"}],
        "metricHeaders": [{"name": "screenPageViews"}],
        "rows": [{"dimensionValues": [{"value": "/0"}], "metricValues": [{"value": "1"}]}],
        "rowCount": 1_000_000,
    });
    world.google.fail("/properties/", 0, 1, Failure::Body(page));
    let told = read(&world, 10_000, json!({})).await;
    let expected = "the report on properties/456 for 2026-11-17 has 1000000 rows, and their \
                    documents are more than the 384 MB that are held at once; ask for fewer \
                    dimensions, a shorter frequency, or maxResults";
    assert_eq!(told.fault(), expected);
    assert_eq!(world.google.reports().len(), 1);
    assert!(told.report.bookmark.is_none());
}

#[tokio::test]
async fn the_texts_of_a_report_count_as_well_as_its_rows() {
    let row = |number: u32| {
        let path = format!("/{number}/{}", "x".repeat(10_000));
        json!({"pagePath": path, "screenPageViews": 1})
    };
    let property = Property::new("456").with_daily((0..17).map(row));
    let world = World::with(Fixture::default().property(property));
    // Of short paths, all fit.
    let bytes = 200_000;
    let told = tell(source(&self::world(), json!({})).most_bytes(bytes), None).await;
    assert_eq!(told.complete().records().len(), 17);
    let told = tell(
        source(&world, json!({})).page_rows(4).most_bytes(bytes),
        None,
    )
    .await;
    assert!(told.fault().contains("has 17 rows"), "{}", told.fault());
    assert_eq!(world.google.reports().len(), 2);
}

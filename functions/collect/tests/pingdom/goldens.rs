//! Documents, worked out by hand, and what Pingdom is asked for.

use serde_json::{Value, json};
use weir_collect::Wanted;
use weir_third_parties::pingdom::{Check, TOKEN};

use crate::world::{World, document, range, seconds};

/// Three hours of a check, in one of which it was down for five minutes.
fn check() -> Check {
    Check::new(20, "GOV.UK home page")
        .with_hour(
            seconds("2026-03-01T22:00:00Z"),
            json!({"avgresponse": 721, "uptime": 3300, "downtime": 300}),
        )
        .with_hour(
            seconds("2026-03-01T23:00:00Z"),
            json!({"avgresponse": null, "uptime": 0, "unmonitored": 3600}),
        )
}

fn of_home_page() -> Value {
    let mut document = document();
    document["query"]["name"] = json!("GOV.UK home page");
    document
}

#[tokio::test]
async fn hours_are_the_documents_that_they_were() {
    let world = World::with_check(check()).await;
    let wanted = range("2026-03-01T21:59:59Z", "2026-03-02T00:30:00Z");
    let (report, _) = world
        .run_document(&of_home_page(), wanted, world.credential())
        .await;
    assert!(report.is_complete(), "{}", report.ended);
    let expected = json!({
        "GOV.UK_home_page.2026-03-01T21:00:00+00:00": {
            "_id": "GOV.UK_home_page.2026-03-01T21:00:00+00:00",
            "_timestamp": "2026-03-01T21:00:00+00:00",
            "avgresponse": 121, "uptime": 3600, "downtime": 0, "unmonitored": 0,
            "check": "GOV.UK home page",
        },
        "GOV.UK_home_page.2026-03-01T22:00:00+00:00": {
            "_id": "GOV.UK_home_page.2026-03-01T22:00:00+00:00",
            "_timestamp": "2026-03-01T22:00:00+00:00",
            "avgresponse": 721, "uptime": 3300, "downtime": 300, "unmonitored": 0,
            "check": "GOV.UK home page",
        },
        "GOV.UK_home_page.2026-03-01T23:00:00+00:00": {
            "_id": "GOV.UK_home_page.2026-03-01T23:00:00+00:00",
            "_timestamp": "2026-03-01T23:00:00+00:00",
            "uptime": 0, "downtime": 0, "unmonitored": 3600,
            "check": "GOV.UK home page",
        },
    });
    assert_eq!(json!(world.records().await), expected);
}

#[tokio::test]
async fn options_are_applied_to_each_hour() {
    let world = World::with_check(check()).await;
    let mut document = of_home_page();
    document["options"] = json!({
        "additionalFields": {"department": "cabinet-office"},
        "mappings": {"avgresponse": "response_ms"},
        "plugins": ["RemoveKey('unmonitored')", "ComputeIdFrom('check', '_timestamp')"],
    });
    let wanted = range("2026-03-01T22:00:00Z", "2026-03-01T23:00:00Z");
    let (report, _) = world
        .run_document(&document, wanted, world.credential())
        .await;
    assert!(report.is_complete(), "{}", report.ended);
    let records: Vec<Value> = world.records().await.into_values().collect();
    let expected = json!([{
        "_id": "R09WLlVLIGhvbWUgcGFnZV8yMDI2MDMwMTIyMDAwMA==",
        "humanId": "GOV.UK home page_20260301220000",
        "_timestamp": "2026-03-01T22:00:00+00:00",
        "response_ms": 721, "uptime": 3300, "downtime": 300,
        "check": "GOV.UK home page", "department": "cabinet-office",
    }]);
    assert_eq!(json!(records), expected);
}

#[tokio::test]
async fn pingdom_is_asked_as_its_documents_say() {
    let world = World::start().await;
    world.run(range("2026-01-30", "2026-03-01T02:00:00Z")).await;
    let requests = world.pingdom.requests();
    let asked: Vec<String> = requests
        .iter()
        .map(|request| {
            assert_eq!(request.bearer(), Some(TOKEN));
            let query: Vec<String> = request
                .query
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("{} {}?{}", request.method, request.path, query.join("&"))
        })
        .collect();
    let hours = |from: &str, to: &str| {
        let (from, to) = (seconds(from), seconds(to));
        format!(
            "GET /api/3.1/summary.performance/101?from={from}&includeuptime=true&resolution=hour&to={to}"
        )
    };
    assert_eq!(
        asked,
        [
            "GET /api/3.1/checks?limit=1000&offset=0".to_owned(),
            hours("2026-01-30", "2026-03-01"),
            hours("2026-03-01", "2026-03-01T02:00:00Z"),
        ]
    );
}

#[tokio::test]
async fn without_a_range_it_is_the_last_24_hours_and_then_what_is_new() {
    let world = World::start().await;
    world.run(Wanted::Resume).await;
    let records = world.records().await;
    assert_eq!(records.len(), 24);
    assert_eq!(
        records.keys().next().map(String::as_str),
        Some("govuk.2026-03-01T10:00:00+00:00")
    );
    let job = world.job().await.expect("a job");
    assert_eq!(
        job.bookmark,
        Some(json!({"bookmarks": {"monitoring": {"hour": "2026-03-02T09:00:00+00:00"}}}))
    );

    world
        .clock
        .advance(std::time::Duration::from_secs(3 * 3600));
    let before = world.pingdom.requests().len();
    let (report, _) = world.run(Wanted::Resume).await;
    // The newest hour is read again.
    assert_eq!(report.records, 4);
    let asked = &world.pingdom.requests()[before + 1];
    assert_eq!(
        asked.parameter("from"),
        Some(seconds("2026-03-02T09:00:00Z").to_string().as_str())
    );
    assert_eq!(world.records().await.len(), 27);
}

#[tokio::test]
async fn an_hour_that_pingdom_tells_late_is_waited_for_and_not_for_ever() {
    let late = Check::new(9, "govuk")
        .with_hour(seconds("2026-03-02T08:00:00Z"), Value::Null)
        .with_hour(seconds("2026-03-02T09:00:00Z"), Value::Null);
    let world = World::with_check(late).await;
    let (report, _) = world.run(Wanted::Resume).await;
    let hour = |report: &weir_collector::Report| {
        let state = report.bookmark.as_ref().expect("a bookmark");
        state
            .bookmark("monitoring", "hour")
            .expect("an hour")
            .to_owned()
    };
    assert_eq!(hour(&report), "2026-03-02T07:00:00+00:00");
    let gone = Check::new(9, "govuk").since(seconds("2030-01-01"));
    let world = World::with_check(gone).await;
    let (report, _) = world.run(Wanted::Resume).await;
    assert_eq!(
        (report.records, hour(&report).as_str()),
        (0, "2026-03-02T09:00:00+00:00")
    );
}

#[tokio::test]
async fn before_a_check_was_there_nothing_is_asked_for() {
    let young = Check::new(9, "govuk").since(seconds("2026-02-27T05:30:00Z"));
    let world = World::with_check(young).await;
    let (report, _) = world.run(range("", "2026-02-27T08:00:00Z")).await;
    assert_eq!((report.is_complete(), report.records), (true, 3));
    assert_eq!(world.pingdom.requests().len(), 2);
}

//! One run of a job.

use serde_json::{Value, json};
use weir_collector::Ended;
use weir_third_parties::pendo::{self, refused};
use weir_third_parties::{PendoFixture, pendo::Source};

use crate::world::{World, now, range, resume, start};

fn fault(ended: &Ended) -> String {
    match ended {
        Ended::Failed(fault) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_streams_go_into_files_under_their_own_dates() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let document = world.document(Value::Null);
    let (report, run) = world.run(&document, resume()).await;
    assert_eq!(report.ended, Ended::Complete);
    let records = world.records();
    assert_eq!(records.len(), 16, "{:?}", records.keys());
    assert_eq!(records["visitors"].len(), 4);
    assert_eq!(records["metadata_visitors"].len(), 1);
    let told: usize = records.values().map(Vec::len).sum();
    assert_eq!(run.records, u64::try_from(told).unwrap());
    // An event is filed under its day, whenever it was read.
    let days: Vec<String> = records["feature_events"]
        .iter()
        .map(|event| format!("date={}", &event["day"].as_str().unwrap()[..10]))
        .collect();
    for date in world.dates("feature_events") {
        assert!(days.contains(&date), "{date}: {days:?}");
    }
    // What comes again is what the replication method repeats: nothing is lost, and nothing new.
    let (report, _) = world.run(&document, resume()).await;
    assert_eq!(report.ended, Ended::Complete);
    assert!(report.records < run.records, "{}", report.records);
}

#[tokio::test]
async fn streams_go_flat_into_the_data_sets_of_a_group() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let mut document = world.document(json!(["visitors", "visitor_history", "accounts"]));
    document["sink"] = json!("data-set");
    document["data-set"] = json!({"data-group": "product"});
    let (report, _) = world.run(&document, resume()).await;
    let missing = "there are no data sets product/accounts, product/visitor_history, \
                   product/visitors; make them: for set in product/accounts \
                   product/visitor_history product/visitors; do weir dataset create $set; done";
    assert_eq!(fault(&report.ended), missing);
    assert_eq!(world.pendo.asked(), 0);
    let accounts = world.create("accounts").await;
    let visitors = world.create("visitors").await;
    let history = world.create("visitor_history").await;
    for _ in 0..2 {
        let (report, _) = world.run(&document, resume()).await;
        assert_eq!(report.ended, Ended::Complete);
    }
    assert_eq!(world.documents(&accounts).await.len(), 3);
    assert_eq!(
        world.documents(&history).await.len(),
        world.pendo.rows(Source::History).len()
    );
    let found = world.documents(&visitors).await;
    assert_eq!(found.len(), 4);
    for visitor in &found {
        assert_eq!(visitor["_timestamp"], visitor["lastupdated"], "{visitor}");
        assert!(visitor["metadata_agent_language"].is_string(), "{visitor}");
        assert!(visitor["metadata_auto"].is_null(), "{visitor}");
    }
}

#[tokio::test]
async fn streams_and_fields_may_be_chosen() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let document = world.document(json!({"visitors": ["metadata_agent"], "pages": true}));
    let (report, _) = world.run(&document, resume()).await;
    assert_eq!(report.ended, Ended::Complete);
    let records = world.records();
    assert_eq!(records.keys().collect::<Vec<_>>(), ["pages", "visitors"]);
    let visitor = records["visitors"][0].as_object().unwrap();
    let mut fields: Vec<&String> = visitor.keys().collect();
    fields.sort();
    assert_eq!(fields, ["lastupdated", "metadata_agent", "visitor_id"]);
}

#[tokio::test]
async fn what_is_wrong_with_the_query_is_told_by_its_key() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let check = async |change: fn(&mut Value), parts: &[&str]| {
        let mut document = world.document(Value::Null);
        change(&mut document["query"]);
        let (report, _) = world.run(&document, resume()).await;
        let fault = fault(&report.ended);
        for part in parts {
            assert!(fault.contains(part), "{fault}");
        }
    };
    let place = "pendo.json: query";
    check(
        |query| query["period"] = json!("week"),
        &[place, "period", "week"],
    )
    .await;
    check(
        |query| query["start_date"] = json!(1),
        &[place, "start_date"],
    )
    .await;
    check(|query| query["app_ids"] = json!("a"), &[place, "app_ids"]).await;
    check(
        |query| query["streams"] = json!(["visitor"]),
        &["pendo.json: query.streams", "visitor"],
    )
    .await;
    check(
        |query| query["streams"] = json!(["page_events"]),
        &["page_events", "pages"],
    )
    .await;
    check(
        |query| query["x_pendo_integration_key"] = json!("planted"),
        &["query.x_pendo_integration_key", "credentials"],
    )
    .await;
    assert!(world.records().is_empty());
}

#[tokio::test]
async fn a_range_has_a_start_and_no_end_and_leaves_the_bookmark_alone() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let document = world.document(json!(["accounts"]));
    world.run(&document, resume()).await;
    let store = &world.context.store;
    let before = store.job(&crate::world::job(), world.soon()).await.unwrap();
    let (report, _) = world.run(&document, range(&start(), None)).await;
    assert_eq!((report.ended, report.records), (Ended::Complete, 3));
    let (report, _) = world
        .run(&document, range(&start(), Some("2199-01-01")))
        .await;
    let fault = fault(&report.ended);
    assert!(fault.starts_with("pendo.json: end: "), "{fault}");
    let after = store.job(&crate::world::job(), world.soon()).await.unwrap();
    assert_eq!(
        before.and_then(|job| job.bookmark),
        after.and_then(|job| job.bookmark)
    );
}

#[tokio::test]
async fn a_wrong_key_fails_with_one_clear_line_that_does_not_show_it() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    world.pendo.set_key("another");
    let (report, run) = world.run(&world.document(Value::Null), resume()).await;
    let fault = fault(&report.ended);
    assert!(
        !fault.contains('\n') && !fault.contains(pendo::KEY),
        "{fault}"
    );
    assert!(fault.contains("401") || fault.contains("key"), "{fault}");
    assert_eq!(run.error.as_deref(), Some(fault.as_str()));
}

#[tokio::test]
async fn a_parent_that_cannot_be_read_fails_the_run_and_not_the_others() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    world
        .pendo
        .fail_parent("f2", u64::MAX, refused(403, "not for you"));
    let document = world.document(json!(["features", "feature_events", "pages"]));
    let (report, _) = world.run(&document, resume()).await;
    let fault = fault(&report.ended);
    assert!(fault.contains("f2") && fault.contains("403"), "{fault}");
    let records = world.records();
    let of = |feature: &str| {
        let events = records["feature_events"].iter();
        events
            .filter(|event| event["feature_id"] == feature)
            .count()
    };
    assert!(of("f1") > 0 && of("f3") > 0 && records["pages"].len() == 3);
    assert_eq!(of("f2"), 0);
    // When it can be read again, what was missing comes, from its beginning.
    world.pendo.heal();
    let (report, _) = world.run(&document, resume()).await;
    assert_eq!(report.ended, Ended::Complete);
    let events = world.records().remove("feature_events").unwrap();
    let of_f2 = |events: &[Value]| {
        let of = events.iter().filter(|event| event["feature_id"] == "f2");
        of.count()
    };
    let rows = world.pendo.rows(Source::FeatureEvents);
    let wanted = rows.iter().filter(|row| row["featureId"] == "f2").count();
    assert_eq!(of_f2(&events), wanted);
}

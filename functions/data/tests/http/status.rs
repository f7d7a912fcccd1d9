//! Whether the store answers, and whether records still come.

use std::time::Duration;

use serde_json::json;
use weir_model::DataSetSettings;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn the_status_is_whether_the_store_answers() {
    let world = World::running().await;
    let answer = world.get_at("/_status", "").await;
    let expected = json!({"status": "ok", "message": "database is up"});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(answer.header("cache-control"), "no-cache");
    world.line.cut(true);
    let message = world.get_at("/_status", "").await.refusal(500);
    assert_eq!(message, "cannot connect to database");
}

#[tokio::test]
async fn data_sets_without_news_for_too_long_are_listed() {
    let world = World::start().await;
    for (name, max_age_expected_s) in [("a/old", Some(60)), ("b/new", Some(3_600)), ("c/any", None)]
    {
        let settings = DataSetSettings {
            max_age_expected_s,
            ..DataSetSettings::default()
        };
        world.create(name, settings).await;
        let path = format!("/data/{name}");
        world.call("POST", &path, "{\"_id\":\"a\"}").await;
    }
    let all_good = json!({
        "status": "ok", "message": "All data_sets are in date", "data_sets": null,
    });
    let answer = world.get_at("/_status/data-sets", "").await;
    assert_eq!((answer.status, answer.json()), (200, all_good));

    world.clock.advance(Duration::from_secs(90));
    let late = json!({
        "status": "not okay",
        "message": "1 data-set is out of date",
        "data_sets": [{
            "name": "a/old",
            "seconds-out-of-date": 30,
            "last-updated": "2013-04-01T12:00:00+00:00",
            "max-age-expected": 60,
        }],
    });
    let answer = world.get_at("/_status/data-sets", "").await;
    assert_eq!((answer.status, answer.json()), (200, late));

    world.clock.advance(Duration::from_secs(3_600));
    let answer = world.get_at("/_status/data-sets", "").await.json();
    assert_eq!(answer["message"], "2 data-sets are out of date");
}

#[tokio::test]
async fn a_data_set_that_never_had_a_record_is_late_as_well() {
    let world = World::start().await;
    let settings = DataSetSettings {
        max_age_expected_s: Some(60),
        ..DataSetSettings::default()
    };
    world.create("b/never", settings).await;
    world.clock.advance(Duration::from_secs(90));
    let answer = world.get_at("/_status/data-sets", "").await.json();
    assert_eq!(answer["data_sets"][0]["name"], "b/never");
    assert_eq!(answer["data_sets"][0]["seconds-out-of-date"], 30);
}

#[tokio::test]
async fn a_data_set_that_was_emptied_was_last_updated_by_its_last_records() {
    let world = World::start().await;
    let settings = DataSetSettings {
        max_age_expected_s: Some(60),
        ..DataSetSettings::default()
    };
    world.create("a/emptied", settings).await;
    world.clock.advance(Duration::from_secs(30));
    let path = "/data/a/emptied";
    let answer = world.call("POST", path, "{\"_id\":\"a\"}").await;
    assert_eq!(answer.status, 200);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.call("PUT", path, "[]").await.status, 200);
    world.clock.advance(Duration::from_secs(45));
    let answer = world.get_at("/_status/data-sets", "").await.json();
    let late = &answer["data_sets"][0];
    assert_eq!(late["last-updated"], "2013-04-01T12:00:30+00:00");
    assert_eq!(late["seconds-out-of-date"], 15);
}

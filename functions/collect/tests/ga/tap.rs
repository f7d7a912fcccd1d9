//! A tap of Google Analytics.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use weir_collect::{Addresses, Tap, TapAccess, TapKind};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::suite::Gathered;
use weir_collector::{Ended, Limits};

use crate::world::{World, document, range, range_from};

/// How a tap that begins at a date ends.
async fn ended(world: &World, start: &str) -> Ended {
    let query = json!({"id": "456", "metrics": ["visits"], "frequency": "weekly"});
    let config = json!({
        "queries": [document("ga", "visits", query, json!({}))],
        "credentials": world.google.credentials(),
        "start_date": start,
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let tap = Tap::open(TapKind::Ga, &path).unwrap();
    let options = HttpOptions {
        backoff_base: Duration::from_millis(1),
        ..HttpOptions::default()
    };
    let access = TapAccess {
        http: Http::new(options).unwrap(),
        clock: Arc::new(world.clock.clone()),
        addresses: Addresses {
            google: world.google.url(),
            ..Addresses::default()
        },
    };
    let limits = Limits::none(Arc::new(world.clock.clone()));
    let told = tap.run(None, None, &access, Gathered::default(), limits);
    told.await.unwrap().ended
}

#[tokio::test]
async fn a_tap_that_begins_in_a_week_that_is_not_over_has_nothing_to_tell_yet() {
    let world = World::sample();
    for start in ["2026-11-16", "2026-11-18"] {
        let ended = ended(&world, start).await;
        assert!(matches!(ended, Ended::Complete), "{start}: {ended}");
    }
    assert_eq!(world.google.reports().len(), 0);
    let ended = ended(&world, "2026-11-02").await;
    assert!(matches!(ended, Ended::Complete), "{ended}");
    assert_eq!(world.google.reports().len(), 2);
}

#[tokio::test]
async fn who_asks_for_such_a_range_is_told_so() {
    let world = World::sample();
    let query = json!({"id": "456", "metrics": ["visits"], "frequency": "weekly"});
    let document = document("ga", "visits", query, json!({}));
    let told = world
        .collect(document.clone(), range_from("2026-11-18"))
        .await;
    let expected = "2026-11-16 to 2026-11-22 is not over yet; give an end to collect it as it is";
    assert_eq!(told.fault(), expected);
    let wanted = range("2026-11-16", "2026-11-18");
    world.collect(document, wanted).await.complete();
}

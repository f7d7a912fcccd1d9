//! What every source must be able to do.

use serde_json::{Value, json};
use weir_collect::Wanted;
use weir_collect::ga::{Realtime, Reports, Trending};
use weir_collector::Source;
use weir_collector::suite::{self, every_source_must};
use weir_third_parties::Failure;
use weir_third_parties::google::{QuotaKind, quota_error, refused};

use crate::world::{World, definition, document, range};

/// A source of a world's Google, made anew for each run.
struct Read<F> {
    world: World,
    make: F,
}

impl<S: Source, F: Fn(&World) -> S + Sync> suite::World for Read<F> {
    type Source = S;

    fn source(&self) -> S {
        (self.make)(&self.world)
    }

    fn fail(&self, after: usize, failure: suite::Failure) {
        let failure = match failure {
            suite::Failure::Throttled => {
                quota_error(QuotaKind::Concurrent).with_header("retry-after", "0")
            }
            suite::Failure::Exhausted => quota_error(QuotaKind::Hourly),
            suite::Failure::Unavailable => {
                refused(503, "UNAVAILABLE", "The service is currently unavailable.")
            }
            suite::Failure::CutOff => Failure::Cut(20),
            suite::Failure::Malformed => Failure::Truncated,
            suite::Failure::Refused => refused(403, "PERMISSION_DENIED", "No."),
        };
        let after = u64::try_from(after).unwrap();
        self.world.google.fail("/properties/", after, 1, failure);
    }

    fn recover(&self) {
        self.world.google.heal();
    }

    fn requests(&self) -> usize {
        self.world.google.reports().len()
    }
}

fn pages_by_day(options: Value) -> Value {
    let mut all = json!({"property": "456"});
    all.as_object_mut()
        .unwrap()
        .extend(options.as_object().unwrap().clone());
    let query = json!({
        "id": "ga:123", "metrics": ["visits"], "dimensions": ["pagePath", "country"],
        "frequency": "daily",
    });
    document("ga", "pages", query, all)
}

fn reports(world: &World, options: Value, wanted: Wanted) -> Reports {
    let definition = definition(pages_by_day(options));
    Reports::new(&definition, wanted, world.access())
        .unwrap()
        .page_rows(3)
}

#[tokio::test]
async fn reports_of_several_days_and_pages_pass() {
    let world = World::sample();
    let make = |world: &World| reports(world, json!({}), range("2026-11-14", "2026-11-16"));
    every_source_must(&Read { world, make }).await;
}

#[tokio::test]
async fn reports_that_empty_their_data_set_pass() {
    let world = World::sample();
    let options = || json!({"empty-data-set": true});
    let make = |world: &World| reports(world, options(), range("2026-11-15", "2026-11-16"));
    every_source_must(&Read { world, make }).await;
}

#[tokio::test]
async fn the_last_day_that_is_over_passes() {
    let world = World::sample();
    let make = |world: &World| reports(world, json!({}), Wanted::Resume);
    every_source_must(&Read { world, make }).await;
}

#[tokio::test]
async fn trending_passes() {
    let query = json!({
        "id": "ga:123", "metric": "pageviews", "dimensions": ["pageTitle", "pagePath"],
    });
    let document = document("ga.trending", "trending", query, json!({"property": "456"}));
    let make = move |world: &World| {
        let definition = definition(document.clone());
        Trending::new(&definition, Wanted::Resume, world.access()).unwrap()
    };
    let world = World::sample();
    every_source_must(&Read { world, make }).await;
}

#[tokio::test]
async fn realtime_passes() {
    let query = json!({"ids": "ga:123", "metrics": "ga:activeVisitors"});
    let document = document("ga.realtime", "realtime", query, json!({"property": "456"}));
    let make = move |world: &World| {
        let definition = definition(document.clone());
        Realtime::new(&definition, Wanted::Resume, world.access()).unwrap()
    };
    let world = World::sample();
    every_source_must(&Read { world, make }).await;
}

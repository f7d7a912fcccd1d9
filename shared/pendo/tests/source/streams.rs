//! All streams, from the beginning.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_model::Timestamp;
use weir_pendo::{Observer, Outcome, StreamId};
use weir_third_parties::pendo::{Fixture, NOW, Source, refused};

use crate::world::{DAY, World, stamp};

#[tokio::test]
async fn every_row_is_told_once_at_any_limit() {
    let world = World::start(Fixture::awkward()).await;
    let whole = world.complete(None).await;
    assert_eq!(whole.repeated(), 0);
    for (limit, concurrency) in [(1, 1), (2, 6), (3, 2), (7, 4), (100_000, 4)] {
        let world = World::start(Fixture::awkward()).await;
        let world = world.with(json!({"record_limit": limit, "concurrency": concurrency}));
        let told = world.complete(None).await;
        assert_eq!(told.counts(), whole.counts(), "limit {limit}");
        assert!(told.table() == whole.table(), "limit {limit}");
    }
}

#[tokio::test]
async fn the_rows_are_those_that_pendo_has() {
    let world = World::start(Fixture::awkward()).await;
    let told = world.complete(None).await;
    let mut rows = BTreeMap::new();
    for (stream, source) in [
        ("features", Source::Features),
        ("pages", Source::Pages),
        ("guides", Source::Guides),
        ("track_types", Source::TrackTypes),
        ("accounts", Source::Accounts),
        ("reports", Source::Reports),
        ("feature_events", Source::FeatureEvents),
        ("page_events", Source::PageEvents),
        ("guide_events", Source::GuideEvents),
        ("track_events", Source::TrackEvents),
        ("events", Source::Events),
        ("poll_events", Source::PollEvents),
    ] {
        rows.insert(stream, world.pendo.rows(source).len());
    }
    for (stream, rows) in rows {
        assert_eq!(told.counts().get(stream), Some(&rows), "{stream}");
    }
    assert_eq!(told.counts()["metadata_accounts"], 1);
    assert_eq!(told.counts()["metadata_visitors"], 1);
}

#[tokio::test]
async fn a_finished_run_has_the_references_bookmarks_and_the_next_one_little_to_tell() {
    let world = World::start(Fixture::plain()).await;
    let first = world.complete(None).await;
    let state = first.state();
    assert_eq!(state.0["currently_syncing"], Value::Null);
    assert_eq!(
        state.bookmark("features", "lastUpdatedAt"),
        Some(&*stamp(NOW - DAY / 24))
    );
    let today = stamp(NOW - NOW.rem_euclid(DAY));
    for stream in ["events", "feature_events", "page_events", "track_events"] {
        let at = state
            .bookmark(stream, "day")
            .expect("a bookmark")
            .to_owned();
        assert!(at <= today, "{stream}: {at}");
    }
    for field in [
        "day",
        "browserTime",
        "browser_time",
        "previous_sync_completed_ts",
    ] {
        assert!(state.bookmark("guide_events", field).is_some(), "{field}");
    }
    let second = world.complete(Some(state.clone())).await;
    assert_eq!(second.state(), state);
    let (before, after) = (first.counts(), second.counts());
    for stream in [
        "accounts",
        "features",
        "feature_events",
        "visitor_history",
        "events",
    ] {
        assert!(after.get(stream) < before.get(stream), "{stream}");
    }
}

#[tokio::test]
async fn parents_are_fetched_once() {
    let world = World::start(Fixture::plain()).await;
    let world = world.with(json!({"record_limit": 1000}));
    world.complete(None).await;
    for source in ["/features", "/pages", "/guides", "/trackTypes", "/visitors"] {
        let requests = world.pendo.requests();
        let asked = requests
            .iter()
            .filter(|request| request.place.ends_with(source));
        assert_eq!(asked.count(), 1, "{source}");
    }
}

#[tokio::test]
async fn requests_are_side_by_side_up_to_the_limit() {
    for concurrency in [1, 4] {
        let world = World::start(Fixture::plain().delayed(20)).await;
        let world = world
            .with(json!({"concurrency": concurrency, "record_limit": 1000}))
            .only(&[StreamId::Visitors, StreamId::VisitorHistory]);
        world.complete(None).await;
        assert_eq!(world.pendo.most_at_once(), concurrency);
    }
}

#[tokio::test]
async fn answers_are_asked_for_packed() {
    let world = World::start(Fixture::plain()).await;
    world.complete(None).await;
    for request in world.pendo.requests() {
        let encoding = request.header("accept-encoding").unwrap_or_default();
        assert!(encoding.contains("gzip"), "{}", request.place);
    }
}

#[tokio::test]
async fn windows_of_the_time_line_change_nothing() {
    let whole = World::start(Fixture::awkward()).await.complete(None).await;
    for days in [1, 3] {
        let world = World::start(Fixture::awkward()).await;
        let world = world.with(json!({"events_date_window": days}));
        let told = world.complete(None).await;
        assert!(told.table() == whole.table());
        assert_eq!(told.repeated(), 0);
    }
}

#[tokio::test]
async fn the_lookback_window_reads_days_before_the_bookmark_again() {
    let mut world = World::start(Fixture::plain()).await;
    let state = world.complete(None).await.state();
    let days = |told: &crate::world::Told| {
        let mut days = told.values("feature_events", "day");
        days.dedup();
        days.sort_by_key(Value::to_string);
        days.dedup();
        days.len()
    };
    assert_eq!(days(&world.complete(Some(state.clone())).await), 1);
    world.set(json!({"lookback_window": 1}));
    assert_eq!(days(&world.complete(Some(state)).await), 2);
}

#[derive(Debug, Default)]
struct Watching {
    finished: Mutex<BTreeMap<StreamId, u64>>,
    outcomes: Mutex<BTreeMap<StreamId, Outcome>>,
    progress: Mutex<BTreeMap<StreamId, Option<Timestamp>>>,
    requests: Mutex<BTreeMap<Option<u16>, usize>>,
}

impl Observer for Watching {
    fn progress(&self, stream: StreamId, _: u64, bookmark: Option<Timestamp>) {
        self.progress
            .lock()
            .expect("nobody panics")
            .insert(stream, bookmark);
    }

    fn finished(&self, stream: StreamId, outcome: Outcome, records: u64, _: Duration) {
        let mut outcomes = self.outcomes.lock().expect("nobody panics");
        outcomes.insert(stream, outcome);
        let before = self
            .finished
            .lock()
            .expect("nobody panics")
            .insert(stream, records);
        assert_eq!(before, None, "{stream} finishes twice");
    }

    fn request(&self, _: StreamId, status: Option<u16>, _: Duration) {
        *self
            .requests
            .lock()
            .expect("nobody panics")
            .entry(status)
            .or_default() += 1;
    }
}

#[tokio::test]
async fn whoever_watches_hears_of_streams_and_requests() {
    let mut world = World::start(Fixture::plain()).await;
    let watching = Arc::new(Watching::default());
    world.observer = Arc::clone(&watching) as Arc<dyn Observer>;
    let told = world.complete(None).await;
    let finished = watching.finished.lock().unwrap();
    assert_eq!(finished.len(), StreamId::ALL.len());
    for (stream, records) in finished.iter() {
        let expected = told.records(stream.name()).len() as u64;
        assert_eq!(*records, expected, "{stream}");
    }
    let bookmark = watching.progress.lock().unwrap()[&StreamId::Features];
    assert_eq!(bookmark, Some(crate::world::time(NOW - DAY / 24)));
    let requests = watching.requests.lock().unwrap();
    assert_eq!(
        *requests,
        BTreeMap::from([(Some(200), world.pendo.asked())])
    );
}

#[tokio::test]
async fn whoever_watches_hears_which_streams_were_not_read_to_their_ends() {
    let mut world = World::start(Fixture::plain()).await;
    let watching = Arc::new(Watching::default());
    world.observer = Arc::clone(&watching) as Arc<dyn Observer>;
    for at in [
        "/accounts",
        "/events",
        "/report",
        "/metadata/schema/visitor",
    ] {
        world.pendo.fail(at, 0, 1, refused(400, "no"));
    }
    world.pendo.fail_parent("f2", 1, refused(404, "gone"));
    world.read(None).await;
    let outcomes = watching.outcomes.lock().unwrap();
    let failed = outcomes.iter().filter(|(_, it)| **it == Outcome::Failed);
    let mut failed: Vec<&str> = failed.map(|(stream, _)| stream.name()).collect();
    failed.sort_unstable();
    assert_eq!(
        failed,
        [
            "accounts",
            "events",
            "feature_events",
            "metadata_visitors",
            "reports"
        ]
    );
    assert_eq!(outcomes[&StreamId::Features], Outcome::Complete);
}

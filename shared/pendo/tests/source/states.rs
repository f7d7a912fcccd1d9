//! Going on from states: our own, the reference's, and those of other settings.

use serde_json::{Value, json};
use weir_collector::suite::Table;
use weir_collector::{Ended, Message, State};
use weir_pendo::StreamId;
use weir_third_parties::pendo::{Fixture, NOW, Source, refused};

use crate::rows::{thing, use_of};
use crate::world::{DAY, Told, World, stamp};

const FEATURES: [StreamId; 2] = [StreamId::Features, StreamId::FeatureEvents];

/// Three features with a use on each of the last four days.
fn features() -> Fixture {
    let ids = ["a", "b", "c"];
    let uses = ids
        .iter()
        .flat_map(|id| (0..4).map(move |day| use_of(id, NOW - day * DAY, 1)));
    Fixture::default()
        .with(
            Source::Features,
            ids.map(|id| thing(id, Some(NOW - 5 * DAY))),
        )
        .with(Source::FeatureEvents, uses)
}

/// The messages up to the state that is told right after so many uses.
fn interrupted(told: &Told, uses: usize) -> (Vec<Message>, State) {
    let mut seen = 0;
    for (place, message) in told.messages.iter().enumerate() {
        match message {
            Message::Record(record) if &*record.stream == "feature_events" => seen += 1,
            Message::State(state) if seen == uses => {
                return (told.messages[..=place].to_vec(), state.clone());
            }
            _ => {}
        }
    }
    panic!("there is no state after {uses} uses");
}

#[tokio::test]
async fn a_state_of_the_reference_is_gone_on_from() {
    let world = World::start(features()).await.only(&FEATURES);
    let today = NOW - NOW.rem_euclid(DAY);
    let state = json!({
        "bookmarks": {
            "features": {"lastUpdatedAt": stamp(NOW), "of its own": 1},
            "feature_events": {"day": stamp(today - DAY), "previous_sync_completed_ts": stamp(today - DAY)},
            "unknown": {"x": 1},
        },
        "currently_syncing": null,
        "more": true,
    });
    let told = world.complete(Some(State(state))).await;
    assert_eq!(told.counts().get("features"), None);
    assert_eq!(told.counts()["feature_events"], 3 * 2);
    let after = told.state().0;
    assert_eq!(after["more"], json!(true));
    assert_eq!(after["bookmarks"]["unknown"], json!({"x": 1}));
    assert_eq!(after["bookmarks"]["features"]["of its own"], json!(1));
    assert_eq!(after["bookmarks"]["feature_events"]["day"], stamp(today));
}

#[tokio::test]
async fn a_pass_that_the_reference_was_in_is_read_from_where_it_began() {
    let world = World::start(features()).await.only(&FEATURES);
    let today = NOW - NOW.rem_euclid(DAY);
    for last in [json!("a"), json!(NOW - 5 * DAY)] {
        let events = json!({
            "day": stamp(today), "last_processed": last,
            "previous_sync_completed_ts": stamp(today - 2 * DAY),
        });
        let state = json!({
            "bookmarks": {"features": {}, "feature_events": events},
            "currently_syncing": "feature_events",
        });
        let told = world.complete(Some(State(state))).await;
        assert_eq!(told.counts()["feature_events"], 3 * 3);
        assert_eq!(told.counts()["features"], 3);
        assert!(
            told.bookmark("feature_events")
                .get("last_processed")
                .is_none()
        );
        // Interrupted among them, it goes on as one of ours.
        let (first, state) = interrupted(&told, 4);
        let rest = world.complete(Some(state)).await;
        let both = first.iter().chain(&rest.messages);
        assert!(Table::after(both) == told.table());
    }
}

#[tokio::test]
async fn what_comes_before_the_interrupted_stream_was_read() {
    let world = World::start(Fixture::plain()).await;
    let state = json!({"bookmarks": {}, "currently_syncing": "track_events"});
    let told = world.complete(Some(State(state))).await;
    assert!(told.counts().contains_key("track_types"));
    assert!(told.counts().contains_key("track_events"));
    assert!(told.counts().contains_key("visitors"));
    assert!(!told.counts().contains_key("accounts"));
    assert_eq!(told.state().0["currently_syncing"], Value::Null);
}

#[tokio::test]
async fn what_was_interrupted_before_the_interrupted_stream_is_read_to_its_end() {
    let day = stamp(NOW - 30 * DAY);
    let in_a_pass = json!({"day": day, "last_processed": "_E9IwR8tFCTQryv_hCzGVZvsgcg"});
    let at = json!({"began": day, "at": day, "period": "day"});
    for (marks, expected) in [
        (
            json!({"page_events": in_a_pass}),
            ["page_events", "pages"].as_slice(),
        ),
        (
            json!({"page_events": {"weir": {"began": day}}}),
            &["page_events", "pages"],
        ),
        (json!({"events": {"weir": at}}), &["events"]),
        (json!({"accounts": {"weir": {"began": day}}}), &["accounts"]),
        (
            json!({"page_events": {"day": day}, "accounts": {"weir": {}}}),
            &[],
        ),
    ] {
        let world = World::start(Fixture::plain()).await;
        let state = json!({"bookmarks": marks, "currently_syncing": "track_events"});
        let told = world.complete(Some(State(state))).await;
        let usual = ["track_events", "track_types", "visitor_history", "visitors"];
        let mut expected = [expected, &usual].concat();
        expected.sort_unstable();
        let counts = told.counts();
        let told_of: Vec<&str> = counts.keys().map(String::as_str).collect();
        assert_eq!(told_of, expected, "{marks}");
        assert_eq!(told.state().0["currently_syncing"], Value::Null);
    }
}

#[tokio::test]
async fn a_run_that_goes_on_ends_with_what_the_one_before_could_not_read() {
    let world = World::start(Fixture::plain()).await;
    world
        .pendo
        .fail_parent("f2", 1, refused(404, "no such feature"));
    for stream in ["/trackTypes", "/visitors"] {
        let failure = refused(503, "overloaded");
        world.pendo.fail(stream, 0, 1000, failure);
    }
    let first = world.read(None).await;
    let failed = "feature_events of \"f2\": ";
    let ended = first.report.ended.to_string();
    assert!(matches!(first.report.ended, Ended::Later { .. }), "{ended}");
    assert!(
        ended.contains("before that, not everything") && ended.contains(failed),
        "{ended}"
    );
    world.pendo.heal();
    let second = world.read(Some(first.state())).await;
    let ended = second.report.ended.to_string();
    assert!(matches!(second.report.ended, Ended::Failed(_)), "{ended}");
    assert!(ended.contains(failed) && !ended.contains("more"), "{ended}");
    assert_eq!(second.state().0.get("weir"), None);
    let third = world.complete(Some(second.state())).await;
    assert!(
        third
            .values("feature_events", "feature_id")
            .contains(&"f2".into())
    );
}

#[tokio::test]
async fn a_stream_that_is_not_wanted_any_more_is_no_place_to_go_on() {
    let world = World::start(features()).await.only(&FEATURES);
    for stream in ["accounts", "no stream"] {
        let state = json!({"bookmarks": {}, "currently_syncing": stream});
        let told = world.complete(Some(State(state))).await;
        assert_eq!(told.counts()["features"], 3);
    }
}

#[tokio::test]
async fn the_parent_at_which_it_was_interrupted_may_be_gone() {
    let whole = World::start(features())
        .await
        .only(&FEATURES)
        .complete(None)
        .await;
    for uses in [2, 4, 6, 8] {
        for gone in ["a", "b", "c"] {
            let world = World::start(features()).await.only(&FEATURES);
            let (first, state) = interrupted(&whole, uses);
            world.pendo.remove(Source::Features, gone);
            let rest = world.complete(Some(state)).await;
            let both = Table::after(first.iter().chain(&rest.messages));
            let of_others = |table: &Table| {
                let records = table.records().values();
                let others = records.filter(|row| row["feature_id"] != gone && row["id"] != gone);
                others.count()
            };
            assert_eq!(of_others(&both), of_others(&whole.table()), "{uses} {gone}");
            assert_eq!(rest.repeated(), 0);
        }
    }
}

#[tokio::test]
async fn a_parent_that_appears_before_the_one_where_it_was_interrupted_is_read() {
    let whole = World::start(features())
        .await
        .only(&FEATURES)
        .complete(None)
        .await;
    for id in ["0", "aa", "z"] {
        let world = World::start(features()).await.only(&FEATURES);
        let (_, state) = interrupted(&whole, 6);
        world.pendo.add(Source::Features, [thing(id, Some(NOW))]);
        world
            .pendo
            .add(Source::FeatureEvents, [use_of(id, NOW - 9 * DAY, 1)]);
        let rest = world.complete(Some(state)).await;
        assert!(
            rest.values("feature_events", "feature_id")
                .contains(&id.into()),
            "{id}"
        );
        assert_eq!(rest.counts()["feature_events"], 12 - 6 + 1, "{id}");
    }
}

#[tokio::test]
async fn each_parent_that_was_interrupted_goes_on_where_it_was() {
    let whole = World::start(features())
        .await
        .only(&FEATURES)
        .complete(None)
        .await;
    let world = World::start(features()).await.only(&FEATURES);
    // In the middle of b, then of one that has appeared before it.
    let (_, state) = interrupted(&whole, 6);
    world.pendo.add(Source::Features, [thing("aa", Some(NOW))]);
    let days = (0..4).map(|day| use_of("aa", NOW - day * DAY, 1));
    world.pendo.add(Source::FeatureEvents, days);
    let second = world.complete(Some(state)).await;
    let (_, state) = interrupted(&second, 2);
    let rest = world.complete(Some(state)).await;
    assert_eq!(rest.counts()["feature_events"], 2 + 2 + 4);
}

#[tokio::test]
async fn a_parent_that_was_hidden_for_a_while_loses_nothing() {
    let world = World::start(features()).await.only(&FEATURES);
    let state = world.complete(None).await.state();
    world.pass(DAY);
    world.pendo.remove(Source::Features, "b");
    let state = world.complete(Some(state)).await.state();
    world
        .pendo
        .add(Source::FeatureEvents, [use_of("b", NOW + DAY, 7)]);
    world
        .pendo
        .add(Source::FeatureEvents, [use_of("a", NOW + 3 * DAY, 7)]);
    world.pass(2 * DAY);
    let state = world.complete(Some(state)).await.state();
    world
        .pendo
        .add(Source::Features, [thing("b", Some(NOW + 3 * DAY))]);
    let told = world.complete(Some(state)).await;
    let day = Value::from(stamp(NOW - NOW.rem_euclid(DAY) + DAY));
    assert!(told.values("feature_events", "day").contains(&day));
}

#[tokio::test]
async fn other_settings_lose_nothing() {
    let whole = World::start(features())
        .await
        .only(&FEATURES)
        .complete(None)
        .await;
    for settings in [
        json!({"record_limit": 1}),
        json!({"record_limit": 100, "concurrency": 1}),
        json!({"start_date": "2026-02-01T00:00:00Z"}),
        json!({"lookback_window": 3}),
        json!({"events_date_window": 1}),
    ] {
        for uses in 0..12 {
            let world = World::start(features())
                .await
                .only(&FEATURES)
                .with(settings.clone());
            let (first, state) = interrupted(&whole, uses);
            let rest = world.complete(Some(state)).await;
            let both = Table::after(first.iter().chain(&rest.messages));
            assert!(both == whole.table(), "{settings} after {uses}");
        }
    }
}

#[tokio::test]
async fn another_period_tells_all_that_the_first_one_had_not() {
    let world = World::start(features()).await.only(&FEATURES);
    let first = world.complete(None).await;
    let mut world = world;
    world.set(json!({"period": "hourRange"}));
    let (_, state) = interrupted(&first, 6);
    let told = world.complete(Some(state)).await;
    // No bookmark yet: hours from the start date.
    assert_eq!(told.counts()["feature_events"], 12);
    let told = world.complete(Some(first.state())).await;
    assert_eq!(told.counts()["feature_events"], 3);
    assert!(told.bookmark("feature_events")["hour"].is_string());
}

#[tokio::test]
async fn a_state_of_another_tap_is_refused() {
    let world = World::start(features()).await.only(&FEATURES);
    let state = json!({"bookmarks": {"orders": {"updated_at": "2024-01-01T00:00:00Z"}}});
    let report = world.read(Some(State(state))).await.report;
    assert!(
        report.ended.to_string().contains("it is another tap's"),
        "{}",
        report.ended
    );
}

/// On AWS a run ends with its time, and files must hold every record once.
#[tokio::test]
async fn going_on_from_any_state_repeats_nothing() {
    let world = World::start(Fixture::plain()).await;
    let whole = world.complete(None).await;
    let total: usize = whole.counts().values().sum();
    let (mut before, mut tried) = (0, 0);
    for message in &whole.messages {
        let state = match message {
            Message::Record(_) => {
                before += 1;
                continue;
            }
            Message::State(state) if !state.0["currently_syncing"].is_null() => state,
            _ => continue,
        };
        let rest = world.complete(Some(state.clone())).await;
        let rest: usize = rest.counts().values().sum();
        assert_eq!(before + rest, total, "from {}", state.0);
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}

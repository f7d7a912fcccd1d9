//! What the published tap loses and repeats, one by one. Each test fails where that is done.

use serde_json::{Value, json};
use weir_collector::Ended;
use weir_collector::suite::Table;
use weir_pendo::StreamId;
use weir_third_parties::Failure;
use weir_third_parties::pendo::{Fixture, NOW, Source, refused, throttled};

use crate::rows::{moment, thing, use_of, visitor};
use crate::world::{DAY, HOUR, World, stamp};

const FEATURES: [StreamId; 2] = [StreamId::Features, StreamId::FeatureEvents];
const VISITORS: [StreamId; 2] = [StreamId::Visitors, StreamId::VisitorHistory];

/// Features with one time, and so many uses of each on each of the last three days.
fn features(ids: &[&str], uses: usize) -> Fixture {
    let things = ids.iter().map(|id| thing(id, Some(NOW - 5 * DAY)));
    let days = (0..3).flat_map(move |day| (0..uses).map(move |number| (NOW - day * DAY, number)));
    let uses = ids.iter().flat_map(|id| {
        let days = days.clone();
        days.map(move |(day, number)| use_of(id, day, number))
    });
    Fixture::default()
        .with(Source::Features, things)
        .with(Source::FeatureEvents, uses)
}

fn visitors(count: usize) -> Fixture {
    let ids: Vec<String> = (0..count).map(|number| format!("v{number}")).collect();
    let moments = ids
        .iter()
        .flat_map(|id| (1..4).map(move |day| moment(id, NOW - day * DAY)));
    Fixture::default()
        .with(
            Source::Visitors,
            ids.iter().map(|id| visitor(id, NOW - HOUR)),
        )
        .with(Source::History, moments)
}

#[tokio::test]
async fn the_history_of_visitors_beyond_the_limit_begins_where_that_of_the_first_ones_does() {
    let world = World::start(visitors(7)).await.only(&VISITORS);
    let told = world.with(json!({"record_limit": 2})).complete(None).await;
    assert_eq!(told.counts()["visitors"], 7);
    assert_eq!(told.counts()["visitor_history"], 7 * 3);
}

#[tokio::test]
async fn things_beyond_the_limit_are_told_and_so_are_their_events() {
    let world = World::start(features(&["a", "b", "c", "d", "e"], 1))
        .await
        .only(&FEATURES);
    let told = world.with(json!({"record_limit": 2})).complete(None).await;
    assert_eq!(told.counts()["features"], 5);
    assert_eq!(told.counts()["feature_events"], 5 * 3);
}

#[tokio::test]
async fn parents_with_one_time_or_none_resume_at_the_right_one() {
    let fixture = features(&["a", "b"], 2);
    let timeless = ["c", "d"].map(|id| thing(id, None));
    let uses = ["c", "d"].map(|id| use_of(id, NOW - DAY, 1));
    let fixture = fixture
        .with(Source::Features, timeless)
        .with(Source::FeatureEvents, uses);
    let world = World::start(fixture).await.only(&FEATURES);
    let whole = world.complete(None).await;
    let (mut before, total) = (0, whole.counts().values().sum::<usize>());
    for (place, message) in whole.messages.iter().enumerate() {
        let weir_collector::Message::State(state) = message else {
            continue;
        };
        let rest = world.complete(Some(state.clone())).await;
        let parts = whole.messages[..=place].iter().chain(&rest.messages);
        assert!(Table::after(parts) == whole.table(), "after {}", state.0);
        if state.0["currently_syncing"] == "feature_events" {
            let told = whole.messages[..=place].iter();
            before = told
                .filter(|m| matches!(m, weir_collector::Message::Record(_)))
                .count();
            let rest: usize = rest.counts().values().sum();
            assert_eq!(before + rest, total, "after {}", state.0);
        }
    }
    assert!(before > 0, "it was never interrupted among events");
}

#[tokio::test]
async fn a_parent_that_appears_later_gets_its_old_events() {
    let world = World::start(features(&["a"], 1)).await.only(&FEATURES);
    let state = world.complete(None).await.state();
    world.pass(DAY);
    world
        .pendo
        .add(Source::Features, [thing("b", Some(NOW + DAY))]);
    world.pendo.add(
        Source::FeatureEvents,
        [use_of("b", NOW - 9 * DAY, 1), use_of("b", NOW, 2)],
    );
    let told = world.complete(Some(state)).await;
    let days = told.values("feature_events", "day");
    assert!(
        days.contains(&Value::from(stamp(NOW - NOW.rem_euclid(DAY) - 9 * DAY))),
        "{days:?}"
    );
    let of_new = told.values("feature_events", "feature_id");
    assert_eq!(of_new.iter().filter(|id| **id == "b").count(), 2);
}

#[tokio::test]
async fn a_parent_that_cannot_be_read_fails_the_run_and_keeps_its_place() {
    let world = World::start(features(&["a", "b", "c"], 2))
        .await
        .only(&FEATURES);
    let whole = world.complete(None).await;
    world
        .pendo
        .fail_parent("b", 1, refused(404, "no such feature"));
    let first = world.read(None).await;
    let Ended::Failed(fault) = &first.report.ended else {
        panic!("it must fail, but: {}", first.report.ended);
    };
    let fault = fault.to_string();
    assert!(
        fault.contains("feature_events of \"b\"") && fault.contains("no such feature"),
        "{fault}"
    );
    assert_eq!(first.counts()["feature_events"], 2 * 2 * 3);
    assert_eq!(first.state().0["currently_syncing"], Value::Null);
    let second = world.complete(Some(first.state())).await;
    let of_b = second.values("feature_events", "feature_id");
    assert_eq!(of_b.iter().filter(|id| **id == "b").count(), 2 * 3);
    let both = first.messages.iter().chain(&second.messages);
    assert!(Table::after(both) == whole.table());
    assert!(
        second.bookmark("feature_events")["weir"]
            .get("parents")
            .is_none()
    );
}

#[tokio::test]
async fn ids_of_visitors_are_escaped() {
    let ids = ["v/1", "v#2", "v?3", "v%2F4", "v 5", "é日"];
    let fixture = Fixture::default()
        .with(Source::Visitors, ids.map(|id| visitor(id, NOW - HOUR)))
        .with(Source::History, ids.map(|id| moment(id, NOW - DAY)));
    let told = World::start(fixture)
        .await
        .only(&VISITORS)
        .complete(None)
        .await;
    let mut found = told.values("visitor_history", "visitor_id");
    let mut expected = ids.map(Value::from);
    found.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_not_told_again_from_its_beginning() {
    for rows in 0..6 {
        let world = World::start(features(&["a", "b"], 3)).await;
        let world = world.only(&FEATURES).with(json!({"record_limit": 5}));
        world
            .pendo
            .fail("featureEvents", 0, 1, Failure::CutRows(rows));
        world
            .pendo
            .fail("featureEvents", 1, 1, Failure::CutRows(rows));
        let told = world.complete(None).await;
        assert_eq!(told.repeated(), 0, "cut after {rows}");
        assert_eq!(
            told.counts()["feature_events"],
            2 * 3 * 3,
            "cut after {rows}"
        );
    }
}

#[tokio::test]
async fn a_day_with_more_rows_than_the_limit_comes_to_its_end() {
    let world = World::start(features(&["a"], 9)).await.only(&FEATURES);
    let told = world.with(json!({"record_limit": 2})).complete(None).await;
    assert_eq!(
        (told.counts()["feature_events"], told.repeated()),
        (9 * 3, 0)
    );
}

#[tokio::test]
async fn a_429_is_sat_out_on_every_stream_whether_it_says_how_long_or_not() {
    for retry_after in [None, Some(0)] {
        let world = World::start(Fixture::plain()).await;
        let whole = world.complete(None).await;
        for request in world.pendo.requests() {
            world
                .pendo
                .fail(&request.place, 0, 1, throttled(retry_after));
        }
        let told = world.complete(None).await;
        assert!(told.table() == whole.table());
        assert_eq!(told.repeated(), 0);
    }
}

#[tokio::test]
async fn moments_of_a_visitor_are_different_records() {
    let told = World::start(visitors(2))
        .await
        .only(&VISITORS)
        .complete(None)
        .await;
    let table = told.table();
    let moments = table
        .records()
        .keys()
        .filter(|(stream, _)| &**stream == "visitor_history");
    assert_eq!(moments.count(), 2 * 3);
}

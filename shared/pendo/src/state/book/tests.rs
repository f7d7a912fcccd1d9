//! States of the reference and our own.

use serde_json::json;

use super::*;
use crate::known::Known;

fn book(state: Value) -> Result<Book, Fault> {
    Book::read(Some(&State(state)), Period::Day)
}

fn time(text: &str) -> i64 {
    weir_model::Timestamp::parse(text).unwrap().as_millis()
}

/// The second one of the seed: interrupted.
fn interrupted() -> Value {
    json!({
        "bookmarks": {
            "guides": {"lastUpdatedAt": "2020-09-22T20:23:44.514000Z"},
            "poll_events": {"day": "2020-09-20T00:00:00.000000Z"},
            "visitors": {"lastupdated": "2020-09-27T15:40:02.729000Z"},
            "page_events": {
                "day": "2020-09-27T04:00:00.000000Z",
                "last_processed": "_E9IwR8tFCTQryv_hCzGVZvsgcg"
            },
            "events": {"day": "2020-09-27T04:00:00.000000Z"}
        },
        "currently_syncing": "track_events",
        "of its own": 7
    })
}

#[test]
fn a_state_of_the_reference_is_read_and_its_fields_are_kept() {
    let book = book(interrupted()).unwrap();
    let at = |stream| book.bookmark(stream).unwrap();
    assert_eq!(at(StreamId::Guides), Some(time("2020-09-22T20:23:44.514Z")));
    assert_eq!(at(StreamId::PollEvents), Some(time("2020-09-20T00:00:00Z")));
    assert_eq!(
        at(StreamId::Visitors),
        Some(time("2020-09-27T15:40:02.729Z"))
    );
    assert_eq!(at(StreamId::Events), Some(time("2020-09-27T04:00:00Z")));
    assert_eq!(at(StreamId::Accounts), None);
    assert_eq!(book.currently(), Some(StreamId::TrackEvents));
    assert_eq!(book.state().0, interrupted());
}

#[test]
fn a_pass_of_the_reference_is_read_again_from_where_it_began() {
    let with = |marks: Value| {
        let book = book(json!({"bookmarks": {"feature_events": marks}})).unwrap();
        let pass = book.pass(StreamId::FeatureEvents).unwrap();
        (
            book.bookmark(StreamId::FeatureEvents).unwrap(),
            pass.known.has("f"),
        )
    };
    let (day, previous) = ("2024-01-09T00:00:00Z", "2024-01-02T00:00:00Z");
    let check = |last: Value| {
        let marks = json!({"day": day, "last_processed": last});
        assert_eq!(with(marks), (None, false));
        let marks = json!({"day": day, "last_processed": last,
            "previous_sync_completed_ts": previous});
        assert_eq!(with(marks), (Some(time(previous)), true));
    };
    check(json!("_E9IwR8tFCTQryv_hCzGVZvsgcg"));
    check(json!(1_704_067_200_000_i64));
    let marks = json!({"day": day, "previous_sync_completed_ts": previous});
    assert_eq!(with(marks), (Some(time(day)), true));
}

#[test]
fn a_pass_that_the_reference_went_on_with_is_not_ours_any_more() {
    let mut ours = book(json!({})).unwrap();
    let mut pass = Pass::default();
    pass.begin(time("2024-01-05T00:00:00Z"));
    pass.known.read("a");
    pass.after = Some("a".to_owned());
    ours.set_pass(StreamId::FeatureEvents, &pass);
    let mut state = ours.state().0;
    assert_eq!(
        book(state.clone())
            .unwrap()
            .pass(StreamId::FeatureEvents)
            .unwrap(),
        pass
    );
    state["bookmarks"]["feature_events"]["last_processed"] = json!("b");
    let theirs = book(state).unwrap().pass(StreamId::FeatureEvents).unwrap();
    assert_eq!((theirs.began, theirs.after), (None, None));
}

#[test]
fn what_is_written_is_read_again() {
    let mut ours = book(interrupted()).unwrap();
    let traversal = Traversal {
        began: 5,
        greatest: Some(7),
        after: Some("é\"".to_owned()),
    };
    let series = Series {
        began: 5,
        greatest: None,
        at: 9,
    };
    let pass = Pass {
        began: Some(5),
        greatest: Some(4),
        after: Some("x".to_owned()),
        current: [("y".to_owned(), 8), ("id".to_owned(), 9)].into(),
        own: [("z".to_owned(), 3)].into(),
        known: Known::all(),
    };
    ours.set_traversal(StreamId::Visitors, Some(&traversal));
    ours.set_series(StreamId::PollEvents, Some(&series));
    ours.set_pass(StreamId::VisitorHistory, &pass);
    ours.set_pass(StreamId::TrackEvents, &pass);
    let again = book(ours.state().0).unwrap();
    assert_eq!(
        again.traversal(StreamId::Visitors).unwrap(),
        Some(traversal)
    );
    assert_eq!(again.series(StreamId::PollEvents).unwrap(), Some(series));
    assert_eq!(again.pass(StreamId::VisitorHistory).unwrap(), pass);
    assert_eq!(again.pass(StreamId::TrackEvents).unwrap(), pass);
    let mut ended = again;
    ended.set_traversal(StreamId::Visitors, None);
    ended.set_series(StreamId::PollEvents, None);
    assert_eq!(ended.traversal(StreamId::Visitors).unwrap(), None);
    assert_eq!(ended.series(StreamId::PollEvents).unwrap(), None);
}

#[test]
fn browser_times_are_read_under_any_name_and_written_under_all() {
    let check = |name: &str| {
        let state = json!({"bookmarks": {"guide_events": {name: "2024-01-02T00:00:00Z"}}});
        let at = book(state)
            .unwrap()
            .bookmark(StreamId::GuideEvents)
            .unwrap();
        assert_eq!(at, Some(time("2024-01-02T00:00:00Z")), "{name}");
    };
    for name in ["day", "browserTime", "browser_time"] {
        check(name);
    }
    let mut ours = book(json!({})).unwrap();
    ours.set_bookmark(StreamId::PollEvents, Some(0));
    let zero = "1970-01-01T00:00:00.000000Z";
    let expected = json!({"day": zero, "browserTime": zero, "browser_time": zero});
    assert_eq!(ours.state().0["bookmarks"]["poll_events"], expected);
}

#[test]
fn another_period_goes_on_from_the_day_that_holds_the_hour() {
    let read = |field: &str, period| {
        let state = State(json!({"bookmarks": {"events": {field: "2024-01-02T05:00:00Z"}}}));
        let book = Book::read(Some(&state), period).unwrap();
        book.bookmark(StreamId::Events).unwrap()
    };
    assert_eq!(
        read("hour", Period::Day),
        Some(time("2024-01-01T04:00:00Z"))
    );
    assert_eq!(
        read("day", Period::Hour),
        Some(time("2024-01-02T05:00:00Z"))
    );
    let mut pass = Pass::default();
    pass.begin(0);
    pass.own.insert("f".to_owned(), 7);
    let mut ours = book(json!({})).unwrap();
    ours.set_pass(StreamId::FeatureEvents, &pass);
    ours.set_series(StreamId::Events, Some(&Series::default()));
    let other = Book::read(Some(&ours.state()), Period::Hour).unwrap();
    assert_eq!(other.series(StreamId::Events).unwrap(), None);
    let pass = other.pass(StreamId::FeatureEvents).unwrap();
    assert_eq!((pass.began, pass.own.get("f")), (None, Some(&7)));
}

#[test]
fn parents_that_failed_by_hours_go_on_from_the_day_that_holds_the_hour() {
    let hour = time("2024-01-02T05:00:00Z");
    let read = |began: Option<i64>, stream, from, to| {
        let mut pass = Pass {
            began,
            ..Pass::default()
        };
        pass.own.insert("f".to_owned(), hour);
        let mut ours = Book::read(None, from).unwrap();
        ours.set_pass(stream, &pass);
        let other = Book::read(Some(&ours.state()), to).unwrap();
        other.pass(stream).unwrap().own["f"]
    };
    for began in [None, Some(hour)] {
        let events = |from, to| read(began, StreamId::FeatureEvents, from, to);
        assert_eq!(events(Period::Hour, Period::Day), hour - DAY_OF_HOUR_MS);
        assert_eq!(events(Period::Day, Period::Day), hour);
        assert_eq!(events(Period::Day, Period::Hour), hour);
        let clicks = read(began, StreamId::GuideEvents, Period::Hour, Period::Day);
        assert_eq!(clicks, hour);
    }
}

#[test]
fn a_state_that_is_none_of_this_tap_is_an_error_that_names_the_field() {
    let check = |state: Value, expected: &str| {
        let error = book(state).unwrap_err().to_string();
        assert!(error.starts_with(&format!("state: {expected}")), "{error}");
    };
    check(json!([]), "the whole is [] and must be an object");
    check(json!({"bookmarks": 7}), "bookmarks is 7 and must be");
    check(
        json!({"bookmarks": {"orders": {}, "users": {}}}),
        "it is another tap's: of its bookmarks (\"orders\", \"users\") none",
    );
    check(
        json!({"bookmarks": {"pages": "2024"}}),
        "bookmarks.pages is \"2024\" and must be an object",
    );
    check(
        json!({"bookmarks": {"pages": {"lastUpdatedAt": "soon"}}}),
        "bookmarks.pages.lastUpdatedAt is \"soon\" and must be a time",
    );
    check(
        json!({"bookmarks": {"events": {"day": 7}}}),
        "bookmarks.events.day is 7 and must be a time",
    );
    check(
        json!({"bookmarks": {"page_events": {"weir": {"parents": {"p": "x"}}}}}),
        "bookmarks.page_events.weir.parents.p is \"x\" and must be a time",
    );
    check(json!({"currently_syncing": 7}), "currently_syncing is 7");
    check(
        json!({"type": "STATE", "value": {"bookmarks": {}}}),
        "it has neither \"bookmarks\" nor \"currently_syncing\", but \"type\", \"value\"; \
         of a whole STATE message, give what its \"value\" is",
    );
    check(
        json!({"pages": {"lastUpdatedAt": "2024-01-02T00:00:00Z"}}),
        "it has neither \"bookmarks\" nor \"currently_syncing\", but \"pages\"; give a state",
    );
    assert!(book(json!({})).is_ok());
    assert!(book(json!({"currently_syncing": null})).is_ok());
    assert!(book(json!({"bookmarks": {"orders": {}, "pages": {}}})).is_ok());
    assert!(Book::read(None, Period::Day).is_ok());
}

#[test]
fn a_list_of_known_parents_that_cannot_be_read_is_an_empty_one() {
    let weir = json!({"known": "9:???"});
    let state =
        json!({"bookmarks": {"page_events": {"day": "2024-01-02T00:00:00Z", "weir": weir}}});
    let pass = book(state).unwrap().pass(StreamId::PageEvents).unwrap();
    assert!(!pass.known.has("p"));
}

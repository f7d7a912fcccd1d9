//! Refusals, cuts, keys that are no good, and runs that are to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::watch;
use weir_collector::secrets::SecretText;
use weir_collector::suite::{Gathered, Table};
use weir_collector::{Ended, Keep, Limits, run};
use weir_pendo::{Key, StreamId, discover};
use weir_third_parties::Failure;
use weir_third_parties::pendo::{Fixture, KEY, NOW, Source, refused};

use crate::rows::{click, misdated, thing, use_of};
use crate::world::{DAY, Told, World};

const FEATURES: [StreamId; 2] = [StreamId::Features, StreamId::FeatureEvents];

fn fault(told: &Told) -> String {
    match &told.report.ended {
        Ended::Failed(fault) => fault.to_string(),
        other => panic!("it must fail, but: {other}"),
    }
}

fn many(features: usize) -> Fixture {
    let ids: Vec<String> = (0..features)
        .map(|number| format!("f{number:03}"))
        .collect();
    Fixture::default()
        .with(
            Source::Features,
            ids.iter().map(|id| thing(id, Some(NOW - DAY))),
        )
        .with(
            Source::FeatureEvents,
            ids.iter().map(|id| use_of(id, NOW - DAY, 1)),
        )
}

#[tokio::test]
async fn a_key_that_is_refused_ends_the_run_with_one_line_that_does_not_show_it() {
    let mut world = World::start(Fixture::plain()).await;
    world.key = Key::new(SecretText::new("planted-wrong-key"));
    let told = world.read(None).await;
    let fault = fault(&told);
    assert!(fault.starts_with("Pendo refuses the key (401)"), "{fault}");
    assert!(
        !fault.contains("planted") && !fault.contains('\n'),
        "{fault}"
    );
    assert_eq!(world.pendo.asked(), 1);
    let error = discover(&world.config(), &world.access())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("Pendo refuses the key (401)"), "{error}");
}

#[tokio::test]
async fn a_key_that_may_read_nothing_is_told_from_a_stream_that_cannot_be_read() {
    let mut world = World::start(Fixture::plain()).await;
    let hint = "see that the integration key (\"x_pendo_integration_key\") may read this";
    world.pendo.fail("", 0, 1000, refused(403, "no permission"));
    let text = fault(&world.read(None).await);
    assert_eq!(text.matches(hint).count(), 1, "{text}");
    let error = discover(&world.config(), &world.access()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains(hint) && !error.contains('\n'), "{error}");
    world.pendo.heal();
    world.pendo.fail("/accounts", 0, 1, refused(400, "no"));
    world.set(json!({"concurrency": 1}));
    let text = fault(&world.read(None).await);
    assert!(!text.contains(hint), "{text}");
}

#[tokio::test]
async fn a_key_that_was_changed_is_read_again_once() {
    let mut world = World::start(Fixture::plain()).await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let renewal = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let key: futures::future::BoxFuture<'static, _> =
            Box::pin(async { Ok(SecretText::new("planted-new-key")) });
        key
    };
    world.key = Key::renewing(SecretText::new(KEY), Box::new(renewal));
    world.pendo.set_key("planted-new-key");
    world.complete(None).await;
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    world.pendo.set_key("planted-another-key");
    fault(&world.read(None).await);
    assert_eq!(reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_stream_that_is_refused_is_named_and_the_others_go_on() {
    let world = World::start(Fixture::plain()).await;
    let whole = world.complete(None).await;
    world.pendo.fail(
        "/accounts",
        0,
        1,
        refused(403, "no permission for accounts"),
    );
    world
        .pendo
        .fail("/events", 0, 1, refused(400, "unknown app"));
    let told = world.read(None).await;
    let fault = fault(&told);
    assert!(
        fault.contains("accounts: ") && fault.contains("no permission for accounts"),
        "{fault}"
    );
    assert!(
        fault.contains("events: ") && fault.contains("unknown app"),
        "{fault}"
    );
    assert_eq!(told.counts()["visitors"], whole.counts()["visitors"]);
    assert!(
        told.state().0["bookmarks"]["accounts"]
            .get("lastupdated")
            .is_none()
    );
    let next = world.complete(Some(told.state())).await;
    let both = told.messages.iter().chain(&next.messages);
    assert!(Table::after(both) == whole.table());
}

#[tokio::test]
async fn parents_of_a_stream_that_is_refused_have_no_events_either() {
    let world = World::start(many(2)).await.only(&FEATURES);
    world.pendo.fail("/features", 0, 1, refused(403, "no"));
    let told = world.read(None).await;
    assert!(fault(&told).contains("features: "));
    assert!(told.counts().is_empty());
    assert_eq!(
        world.complete(Some(told.state())).await.counts()["feature_events"],
        2
    );
}

#[tokio::test]
async fn a_pendo_that_does_not_answer_ends_the_run_for_later() {
    let world = World::start(many(9))
        .await
        .only(&FEATURES)
        .with(json!({"concurrency": 1}));
    let whole = world.complete(None).await;
    world
        .pendo
        .fail("featureEvents", 2, 1000, refused(503, "overloaded"));
    let told = world.read(None).await;
    assert!(
        matches!(told.report.ended, Ended::Later { .. }),
        "{}",
        told.report.ended
    );
    world.pendo.heal();
    let next = world.complete(Some(told.state())).await;
    let both = told.messages.iter().chain(&next.messages);
    assert!(Table::after(both) == whole.table());
}

#[tokio::test]
async fn one_parent_without_an_answer_does_not_end_the_run() {
    let world = World::start(many(9)).await.only(&FEATURES);
    world
        .pendo
        .fail_parent("f004", 7, refused(503, "overloaded"));
    let told = world.read(None).await;
    assert!(fault(&told).contains("feature_events of \"f004\""));
    assert_eq!(told.counts()["feature_events"], 8);
    let next = world.complete(Some(told.state())).await;
    assert!(
        next.values("feature_events", "feature_id")
            .contains(&"f004".into())
    );
}

#[tokio::test]
async fn neighbours_that_never_have_an_answer_hold_up_nobody_for_ever() {
    let world = World::start(many(8))
        .await
        .only(&FEATURES)
        .with(json!({"concurrency": 1}));
    let broken = ["f003", "f004", "f005"];
    for id in broken {
        world.pendo.fail_parent(id, 1000, refused(500, "broken"));
    }
    let first = world.read(None).await;
    let ended = &first.report.ended;
    assert!(matches!(ended, Ended::Later { .. }), "{ended}");
    let second = world.read(Some(first.state())).await;
    for text in [ended.to_string(), fault(&second)] {
        for id in broken {
            assert!(
                text.contains(&format!("feature_events of {id:?}")),
                "{text}"
            );
        }
    }
    let told = |run: &Told| run.values("feature_events", "feature_id");
    let all = [told(&first), told(&second)].concat();
    assert_eq!(all, ["f000", "f001", "f002", "f006", "f007"]);
    world.pendo.heal();
    let third = world.complete(Some(second.state())).await;
    assert!(broken.iter().all(|id| told(&third).contains(&(*id).into())));
}

#[tokio::test]
async fn a_stream_that_never_has_an_answer_does_not_keep_the_others_from_being_read() {
    let world = World::start(Fixture::plain()).await;
    let whole = world.complete(None).await;
    world
        .pendo
        .fail("/accounts", 0, 1000, refused(500, "broken"));
    let first = world.read(None).await;
    let text = fault(&first);
    assert!(
        text.contains("accounts: ") && text.contains("broken"),
        "{text}"
    );
    let mut expected = whole.counts();
    expected.remove("accounts");
    assert_eq!(first.counts(), expected);
    world.pendo.fail("/events", 0, 1000, refused(500, "broken"));
    let second = world.read(None).await;
    let ended = second.report.ended.to_string();
    assert!(
        matches!(second.report.ended, Ended::Later { .. }),
        "{ended}"
    );
    assert!(
        ended.contains("events: ") && ended.contains("accounts: "),
        "{ended}"
    );
    let third = world.read(Some(second.state())).await;
    assert!(fault(&third).contains("accounts: "));
    assert_eq!(third.counts().len(), whole.counts().len() - 2);
}

#[tokio::test]
async fn a_stream_whose_every_parent_is_refused_is_given_up_for_this_run() {
    let world = World::start(many(150))
        .await
        .only(&FEATURES)
        .with(json!({"record_limit": 1000}));
    world
        .pendo
        .fail("featureEvents", 0, 1000, refused(403, "no permission"));
    let told = world.read(None).await;
    let fault = fault(&told);
    assert!(
        fault.contains("and 95 more; feature_events was given up after 100 of them in a row")
            && !fault.contains("the rest was read"),
        "{fault}"
    );
    assert!(world.pendo.asked() < 130, "{}", world.pendo.asked());
    world.pendo.heal();
    let next = world.complete(Some(told.state())).await;
    assert_eq!(next.counts()["feature_events"], 150);
}

#[tokio::test]
async fn parents_that_are_refused_for_good_are_passed_by_the_next_run() {
    let ids = (0..150).map(|number| format!("f{number:03}"));
    let fixture = ids
        .take(100)
        .fold(many(150), |fixture, id| fixture.broken(&id, 404));
    let world = World::start(fixture)
        .await
        .only(&FEATURES)
        .with(json!({"record_limit": 1000}));
    let first = world.read(None).await;
    assert!(fault(&first).contains("given up"), "{}", fault(&first));
    assert_eq!(first.counts().get("feature_events"), None);
    let second = world.read(Some(first.state())).await;
    assert!(!fault(&second).contains("given up"), "{}", fault(&second));
    assert_eq!(second.counts()["feature_events"], 50);
    let marks = &second.bookmark("feature_events");
    assert_eq!(marks["weir"]["parents"].as_object().unwrap().len(), 100);
    assert!(marks["day"].is_string(), "the pass has come to its end");
}

#[tokio::test]
async fn a_guide_that_fails_among_events_of_wrong_clocks_loses_none() {
    let clicks = (0..9).map(|n| {
        let by = if n % 3 == 0 { 5 * DAY } else { 0 };
        misdated(click("g", NOW - 6 * DAY + n * DAY / 2), by)
    });
    let fixture = Fixture::default()
        .with(Source::Guides, [thing("g", Some(NOW - DAY))])
        .with(Source::GuideEvents, clicks);
    let world = World::start(fixture).await;
    let world = world
        .only(&[StreamId::Guides, StreamId::GuideEvents])
        .with(json!({"record_limit": 2}));
    let whole = world.complete(None).await;
    assert_eq!(whole.counts()["guide_events"], 9);
    for after in 0..4 {
        world
            .pendo
            .fail("guideEvents", after, 1, refused(404, "gone"));
        let told = world.read(None).await;
        let next = world.complete(Some(told.state())).await;
        let both = told.messages.iter().chain(&next.messages);
        assert!(Table::after(both) == whole.table(), "after {after} pages");
    }
}

#[tokio::test]
async fn a_pendo_that_answers_fewer_rows_than_one_time_has_is_an_error_and_no_end() {
    let uses = (0..9).map(|number| use_of("a", NOW - DAY, number));
    let fixture = Fixture::default()
        .with(Source::Features, [thing("a", None)])
        .with(Source::FeatureEvents, uses)
        .with(Source::FeatureEvents, [use_of("a", NOW - 2 * DAY, 1)]);
    for (most, is_enough) in [(2, false), (3, false), (8, false), (9, true), (12, true)] {
        let world = World::start(fixture.clone().answering(most)).await;
        let world = world.only(&FEATURES).with(json!({"record_limit": 2}));
        let told = world.read(None).await;
        if is_enough {
            assert!(told.report.is_complete(), "{most}: {}", told.report.ended);
            assert_eq!(told.counts()["feature_events"], 10);
            continue;
        }
        let fault = fault(&told);
        assert!(
            fault
                .contains("feature_events of \"a\": from 2026-03-01T00:00:00Z on there are 9 rows")
                && fault.contains(&format!("no more than {most},")),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_row_may_have_a_megabyte_and_a_thing_eight() {
    let long = |bytes: usize| "x".repeat(bytes);
    let mut named = thing("a", None);
    named["name"] = long(2 << 20).into();
    let mut used = use_of("a", NOW - DAY, 1);
    used["userAgent"] = long(2 << 20).into();
    let mut larger = named.clone();
    larger["name"] = long(9 << 20).into();
    let fixture = Fixture::default()
        .with(Source::Features, [named])
        .with(Source::FeatureEvents, [used, use_of("a", NOW, 1)])
        .with(Source::Pages, [larger]);
    let streams = [FEATURES[0], FEATURES[1], StreamId::Pages];
    let told = World::start(fixture).await.only(&streams).read(None).await;
    let fault = fault(&told);
    for (of, bytes) in [("feature_events of \"a\"", 1 << 20), ("pages", 8 << 20)] {
        let start = fault.find(&format!("{of}: ")).expect(of);
        let limit = format!("an item is larger than {bytes} bytes");
        assert!(fault[start..].contains(&limit), "{fault}");
    }
    assert_eq!(told.counts()["features"], 1);
}

#[tokio::test]
async fn malformed_answers_pass_if_they_do_not_last() {
    let world = World::start(Fixture::plain()).await;
    let whole = world.complete(None).await;
    for at in [
        "/accounts",
        "/events",
        "featureEvents",
        "history",
        "report",
        "/visitors",
    ] {
        for failure in [
            Failure::Malformed,
            Failure::Truncated,
            Failure::Halting(0.01),
        ] {
            world.pendo.fail(at, 1, 2, failure.clone());
            let told = world.complete(None).await;
            assert!(told.table() == whole.table(), "{at} {failure:?}");
            assert_eq!(told.repeated(), 0, "{at} {failure:?}");
            world.pendo.heal();
        }
    }
}

#[tokio::test]
async fn states_are_seconds_apart_unless_the_run_is_to_stop() {
    let world = World::start(many(20)).await.only(&FEATURES);
    let told = world.read_by(world.usual_source(), None).await;
    assert!(told.report.is_complete());
    // One with each stream's end.
    assert_eq!(told.states().count(), 2);
    let (_asked, stop) = watch::channel(true);
    let limits = Limits::none(Arc::new(world.clock.clone())).stop_when(stop);
    let mut sink = Gathered::default();
    let keep = Keep::Nothing { state: None };
    let report = run(&mut world.usual_source(), &mut sink, keep, limits).await;
    assert_eq!(report.ended, Ended::Stopped);
    assert!(report.records < 20, "{}", report.records);
    let rest = world.complete(report.bookmark).await;
    let messages = sink.into_messages();
    let both = messages.iter().chain(&rest.messages);
    assert!(Table::after(both) == told.table());
}

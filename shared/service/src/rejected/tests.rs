use weir_store::registry::{ListedRejection, REJECTIONS_AN_HOUR, REJECTIONS_KEPT, RejectionsAsk};

use super::*;
use crate::testing::World;

fn source(id: &str) -> RejectionSource {
    RejectionSource {
        id: ClientId::parse(id).unwrap(),
        label: "web".into(),
    }
}

fn bad(events: usize) -> Rejections {
    let one = |number| Rejection::new("invalid-event", format!("number {number}"), "{}");
    (0..events).map(one).collect()
}

async fn listed(service: &Service) -> Vec<ListedRejection> {
    let now = service.now();
    let ask = RejectionsAsk {
        since: now.saturating_sub(REJECTIONS_KEPT),
        source: None,
        limit: 100_000,
        from: None,
    };
    let deadline = Deadline::at(now.saturating_add(KEEPING_TIME));
    service
        .store
        .rejections(&ask, deadline)
        .await
        .unwrap()
        .rejections
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_counted_by_reason_and_can_be_seen() {
    let service = World::start().await.process();
    let too_large = Rejection::new("too-large", "over 32 KB", &"é".repeat(1000));
    let mut rejections = bad(2);
    rejections.add("too-large", || too_large);
    service
        .reject(&source("wk-1"), "segment", rejections)
        .await
        .unwrap();
    let counted = service.tally().take().rejected;
    assert_eq!(
        counted,
        BTreeMap::from([("invalid-event", 2), ("too-large", 1)])
    );
    let listed = listed(&service).await;
    assert_eq!(listed.len(), 3);
    let ListedRejection {
        source,
        label,
        door,
        rejected,
        ..
    } = &listed[2];
    assert_eq!(
        (source.as_str(), label.as_str(), door.as_str()),
        ("wk-1", "web", "segment")
    );
    assert_eq!(rejected.reason, "too-large");
    assert_eq!(
        (rejected.payload.as_str(), rejected.cut),
        ("é".repeat(512).as_str(), true)
    );
    assert!(!listed[0].rejected.cut);
}

#[tokio::test(start_paused = true)]
async fn a_source_has_a_thousand_an_hour_over_all_processes() {
    let world = World::start().await;
    let processes = [world.process(), world.process()];
    let from = source("wk-1");
    for process in &processes {
        let requests = (0..12).map(|_| process.reject(&from, "track", bad(60)));
        assert!(
            futures::future::join_all(requests)
                .await
                .iter()
                .all(Result::is_ok)
        );
    }
    assert_eq!(listed(&processes[0]).await.len(), REJECTIONS_AN_HOUR);
    let counted: u64 = processes
        .iter()
        .map(|p| p.tally().take().rejected["invalid-event"])
        .sum();
    assert_eq!(counted, 1440, "all of them are counted");
    let calls = world.line.calls();
    processes[1].reject(&from, "track", bad(5)).await.unwrap();
    assert_eq!(
        world.line.calls(),
        calls,
        "who has seen the hour full does not ask again"
    );
    processes[1]
        .reject(&source("wk-2"), "track", bad(5))
        .await
        .unwrap();
    assert_eq!(listed(&processes[0]).await.len(), REJECTIONS_AN_HOUR + 5);
    world.clock.advance(Duration::from_secs(3600));
    processes[1].reject(&from, "track", bad(5)).await.unwrap();
    assert_eq!(listed(&processes[0]).await.len(), REJECTIONS_AN_HOUR + 10);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_counted_and_can_be_sent_again() {
    let world = World::start().await;
    let service = world.process();
    world.line.cut(true);
    let refused = service.reject(&source("wk-1"), "track", bad(1)).await;
    let problem = refused.unwrap_err();
    assert_eq!(
        (problem.status().as_u16(), problem.code()),
        (503, "store-unavailable")
    );
    assert_eq!(service.tally().take().rejected["invalid-event"], 1);
    world.line.cut(false);
    service
        .reject(&source("wk-1"), "track", bad(1))
        .await
        .unwrap();
    assert_eq!(listed(&service).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_refused_is_nothing_kept() {
    let world = World::start().await;
    let service = world.process();
    let calls = world.line.calls();
    service
        .reject(&source("wk-1"), "track", Rejections::default())
        .await
        .unwrap();
    assert_eq!(world.line.calls(), calls);
}

#[test]
fn a_key_is_taken_out_however_it_is_written() {
    let check = |key: &str, payload: &str, expected: &str| {
        let rejection = Rejection {
            reason: "invalid-event",
            detail: format!("at {key}"),
            payload: payload.into(),
        };
        let without = rejection.without(key);
        assert_eq!(
            (without.detail.as_str(), without.payload.as_str()),
            ("at ***", expected)
        );
    };
    check("secret-key", "a secret-key, secret-key", "a ***, ***");
    check(
        "a\"quoted\\key",
        r#"{"writeKey":"a\"quoted\\key"}"#,
        r#"{"writeKey":"***"}"#,
    );
    check("a\"quoted\\key", "a\"quoted\\key", "***");
    check(
        "a/key+b",
        r#"["a\/key\u002Bb", "a/key\u002bb"]"#,
        r#"["***", "***"]"#,
    );
    check(
        "a-long-key",
        r#"{"é\n":"a-long-ke\y a-\u00long-key"}"#,
        r#"{"é\n":"*** a-\u00long-key"}"#,
    );
}

#[test]
fn the_beginning_of_a_key_is_not_left_where_a_message_cuts_a_value() {
    let check = |detail: &str, expected: &str| {
        let rejection = Rejection::new("invalid-event", detail, "").without("a-quite-long-key");
        assert_eq!(rejection.detail, expected);
    };
    check(r#"value: "xa-quite-lon…" is"#, r#"value: "x***…" is"#);
    check(
        "a-quite-lon, a-quite-…: a-quite…",
        "a-quite-lon, ***…: a-quite…",
    );
    check("nothing…", "nothing…");
}

#[tokio::test(start_paused = true)]
async fn of_many_no_more_are_built_than_can_be_kept() {
    let service = World::start().await.process();
    let mut rejections = Rejections::default();
    let mut built = 0;
    for _ in 0..REJECTIONS_AN_HOUR + 500 {
        rejections.add("invalid-event", || {
            built += 1;
            Rejection::new("invalid-event", "bad", "1")
        });
    }
    assert_eq!((built, rejections.count()), (REJECTIONS_AN_HOUR, 1500));
    service
        .reject(&source("wk-1"), "alooma", rejections)
        .await
        .unwrap();
    assert_eq!(service.tally().take().rejected["invalid-event"], 1500);
    assert_eq!(listed(&service).await.len(), REJECTIONS_AN_HOUR);
}

#[test]
fn a_payload_is_cut_at_the_end_of_a_character() {
    let check = |payload: &str, bytes: usize, cut: bool| {
        for rejection in [
            Rejection::new("r", "", payload),
            Rejection {
                reason: "r",
                detail: String::new(),
                payload: payload.into(),
            },
        ] {
            let kept = rejection.into_kept();
            assert_eq!((kept.payload.len(), kept.cut), (bytes, cut));
            assert!(payload.starts_with(&kept.payload));
        }
    };
    check("", 0, false);
    check(&"x".repeat(1024), 1024, false);
    check(&"x".repeat(1025), 1024, true);
    check(&"x".repeat(1_000_000), 1024, true);
    check(&format!("{}é", "x".repeat(1022)), 1024, false);
    check(&format!("{}é", "x".repeat(1023)), 1023, true);
    check(&format!("{}😀", "x".repeat(1023)), 1023, true);
    let detail = "é".repeat(400);
    assert_eq!(
        Rejection::new("r", detail, "").into_kept().detail.len(),
        DETAIL_BYTES
    );
}

#[test]
fn idle_sources_are_forgotten_when_there_are_many() {
    let standings = Standings::default();
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    for number in 0..MANY {
        standings.of(&source(&format!("wk-{number}")).id, now);
    }
    standings.of(&source("another").id, now);
    assert_eq!(standings.0.lock().unwrap().len(), 1);
}

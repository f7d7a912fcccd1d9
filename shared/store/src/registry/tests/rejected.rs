use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn event(number: usize) -> Rejected {
    Rejected {
        reason: "invalid-event".into(),
        detail: format!("number {number}"),
        payload: "{\"value\": \"\u{1}é\"}".into(),
        cut: number.is_multiple_of(2),
    }
}

fn request(store: &Store, source: &str, events: std::ops::Range<usize>) -> RejectedRequest {
    RejectedRequest {
        at: store.now(),
        source: id(source),
        label: format!("the label of {source}"),
        door: "track",
        rejected: events.map(event).collect(),
    }
}

async fn keep(store: &Store, standing: &mut Standing, request: &RejectedRequest) {
    store
        .keep_rejected(request, standing, soon(store))
        .await
        .unwrap();
}

fn ask(store: &Store, limit: usize) -> RejectionsAsk {
    RejectionsAsk {
        since: store.now().saturating_sub(REJECTIONS_KEPT),
        source: None,
        limit,
        from: None,
    }
}

/// Every page, one behind the other.
async fn list(store: &Store, mut ask: RejectionsAsk) -> Vec<ListedRejection> {
    let mut all = Vec::new();
    loop {
        let page = store.rejections(&ask, soon(store)).await.unwrap();
        assert!(page.rejections.len() <= ask.limit);
        all.extend(page.rejections);
        ask.from = page.next;
        if ask.from.is_none() {
            return all;
        }
    }
}

fn details(listed: &[ListedRejection]) -> Vec<&str> {
    listed.iter().map(|l| l.rejected.detail.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn refused_events_come_back_as_they_were_kept() {
    let (store, ..) = start().await;
    let request = request(&store, "one", 0..3);
    keep(&store, &mut Standing::default(), &request).await;
    let listed = list(&store, ask(&store, 100)).await;
    let expected = request.rejected.iter().map(|rejected| ListedRejection {
        at: request.at,
        source: "one".into(),
        label: "the label of one".into(),
        door: "track".into(),
        rejected: rejected.clone(),
    });
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_hour_keeps_a_thousand_of_a_source_however_many_processes_it_meets() {
    let (store, _, clock) = start().await;
    let rounds = (0..8).map(async |process| {
        let mut standing = Standing::default();
        for round in 0..10 {
            let first = (process * 10 + round) * 30;
            let request = request(&store, "busy", first..first + 30);
            keep(&store, &mut standing, &request).await;
        }
    });
    join_all(rounds).await;
    let mut standing = Standing::default();
    keep(&store, &mut standing, &request(&store, "busy", 5000..5001)).await;
    assert!(standing.is_full(store.now()));
    keep(
        &store,
        &mut Standing::default(),
        &request(&store, "other", 0..1),
    )
    .await;
    let of = |source: &str| RejectionsAsk {
        source: Some(source.into()),
        ..ask(&store, 300)
    };
    let listed = list(&store, of("busy")).await;
    let mut different: Vec<&str> = details(&listed);
    different.sort_unstable();
    different.dedup();
    assert_eq!(
        (listed.len(), different.len()),
        (REJECTIONS_AN_HOUR, REJECTIONS_AN_HOUR)
    );
    assert_eq!(list(&store, of("other")).await.len(), 1);
    clock.advance(Duration::from_secs(3600));
    keep(
        &store,
        &mut Standing::default(),
        &request(&store, "busy", 0..5),
    )
    .await;
    let listed = list(&store, of("busy")).await;
    assert_eq!(
        listed.len(),
        REJECTIONS_AN_HOUR + 5,
        "the next hour has room"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_keeps_nothing_twice() {
    let (store, line, _) = start().await;
    let mut standing = Standing::default();
    keep(&store, &mut standing, &request(&store, "one", 0..2)).await;
    line.answers_to_lose.store(3, Ordering::SeqCst);
    keep(&store, &mut standing, &request(&store, "one", 2..4)).await;
    keep(&store, &mut standing, &request(&store, "one", 4..6)).await;
    assert_eq!(list(&store, ask(&store, 100)).await.len(), 6);
    // What is remembered is what is there, so another process finds the same.
    let mut other = Standing::default();
    keep(&store, &mut other, &request(&store, "one", 6..1500)).await;
    assert_eq!(
        list(&store, ask(&store, 1000)).await.len(),
        REJECTIONS_AN_HOUR
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_request_is_kept_in_several_items() {
    let (store, ..) = start().await;
    // Each of these bytes takes six in JSON.
    let payload = "\u{1}".repeat(1024);
    let mut request = request(&store, "one", 0..300);
    request
        .rejected
        .iter_mut()
        .for_each(|r| r.payload.clone_from(&payload));
    keep(&store, &mut Standing::default(), &request).await;
    let listed = list(&store, ask(&store, 7)).await;
    assert!(listed.iter().all(|l| l.rejected.payload == payload));
    assert_eq!(listed.len(), 300);
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_asked_for_is_not_listed() {
    let (store, _, clock) = start().await;
    for number in 0..3 {
        keep(
            &store,
            &mut Standing::default(),
            &request(&store, "one", number..number + 1),
        )
        .await;
        clock.advance(Duration::from_secs(9 * 3600));
    }
    let since = |hours: u64| RejectionsAsk {
        since: store
            .now()
            .saturating_sub(Duration::from_secs(hours * 3600)),
        ..ask(&store, 100)
    };
    let check = async |hours: u64, expected: &[&str]| {
        assert_eq!(
            details(&list(&store, since(hours)).await),
            expected,
            "{hours}"
        );
    };
    check(8, &[]).await;
    check(10, &["number 2"]).await;
    check(24, &["number 2", "number 1"]).await;
    check(28, &["number 2", "number 1", "number 0"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_page_of_what_is_rare_ends_before_it_has_read_everything() {
    let (store, ..) = start().await;
    let payload = "x".repeat(1024);
    for source in 0..20 {
        let mut request = request(&store, &format!("busy-{source}"), 0..1000);
        request
            .rejected
            .iter_mut()
            .for_each(|r| r.payload.clone_from(&payload));
        keep(&store, &mut Standing::default(), &request).await;
    }
    let rare = RejectionsAsk {
        source: Some("rare".into()),
        ..ask(&store, 10)
    };
    let page = store.rejections(&rare, soon(&store)).await.unwrap();
    assert!(page.rejections.is_empty() && page.next.is_some());
    assert!(list(&store, rare).await.is_empty());
    assert_eq!(list(&store, ask(&store, 1000)).await.len(), 20_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_of_any_size_show_everything_once(
        requests in prop::collection::vec((1..40_usize, 0..3_u8, 0..5000_u64), 1..12),
        limit in 1..50_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (store, _, clock) = start().await;
            let mut expected: Vec<(String, Vec<String>)> = Vec::new();
            let mut first = 0;
            for (events, source, pause) in requests {
                let source = format!("source-{source}");
                let request = request(&store, &source, first..first + events);
                keep(&store, &mut Standing::default(), &request).await;
                let kept = request.rejected.iter().map(|r| r.detail.clone()).collect();
                expected.insert(0, (source, kept));
                first += events;
                clock.advance(Duration::from_secs(pause) + Duration::from_millis(1));
            }
            let all: Vec<&str> = expected.iter().flat_map(|(_, d)| d).map(String::as_str).collect();
            let listed = list(&store, ask(&store, limit)).await;
            prop_assert_eq!(details(&listed), all);
            let of_one = expected.iter().filter(|(source, _)| source == "source-1");
            let of_one: Vec<&str> = of_one.flat_map(|(_, d)| d).map(String::as_str).collect();
            let asked = RejectionsAsk { source: Some("source-1".into()), ..ask(&store, limit) };
            let listed = list(&store, asked).await;
            prop_assert_eq!(details(&listed), of_one);
            Ok(())
        })?;
    }
}

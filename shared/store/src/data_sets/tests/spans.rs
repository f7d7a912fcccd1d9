//! What is read: spans, orders, limits, over many pages.

use super::*;

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

fn ids(records: &[StoredRecord]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_span_has_its_start_and_not_its_end_and_nothing_without_a_time() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let days = (10..20).map(
        |day| json!({"_id": format!("d{day}"), "_timestamp": format!("2013-03-{day}T00:00:00Z")}),
    );
    let none = ["z", "a"].map(|id| json!({ "_id": id }));
    bench.put(&set, days.chain(none).collect()).await;
    let read = async |start: &str, end: &str, order| {
        let instant = |day: &str| match day {
            "" => None,
            day => at(&format!("2013-03-{day}")),
        };
        let span = RecordSpan {
            start: instant(start),
            end: instant(end),
        };
        ids(&bench.read(&set, span, order).await).join(" ")
    };
    let up = Order::Ascending;
    assert_eq!(
        read("", "", up).await,
        "a z d10 d11 d12 d13 d14 d15 d16 d17 d18 d19"
    );
    assert_eq!(read("12", "15", up).await, "d12 d13 d14");
    assert_eq!(read("12", "15", Order::Descending).await, "d14 d13 d12");
    assert_eq!(read("18", "", up).await, "d18 d19");
    assert_eq!(read("", "12", up).await, "d10 d11");
    assert_eq!(read("15", "15", up).await, "");
    assert_eq!(read("16", "15", up).await, "");
    assert_eq!(
        read("12T00:00:00.001Z", "13T00:00:00.001Z", up).await,
        "d13"
    );
}

#[tokio::test(start_paused = true)]
async fn sets_of_similar_names_are_apart() {
    let bench = Bench::start().await;
    let one = bench.create("g/t").await;
    let other = bench.create("g/t-1").await;
    bench.put(&one, json!([{"_id": "a"}])).await;
    bench.put(&other, json!([{"_id": "b"}])).await;
    assert_eq!(bench.bodies(&one).await, [json!({"_id": "a"})]);
    assert_eq!(bench.bodies(&other).await, [json!({"_id": "b"})]);
}

/// Some thousand records, of which a few hundred at a time share an instant.
async fn many(bench: &Bench) -> (DataSet, Vec<(i64, String)>) {
    let set = bench.create("g/t").await;
    let time = |n: i64| Timestamp::from_millis(1_000 * (n * 7_919 % 13)).unwrap();
    let text = "x".repeat(700);
    let body = |n: i64| json!({"_id": format!("r{}", n * 31 % 4_001), "_timestamp": time(n), "text": text});
    let bodies: Vec<Value> = (0..4_001).map(body).collect();
    let mut places: Vec<(i64, String)> = bodies
        .iter()
        .map(|body| {
            let id = body["_id"].as_str().unwrap().to_owned();
            (record(body).timestamp().unwrap().as_millis(), id)
        })
        .collect();
    places.sort();
    bench.put(&set, bodies.into()).await;
    (set, places)
}

fn places(records: &[StoredRecord]) -> Vec<(i64, String)> {
    let place = |r: &StoredRecord| (r.timestamp.unwrap().as_millis(), r.id.clone());
    records.iter().map(place).collect()
}

#[tokio::test(start_paused = true)]
async fn many_pages_follow_each_other_in_order_without_a_gap() {
    let bench = Bench::start().await;
    let (set, mut expected) = many(&bench).await;
    let read = bench
        .read(&set, RecordSpan::default(), Order::Ascending)
        .await;
    assert!(places(&read) == expected);
    expected.reverse();
    let read = bench
        .read(&set, RecordSpan::default(), Order::Descending)
        .await;
    assert!(places(&read) == expected);
    for limit in [0, 1, 7, 999, 1_000, 1_001, 3_999, 4_002] {
        let reader =
            bench
                .store
                .read_records(&set, RecordSpan::default(), Order::Descending, bench.soon());
        let read = all(reader.at_most(limit)).await;
        assert!(places(&read) == expected[..limit.min(4_001)], "{limit}");
    }
}

#[tokio::test]
async fn a_file_is_read_as_the_engine_would_beside_writes() {
    let directory = tempfile::tempdir().unwrap();
    let start = Timestamp::parse("2024-05-15T10:20:30Z").unwrap();
    let clock = ManualClock::running(start);
    let path = directory.path().join("weir.db");
    let engine = Engine::open(&path, Arc::new(clock.clone())).unwrap();
    let bench = Bench::over(engine, clock).await;
    let (set, expected) = many(&bench).await;
    let span = RecordSpan {
        start: at("1970-01-01T00:00:01Z"),
        end: None,
    };
    let mut reader = bench
        .store
        .read_records(&set, span, Order::Ascending, bench.soon());
    let mut read = reader.next_page().await.unwrap().unwrap();
    bench
        .put(
            &set,
            json!([{"_id": "new", "_timestamp": "1970-01-01T00:00:00Z"}]),
        )
        .await;
    read.extend(all(reader).await);
    let from = expected.iter().position(|(ms, _)| *ms >= 1_000).unwrap();
    assert!(places(&read) == expected[from..]);
    let all = bench
        .read(&set, RecordSpan::default(), Order::Ascending)
        .await;
    assert_eq!(all.len(), expected.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_ends_with_its_deadline_and_before_upkeep_deletes_what_it_reads() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    bench.put(&set, json!([{"_id": "a"}])).await;
    for (minutes, is_read) in [(1, true), (9, true), (11, false), (130, false)] {
        let deadline = Deadline::at(bench.store.now().saturating_add(2 * HOUR));
        let span = RecordSpan::default();
        let mut reader = bench
            .store
            .read_records(&set, span, Order::Ascending, deadline);
        bench.clock.advance(Duration::from_secs(60 * minutes));
        match reader.next_page().await {
            Ok(page) => assert!(is_read && page.is_some(), "{minutes}"),
            Err(crate::StoreError::Unavailable(_)) => assert!(!is_read, "{minutes}"),
            Err(error) => panic!("{error:?}"),
        }
    }
}

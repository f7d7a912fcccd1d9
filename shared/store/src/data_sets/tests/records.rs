//! What is put is there: once, under its id, at its time.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_record_is_read_back_as_it_was_said_with_what_the_server_sets() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let body =
        json!({"_id": "b|\"é", "_timestamp": "2013-03-11T01:00:00+0100", "nn": 1.50, "zz": null});
    bench.put(&set, json!([body])).await;
    let read = bench
        .read(&set, RecordSpan::default(), Order::Ascending)
        .await;
    let expected = StoredRecord {
        id: "b|\"é".into(),
        timestamp: Some(Timestamp::parse("2013-03-11T00:00:00Z").unwrap()),
        json: concat!(
            r#"{"_id":"b|\"é","_timestamp":"2013-03-11T01:00:00+0100","nn":1.5,"zz":null,"#,
            r#""_updated_at":"2024-05-15T10:20:30.123+00:00"}"#
        )
        .into(),
    };
    assert_eq!(read, std::slice::from_ref(&expected));
    let one = bench
        .store
        .record(&set, "b|\"é", bench.soon())
        .await
        .unwrap();
    assert_eq!(one, Some(expected));
    let none = bench.store.record(&set, "b", bench.soon()).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_is_given_one_and_an_empty_one_is_a_record() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    bench.put(&set, json!([{}, {}, {"aa": 1}])).await;
    let read = bench
        .read(&set, RecordSpan::default(), Order::Ascending)
        .await;
    assert_eq!(read.len(), 3);
    for record in &read {
        assert_eq!(record.id.len(), 30);
        without_server_keys(record);
        let one = bench
            .store
            .record(&set, &record.id, bench.soon())
            .await
            .unwrap();
        assert_eq!(one.as_ref(), Some(record));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_the_same_id_is_replaced_wherever_it_is() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let at = |day: u32, n: u32| json!({"_id": "a", "_timestamp": format!("2013-03-{day}T00:00:00Z"), "nn": n});
    for body in [
        at(11, 1),
        at(11, 2),
        at(20, 3),
        at(10, 4),
        json!({"_id": "a", "mm": 5}),
    ] {
        bench.put(&set, json!([body])).await;
        assert_eq!(bench.bodies(&set).await, [body]);
        assert_eq!(bench.items().await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_of_an_id_in_one_batch_counts() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let repeats = (0..250).map(|n| json!({"_id": format!("a{}", n % 125), "nn": n}));
    bench.put(&set, repeats.collect()).await;
    let bodies = bench.bodies(&set).await;
    assert_eq!(bodies.len(), 125);
    assert!(
        bodies
            .iter()
            .all(|body| body["nn"].as_u64().unwrap() >= 125)
    );
}

#[tokio::test(start_paused = true)]
async fn records_as_large_as_may_be_are_stored_in_as_many_transactions_as_it_takes() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let text = "\u{1}".repeat(58_000);
    let large = |n: u32| json!({"_id": format!("{n:0>900}"), "_timestamp": "2013-03-11T00:00:00Z", "text": text});
    bench.put(&set, (0..25).map(large).collect()).await;
    bench.put(&set, (0..25).map(large).collect()).await;
    assert_eq!(
        bench.bodies(&set).await,
        (0..25).map(large).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_patch_changes_what_it_names_and_moves_the_record_if_its_time_changes() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    bench
        .put(&set, json!([{"_id": "a", "nn": 1, "mm": 2}]))
        .await;
    let patch = async |patch: Value| {
        let patch = object(&patch);
        let done = bench.store.patch_record(&set, "a", &patch, bench.soon());
        done.await.unwrap()
    };
    assert_eq!(
        patch(json!({"nn": 7, "_timestamp": "2013-03-11T00:00:00Z"})).await,
        Patched::Done
    );
    let expected = json!({"_id": "a", "nn": 7, "mm": 2, "_timestamp": "2013-03-11T00:00:00Z"});
    assert_eq!(bench.bodies(&set).await, std::slice::from_ref(&expected));
    let refused = Patched::Invalid(vec!["nn has an invalid value".into()]);
    assert_eq!(patch(json!({"nn": [1]})).await, refused);
    let refused = Patched::Invalid(vec!["_id of a record cannot be changed".into()]);
    assert_eq!(patch(json!({"_id": "b"})).await, refused);
    assert_eq!(patch(json!({"_id": "a"})).await, Patched::Done);
    assert_eq!(bench.bodies(&set).await, [expected]);
    let nothing = Map::new();
    let nobody = bench.store.patch_record(&set, "b", &nothing, bench.soon());
    assert_eq!(nobody.await.unwrap(), Patched::Missing);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_record_is_gone_once_and_can_come_back() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    bench
        .put(&set, json!([{"_id": "a", "nn": 1}, {"_id": "b"}]))
        .await;
    let delete = async || {
        let done = bench.store.delete_record(&set, "a", bench.soon());
        done.await.unwrap()
    };
    assert!(delete().await);
    assert!(!delete().await);
    assert_eq!(bench.bodies(&set).await, [json!({"_id": "b"})]);
    let one = bench.store.record(&set, "a", bench.soon()).await.unwrap();
    assert_eq!(one, None);
    let nothing = Map::new();
    let patched = bench.store.patch_record(&set, "a", &nothing, bench.soon());
    assert_eq!(patched.await.unwrap(), Patched::Missing);
    bench.put(&set, json!([{"_id": "a", "nn": 2}])).await;
    assert_eq!(bench.bodies(&set).await[0], json!({"_id": "a", "nn": 2}));
    assert!(delete().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_deleted_record_expires() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    bench.put(&set, json!([{"_id": "a"}])).await;
    let deleted = bench.store.delete_record(&set, "a", bench.soon());
    assert!(deleted.await.unwrap());
    let key = place::pointer(&set.name, &set.generation, "a");
    let left = bench.store.db().get(Table::Records, key, bench.soon());
    let left = left.await.unwrap().expect("its pointer");
    let expires: i64 = crate::attribute::read_number(&left, "expires").unwrap();
    let kept_ms = expires * 1_000 - bench.store.now().as_millis();
    assert!((3_590_000..=3_600_000).contains(&kept_ms), "{kept_ms}");
    // One that came back expires no more.
    bench.put(&set, json!([{"_id": "a"}])).await;
    let key = place::pointer(&set.name, &set.generation, "a");
    let there = bench.store.db().get(Table::Records, key, bench.soon());
    assert!(
        !there
            .await
            .unwrap()
            .expect("its pointer")
            .contains_key("expires")
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_said_so() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let past = Deadline::at(bench.store.now());
    let records = [record(&json!({}))];
    let put = bench.store.put_records(&set, &records, past);
    let error = put.await.unwrap_err();
    assert!(
        matches!(error, crate::StoreError::Unavailable(_)),
        "{error:?}"
    );
    assert_eq!(bench.items().await, 0);
}

//! The registry of sets, emptying, and what upkeep deletes.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_set_is_made_once_read_listed_changed_and_deleted() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let again = bench.store.create_data_set(
        &set.name,
        SecretHash::of("b"),
        DataSetSettings::default(),
        bench.soon(),
    );
    assert_eq!(again.await.unwrap(), None);
    assert_eq!(bench.set("g/t").await.as_ref(), Some(&set));
    assert_eq!(bench.set("g/u").await, None);
    let other = bench.create("a/z").await;
    let listed = bench.store.data_sets(bench.soon()).await.unwrap();
    assert_eq!(listed, [other, set.clone()]);
    let settings = DataSetSettings {
        realtime: true,
        ..DataSetSettings::default()
    };
    let change = DataSetChange {
        token: None,
        settings: Some(settings),
    };
    let changed = bench
        .store
        .change_data_set(&set.name, change, bench.soon())
        .await
        .unwrap();
    let changed = changed.expect("it is there");
    assert_eq!((changed.settings, changed.token), (settings, set.token));
    assert_eq!(changed.generation, set.generation);
    let change = DataSetChange {
        token: Some(SecretHash::of("new")),
        settings: None,
    };
    let changed = bench
        .store
        .change_data_set(&set.name, change, bench.soon())
        .await
        .unwrap();
    let changed = changed.expect("it is there");
    assert!(changed.token.matches("new") && changed.settings.realtime);
    assert_eq!(bench.set("g/t").await, Some(changed));
    assert!(
        bench
            .store
            .delete_data_set(&set.name, bench.soon())
            .await
            .unwrap()
    );
    assert!(
        !bench
            .store
            .delete_data_set(&set.name, bench.soon())
            .await
            .unwrap()
    );
    assert_eq!(bench.set("g/t").await, None);
    let nothing = bench
        .store
        .change_data_set(&set.name, DataSetChange::default(), bench.soon());
    assert_eq!(nothing.await.unwrap(), None);
    let nothing = bench.store.empty_data_set(&set.name, bench.soon());
    assert_eq!(nothing.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_comes_back_under_its_name_is_empty() {
    let bench = Bench::start().await;
    let old = bench.create("g/t").await;
    bench.put(&old, json!([{"_id": "a"}])).await;
    bench.clock.advance(HOUR);
    assert!(
        bench
            .store
            .delete_data_set(&old.name, bench.soon())
            .await
            .unwrap()
    );
    let new = bench.create("g/t").await;
    assert_eq!(bench.bodies(&new).await, [] as [Value; 0]);
    assert_eq!(
        bench.store.last_written(&new, bench.soon()).await.unwrap(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn an_emptied_set_is_empty_at_once_and_who_began_before_reads_on() {
    let bench = Bench::start().await;
    let before = bench.create("g/t").await;
    bench
        .put(
            &before,
            (0..300).map(|n| json!({"_id": format!("r{n}")})).collect(),
        )
        .await;
    let mut reader = bench.store.read_records(
        &before,
        RecordSpan::default(),
        Order::Ascending,
        bench.soon(),
    );
    let after = bench
        .store
        .empty_data_set(&before.name, bench.soon())
        .await
        .unwrap();
    let after = after.expect("it is there");
    assert_eq!(bench.bodies(&after).await, [] as [Value; 0]);
    bench.put(&after, json!([{"_id": "r1", "nn": 2}])).await;
    bench.store.sweep_records(bench.soon()).await.unwrap();
    assert_eq!(
        reader.next_page().await.unwrap().map(|page| page.len()),
        Some(300)
    );
    assert_eq!(bench.bodies(&after).await, [json!({"_id": "r1", "nn": 2})]);
    let one = bench
        .store
        .record(&after, "r2", bench.soon())
        .await
        .unwrap();
    assert_eq!(one, None);
}

#[tokio::test(start_paused = true)]
async fn what_an_emptied_set_held_is_deleted_when_nobody_can_need_it() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    bench
        .put(
            &set,
            (0..300).map(|n| json!({"_id": format!("r{n}")})).collect(),
        )
        .await;
    let set = bench
        .store
        .empty_data_set(&set.name, bench.soon())
        .await
        .unwrap()
        .unwrap();
    bench.put(&set, json!([{"_id": "new"}])).await;
    bench.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(bench.store.sweep_records(bench.soon()).await.unwrap(), 0);
    assert_eq!(bench.items().await, 602);
    bench.clock.advance(Duration::from_secs(120));
    assert_eq!(bench.store.sweep_records(bench.soon()).await.unwrap(), 600);
    assert_eq!(bench.items().await, 2);
    let gone = bench.store.db().get(
        Table::Registry,
        Key::new("data-sets-gone", "x"),
        bench.soon(),
    );
    assert_eq!(gone.await.unwrap(), None);
    assert_eq!(bench.store.sweep_records(bench.soon()).await.unwrap(), 0);
    assert_eq!(bench.bodies(&set).await, [json!({"_id": "new"})]);
}

#[tokio::test(start_paused = true)]
async fn when_a_set_was_written_to_is_noted() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    let written = async |set: &DataSet| bench.store.last_written(set, bench.soon()).await.unwrap();
    assert_eq!(written(&set).await, None);
    bench.put(&set, json!([])).await;
    assert_eq!(written(&set).await, None);
    let first = bench.store.now();
    bench.put(&set, json!([{"_id": "a"}])).await;
    assert_eq!(written(&set).await, Some(first));
    bench.clock.advance(Duration::from_secs(3));
    bench.put(&set, json!([{"_id": "b"}])).await;
    assert_eq!(written(&set).await, Some(first));
    bench.clock.advance(HOUR);
    let later = bench.store.now();
    bench.put(&set, json!([{"_id": "b"}])).await;
    assert_eq!(written(&set).await, Some(later));
    let emptied = bench
        .store
        .empty_data_set(&set.name, bench.soon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(written(&emptied).await, Some(later));
    bench.clock.advance(HOUR);
    bench.put(&emptied, json!([{"_id": "b"}])).await;
    assert_eq!(written(&emptied).await, Some(bench.store.now()));
}

#[tokio::test(start_paused = true)]
async fn a_set_shows_no_secret() {
    let bench = Bench::start().await;
    let set = bench.create("g/t").await;
    assert!(format!("{set:?}").contains("token: ***"));
}

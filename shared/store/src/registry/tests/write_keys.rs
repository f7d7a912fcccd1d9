use weir_model::Name;

use super::*;

fn record(key: &str, number: i64) -> KeyRecord {
    KeyRecord {
        id: id(&format!("wk-{number}")),
        hash: KeyHash::of(key),
        label: Name::parse("web, “quoted”").unwrap(),
        namespace: Some(Name::parse("Shop").unwrap()),
        created: Timestamp::from_millis(1_700_000_000_000 + number).unwrap(),
        rate: Some(7),
        revoked: None,
    }
}

async fn create(store: &Store, record: &KeyRecord) -> Creation {
    store.create_key(record, soon(store)).await.unwrap()
}

async fn find(store: &Store, key: &str) -> Option<KeyRecord> {
    store.key(&KeyHash::of(key), soon(store)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_found_by_its_hash_as_it_was_made() {
    let (store, ..) = start().await;
    let plain = KeyRecord {
        namespace: None,
        rate: None,
        ..record("the plain key", 1)
    };
    for (key, expected) in [
        ("the full key", record("the full key", 0)),
        ("the plain key", plain),
    ] {
        assert_eq!(create(&store, &expected).await, Creation::Created);
        assert_eq!(find(&store, key).await, Some(expected));
    }
    assert_eq!(find(&store, "another key").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_made_once_and_not_again_after_it_was_revoked() {
    let (store, line, _) = start().await;
    line.answers_to_lose.store(2, Ordering::SeqCst);
    assert_eq!(create(&store, &record("key", 1)).await, Creation::Created);
    assert_eq!(create(&store, &record("key", 2)).await, Creation::Exists);
    store
        .revoke_key(&id("wk-1"), soon(&store))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(create(&store, &record("key", 2)).await, Creation::Exists);
    assert_eq!(find(&store, "key").await.unwrap().id, id("wk-1"));
}

#[tokio::test(start_paused = true)]
async fn revoking_a_key_again_keeps_the_first_time() {
    let (store, line, clock) = start().await;
    create(&store, &record("key", 1)).await;
    line.answers_to_lose.store(2, Ordering::SeqCst);
    let first = store
        .revoke_key(&id("wk-1"), soon(&store))
        .await
        .unwrap()
        .unwrap();
    assert!(first.revoked.is_some());
    clock.advance(std::time::Duration::from_secs(60));
    let second = store.revoke_key(&id("wk-1"), soon(&store)).await.unwrap();
    assert_eq!(second.as_ref(), Some(&first));
    assert_eq!(find(&store, "key").await, Some(first));
    let nobody = store.revoke_key(&id("wk-2"), soon(&store)).await.unwrap();
    assert_eq!(nobody, None);
}

#[tokio::test(start_paused = true)]
async fn keys_are_listed_the_oldest_first_with_those_that_were_revoked() {
    let (store, ..) = start().await;
    for number in [3, 1, 2] {
        create(&store, &record(&format!("the key {number}"), number)).await;
    }
    store.revoke_key(&id("wk-2"), soon(&store)).await.unwrap();
    let listed = store.keys(soon(&store)).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|k| (k.id.as_str(), k.revoked.is_some()))
        .collect();
    assert_eq!(listed, [("wk-1", false), ("wk-2", true), ("wk-3", false)]);
}

#[test]
fn a_hash_reads_back_from_its_text_and_nothing_else_does() {
    let hash = KeyHash::of("key");
    // FIPS 180-4, as sha256sum says it.
    let text = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";
    assert_eq!(hash.to_text(), text);
    assert_eq!(KeyHash::parse(text), Some(hash));
    for bad in [
        "",
        &text[1..],
        &format!("{text}0"),
        &text.replace('2', "é"),
        &text.replace('2', "+"),
    ] {
        assert_eq!(KeyHash::parse(bad), None, "{bad}");
    }
}

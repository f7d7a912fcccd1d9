//! What every call does on the embedded engine.

mod answers;
mod signature;

use weir_model::Timestamp;

use super::*;
use crate::clock::ManualClock;
use crate::embedded::Engine;

const START_MS: i64 = 1_900_000_000_000;

fn start() -> Timestamp {
    Timestamp::from_millis(START_MS).expect("a legal time")
}

fn soon() -> Deadline {
    Deadline::at(start().saturating_add(Duration::from_secs(30)))
}

fn attempt() -> Attempt {
    Attempt {
        signed_at: start(),
        timeout: Duration::from_secs(3),
    }
}

async fn fresh() -> Db {
    let clock = Arc::new(ManualClock::running(start()));
    let engine = Engine::memory(Arc::clone(&clock) as _).expect("an engine in memory");
    let db = Db::embedded(Arc::new(engine), clock);
    db.create_tables().await.expect("tables are made");
    db
}

fn key(pk: &str, sk: &str) -> Key {
    Key::new(pk, sk)
}

fn item(pk: &str, sk: &str, value: &str) -> Item {
    let mut item = key(pk, sk).into_item();
    item.insert("value".into(), AttributeValue::S(value.into()));
    item
}

fn put(pk: &str, sk: &str, value: &str, condition: Option<Condition>) -> Put {
    Put {
        table: Table::Inbox,
        item: item(pk, sk, value),
        condition,
    }
}

fn query(sk: SkRange) -> Query {
    Query {
        table: Table::Inbox,
        pk: "p".into(),
        sk,
        order: Order::Ascending,
        attributes: None,
        limit: None,
    }
}

fn sort_keys(items: &[Item]) -> Vec<String> {
    items.iter().filter_map(|item| Key::of(item)?.sk).collect()
}

async fn value(db: &Db, sk: &str) -> Option<String> {
    let found = db.get(Table::Inbox, key("p", sk), soon()).await;
    let item = found.expect("the engine answers")?;
    item["value"].as_s().ok().cloned()
}

#[tokio::test]
async fn a_table_is_described_if_it_is_there() {
    let clock = Arc::new(ManualClock::running(start()));
    let engine = Engine::memory(Arc::clone(&clock) as _).expect("an engine in memory");
    let db = Db::embedded(Arc::new(engine), clock);
    assert_eq!(db.describe(Table::Registry, soon()).await, Ok(None));
    db.create_tables().await.expect("tables are made");
    let found = db.describe(Table::Registry, soon()).await.unwrap().unwrap();
    assert!(found.arn.ends_with(":table/weir-registry"), "{found:?}");
    assert!(!found.id.is_empty());
    assert_eq!(
        db.describe(Table::Registry, soon()).await,
        Ok(Some(found.clone()))
    );
    let other = db.describe(Table::Inbox, soon()).await.unwrap().unwrap();
    assert_ne!(other.id, found.id);
}

#[tokio::test]
async fn tables_may_be_made_again() {
    let db = fresh().await;
    db.put(put("p", "1", "a", None), attempt()).await.unwrap();
    db.create_tables().await.unwrap();
    assert_eq!(value(&db, "1").await.as_deref(), Some("a"));
}

#[tokio::test]
async fn a_put_is_refused_when_its_place_must_be_free_and_is_not() {
    let db = fresh().await;
    let absent = || Some(Condition::absent());
    assert_eq!(
        db.put(put("p", "1", "a", absent()), attempt()).await,
        Ok(())
    );
    assert_eq!(
        db.put(put("p", "1", "b", absent()), attempt()).await,
        Err(CallError::Refused)
    );
    assert_eq!(value(&db, "1").await.as_deref(), Some("a"));
    assert_eq!(value(&db, "2").await, None);
}

#[tokio::test]
async fn a_put_may_depend_on_what_is_there() {
    let db = fresh().await;
    let was = |text: &str| Some(Condition::equals("value", AttributeValue::S(text.into())));
    let refused = db.put(put("p", "1", "b", was("a")), attempt()).await;
    assert_eq!(refused, Err(CallError::Refused));
    db.put(put("p", "1", "a", None), attempt()).await.unwrap();
    db.put(put("p", "1", "b", was("a")), attempt())
        .await
        .unwrap();
    assert_eq!(value(&db, "1").await.as_deref(), Some("b"));
}

#[tokio::test]
async fn an_expired_receipt_may_be_replaced_and_a_live_one_not() {
    let db = fresh().await;
    let receipt = |expires: i64, now: Timestamp| {
        let mut item = Key::partition("r").into_item();
        let seconds = START_MS / 1000 + expires;
        item.insert("expires".into(), AttributeValue::N(seconds.to_string()));
        Put {
            table: Table::Receipts,
            item,
            condition: Some(Condition::absent_or_expired(now)),
        }
    };
    let later = |seconds| start().saturating_add(Duration::from_secs(seconds));
    db.put(receipt(60, start()), attempt()).await.unwrap();
    let live = db.put(receipt(90, later(59)), attempt()).await;
    assert_eq!(live, Err(CallError::Refused));
    let expired = db.put(receipt(90, later(60)), attempt()).await;
    assert_eq!(expired, Ok(()));
    let found = db.get(Table::Receipts, Key::partition("r"), soon()).await;
    assert!(found.unwrap().is_some());
}

#[tokio::test]
async fn a_transaction_stores_everything_or_says_which_item_was_against_it() {
    let db = fresh().await;
    let absent = || Some(Condition::absent());
    let of = |sks: &[&str]| -> Vec<Put> {
        let puts = sks.iter().map(|sk| put("p", sk, "a", absent()));
        puts.collect()
    };
    db.transact(of(&["1", "2"]), attempt()).await.unwrap();
    let cancelled = db.transact(of(&["3", "2", "4"]), attempt()).await;
    let reasons = vec![Reason::Met, Reason::Refused, Reason::Met];
    assert_eq!(cancelled, Err(CallError::Cancelled(reasons)));
    let stored = db.query_all(&query(SkRange::All), soon()).await.unwrap();
    assert_eq!(sort_keys(&stored), ["1", "2"]);
}

#[tokio::test]
async fn a_delete_may_depend_on_what_is_there() {
    let db = fresh().await;
    db.put(put("p", "1", "a", None), attempt()).await.unwrap();
    let delete = async |value: &str| {
        let condition = Condition::equals("value", AttributeValue::S(value.into()));
        db.delete(Table::Inbox, key("p", "1"), Some(condition), attempt())
            .await
    };
    assert_eq!(delete("b").await, Err(CallError::Refused));
    assert_eq!(value(&db, "1").await.as_deref(), Some("a"));
    assert_eq!(delete("a").await, Ok(()));
    assert_eq!(value(&db, "1").await, None);
    let again = db
        .delete(Table::Inbox, key("p", "1"), None, attempt())
        .await;
    assert_eq!(again, Ok(()));
}

#[tokio::test]
async fn more_keys_than_a_batch_holds_are_read_and_deleted() {
    let db = fresh().await;
    let keys: Vec<Key> = (0..250).map(|n| key("p", &format!("{n:03}"))).collect();
    for key in &keys {
        let sk = key.sk.as_deref().expect("it has one");
        db.put(put("p", sk, "a", None), attempt()).await.unwrap();
    }
    let mut wanted = keys.clone();
    wanted.extend([keys[0].clone(), key("p", "absent")]);
    let found = db
        .get_many(Table::Inbox, wanted.clone(), soon())
        .await
        .unwrap();
    let mut found = sort_keys(&found);
    found.sort();
    assert_eq!(
        found,
        keys.iter()
            .filter_map(|key| key.sk.clone())
            .collect::<Vec<_>>()
    );

    let kept = wanted.remove(7);
    db.delete_many(Table::Inbox, wanted, soon()).await.unwrap();
    let left = db.query_all(&query(SkRange::All), soon()).await.unwrap();
    assert_eq!(sort_keys(&left), [kept.sk.expect("it has one")]);
}

#[tokio::test]
async fn a_query_reads_a_range_of_sort_keys_in_order() {
    let db = fresh().await;
    for sk in ["a1", "a2", "b1", "b2", "c1"] {
        db.put(put("p", sk, "x", None), attempt()).await.unwrap();
    }
    db.put(put("other", "a1", "x", None), attempt())
        .await
        .unwrap();
    let check = async |sk: SkRange, expected: &[&str]| {
        let mut query = query(sk);
        let up = db.query_all(&query, soon()).await.unwrap();
        assert_eq!(sort_keys(&up), expected, "{query:?}");
        query.order = Order::Descending;
        let mut down = sort_keys(&db.query_all(&query, soon()).await.unwrap());
        down.reverse();
        assert_eq!(down, expected, "{query:?}");
    };
    check(SkRange::All, &["a1", "a2", "b1", "b2", "c1"]).await;
    check(SkRange::Prefix("b".into()), &["b1", "b2"]).await;
    check(SkRange::Between("a2".into(), "b1".into()), &["a2", "b1"]).await;
    check(SkRange::From("b2".into()), &["b2", "c1"]).await;
    check(SkRange::From("d".into()), &[]).await;
}

#[tokio::test]
async fn a_query_gives_the_attributes_asked_for_and_no_more_items_than_its_limit() {
    let db = fresh().await;
    for sk in ["1", "2", "3"] {
        db.put(put("p", sk, "x", None), attempt()).await.unwrap();
    }
    let mut query = query(SkRange::All);
    query.attributes = Some(vec!["sk"]);
    query.limit = Some(2);
    let some = db.query_all(&query, soon()).await.unwrap();
    let sk = |n: &str| Item::from([("sk".to_owned(), AttributeValue::S(n.to_owned()))]);
    assert_eq!(some, [sk("1"), sk("2")]);

    let page = db.query_page(&query, None, soon()).await.unwrap();
    assert_eq!(page.next, Some(key("p", "2")));
    let page = db.query_page(&query, page.next, soon()).await.unwrap();
    assert_eq!((page.items, page.next), (vec![sk("3")], None));
}

#[tokio::test]
async fn more_than_a_megabyte_is_read_page_by_page() {
    let db = fresh().await;
    let large = "x".repeat(300_000);
    for n in 0..8 {
        let put = put("p", &n.to_string(), &large, None);
        db.put(put, attempt()).await.unwrap();
    }
    let expected = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let query = query(SkRange::All);
    let first = db.query_page(&query, None, soon()).await.unwrap();
    assert!(first.items.len() < 8 && first.next.is_some());
    let all = db.query_all(&query, soon()).await.unwrap();
    assert_eq!(sort_keys(&all), expected);

    let (mut scanned, mut from, mut pages) = (Vec::new(), None, 0);
    loop {
        let attributes = Some(vec!["pk", "sk"]);
        let page = db
            .scan_page(Table::Inbox, from, None, attributes, soon())
            .await
            .unwrap();
        scanned.extend(sort_keys(&page.items));
        pages += 1;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(
        (scanned, pages > 1),
        (expected.map(str::to_owned).to_vec(), true)
    );
    let limited = db
        .scan_page(Table::Inbox, None, Some(3), None, soon())
        .await
        .unwrap();
    assert_eq!(limited.items.len(), 3);
}

#[tokio::test]
async fn what_calls_cost_is_counted_once_that_is_switched_on() {
    let db = fresh().await;
    db.put(put("p", "0", "a", None), attempt()).await.unwrap();
    assert_eq!(db.capacity(), Units::default());
    db.count_capacity();
    db.put(put("p", "1", "a", None), attempt()).await.unwrap();
    assert_eq!(
        db.capacity(),
        Units {
            read: 0.0,
            write: 1.0
        }
    );
    let puts = ["2", "3"].map(|sk| put("p", sk, "a", None)).to_vec();
    db.transact(puts, attempt()).await.unwrap();
    assert_eq!(
        db.capacity(),
        Units {
            read: 0.0,
            write: 5.0
        }
    );
    let keys = ["2", "3"].map(|sk| key("p", sk)).to_vec();
    db.delete_many(Table::Inbox, keys, soon()).await.unwrap();
    assert_eq!(
        db.capacity(),
        Units {
            read: 0.0,
            write: 7.0
        }
    );
    db.get(Table::Inbox, key("p", "1"), soon()).await.unwrap();
    assert_eq!(
        db.capacity(),
        Units {
            read: 1.0,
            write: 7.0
        }
    );
}

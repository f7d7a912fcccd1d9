//! What an engine does that a DynamoDB elsewhere would do by itself.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use weir_model::Timestamp;

use super::*;
use crate::clock::{Clock as _, ManualClock};
use crate::db::{Attempt, AttributeValue, CallError, Condition, Db, Deadline, Key, Put, Reason};
use crate::tables::Table;

fn start() -> Timestamp {
    Timestamp::from_millis(1_900_000_000_000).expect("a legal time")
}

fn later(seconds: u64) -> Timestamp {
    start().saturating_add(Duration::from_secs(seconds))
}

fn signed(signed_at: Timestamp) -> Attempt {
    let timeout = Duration::from_secs(3);
    Attempt { signed_at, timeout }
}

fn put(sk: &str) -> Put {
    Put {
        table: Table::Inbox,
        item: Key::new("p", sk).into_item(),
        condition: Some(Condition::absent()),
    }
}

async fn has(db: &Db, table: Table, key: Key) -> bool {
    let deadline = Deadline::at(db.clock().now().saturating_add(Duration::from_secs(9)));
    let found = db.get(table, key, deadline).await;
    found.expect("the engine answers").is_some()
}

/// Keeps the calls that go by.
#[derive(Debug)]
struct Tap {
    engine: Engine,
    calls: Mutex<Vec<Call>>,
}

impl Transport for Tap {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        self.calls.lock().unwrap().push(call.clone());
        self.engine.call(call)
    }
}

async fn tapped() -> (Db, Arc<Tap>, ManualClock) {
    let clock = ManualClock::new(start());
    let engine = Engine::memory(Arc::new(clock.clone())).expect("an engine in memory");
    let tap = Arc::new(Tap {
        engine,
        calls: Mutex::default(),
    });
    let db = Db::embedded(Arc::clone(&tap) as _, Arc::new(clock.clone()));
    db.create_tables().await.expect("tables are made");
    (db, tap, clock)
}

#[tokio::test]
async fn a_call_that_arrives_fifteen_minutes_late_is_refused() {
    let (db, _, clock) = tapped().await;
    clock.advance(Duration::from_secs(901));
    let late = db.put(put("1"), signed(start())).await;
    assert_eq!(late, Err(CallError::Expired));
    let late = db.transact(vec![put("1"), put("2")], signed(start())).await;
    assert_eq!(late, Err(CallError::Expired));
    assert!(!has(&db, Table::Inbox, Key::new("p", "1")).await);
    assert_eq!(db.put(put("1"), signed(later(1))).await, Ok(()));
}

#[tokio::test]
async fn a_transaction_that_is_delivered_twice_must_meet_its_conditions_twice() {
    let (db, tap, _) = tapped().await;
    db.transact(vec![put("1"), put("2")], signed(start()))
        .await
        .unwrap();
    let call = tap
        .calls
        .lock()
        .unwrap()
        .last()
        .cloned()
        .expect("the transaction");
    let again = tap.engine.call(call).await.unwrap();
    assert_eq!(again.status, 400);
    let body = String::from_utf8_lossy(&again.body);
    assert!(body.contains("ConditionalCheckFailed"), "{body}");
}

#[tokio::test]
async fn operations_and_bodies_that_are_not_known_are_errors() {
    let (_, tap, _) = tapped().await;
    let call = |operation: &str, body: &str| {
        let call = Call {
            operation: operation.to_owned(),
            body: body.to_owned().into(),
            signed_at: start(),
        };
        tap.engine.call(call)
    };
    assert_eq!(call("DropEverything", "{}").await.unwrap().status, 400);
    assert_eq!(call("PutItem", "{").await.unwrap().status, 400);
}

#[tokio::test]
async fn a_file_keeps_what_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let clock: Arc<ManualClock> = Arc::new(ManualClock::new(start()));
    let open = || {
        let engine = Engine::open(&path, Arc::clone(&clock) as _).expect("the file opens");
        Db::embedded(Arc::new(engine), Arc::clone(&clock) as _)
    };
    let db = open();
    db.create_tables().await.unwrap();
    db.put(put("1"), signed(start())).await.unwrap();
    let cancelled = db.transact(vec![put("2"), put("1")], signed(start())).await;
    let reasons = vec![Reason::Met, Reason::Refused];
    assert_eq!(cancelled, Err(CallError::Cancelled(reasons)));
    drop(db);

    let db = open();
    db.create_tables().await.unwrap();
    assert!(has(&db, Table::Inbox, Key::new("p", "1")).await);
    assert!(!has(&db, Table::Inbox, Key::new("p", "2")).await);
}

async fn open_with_tables(path: &Path) -> Db {
    let clock: Arc<ManualClock> = Arc::new(ManualClock::new(start()));
    let engine = Engine::open_with_tables(path, Arc::clone(&clock) as _).await;
    Db::embedded(Arc::new(engine.expect("the file opens")), clock as _)
}

#[tokio::test]
async fn a_new_file_has_its_tables_from_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let open = || open_with_tables(&path);
    // What a crash in the middle of the making has left is of no account.
    std::fs::write(path.with_extension("new"), "half of it").unwrap();
    let db = open().await;
    db.put(put("1"), signed(start())).await.unwrap();
    let mut files: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, ["weir.db", "weir.db-shm", "weir.db-wal"]);
    drop(db);
    let db = open().await;
    assert!(has(&db, Table::Inbox, Key::new("p", "1")).await);
}

#[tokio::test]
async fn a_log_without_its_database_is_not_taken_for_a_new_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let open = || open_with_tables(&path);
    let db = open().await;
    db.put(put("1"), signed(start())).await.unwrap();
    let wal = directory.path().join("weir.db-wal");
    let log = std::fs::read(&wal).unwrap();
    drop(db);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&wal, log).unwrap();
    let db = open().await;
    db.create_tables().await.unwrap();
    assert!(!has(&db, Table::Inbox, Key::new("p", "1")).await);
    db.put(put("2"), signed(start())).await.unwrap();
}

#[tokio::test]
async fn a_call_on_a_file_goes_its_way_when_nobody_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let clock: Arc<ManualClock> = Arc::new(ManualClock::new(start()));
    let engine = Engine::open(&directory.path().join("weir.db"), Arc::clone(&clock) as _);
    let db = Db::embedded(Arc::new(engine.unwrap()), clock);
    db.create_tables().await.unwrap();
    // Polled once, then dropped.
    let _ = db.put(put("1"), signed(start())).now_or_never();
    assert!(has(&db, Table::Inbox, Key::new("p", "1")).await);
}

#[tokio::test]
async fn what_is_no_database_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(
        &path,
        "this is no database, but it is long enough to be one",
    )
    .unwrap();
    let error = Engine::open(&path, Arc::new(ManualClock::new(start()))).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
}

#[tokio::test]
async fn a_sweep_deletes_what_has_expired_and_nothing_else() {
    let (db, tap, clock) = tapped().await;
    let store = async |table: Table, n: usize, expires: Option<u64>| {
        let mut item = match table.has_sort_key() {
            true => Key::new("p", n.to_string()).into_item(),
            false => Key::partition(n.to_string()).into_item(),
        };
        if let Some(expires) = expires {
            let seconds = later(expires).as_millis() / 1000;
            item.insert("expires".into(), AttributeValue::N(seconds.to_string()));
        }
        let put = Put {
            table,
            item,
            condition: None,
        };
        db.put(put, signed(clock.now())).await.unwrap();
    };
    for n in 0..250 {
        let expires = if n % 2 == 0 { 10 } else { 1000 };
        store(Table::Receipts, n, Some(expires)).await;
    }
    store(Table::Chunks, 0, Some(10)).await;
    store(Table::Chunks, 1, None).await;
    store(Table::Inbox, 0, Some(10)).await;

    assert_eq!(tap.engine.sweep_expired(db.names(), 10).await, Ok(0));
    clock.advance(Duration::from_secs(10));
    assert_eq!(tap.engine.sweep_expired(db.names(), 10).await, Ok(126));
    assert_eq!(tap.engine.sweep_expired(db.names(), 10).await, Ok(0));
    assert!(!has(&db, Table::Receipts, Key::partition("248")).await);
    assert!(has(&db, Table::Receipts, Key::partition("249")).await);
    assert!(!has(&db, Table::Chunks, Key::new("p", "0")).await);
    assert!(has(&db, Table::Chunks, Key::new("p", "1")).await);
    assert!(has(&db, Table::Inbox, Key::new("p", "0")).await);
}

#[tokio::test]
async fn a_sweep_goes_on_where_it_stopped() {
    let (db, tap, clock) = tapped().await;
    for n in 0..10 {
        let mut item = Key::new("p", n.to_string()).into_item();
        item.insert("expires".into(), AttributeValue::N("1".into()));
        item.insert("pad".into(), AttributeValue::S("x".repeat(300_000)));
        let put = Put {
            table: Table::Chunks,
            item,
            condition: None,
        };
        db.put(put, signed(clock.now())).await.unwrap();
    }
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(tap.engine.sweep_expired(db.names(), 1).await.unwrap());
    }
    assert!(deleted[0] < 10, "{deleted:?}");
    assert_eq!(deleted.iter().sum::<u64>(), 10, "{deleted:?}");
}

#[tokio::test]
async fn a_sweep_leaves_what_was_replaced_since_it_looked() {
    // The condition of the deletion is the same as that of the scan, so an item that was put
    // anew between the two is refused; here the sweep's own transaction is delivered late.
    let (db, tap, clock) = tapped().await;
    let receipt = |expires: u64| {
        let mut item = Key::partition("r").into_item();
        let seconds = later(expires).as_millis() / 1000;
        item.insert("expires".into(), AttributeValue::N(seconds.to_string()));
        Put {
            table: Table::Receipts,
            item,
            condition: None,
        }
    };
    db.put(receipt(10), signed(start())).await.unwrap();
    clock.advance(Duration::from_secs(10));
    let now = (clock.now().as_millis() / 1000).to_string();
    let name = db.names().of(Table::Receipts);
    let stale = super::sweep::deletion(name, &json!({ "pk": { "S": "r" } }), &now);
    let stale = json!({ "TransactItems": [stale] }).to_string().into();
    db.put(receipt(1000), signed(clock.now())).await.unwrap();
    let call = Call {
        operation: "TransactWriteItems".into(),
        body: stale,
        signed_at: clock.now(),
    };
    assert_eq!(tap.engine.call(call).await.unwrap().status, 400);
    assert!(has(&db, Table::Receipts, Key::partition("r")).await);
}

//! What every call does on the embedded engine, and what is made of every kind of answer.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures::future::{BoxFuture, pending};
use serde_json::{Value, json};
use weir_model::Timestamp;

use super::*;
use crate::clock::ManualClock;
use crate::embedded::{Answer, Call, Cut, Engine};

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

/// Gives out prepared answers, the last of them for ever, and keeps the calls.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Answer, Cut>>>,
    calls: Mutex<Vec<Call>>,
}

impl Transport for Script {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        self.calls.lock().unwrap().push(call);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            0 => return Box::pin(pending()),
            1 => answers[0].clone(),
            _ => answers.pop_front().expect("there are several"),
        };
        Box::pin(async { answer })
    }
}

impl Script {
    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn scripted(answers: impl IntoIterator<Item = Result<Answer, Cut>>) -> (Db, Arc<Script>) {
    let answers = Mutex::new(answers.into_iter().collect());
    let script = Arc::new(Script {
        answers,
        ..Script::default()
    });
    let clock = Arc::new(ManualClock::running(start()));
    (Db::embedded(Arc::clone(&script) as _, clock), script)
}

fn ok(body: Value) -> Result<Answer, Cut> {
    Ok(Answer {
        status: 200,
        body: body.to_string().into(),
    })
}

fn error(status: u16, code: &str) -> Result<Answer, Cut> {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Ok(Answer::error(status, &code, "as scripted"))
}

#[tokio::test]
async fn an_attempt_is_signed_with_the_time_it_was_given_and_made_once() {
    let (db, script) = scripted([error(500, "InternalServerError")]);
    let signed_at = Timestamp::from_millis(1_000_000_000_000).unwrap();
    let attempt = Attempt {
        signed_at,
        ..attempt()
    };
    let failed = db.put(put("p", "1", "a", None), attempt).await;
    assert!(matches!(failed, Err(CallError::Doubt(_))), "{failed:?}");
    let calls = script.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].signed_at, signed_at);
    assert_eq!(calls[0].operation, "PutItem");
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(body["TableName"], "weir-inbox");
    assert_eq!(body["Item"]["sk"], json!({ "S": "1" }));
}

#[tokio::test]
async fn every_error_says_whether_the_call_may_have_been_applied() {
    let check = async |answer: Result<Answer, Cut>, expected: &str| {
        let (db, _) = scripted([answer.clone()]);
        let failed = db.put(put("p", "1", "a", None), attempt()).await;
        let failed = format!("{:?}", failed.expect_err("an error"));
        assert!(failed.starts_with(expected), "{answer:?} gave {failed}");
        assert!(!failed.contains("1\""), "{failed} shows an item");
    };
    check(error(400, "ConditionalCheckFailedException"), "Refused").await;
    check(error(400, "TransactionConflictException"), "Conflict").await;
    check(error(400, "TransactionInProgressException"), "Conflict").await;
    check(
        error(400, "ProvisionedThroughputExceededException"),
        "Throttled",
    )
    .await;
    check(error(400, "ThrottlingException"), "Throttled").await;
    check(error(400, "RequestLimitExceeded"), "Throttled").await;
    check(error(400, "InvalidSignatureException"), "Expired").await;
    check(error(400, "RequestExpired"), "Expired").await;
    check(
        error(400, "ValidationException"),
        "Invalid(\"ValidationException",
    )
    .await;
    check(error(400, "ResourceNotFoundException"), "Invalid").await;
    check(error(500, "InternalServerError"), "Doubt").await;
    check(error(503, "ServiceUnavailable"), "Doubt").await;
    check(error(500, "ThrottlingException"), "Doubt").await;
    check(Err(Cut("as scripted".into())), "Doubt").await;
    check(
        Ok(Answer {
            status: 400,
            body: "gateway".into(),
        }),
        "Doubt",
    )
    .await;
    check(
        Ok(Answer {
            status: 502,
            body: "<html>".into(),
        }),
        "Doubt",
    )
    .await;
    check(
        Ok(Answer {
            status: 200,
            body: "{\"Attri".into(),
        }),
        "Doubt",
    )
    .await;
}

#[tokio::test]
async fn a_cancelled_transaction_gives_the_reasons_there_are() {
    let check = async |codes: &[&str], expected: &[Reason]| {
        let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "as scripted",
            "CancellationReasons": reasons,
        });
        let (db, _) = scripted([Ok(Answer {
            status: 400,
            body: body.to_string().into(),
        })]);
        let failed = db.transact(vec![put("p", "1", "a", None)], attempt()).await;
        assert_eq!(failed, Err(CallError::Cancelled(expected.to_vec())));
    };
    check(
        &["None", "ConditionalCheckFailed"],
        &[Reason::Met, Reason::Refused],
    )
    .await;
    check(&["TransactionConflict"], &[Reason::Conflict]).await;
    check(&["ThrottlingError"], &[Reason::Throttled]).await;
    check(&["ProvisionedThroughputExceeded"], &[Reason::Throttled]).await;
    check(
        &["ItemCollectionSizeLimitExceeded", "?"],
        &[Reason::Unknown; 2],
    )
    .await;
    check(&[], &[]).await;

    let (db, _) = scripted([error(400, "TransactionInProgressException")]);
    let failed = db.transact(vec![put("p", "1", "a", None)], attempt()).await;
    assert_eq!(failed, Err(CallError::Conflict));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_an_answer_ends_in_doubt() {
    let (db, script) = scripted([]);
    let began = tokio::time::Instant::now();
    let failed = db.put(put("p", "1", "a", None), attempt()).await;
    assert!(matches!(failed, Err(CallError::Doubt(_))), "{failed:?}");
    assert_eq!(began.elapsed(), attempt().timeout);
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_again_until_it_is_answered_or_the_deadline_has_passed() {
    let found = ok(json!({ "Item": { "pk": { "S": "p" } } }));
    let throttled = error(400, "ProvisionedThroughputExceededException");
    let (db, script) = scripted([throttled.clone(), Err(Cut("x".into())), found]);
    let item = db.get(Table::Inbox, key("p", "1"), soon()).await.unwrap();
    assert!(item.is_some());
    let body: Value = serde_json::from_slice(&script.calls()[2].body).unwrap();
    assert_eq!(body["ConsistentRead"], json!(true));

    let (db, script) = scripted([throttled]);
    let failed = db.get(Table::Inbox, key("p", "1"), soon()).await;
    assert_eq!(failed, Err(ReadError::Unavailable("too many calls".into())));
    let calls = script.calls();
    assert!(calls.len() > 5);
    assert!(calls.last().unwrap().signed_at > calls[0].signed_at);
    assert!(db.clock().now() >= start().saturating_add(Duration::from_secs(30)));

    let (db, script) = scripted([error(400, "ResourceNotFoundException")]);
    let failed = db.get(Table::Inbox, key("p", "1"), soon()).await;
    assert!(matches!(failed, Err(ReadError::Invalid(_))), "{failed:?}");
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_not_looked_up_are_asked_for_again() {
    let one = json!({ "pk": { "S": "p" }, "sk": { "S": "1" } });
    let two = json!({ "pk": { "S": "p" }, "sk": { "S": "2" } });
    let left = json!({ "weir-inbox": { "Keys": [two], "ConsistentRead": true } });
    let (db, script) = scripted([
        ok(json!({ "Responses": { "weir-inbox": [one] }, "UnprocessedKeys": left })),
        ok(json!({ "Responses": {}, "UnprocessedKeys": left })),
        ok(json!({ "Responses": { "weir-inbox": [two] }, "UnprocessedKeys": {} })),
    ]);
    let keys = vec![key("p", "1"), key("p", "2")];
    let found = db.get_many(Table::Inbox, keys, soon()).await.unwrap();
    assert_eq!(sort_keys(&found), ["1", "2"]);
    let calls = script.calls();
    let body: Value = serde_json::from_slice(&calls[2].body).unwrap();
    assert_eq!(body["RequestItems"]["weir-inbox"]["Keys"], json!([two]));
    assert_eq!(
        body["RequestItems"]["weir-inbox"]["ConsistentRead"],
        json!(true)
    );
    assert_eq!(calls.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn deletions_that_were_not_done_are_asked_for_again() {
    let two = json!({ "pk": { "S": "p" }, "sk": { "S": "2" } });
    let left = json!({ "weir-inbox": [{ "DeleteRequest": { "Key": two } }] });
    let (db, script) = scripted([
        ok(json!({ "UnprocessedItems": left })),
        error(500, "InternalServerError"),
        ok(json!({ "UnprocessedItems": left })),
        ok(json!({ "UnprocessedItems": {} })),
    ]);
    let keys = vec![key("p", "1"), key("p", "2")];
    db.delete_many(Table::Inbox, keys, soon()).await.unwrap();
    let calls = script.calls();
    let body: Value = serde_json::from_slice(&calls[3].body).unwrap();
    assert_eq!(body["RequestItems"], left);
    assert_eq!(calls.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_repeatable_put_that_was_once_in_doubt_ends_in_doubt() {
    let throttled = || error(400, "ThrottlingException");
    let (db, _) = scripted([throttled(), error(500, "InternalServerError"), throttled()]);
    let failed = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert!(matches!(failed, Err(CallError::Doubt(_))), "{failed:?}");

    let (db, _) = scripted([throttled()]);
    let failed = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert_eq!(failed, Err(CallError::Throttled));

    let (db, _) = scripted([throttled(), ok(json!({}))]);
    let done = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert_eq!(done, Ok(()));

    let (db, script) = scripted([error(400, "ConditionalCheckFailedException")]);
    let failed = db.put_repeatable(put("p", "1", "a", None), soon()).await;
    assert_eq!(failed, Err(CallError::Refused));
    assert_eq!(script.calls().len(), 1);
}

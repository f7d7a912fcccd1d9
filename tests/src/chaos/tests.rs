//! Each thing that the chaos can do, shown on an engine in memory.

use std::time::Duration;

use weir_model::Timestamp;
use weir_store::clock::{Clock as _, ManualClock};
use weir_store::db::{
    Attempt, AttributeValue, CallError, Condition, Db, Deadline, Item, Key, Order, Put, Query,
    Reason, SkRange, Table,
};
use weir_store::embedded::Engine;

use super::*;

struct Lab {
    chaos: Chaos,
    clock: ManualClock,
    one: Db,
    two: Db,
}

impl Lab {
    /// Two processes before one engine, the second a minute behind.
    async fn new() -> Self {
        let start = Timestamp::from_millis(1_900_000_000_000).expect("a legal time");
        let clock = ManualClock::running(start);
        let engine = Engine::memory(Arc::new(clock.clone())).expect("an engine in memory");
        let chaos = Chaos::new(Arc::new(engine));
        let db = |actor: &str, offset_ms| {
            let clock = Arc::new(clock.shifted(offset_ms));
            Db::embedded(Arc::new(chaos.front(actor)), clock)
        };
        let (one, two) = (db("one", 0), db("two", -60_000));
        one.create_tables().await.expect("tables are made");
        Self {
            chaos,
            clock,
            one,
            two,
        }
    }

    fn soon(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(Duration::from_secs(30)))
    }

    async fn stored(&self) -> Vec<String> {
        keys(
            &self
                .two
                .query_all(&everything(), self.soon())
                .await
                .expect("an answer"),
        )
    }
}

fn everything() -> Query {
    Query {
        table: Table::Inbox,
        pk: "p".into(),
        sk: SkRange::All,
        order: Order::Ascending,
        attributes: None,
        limit: None,
    }
}

fn keys(items: &[Item]) -> Vec<String> {
    items.iter().filter_map(|item| Key::of(item)?.sk).collect()
}

fn put(sk: &str) -> Put {
    Put {
        table: Table::Inbox,
        item: Key::new("p", sk).into_item(),
        condition: Some(Condition::absent()),
    }
}

fn puts(sks: &[&str]) -> Vec<Put> {
    sks.iter().map(|sk| put(sk)).collect()
}

fn now(db: &Db) -> Attempt {
    let timeout = Duration::from_secs(3);
    Attempt {
        signed_at: db.clock().now(),
        timeout,
    }
}

/// Starts a call that goes on by itself.
fn start<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(call)
}

fn start_put(db: &Db, sk: &str) -> tokio::task::JoinHandle<Result<(), CallError>> {
    let (db, put) = (db.clone(), put(sk));
    start(async move { db.put(put, now(&db)).await })
}

fn start_transaction(db: &Db, sks: &[&str]) -> tokio::task::JoinHandle<Result<(), CallError>> {
    let (db, puts) = (db.clone(), puts(sks));
    start(async move { db.transact(puts, now(&db)).await })
}

#[tokio::test(start_paused = true)]
async fn a_call_is_held_before_it_takes_effect() {
    let lab = Lab::new().await;
    let gate = lab
        .chaos
        .hold(|c| c.actor() == "one" && c.is("PutItem"), When::Before);
    let held = start_put(&lab.one, "1");
    gate.reached().await;
    assert_eq!(lab.stored().await, [""; 0]);
    assert_eq!(lab.two.put(put("2"), now(&lab.two)).await, Ok(()));
    gate.release();
    assert_eq!(held.await.unwrap(), Ok(()));
    assert_eq!(lab.stored().await, ["1", "2"]);
    assert_eq!(lab.one.put(put("3"), now(&lab.one)).await, Ok(()));
    assert_eq!(gate.held(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_held_after_it_took_effect() {
    let lab = Lab::new().await;
    let gate = lab
        .chaos
        .hold_once(|c| c.touches(Table::Inbox) && c.writes(), When::After);
    let held = start_transaction(&lab.one, &["1", "2"]);
    gate.reached().await;
    assert_eq!(lab.stored().await, ["1", "2"]);
    assert!(!held.is_finished());
    assert_eq!(lab.one.put(put("3"), now(&lab.one)).await, Ok(()));
    gate.release();
    assert_eq!(held.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_let_go_an_hour_later_is_refused_as_too_old() {
    let lab = Lab::new().await;
    let gate = lab.chaos.hold(|c| c.mentions("\"p\""), When::Before);
    let held = start_put(&lab.one, "1");
    gate.reached().await;
    lab.clock.advance(Duration::from_secs(3600));
    gate.release();
    assert_eq!(held.await.unwrap(), Err(CallError::Expired));
    assert_eq!(lab.stored().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_effect_after_whoever_made_it_gave_up() {
    let lab = Lab::new().await;
    let gate = lab.chaos.hold(|c| c.is("PutItem"), When::Before);
    let given_up = lab.one.put(put("1"), now(&lab.one)).await;
    assert!(matches!(given_up, Err(CallError::Doubt(_))), "{given_up:?}");
    assert_eq!(lab.stored().await, [""; 0]);
    gate.release();
    lab.chaos.quiet().await;
    assert_eq!(lab.stored().await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_is_frozen_at_any_of_its_calls() {
    let lab = Lab::new().await;
    let gate = lab.chaos.freeze("one", 1, When::After);
    let db = lab.one.clone();
    let frozen = start(async move {
        for sk in ["1", "2", "3"] {
            db.put(put(sk), now(&db)).await.unwrap();
        }
    });
    gate.reached().await;
    lab.clock.advance(Duration::from_secs(3600));
    assert_eq!(lab.stored().await, ["1", "2"]);
    gate.release();
    frozen.await.unwrap();
    assert_eq!(lab.stored().await, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn each_failure_says_the_truth_about_its_effect() {
    let check = async |failure: Failure, single: &str, whole: &str, applied: bool| {
        let lab = Lab::new().await;
        let planned = lab.chaos.fail_once(|c| c.is("PutItem"), failure);
        let failed = lab.one.put(put("1"), now(&lab.one)).await;
        let text = format!("{:?}", failed.expect_err("it fails"));
        assert!(text.starts_with(single), "{failure:?} of a put gave {text}");
        let expected: &[&str] = if applied { &["1"] } else { &[] };
        assert_eq!(lab.stored().await, expected, "{failure:?}");
        assert_eq!(planned.happened(), 1);

        lab.chaos.fail_once(|c| c.is("TransactWriteItems"), failure);
        let failed = lab.one.transact(puts(&["2", "3"]), now(&lab.one)).await;
        let text = format!("{:?}", failed.expect_err("it fails"));
        assert!(
            text.starts_with(whole),
            "{failure:?} of a transaction gave {text}"
        );
        assert_eq!(
            lab.stored().await.contains(&"3".to_owned()),
            applied,
            "{failure:?}"
        );
        let again = lab.one.put(put("4"), now(&lab.one)).await;
        assert_eq!(again, Ok(()));
    };
    check(Failure::BeforeEffect, "Doubt", "Doubt", false).await;
    check(Failure::AfterEffect, "Doubt", "Doubt", true).await;
    check(Failure::ServerError, "Doubt", "Doubt", false).await;
    check(
        Failure::Throttle,
        "Throttled",
        "Cancelled([Throttled, Met])",
        false,
    )
    .await;
    check(
        Failure::Conflict,
        "Conflict",
        "Cancelled([Conflict, Met])",
        false,
    )
    .await;
    check(
        Failure::Partly,
        "Throttled",
        "Cancelled([Throttled, Met])",
        false,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn failures_go_on_until_they_are_ended() {
    let lab = Lab::new().await;
    let outage = lab
        .chaos
        .fail_all(|c| c.actor() == "one", Failure::BeforeEffect);
    let deadline = lab.soon();
    let failed = lab
        .one
        .get(Table::Inbox, Key::new("p", "1"), deadline)
        .await;
    failed.unwrap_err();
    assert!(outage.happened() > 5);
    outage.end();
    let deadline = lab.soon();
    let found = lab
        .one
        .get(Table::Inbox, Key::new("p", "1"), deadline)
        .await;
    assert_eq!(found, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn batches_done_in_part_are_completed() {
    let lab = Lab::new().await;
    lab.one
        .transact(puts(&["1", "2", "3", "4", "5"]), now(&lab.one))
        .await
        .unwrap();
    let wanted = |sks: &[&str]| sks.iter().map(|sk| Key::new("p", *sk)).collect::<Vec<_>>();
    let partly = lab
        .chaos
        .fail_all(|c| c.is("BatchGetItem"), Failure::Partly);
    let all = wanted(&["1", "2", "3", "4", "5"]);
    let deadline = lab.soon();
    let reading = lab.one.get_many(Table::Inbox, all.clone(), deadline);
    let ended = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        partly.end();
    };
    let (found, ()) = tokio::join!(reading, ended);
    let mut found = keys(&found.unwrap());
    found.sort();
    assert_eq!(found, ["1", "2", "3", "4", "5"]);
    assert!(partly.happened() > 1);

    let partly = lab
        .chaos
        .fail_once(|c| c.is("BatchWriteItem"), Failure::Partly);
    let deadline = lab.soon();
    lab.one
        .delete_many(Table::Inbox, wanted(&["1", "2", "3", "4"]), deadline)
        .await
        .unwrap();
    assert_eq!(
        (partly.happened(), lab.stored().await),
        (1, vec!["5".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_put_is_delivered_again_whenever_it_is_wanted() {
    let lab = Lab::new().await;
    let late = lab.chaos.repeat_later(|c| c.is("PutItem"));
    lab.one.put(put("1"), now(&lab.one)).await.unwrap();
    late.caught().await;
    let refused = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&refused).as_deref(),
        Some("ConditionalCheckFailedException")
    );

    let deadline = lab.soon();
    lab.two
        .delete_many(Table::Inbox, vec![Key::new("p", "1")], deadline)
        .await
        .unwrap();
    lab.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(late.deliver().await.unwrap().status, 200);
    assert_eq!(lab.stored().await, ["1"]);

    lab.clock.advance(Duration::from_secs(2 * 60));
    let expired = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&expired).as_deref(),
        Some("InvalidSignatureException")
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_delivered_again_is_checked_again() {
    let lab = Lab::new().await;
    let late = lab.chaos.repeat_later(|c| c.is("TransactWriteItems"));
    lab.one
        .transact(puts(&["1", "2"]), now(&lab.one))
        .await
        .unwrap();
    let refused = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&refused).as_deref(),
        Some("TransactionCanceledException")
    );
}

#[tokio::test(start_paused = true)]
async fn a_torn_transaction_is_seen_in_part_by_readers() {
    let lab = Lab::new().await;
    lab.chaos.tear_transactions(true);
    let gate = lab
        .chaos
        .hold_piece(|c| c.actor() == "one", 1, When::Before);
    let torn = start_transaction(&lab.one, &["1", "2", "3"]);
    gate.reached().await;
    assert_eq!(lab.stored().await, ["1"]);
    gate.release();
    assert_eq!(torn.await.unwrap(), Ok(()));
    assert_eq!(lab.stored().await, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_torn_transaction_is_checked_as_one_before_anything_is_seen() {
    let lab = Lab::new().await;
    lab.chaos.tear_transactions(true);
    lab.one.put(put("3"), now(&lab.one)).await.unwrap();
    let cancelled = lab
        .one
        .transact(puts(&["1", "2", "3"]), now(&lab.one))
        .await;
    let reasons = vec![Reason::Met, Reason::Met, Reason::Refused];
    assert_eq!(cancelled, Err(CallError::Cancelled(reasons)));
    assert_eq!(lab.stored().await, ["3"]);

    // An item without a condition, one with values in its condition, and one without a sort key.
    let mut bare = put("4");
    bare.condition = None;
    let mut valued = put("5");
    let value = AttributeValue::S("x".into());
    valued.condition = Some(Condition::equals("value", value));
    let receipt = Put {
        table: Table::Receipts,
        item: Key::partition("r").into_item(),
        condition: Some(Condition::absent_or_expired(lab.clock.now())),
    };
    let mixed = vec![bare.clone(), valued, receipt.clone()];
    let cancelled = lab.one.transact(mixed, now(&lab.one)).await;
    let reasons = vec![Reason::Met, Reason::Refused, Reason::Met];
    assert_eq!(cancelled, Err(CallError::Cancelled(reasons)));
    assert_eq!(
        lab.one.transact(vec![bare, receipt], now(&lab.one)).await,
        Ok(())
    );
    assert_eq!(lab.stored().await, ["3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn writes_to_the_items_of_a_torn_transaction_are_conflicts_until_it_is_whole() {
    let lab = Lab::new().await;
    lab.chaos.tear_transactions(true);
    let gate = lab.chaos.hold_piece(|_| true, 0, When::After);
    let torn = start_transaction(&lab.one, &["1", "2"]);
    gate.reached().await;
    let conflict = lab.two.put(put("2"), now(&lab.two)).await;
    assert_eq!(conflict, Err(CallError::Conflict));
    let cancelled = lab.two.transact(puts(&["0", "2"]), now(&lab.two)).await;
    let reasons = vec![Reason::Met, Reason::Conflict];
    assert_eq!(cancelled, Err(CallError::Cancelled(reasons)));
    assert_eq!(lab.two.put(put("9"), now(&lab.two)).await, Ok(()));

    let (db, deadline) = (lab.two.clone(), lab.soon());
    let keys = vec![Key::new("p", "2"), Key::new("p", "9")];
    let deleting = start(async move { db.delete_many(Table::Inbox, keys, deadline).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(lab.stored().await, ["1"]);
    gate.release();
    assert_eq!(torn.await.unwrap(), Ok(()));
    assert_eq!(deleting.await.unwrap(), Ok(()));
    assert_eq!(lab.stored().await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_torn_transaction_that_comes_too_late_is_refused_and_one_under_way_is_completed() {
    let lab = Lab::new().await;
    lab.chaos.tear_transactions(true);
    let late = lab.chaos.repeat_later(|c| c.is("TransactWriteItems"));
    let gate = lab.chaos.hold_piece(|_| true, 1, When::Before);
    let torn = start_transaction(&lab.one, &["1", "2"]);
    gate.reached().await;
    lab.clock.advance(Duration::from_secs(3600));
    gate.release();
    assert_eq!(torn.await.unwrap(), Ok(()));
    assert_eq!(lab.stored().await, ["1", "2"]);
    let expired = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&expired).as_deref(),
        Some("InvalidSignatureException")
    );
}

#[tokio::test(start_paused = true)]
async fn a_torn_query_sees_what_changes_while_it_lasts() {
    let lab = Lab::new().await;
    let sks: Vec<String> = (10..30).map(|n| n.to_string()).collect();
    let refs: Vec<&str> = sks.iter().map(String::as_str).collect();
    lab.one.transact(puts(&refs), now(&lab.one)).await.unwrap();
    lab.chaos.tear_transactions(true);
    let gate = lab.chaos.hold_piece(|c| c.is("Query"), 1, When::Before);
    let (db, deadline) = (lab.one.clone(), lab.soon());
    let reading = start(async move { db.query_page(&everything(), None, deadline).await });
    gate.reached().await;
    for sk in ["1", "99"] {
        lab.two.put(put(sk), now(&lab.two)).await.unwrap();
    }
    let deadline = lab.soon();
    let gone = vec![Key::new("p", "10"), Key::new("p", "29")];
    lab.two
        .delete_many(Table::Inbox, gone, deadline)
        .await
        .unwrap();
    gate.release();
    let page = reading.await.unwrap().unwrap();
    let mut expected = sks;
    expected.pop();
    expected.push("99".to_owned());
    assert_eq!((keys(&page.items), page.next), (expected, None));
}

#[tokio::test(start_paused = true)]
async fn torn_reads_give_what_whole_ones_give() {
    let lab = Lab::new().await;
    let sks: Vec<String> = (10..60).map(|n| n.to_string()).collect();
    let refs: Vec<&str> = sks.iter().map(String::as_str).collect();
    lab.one.transact(puts(&refs), now(&lab.one)).await.unwrap();
    let large = |n: usize| {
        let mut put = put(&format!("large-{n}"));
        put.item
            .insert("pad".into(), AttributeValue::S("x".repeat(300_000)));
        put
    };
    for n in 0..5 {
        lab.one.put(large(n), now(&lab.one)).await.unwrap();
    }
    let read = async |torn: bool| {
        lab.chaos.tear_transactions(torn);
        let mut query = everything();
        query.order = Order::Descending;
        query.attributes = Some(vec!["pk", "sk"]);
        let all = lab.one.query_all(&query, lab.soon()).await.unwrap();
        query.limit = Some(7);
        let page = lab.one.query_page(&query, None, lab.soon()).await.unwrap();
        let from = Some(Key::new("p", "20"));
        let scan = lab
            .one
            .scan_page(Table::Inbox, from, Some(6), None, lab.soon())
            .await
            .unwrap();
        let wanted = ["10", "59", "none"].map(|sk| Key::new("p", sk)).to_vec();
        let mut found = keys(
            &lab.one
                .get_many(Table::Inbox, wanted, lab.soon())
                .await
                .unwrap(),
        );
        found.sort();
        (
            keys(&all),
            keys(&page.items),
            page.next,
            keys(&scan.items),
            scan.next,
            found,
        )
    };
    let whole = read(false).await;
    assert_eq!(whole.0.len(), 55);
    assert_eq!(read(true).await, whole);
}

#[tokio::test(start_paused = true)]
async fn the_clocks_of_two_processes_stay_a_minute_apart() {
    let lab = Lab::new().await;
    let seen = |db: &Db| {
        let ours = db.clock().now();
        lab.clock.now().as_millis() - ours.as_millis()
    };
    assert_eq!((seen(&lab.one), seen(&lab.two)), (0, 60_000));
    lab.clock.advance(Duration::from_secs(5));
    assert_eq!((seen(&lab.one), seen(&lab.two)), (0, 60_000));
    let late = lab.chaos.repeat_later(|c| c.actor() == "two");
    lab.two.put(put("1"), now(&lab.two)).await.unwrap();
    lab.clock
        .advance(Duration::from_millis(14 * 60_000 + 1_000));
    let expired = late.deliver().await.unwrap();
    assert_eq!(
        error_code(&expired).as_deref(),
        Some("InvalidSignatureException")
    );
}

/// What became of 300 puts of which every one was tried until its fate was known.
async fn run(seed: u64) -> (Vec<String>, Vec<&'static str>, Timestamp) {
    let lab = Lab::new().await;
    lab.chaos.tear_transactions(true);
    lab.chaos.random(seed, 0.3);
    let mut fates = Vec::new();
    for n in 0..150 {
        let (db, first, second) = (&lab.one, format!("{n:03}a"), format!("{n:03}b"));
        fates.push(match db.transact(puts(&[&first, &second]), now(db)).await {
            Ok(()) => "stored",
            Err(CallError::Doubt(_)) => "doubt",
            Err(_) => "refused",
        });
    }
    lab.chaos.calm();
    lab.chaos.quiet().await;
    (lab.stored().await, fates, lab.clock.now())
}

#[tokio::test(start_paused = true)]
async fn random_failures_are_of_every_kind_and_never_lie() {
    let (stored, fates, _) = run(7).await;
    let whole = |n: usize| {
        let has = |half: &str| stored.contains(&format!("{n:03}{half}"));
        assert_eq!(has("a"), has("b"), "half of {n}");
        has("a")
    };
    let count = |fate: &str, is_there: bool| {
        let matching = fates
            .iter()
            .enumerate()
            .filter(|(n, f)| **f == fate && whole(*n) == is_there);
        matching.count()
    };
    assert_eq!((count("stored", false), count("refused", true)), (0, 0));
    assert!(count("stored", true) > 90);
    assert!(count("refused", false) > 5);
    assert!(count("doubt", true) > 5);
    assert!(count("doubt", false) > 5);
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_the_same_run_again_and_another_seed_another() {
    let one = run(1).await;
    assert_eq!(run(1).await, one);
    assert_ne!(run(2).await.1, one.1);
}

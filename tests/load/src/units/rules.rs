//! Whether the engine's units are DynamoDB's: its rules as they are published ("DynamoDB read and
//! write operations" and "DynamoDB item sizes and formats" in the developer guide), computed here
//! by hand for items of known sizes.

use std::sync::Arc;
use std::time::Duration;

use weir_store::db::{
    Attempt, AttributeValue, Condition, Item, Key, Order, Put, Query, SkRange, Table, Units,
};
use weir_store::embedded::Engine;
use weir_store::{Clock as _, Db, Deadline, ManualClock};

use super::scenario::minus;
use crate::timeline::days_ago;

struct Bench {
    db: Db,
    clock: ManualClock,
}

impl Bench {
    async fn start() -> Self {
        let clock = ManualClock::new(days_ago(1).start());
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let db = Db::embedded(Arc::new(engine), Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        db.count_capacity();
        Self { db, clock }
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            signed_at: self.clock.now(),
            timeout: Duration::from_secs(5),
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(Duration::from_secs(60)))
    }

    /// What a call costs.
    async fn cost(&self, call: impl Future<Output = ()>) -> Units {
        let before = self.db.capacity();
        call.await;
        minus(self.db.capacity(), before)
    }

    async fn put(&self, sk: &str, bytes: usize) {
        self.db.put(put(sk, bytes), self.attempt()).await.unwrap();
    }
}

/// An item of exactly this size: names and values of its attributes.
fn item(sk: &str, bytes: usize) -> Item {
    let mut item = Key::new("p", sk).into_item();
    // pk, p, sk, its value, b: what is left is b's value.
    let rest = bytes - (2 + 1) - (2 + sk.len()) - 1;
    item.insert("b".to_owned(), AttributeValue::B(vec![7; rest].into()));
    item
}

fn put(sk: &str, bytes: usize) -> Put {
    Put {
        table: Table::Inbox,
        item: item(sk, bytes),
        condition: Some(Condition::absent()),
    }
}

fn units(read: f64, write: f64) -> Units {
    Units { read, write }
}

#[tokio::test]
async fn a_write_costs_a_unit_for_each_kilobyte_begun() {
    let bench = Bench::start().await;
    for (at, (bytes, wanted)) in [
        (100, 1.0),
        (1024, 1.0),
        (1025, 2.0),
        (10_240, 10.0),
        (10_241, 11.0),
    ]
    .into_iter()
    .enumerate()
    {
        let sk = format!("{at}");
        let cost = bench.cost(bench.put(&sk, bytes)).await;
        assert_eq!(cost, units(0.0, wanted), "{bytes} bytes");
    }
}

#[tokio::test]
async fn a_transaction_costs_twice_what_each_of_its_items_does_alone() {
    let bench = Bench::start().await;
    let puts = vec![put("a", 100), put("b", 1025), put("c", 3000)];
    let call = async { bench.db.transact(puts, bench.attempt()).await.unwrap() };
    // Rounded item by item: 1, 2 and 3.
    assert_eq!(bench.cost(call).await, units(0.0, 12.0));
}

#[tokio::test]
async fn a_deletion_costs_as_a_write_of_what_is_deleted_also_in_a_batch() {
    let bench = Bench::start().await;
    for (sk, bytes) in [("a", 100), ("b", 2049), ("c", 5000), ("d", 2049)] {
        bench.put(sk, bytes).await;
    }
    let key = |sk: &str| Key::new("p", sk);
    let one = async {
        let deleted = bench
            .db
            .delete(Table::Inbox, key("d"), None, bench.attempt());
        deleted.await.unwrap();
    };
    assert_eq!(bench.cost(one).await, units(0.0, 3.0));
    // The last is not there, which costs a unit all the same.
    let keys = ["a", "b", "c", "z"].map(key).to_vec();
    let many = async {
        let deleted = bench.db.delete_many(Table::Inbox, keys, bench.deadline());
        deleted.await.unwrap();
    };
    assert_eq!(bench.cost(many).await, units(0.0, 1.0 + 3.0 + 5.0 + 1.0));
}

#[tokio::test]
async fn a_consistent_read_costs_a_unit_for_each_4_kilobytes_begun() {
    let bench = Bench::start().await;
    bench.put("a", 4096).await;
    bench.put("b", 4097).await;
    let get = async |sk: &str| {
        let read = async {
            let key = Key::new("p", sk);
            bench
                .db
                .get(Table::Inbox, key, bench.deadline())
                .await
                .unwrap();
        };
        bench.cost(read).await
    };
    assert_eq!(get("a").await, units(1.0, 0.0));
    assert_eq!(get("b").await, units(2.0, 0.0));
    assert_eq!(get("nothing").await, units(1.0, 0.0));
}

#[tokio::test]
async fn a_query_rounds_the_sum_of_what_it_reads() {
    let bench = Bench::start().await;
    for at in 0..10 {
        bench.put(&format!("{at}"), 1000).await;
    }
    let read = async |sk: SkRange, attributes: Option<Vec<&'static str>>| {
        let query = Query {
            table: Table::Inbox,
            pk: "p".to_owned(),
            sk,
            order: Order::Ascending,
            attributes,
            limit: None,
        };
        let read = async {
            bench.db.query_all(&query, bench.deadline()).await.unwrap();
        };
        bench.cost(read).await
    };
    // 10,000 bytes are three times 4 KB begun, whatever of them is wanted.
    assert_eq!(read(SkRange::All, None).await, units(3.0, 0.0));
    assert_eq!(read(SkRange::All, Some(vec!["sk"])).await, units(3.0, 0.0));
    let four = SkRange::Between("0".to_owned(), "3".to_owned());
    assert_eq!(read(four, None).await, units(1.0, 0.0));
    assert_eq!(
        read(SkRange::Prefix("z".to_owned()), None).await,
        units(1.0, 0.0)
    );
}

#[tokio::test]
async fn reads_by_key_in_a_batch_are_rounded_one_by_one() {
    let bench = Bench::start().await;
    for at in 0..3 {
        bench.put(&format!("{at}"), 5000).await;
    }
    let keys = (0..3).map(|at| Key::new("p", format!("{at}"))).collect();
    let read = async {
        let read = bench.db.get_many(Table::Inbox, keys, bench.deadline());
        read.await.unwrap();
    };
    assert_eq!(bench.cost(read).await, units(6.0, 0.0));
}

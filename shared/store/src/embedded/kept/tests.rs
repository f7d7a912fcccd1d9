//! What is kept answers as the engine does: a query that also asks what it costs is always the
//! engine's.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Kept, Partition, Wanted};
use crate::clock::{Clock as _, SystemClock};
use crate::db::Db;
use crate::embedded::{Call, Engine, Transport as _};

const PARTITIONS: [&str; 2] = ["p", "q"];

#[derive(Debug, Clone)]
enum Step {
    Put(Write),
    PutAbsent(Write),
    Delete(Write),
    Batch(Vec<(bool, Write)>),
    Transact(Vec<(bool, Write)>),
    Ask(Ask),
}

#[derive(Debug, Clone)]
struct Write {
    pk: usize,
    sk: u8,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Ask {
    pk: usize,
    range: u8,
    a: u8,
    b: u8,
    ascending: bool,
    limit: Option<usize>,
    projected: bool,
}

fn write() -> impl Strategy<Value = Write> {
    let large = prop_oneof![9 => 0..40usize, 1 => 150_000..250_000usize];
    (0..2usize, 0..24u8, large).prop_map(|(pk, sk, bytes)| Write { pk, sk, bytes })
}

/// Items of one call must differ.
fn writes() -> impl Strategy<Value = Vec<(bool, Write)>> {
    prop::collection::vec((any::<bool>(), write()), 1..6).prop_map(|writes| {
        let mut seen = std::collections::HashSet::new();
        let unique = writes.into_iter();
        unique
            .filter(|(_, write)| seen.insert((write.pk, write.sk)))
            .collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let ask = (
        0..2usize,
        0..4u8,
        0..24u8,
        0..24u8,
        any::<bool>(),
        prop::option::of(1..9usize),
        any::<bool>(),
    );
    let ask = ask.prop_map(|(pk, range, a, b, ascending, limit, projected)| {
        Step::Ask(Ask {
            pk,
            range,
            a,
            b,
            ascending,
            limit,
            projected,
        })
    });
    prop_oneof![
        3 => write().prop_map(Step::Put),
        2 => write().prop_map(Step::PutAbsent),
        2 => write().prop_map(Step::Delete),
        1 => writes().prop_map(Step::Batch),
        2 => writes().prop_map(Step::Transact),
        5 => ask,
    ]
}

impl Write {
    fn key(&self) -> Value {
        json!({ "pk": { "S": PARTITIONS[self.pk] }, "sk": { "S": format!("{:02}\"é", self.sk) } })
    }

    fn item(&self) -> Value {
        let mut item = self.key();
        item["n"] = json!({ "N": self.bytes.to_string() });
        item["text"] = json!({ "S": "x".repeat(self.bytes) });
        item["block"] = json!({ "B": "AQIDBA==" });
        item
    }

    fn put(&self) -> Value {
        json!({ "TableName": "weir-inbox", "Item": self.item() })
    }

    fn put_absent(&self) -> Value {
        let mut put = self.put();
        put["ConditionExpression"] = json!("attribute_not_exists(pk)");
        put
    }
}

impl Ask {
    fn body(&self) -> Value {
        let (a, b) = (format!("{:02}", self.a), format!("{:02}~", self.b));
        let (condition, bounds) = match self.range {
            0 => ("pk = :pk", vec![]),
            1 => (
                "pk = :pk AND sk BETWEEN :a AND :b",
                vec![(":a", a), (":b", b)],
            ),
            2 => ("pk = :pk AND sk >= :a", vec![(":a", a)]),
            _ => ("pk = :pk AND begins_with(sk, :a)", vec![(":a", a)]),
        };
        let mut values = json!({ ":pk": { "S": PARTITIONS[self.pk] } });
        for (name, value) in bounds {
            values[name] = json!({ "S": value });
        }
        let mut body = json!({
            "TableName": "weir-inbox",
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": self.ascending,
            "ConsistentRead": true,
        });
        if self.projected {
            body["ProjectionExpression"] = json!("#a0, #a1, #a2");
            body["ExpressionAttributeNames"] =
                json!({ "#a0": "sk", "#a1": "block", "#a2": "none" });
        }
        if let Some(limit) = self.limit {
            body["Limit"] = json!(limit);
        }
        body
    }
}

struct Both {
    engine: Engine,
}

impl Both {
    async fn call(&self, operation: &str, body: Value) -> (u16, Value) {
        let call = Call {
            operation: operation.to_owned(),
            body: body.to_string().into(),
            signed_at: SystemClock.now(),
        };
        let answer = self.engine.call(call).await.expect("an answer");
        let body = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status, body)
    }

    /// Follows a query to its end, page by page, from what is kept and from the engine.
    async fn compare(&self, ask: &Ask) {
        let mut body = ask.body();
        loop {
            let (of_kept, kept) = self.call("Query", body.clone()).await;
            let mut asked = body.clone();
            asked["ReturnConsumedCapacity"] = json!("TOTAL");
            let (status, engine) = self.call("Query", asked).await;
            assert_eq!(of_kept, status, "{engine}");
            if status != 200 {
                return;
            }
            assert!(engine["ConsumedCapacity"].is_object(), "{engine}");
            for part in ["Items", "LastEvaluatedKey", "Count"] {
                assert_eq!(kept.get(part), engine.get(part), "{part} of {body}");
            }
            match kept.get("LastEvaluatedKey") {
                Some(key) => body["ExclusiveStartKey"] = key.clone(),
                None => return,
            }
        }
    }

    async fn carry_out(&self, step: &Step) {
        let done =
            match step {
                Step::Put(write) => self.call("PutItem", write.put()).await,
                Step::PutAbsent(write) => self.call("PutItem", write.put_absent()).await,
                Step::Delete(write) => {
                    let body = json!({ "TableName": "weir-inbox", "Key": write.key() });
                    self.call("DeleteItem", body).await
                }
                Step::Batch(writes) => {
                    let requests: Vec<Value> = writes
                        .iter()
                        .map(|(put, write)| match put {
                            true => json!({ "PutRequest": { "Item": write.item() } }),
                            false => json!({ "DeleteRequest": { "Key": write.key() } }),
                        })
                        .collect();
                    self.call(
                        "BatchWriteItem",
                        json!({ "RequestItems": { "weir-inbox": requests } }),
                    )
                    .await
                }
                Step::Transact(writes) => {
                    let items: Vec<Value> = writes.iter().map(|(put, write)| match put {
                    true => json!({ "Put": write.put_absent() }),
                    false => json!({ "Delete": { "TableName": "weir-inbox", "Key": write.key() } }),
                }).collect();
                    self.call("TransactWriteItems", json!({ "TransactItems": items }))
                        .await
                }
                Step::Ask(ask) => return self.compare(ask).await,
            };
        assert!(matches!(done.0, 200 | 400), "{done:?}");
    }
}

#[test]
fn a_partition_that_was_too_large_is_tried_again_ever_less_often() {
    let ask = Ask {
        pk: 0,
        range: 0,
        a: 0,
        b: 0,
        ascending: true,
        limit: None,
        projected: true,
    };
    let wanted = Wanted::read(ask.body().to_string().as_bytes()).expect("a query of the store's");
    let kept = Kept::default();
    assert!(kept.admits(&wanted));
    let mut waits = Vec::new();
    for _ in 0..9 {
        kept.keep(&wanted, None);
        waits.push((1..).find(|_| kept.admits(&wanted)));
    }
    let expected = [64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096].map(Some);
    assert_eq!(waits, expected);
    kept.keep(&wanted, Some(Partition::new()));
    assert!(kept.answer(&wanted).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_kept_partition_answers_as_the_engine_does(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let engine = Arc::new(Engine::memory(Arc::new(SystemClock)).expect("an engine"));
            let db = Db::embedded(Arc::clone(&engine) as _, Arc::new(SystemClock));
            db.create_tables().await.expect("tables");
            drop(db);
            let both = Both { engine: Arc::into_inner(engine).expect("the only handle") };
            for step in &steps {
                both.carry_out(step).await;
            }
        });
    }
}

//! What is read beside the engine is what the engine answers: a query that also asks what it costs
//! is always the engine's.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::clock::{Clock as _, SystemClock};
use crate::embedded::{Call, Engine, Transport as _};

const TABLE: &str = "weir-records";
const PARTITIONS: [&str; 2] = ["g/t#1#0", "p\"é"];

#[derive(Debug, Clone)]
enum Step {
    /// (partition, sort key, bytes) each, put or deleted.
    Transact(Vec<(bool, Write)>),
    Ask(Ask),
}

type Write = (usize, u8, usize);

#[derive(Debug, Clone)]
struct Ask {
    pk: usize,
    range: u8,
    a: u8,
    b: u8,
    ascending: bool,
    limit: Option<usize>,
    start: Option<u8>,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![9 => 0..40_usize, 1 => 150_000..250_000_usize];
    let write = (any::<bool>(), (0..2_usize, 0..24_u8, bytes));
    let writes = prop::collection::vec(write, 1..12).prop_map(|writes| {
        let mut seen = HashSet::new();
        let unique = writes.into_iter();
        let unique = unique.filter(|(_, (pk, sk, _))| seen.insert((*pk, *sk)));
        Step::Transact(unique.collect())
    });
    let limit = prop::option::of(1..9_usize);
    let start = prop::option::of(0..24_u8);
    let ask = (
        0..2_usize,
        0..4_u8,
        0..24_u8,
        0..24_u8,
        any::<bool>(),
        limit,
        start,
    );
    let ask = ask.prop_map(|(pk, range, a, b, ascending, limit, start)| {
        Step::Ask(Ask {
            pk,
            range,
            a,
            b,
            ascending,
            limit,
            start,
        })
    });
    prop_oneof![1 => writes, 2 => ask]
}

fn sk(n: u8) -> String {
    format!("t{n:02}|\"é{}", "\u{1}".repeat(n.into()))
}

fn key(pk: usize, n: u8) -> Value {
    json!({ "pk": { "S": PARTITIONS[pk] }, "sk": { "S": sk(n) } })
}

fn action((is_put, (pk, n, bytes)): &(bool, Write)) -> Value {
    let key = key(*pk, *n);
    if !is_put {
        return json!({ "Delete": { "TableName": TABLE, "Key": key } });
    }
    let mut item = key;
    item["doc"] = json!({ "S": format!("{{\"a\":\"{}\\u00e9\"}}", "x".repeat(*bytes)) });
    json!({ "Put": { "TableName": TABLE, "Item": item } })
}

impl Ask {
    fn query(&self) -> Value {
        let (a, b) = (self.a.min(self.b), self.a.max(self.b));
        let (condition, bounds) = match self.range {
            0 => ("pk = :pk", vec![]),
            1 => ("pk = :pk AND sk BETWEEN :a AND :b", vec![a, b]),
            2 => ("pk = :pk AND sk >= :a", vec![a]),
            // Not a form that is read here.
            _ => ("pk = :pk AND begins_with(sk, :a)", vec![a]),
        };
        let mut values = json!({ ":pk": { "S": PARTITIONS[self.pk] } });
        for (name, bound) in [":a", ":b"].into_iter().zip(bounds) {
            values[name] = json!({ "S": sk(bound) });
        }
        let mut query = json!({
            "TableName": TABLE,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": self.ascending,
            "ConsistentRead": true,
        });
        if let Some(limit) = self.limit {
            query["Limit"] = limit.into();
        }
        if let Some(start) = self.start {
            query["ExclusiveStartKey"] = key(self.pk, start);
        }
        query
    }
}

async fn call(engine: &Engine, operation: &str, body: Value) -> (u16, Value) {
    let call = Call {
        operation: operation.to_owned(),
        body: body.to_string().into(),
        signed_at: SystemClock.now(),
    };
    let answer = engine.call(call).await.expect("an answer");
    let body = serde_json::from_slice(&answer.body).expect("JSON");
    (answer.status, body)
}

/// All items, page by page; pages may end elsewhere.
async fn pages(engine: &Engine, query: &Value, cost: bool) -> (u16, Vec<Value>) {
    let mut query = query.clone();
    if cost {
        query["ReturnConsumedCapacity"] = "TOTAL".into();
    }
    let mut items = Vec::new();
    loop {
        let (status, mut page) = call(engine, "Query", query.clone()).await;
        if status != 200 {
            return (status, vec![]);
        }
        let count = page["Count"].as_u64();
        let found = page["Items"].as_array_mut().expect("items");
        assert_eq!(count, u64::try_from(found.len()).ok());
        items.append(found);
        match page.get("LastEvaluatedKey") {
            Some(key) => query["ExclusiveStartKey"] = key.clone(),
            None => return (200, items),
        }
    }
}

async fn play(steps: Vec<Step>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("weir.db");
    let engine = Engine::open_with_tables(&path, Arc::new(SystemClock));
    let engine = engine.await.expect("an engine");
    for step in steps {
        match step {
            Step::Transact(writes) => {
                let actions: Vec<Value> = writes.iter().map(action).collect();
                let body = json!({ "TransactItems": actions });
                assert_eq!(call(&engine, "TransactWriteItems", body).await.0, 200);
            }
            Step::Ask(ask) => {
                let query = ask.query();
                let beside = pages(&engine, &query, false).await;
                assert_eq!(beside, pages(&engine, &query, true).await, "{query}");
            }
        }
    }
}

#[test]
fn what_is_read_beside_the_engine_is_what_it_answers() {
    let config = Config {
        cases: 24,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 1..25);
    let tried = TestRunner::new(config).run(&steps, |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(play(steps));
        Ok(())
    });
    tried.expect("both answer the same");
}

#[tokio::test]
async fn queries_of_records_are_read_beside_the_engine_and_others_are_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("weir.db");
    let engine = Engine::open_with_tables(&path, Arc::new(SystemClock));
    drop(engine.await.expect("an engine"));
    let readers = Arc::new(Readers::of(&path));
    let ask = Ask {
        pk: 0,
        range: 1,
        a: 1,
        b: 9,
        ascending: true,
        limit: None,
        start: None,
    };
    let query = ask.query();
    let read = |query: &Value| Wanted::read(query.to_string().as_bytes()).expect("a query");
    let answer = readers.answer(read(&query)).await.expect("an answer");
    assert_eq!(
        &answer.body[..],
        br#"{"Items":[],"Count":0,"ScannedCount":0}"#
    );
    let mut of_others = query.clone();
    of_others["TableName"] = "weir-registry".into();
    assert!(readers.answer(read(&of_others)).await.is_none());
    let mut of_parts = query.clone();
    of_parts["ProjectionExpression"] = "#a0".into();
    of_parts["ExpressionAttributeNames"] = json!({ "#a0": "sk" });
    assert!(readers.answer(read(&of_parts)).await.is_none());
    // Whatever SQLite has against it is the engine's to say.
    let nowhere = Arc::new(Readers::of(&directory.path().join("no/such.db")));
    assert!(nowhere.answer(read(&query)).await.is_none());
}

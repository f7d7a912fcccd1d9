//! Notes which calls a process makes, as IAM names them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use serde_json::Value;
use weir_store::db::{Table, TableNames};
use weir_store::embedded::{Answer, Call, Cut, Transport};

/// Actions on tables.
pub(crate) type Actions = BTreeSet<(String, Table)>;

/// Lets calls through and notes them.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    line: Arc<dyn Transport>,
    seen: Arc<Mutex<Actions>>,
}

impl Recorder {
    pub(crate) fn new(line: Arc<dyn Transport>) -> Self {
        Self {
            line,
            seen: Arc::default(),
        }
    }

    /// What was called so far.
    pub(crate) fn seen(&self) -> Actions {
        self.seen.lock().expect("no holder panics").clone()
    }
}

impl Transport for Recorder {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        let body = serde_json::from_slice(&call.body).expect("calls are JSON");
        let needed = actions(&call.operation, &body);
        self.seen.lock().expect("no holder panics").extend(needed);
        self.line.call(call)
    }
}

/// The actions that a call needs: its own on its table or on each table of a batch; for a
/// transaction those of its items (DynamoDB developer guide, "Using IAM with DynamoDB
/// transactions").
fn actions(operation: &str, body: &Value) -> Actions {
    let of = |action: &str, name: &str| {
        let prefix = "dynamodb:";
        (format!("{prefix}{action}"), table(name))
    };
    let items = body["TransactItems"].as_array().into_iter().flatten();
    let items = items.flat_map(|item| item.as_object().expect("an item is an object"));
    let in_transaction = items.map(|(kind, item)| {
        let action = match kind.as_str() {
            "ConditionCheck" => "ConditionCheckItem".to_owned(),
            kind => format!("{kind}Item"),
        };
        of(&action, item["TableName"].as_str().expect("a name"))
    });
    let batch = body["RequestItems"].as_object().into_iter().flatten();
    let in_batch = batch.map(|(name, _)| of(operation, name));
    let alone = body["TableName"].as_str().map(|name| of(operation, name));
    let all: Actions = in_transaction.chain(in_batch).chain(alone).collect();
    assert!(!all.is_empty(), "{operation} is unknown here");
    all
}

fn table(name: &str) -> Table {
    let names = TableNames::default();
    let table = Table::ALL
        .into_iter()
        .find(|table| names.of(*table) == name);
    table.unwrap_or_else(|| panic!("no table is called {name}"))
}

#[test]
fn a_call_needs_the_actions_of_what_is_in_it() {
    use serde_json::json;
    let check = |operation: &str, body: Value, expected: &[(&str, Table)]| {
        let expected = expected
            .iter()
            .map(|(action, table)| (format!("dynamodb:{action}"), *table));
        assert_eq!(actions(operation, &body), expected.collect());
    };
    check(
        "Query",
        json!({"TableName": "weir-chunks"}),
        &[("Query", Table::Chunks)],
    );
    check(
        "BatchGetItem",
        json!({"RequestItems": {"weir-receipts": {}, "weir-registry": {}}}),
        &[
            ("BatchGetItem", Table::Receipts),
            ("BatchGetItem", Table::Registry),
        ],
    );
    check(
        "TransactWriteItems",
        json!({"TransactItems": [
            {"Put": {"TableName": "weir-inbox"}},
            {"ConditionCheck": {"TableName": "weir-receipts"}},
            {"Put": {"TableName": "weir-inbox"}},
        ]}),
        &[
            ("PutItem", Table::Inbox),
            ("ConditionCheckItem", Table::Receipts),
        ],
    );
}

//! A call as a rule sees it.

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use weir_model::Timestamp;
use weir_store::db::{Table, TableNames};
use weir_store::embedded::Call;

/// A call on its way.
#[derive(Debug)]
pub struct Seen {
    actor: Arc<str>,
    call: Call,
    body: OnceLock<Value>,
}

impl Seen {
    pub(super) fn new(actor: Arc<str>, call: Call) -> Self {
        Self {
            actor,
            call,
            body: OnceLock::new(),
        }
    }

    /// This call with another input.
    pub(super) fn with_body(&self, body: &Value) -> Self {
        let call = self.remade(self.operation(), body);
        Self::new(Arc::clone(&self.actor), call)
    }

    /// Another call, signed when this one was.
    pub(super) fn remade(&self, operation: &str, body: &Value) -> Call {
        Call {
            operation: operation.to_owned(),
            body: body.to_string().into(),
            signed_at: self.call.signed_at,
        }
    }

    pub(super) fn call(&self) -> Call {
        self.call.clone()
    }

    /// The process that made it.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The operation, such as `PutItem`.
    pub fn operation(&self) -> &str {
        &self.call.operation
    }

    /// Whether it is this operation.
    pub fn is(&self, operation: &str) -> bool {
        self.operation() == operation
    }

    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        let writes = [
            "PutItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
        ];
        writes.contains(&self.operation())
    }

    /// Its input.
    pub fn body(&self) -> &Value {
        let read = || serde_json::from_slice(&self.call.body).unwrap_or_default();
        self.body.get_or_init(read)
    }

    /// Whether its input holds this text.
    pub fn mentions(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.call.body).contains(text)
    }

    /// Whether it reads or writes this table.
    pub fn touches(&self, table: Table) -> bool {
        let names = TableNames::default();
        self.tables().contains(&names.of(table))
    }

    /// The tables' names, one for each item of a transaction.
    pub fn tables(&self) -> Vec<&str> {
        let body = self.body();
        let actions = body["TransactItems"].as_array().into_iter().flatten();
        let of_actions = actions.flat_map(|action| action.as_object().into_iter().flatten());
        let of_actions = of_actions.filter_map(|(_, action)| action["TableName"].as_str());
        let of_batch = body["RequestItems"].as_object().into_iter().flatten();
        let of_batch = of_batch.map(|(name, _)| name.as_str());
        body["TableName"]
            .as_str()
            .into_iter()
            .chain(of_actions)
            .chain(of_batch)
            .collect()
    }

    /// When it was signed, in whole seconds.
    pub fn signed_at(&self) -> Timestamp {
        self.call.signed_at
    }
}

//! Deletes expired items. DynamoDB does this by itself; an embedded engine is asked to.
//!
//! Expiry is housekeeping: conditions and reads compare `expires` themselves. So a sweep may
//! take its time, and goes through a table a few pages at a call.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Value, json};

use super::engine::Engine;
use super::transport::{Answer, Call, Cut, Transport as _};
use crate::tables::{EXPIRES, Table, TableNames};

/// Items a transaction may have (DynamoDB developer guide, "Quotas").
const DELETIONS: usize = 100;

/// Where the sweep of each table goes on.
#[derive(Debug, Default)]
pub(super) struct Positions(Mutex<HashMap<Table, Value>>);

impl Positions {
    fn of(&self, table: Table) -> Option<Value> {
        self.0
            .lock()
            .expect("no holder panics")
            .get(&table)
            .cloned()
    }

    fn put(&self, table: Table, position: Option<Value>) {
        let mut positions = self.0.lock().expect("no holder panics");
        match position {
            Some(position) => positions.insert(table, position),
            None => positions.remove(&table),
        };
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scanned {
    items: Vec<Value>,
    last_evaluated_key: Option<Value>,
}

impl Engine {
    /// Deletes expired items of the tables that have any, and says how many. Looks at `pages`
    /// pages of 500 items, or 1 MB, in each table and goes on from there at the next call, from the beginning
    /// again after the end.
    pub async fn sweep_expired(&self, names: &TableNames, pages: usize) -> Result<u64, Cut> {
        let mut deleted = 0;
        for table in Table::ALL.into_iter().filter(|table| table.expires()) {
            for _ in 0..pages {
                deleted += self.sweep_page(table, names.of(table)).await?;
                if self.positions.of(table).is_none() {
                    break;
                }
            }
        }
        Ok(deleted)
    }

    async fn sweep_page(&self, table: Table, name: &str) -> Result<u64, Cut> {
        let now = self.clock.now().as_millis().div_euclid(1000).to_string();
        let scan = json!({
            "TableName": name,
            "ProjectionExpression": if table.has_sort_key() { "pk, sk" } else { "pk" },
            "FilterExpression": "#expires <= :now",
            "ExpressionAttributeNames": { "#expires": EXPIRES },
            "ExpressionAttributeValues": { ":now": { "N": now } },
            "ExclusiveStartKey": self.positions.of(table),
        });
        let answer = self.ask("Scan", scan).await?;
        let scanned: Scanned = serde_json::from_slice(&answer.body)
            .map_err(|_| Cut(String::from_utf8_lossy(&answer.body).into_owned()))?;
        let mut deleted = 0;
        for keys in scanned.items.chunks(DELETIONS) {
            let deletions: Vec<_> = keys.iter().map(|key| deletion(name, key, &now)).collect();
            let done = self
                .ask("TransactWriteItems", json!({ "TransactItems": deletions }))
                .await?;
            // Refused when an item was replaced since the scan; the next sweep sees to the others.
            if done.status == 200 {
                deleted += keys.len() as u64;
            }
        }
        self.positions.put(table, scanned.last_evaluated_key);
        Ok(deleted)
    }

    async fn ask(&self, operation: &str, body: Value) -> Result<Answer, Cut> {
        let body = body.to_string().into();
        let signed_at = self.clock.now();
        self.call(Call {
            operation: operation.to_owned(),
            body,
            signed_at,
        })
        .await
    }
}

/// Deletes the item unless another has taken its place since.
pub(super) fn deletion(name: &str, key: &Value, now: &str) -> Value {
    json!({ "Delete": {
        "TableName": name,
        "Key": key,
        "ConditionExpression": "#expires <= :now",
        "ExpressionAttributeNames": { "#expires": EXPIRES },
        "ExpressionAttributeValues": { ":now": { "N": now } },
    }})
}

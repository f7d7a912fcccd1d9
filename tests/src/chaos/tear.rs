//! Calls in pieces: what DynamoDB does to several items at once is seen item by item by others.
//!
//! This is what its isolation allows (DynamoDB developer guide, "Isolation levels"): a
//! transaction is one for another transaction and for a read of one item, but not for a query, a
//! scan or a batch, and those two are nothing but reads or writes of one item after the other.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};
use weir_model::Timestamp;
use weir_store::embedded::{Answer, Call, Cut};

use super::locks::{actions, place, place_of};
use super::{Dice, Hub, Seen, When, answers, overtake};

/// Items that a torn query or scan reads at one moment.
const STEP: usize = 4;

/// What a query, a scan or a batch reads at most (DynamoDB API reference, Query).
const PAGE_BYTES: usize = 1 << 20;

/// Of an item that may be there or not.
const ANYTHING: &str = "attribute_exists(pk) OR attribute_not_exists(pk)";

impl Hub {
    /// Carries out a call, in pieces if calls are torn.
    pub(super) async fn deliver(&self, seen: &Seen) -> Result<Answer, Cut> {
        let torn = self.torn.load(Ordering::SeqCst);
        match seen.operation() {
            "TransactWriteItems" => self.transact(seen, torn).await,
            "PutItem" | "DeleteItem" if self.locks.is_taken(&place_of(seen.body())) => {
                Ok(answers::conflict(seen))
            }
            "BatchWriteItem" if torn || !self.locks.is_empty() => self.write_each(seen).await,
            "BatchGetItem" if torn => self.get_each(seen).await,
            "Query" | "Scan" if torn => self.read_in_steps(seen).await,
            _ => self.engine.call(seen.call()).await,
        }
    }

    async fn transact(&self, seen: &Seen, torn: bool) -> Result<Answer, Cut> {
        let actions = actions(seen);
        let places: Vec<_> = actions.iter().map(|(_, action)| place_of(action)).collect();
        let Some(_taken) = self.locks.take(places.clone()) else {
            let taken = |n: usize| self.locks.is_taken(&places[n]);
            let reason = |n| {
                if taken(n) {
                    "TransactionConflict"
                } else {
                    "None"
                }
            };
            return Ok(answers::cancelled(seen, reason));
        };
        if !torn {
            return self.engine.call(seen.call()).await;
        }
        let checks: Vec<Value> = actions.iter().map(|(_, action)| check(action)).collect();
        let checks = json!({ "TransactItems": checks });
        let answer = self
            .engine
            .call(seen.remade("TransactWriteItems", &checks))
            .await?;
        if answer.status != 200 {
            return Ok(answer);
        }
        for place in self.order(actions.len()) {
            let (kind, action) = actions[place];
            if let Some((operation, body)) = unconditional(kind, action) {
                // The whole was not too late when it was checked, so its parts cannot be.
                let write = Call {
                    signed_at: Timestamp::MAX,
                    ..seen.remade(operation, &body)
                };
                finish(self.piece(seen, place, write).await?);
            }
        }
        Ok(done(json!({})))
    }

    async fn write_each(&self, seen: &Seen) -> Result<Answer, Cut> {
        let mut left = Map::new();
        for (n, (name, request)) in batch(seen, |requests| requests).into_iter().enumerate() {
            let (operation, field, attributes) = match request.get("PutRequest") {
                Some(put) => ("PutItem", "Item", &put["Item"]),
                None => ("DeleteItem", "Key", &request["DeleteRequest"]["Key"]),
            };
            if self.locks.is_taken(&place(name, attributes)) {
                let of_table = left.entry(name).or_insert_with(|| json!([]));
                of_table
                    .as_array_mut()
                    .expect("it is a list")
                    .push(request.clone());
                continue;
            }
            let write = seen.remade(operation, &json!({ "TableName": name, field: attributes }));
            let answer = self.piece(seen, n, write).await?;
            if n == 0 && answer.status != 200 {
                return Ok(answer);
            }
            finish(answer);
        }
        Ok(done(json!({ "UnprocessedItems": left })))
    }

    async fn get_each(&self, seen: &Seen) -> Result<Answer, Cut> {
        let mut found = Map::new();
        for (n, (name, key)) in batch(seen, |requests| &requests["Keys"])
            .into_iter()
            .enumerate()
        {
            let mut get = seen.body()["RequestItems"][name].clone();
            get.as_object_mut()
                .expect("a table's keys are in a map")
                .remove("Keys");
            get["TableName"] = name.into();
            get["Key"] = key.clone();
            let answer = self.piece(seen, n, seen.remade("GetItem", &get)).await?;
            if answer.status != 200 {
                return Ok(answer);
            }
            let of_table = found.entry(name).or_insert_with(|| json!([]));
            let item = parse(&answer)["Item"].take();
            if !item.is_null() {
                of_table.as_array_mut().expect("it is a list").push(item);
            }
        }
        Ok(done(json!({ "Responses": found, "UnprocessedKeys": {} })))
    }

    /// For reads without a filter: an item that is looked at is an item that is found.
    async fn read_in_steps(&self, seen: &Seen) -> Result<Answer, Cut> {
        let wanted = seen.body()["Limit"].as_u64().map_or(usize::MAX, to_count);
        let (mut body, mut items, mut bytes) = (seen.body().clone(), Vec::new(), 0);
        for n in 0.. {
            let step = STEP.min(wanted - items.len());
            body["Limit"] = step.into();
            let answer = self
                .piece(seen, n, seen.remade(seen.operation(), &body))
                .await?;
            if answer.status != 200 {
                return Ok(answer);
            }
            let mut page = parse(&answer);
            let found = page["Items"]
                .as_array_mut()
                .map(std::mem::take)
                .unwrap_or_default();
            // Fewer than asked for, though there are more, is a page that is full.
            let full = found.len() < step;
            bytes += answer.body.len();
            items.extend(found);
            body["ExclusiveStartKey"] = page["LastEvaluatedKey"].take();
            let at_end = body["ExclusiveStartKey"].is_null() || items.len() >= wanted;
            if full || at_end || bytes >= PAGE_BYTES {
                break;
            }
        }
        let (count, next) = (items.len(), body["ExclusiveStartKey"].take());
        let mut whole = json!({ "Count": count, "ScannedCount": count, "Items": items });
        if !next.is_null() {
            whole["LastEvaluatedKey"] = next;
        }
        Ok(done(whole))
    }

    /// Carries out one piece of a call, and lets others go in between.
    async fn piece(&self, of: &Seen, place: usize, call: Call) -> Result<Answer, Cut> {
        self.pass_barriers(When::Before, Some(place), of).await;
        let answer = self.engine.call(call).await?;
        self.pass_barriers(When::After, Some(place), of).await;
        let pause = self.rules().dice.as_mut().map_or(1, Dice::pause);
        overtake(pause).await;
        Ok(answer)
    }

    fn order(&self, items: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..items).collect();
        if let Some(dice) = &mut self.rules().dice {
            dice.shuffle(&mut places);
        }
        places
    }
}

/// Each table's name with each of the things asked of it.
fn batch<'a>(seen: &'a Seen, list: impl Fn(&'a Value) -> &'a Value) -> Vec<(&'a str, &'a Value)> {
    let tables = seen.body()["RequestItems"]
        .as_object()
        .into_iter()
        .flatten();
    let each = tables.flat_map(|(name, requests)| {
        let requests = list(requests).as_array().into_iter().flatten();
        requests.map(move |request| (name.as_str(), request))
    });
    each.collect()
}

/// An action's condition alone.
fn check(action: &Value) -> Value {
    let key = action
        .get("Key")
        .cloned()
        .unwrap_or_else(|| key_of(&action["Item"]));
    let mut check = json!({ "TableName": action["TableName"], "Key": key });
    check["ConditionExpression"] = ANYTHING.into();
    for field in [
        "ConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
    ] {
        if let Some(value) = action.get(field) {
            check[field] = value.clone();
        }
    }
    json!({ "ConditionCheck": check })
}

fn key_of(item: &Value) -> Value {
    let attributes = ["pk", "sk"].into_iter();
    let there = attributes.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    Value::Object(there.collect())
}

/// The write that an action does when its condition holds; nothing if it only checks.
fn unconditional(kind: &str, action: &Value) -> Option<(&'static str, Value)> {
    let (operation, field) = match kind {
        "Put" => ("PutItem", "Item"),
        "Delete" => ("DeleteItem", "Key"),
        "ConditionCheck" => return None,
        _ => panic!("cannot tear a transaction with {kind} in it"),
    };
    let body = json!({ "TableName": action["TableName"], field: action[field] });
    Some((operation, body))
}

fn to_count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn parse(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("the engine answers in JSON")
}

fn done(body: Value) -> Answer {
    Answer {
        status: 200,
        body: body.to_string().into(),
    }
}

/// A torn call must not fail after others may have seen a part of it.
fn finish(answer: Answer) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(
        answer.status, 200,
        "a torn call could not be completed: {body}"
    );
}

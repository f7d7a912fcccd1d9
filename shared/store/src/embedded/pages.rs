//! Queries and scans of the engine, in strides.
//!
//! The engine reads every item of a key condition, or of a table, before it looks how many fill a
//! page. Where there are many pages, each would cost as much as all of them, and hold up every
//! write for as long. So it is asked for a limited number of items, more each time until a page is
//! full.

use std::collections::HashMap;

use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::scan::{ScanRequest, ScanResponse};
use dynoxide::{AttributeValue, Database, DynoxideError, Item};

use super::kept::{Partition, Wanted};

/// Items that are asked for first.
const FIRST: usize = 32;

/// Items of an answer to a query that does not say how many.
const ITEMS_MAX: usize = 1000;

/// Items that a scan looks at, if it does not say how many: some 5 ms.
const SCANNED_MAX: usize = 500;

type Key = HashMap<String, AttributeValue>;

/// What was read of a page so far.
#[derive(Default)]
struct Read {
    items: Vec<Item>,
    count: usize,
    scanned: usize,
    next: Option<Key>,
}

/// Answers a query. A page may end earlier than DynamoDB's would, which its protocol allows; one
/// that asks what it costs is left to the engine.
pub(super) fn query(db: &Database, request: QueryRequest) -> Result<QueryResponse, DynoxideError> {
    if request.return_consumed_capacity.is_some() || request.select.is_some() {
        return db.query(request);
    }
    let read = in_strides(request.limit.unwrap_or(ITEMS_MAX), |limit, from| {
        let page = db.query(part(&request, limit, from))?;
        Ok(Read {
            items: page.items.unwrap_or_default(),
            count: page.count,
            scanned: page.scanned_count,
            next: page.last_evaluated_key,
        })
    })?;
    Ok(QueryResponse {
        items: Some(read.items),
        count: read.count,
        scanned_count: read.scanned,
        last_evaluated_key: read.next,
        consumed_capacity: None,
    })
}

/// Answers a scan, in the same way.
pub(super) fn scan(db: &Database, request: ScanRequest) -> Result<ScanResponse, DynoxideError> {
    if request.return_consumed_capacity.is_some() || request.select.is_some() {
        return db.scan(request);
    }
    let read = in_strides(request.limit.unwrap_or(SCANNED_MAX), |limit, from| {
        let first = from.is_none();
        let page = db.scan(ScanRequest {
            table_name: request.table_name.clone(),
            filter_expression: request.filter_expression.clone(),
            projection_expression: request.projection_expression.clone(),
            expression_attribute_names: request.expression_attribute_names.clone(),
            expression_attribute_values: request.expression_attribute_values.clone(),
            limit: Some(limit),
            exclusive_start_key: from.or_else(|| request.exclusive_start_key.clone()),
            consistent_read: request.consistent_read,
            exclusive_start_key_raw: request.exclusive_start_key_raw.clone().filter(|_| first),
            ..ScanRequest::default()
        })?;
        Ok(Read {
            items: page.items.unwrap_or_default(),
            count: page.count,
            scanned: page.scanned_count,
            next: page.last_evaluated_key,
        })
    })?;
    Ok(ScanResponse {
        items: Some(read.items),
        count: read.count,
        scanned_count: read.scanned,
        last_evaluated_key: read.next,
        consumed_capacity: None,
    })
}

/// Reads so many items, unless a page's bytes or the end come first.
fn in_strides(
    most: usize,
    mut read: impl FnMut(usize, Option<Key>) -> Result<Read, DynoxideError>,
) -> Result<Read, DynoxideError> {
    let mut stride = FIRST;
    let mut sum = Read::default();
    loop {
        let asked = stride.min(most - sum.scanned);
        let page = read(asked, sum.next.take())?;
        sum.items.extend(page.items);
        sum.count += page.count;
        sum.scanned += page.scanned;
        sum.next = page.next;
        let is_full = page.scanned < asked;
        if sum.next.is_none() || is_full || sum.scanned >= most {
            return Ok(sum);
        }
        stride *= 2;
    }
}

/// The query once more, for some items behind a key.
fn part(request: &QueryRequest, limit: usize, from: Option<Key>) -> QueryRequest {
    let first = from.is_none();
    QueryRequest {
        table_name: request.table_name.clone(),
        key_condition_expression: request.key_condition_expression.clone(),
        filter_expression: request.filter_expression.clone(),
        projection_expression: request.projection_expression.clone(),
        expression_attribute_names: request.expression_attribute_names.clone(),
        expression_attribute_values: request.expression_attribute_values.clone(),
        scan_index_forward: request.scan_index_forward,
        limit: Some(limit),
        exclusive_start_key: from.or_else(|| request.exclusive_start_key.clone()),
        consistent_read: request.consistent_read,
        exclusive_start_key_raw: request.exclusive_start_key_raw.clone().filter(|_| first),
        ..QueryRequest::default()
    }
}

/// Reads the whole partition that a query asks for; nothing if it is too large to be kept.
pub(super) fn read_partition(
    db: &Database,
    wanted: &Wanted,
) -> Result<Option<Partition>, DynoxideError> {
    let mut partition = Partition::new();
    let pk = AttributeValue::S(wanted.pk().unwrap_or_default().to_owned());
    let whole = QueryRequest {
        table_name: wanted.table_name().to_owned(),
        key_condition_expression: Some("pk = :pk".to_owned()),
        expression_attribute_values: Some([(":pk".to_owned(), pk)].into()),
        scan_index_forward: true,
        ..QueryRequest::default()
    };
    let mut from = None;
    loop {
        let page = query(db, part(&whole, ITEMS_MAX, from))?;
        for item in page.items.unwrap_or_default() {
            if !partition.add(&item) {
                return Ok(None);
            }
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(Some(partition));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn database(items: usize, bytes: usize) -> Database {
        let db = Database::memory().expect("a database");
        let table = json!({
            "TableName": "weir-chunks",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" },
            ],
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "S" },
            ],
        });
        db.create_table(serde_json::from_value(table).expect("a table"))
            .expect("it is made");
        for item in 0..items {
            let put = json!({
                "TableName": "weir-chunks",
                "Item": {
                    "pk": { "S": "p" },
                    "sk": { "S": format!("{item:05}") },
                    "text": { "S": "x".repeat(bytes) },
                },
            });
            db.put_item(serde_json::from_value(put).expect("a put"))
                .expect("it is put");
        }
        db
    }

    /// The sort keys of a query's pages.
    fn pages(db: &Database, limit: Option<usize>, ascending: bool) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut from = Value::Null;
        loop {
            let mut body = json!({
                "TableName": "weir-chunks",
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": { ":pk": { "S": "p" } },
                "ProjectionExpression": "sk",
                "ScanIndexForward": ascending,
                "ExclusiveStartKey": from,
            });
            if let Some(limit) = limit {
                body["Limit"] = json!(limit);
            }
            let page = query(db, serde_json::from_value(body).expect("a query")).expect("a page");
            let page = serde_json::to_value(&page).expect("JSON");
            let items = page["Items"].as_array().expect("items");
            assert_eq!(page["Count"], items.len());
            let keys = items
                .iter()
                .map(|item| item["sk"]["S"].as_str().expect("a key").to_owned());
            pages.push(keys.collect());
            match page.get("LastEvaluatedKey") {
                Some(key) => from = key.clone(),
                None => return pages,
            }
        }
    }

    fn all(items: usize) -> Vec<String> {
        (0..items).map(|item| format!("{item:05}")).collect()
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        for (items, bytes) in [(0, 1), (31, 1), (32, 1), (33, 1), (2100, 1), (90, 60_000)] {
            let db = database(items, bytes);
            for limit in [None, Some(1000), Some(7)] {
                let mut expected = all(items);
                assert_eq!(
                    pages(&db, limit, true).concat(),
                    expected,
                    "{items} of {bytes}"
                );
                expected.reverse();
                assert_eq!(
                    pages(&db, limit, false).concat(),
                    expected,
                    "{items} of {bytes}"
                );
            }
        }
    }

    #[test]
    fn a_scan_sees_every_item_once_a_few_at_a_time() {
        for (items, bytes) in [(0, 1), (33, 1), (1700, 1), (90, 60_000)] {
            let db = database(items, bytes);
            let mut seen = Vec::new();
            let mut from = Value::Null;
            loop {
                let body = json!({
                    "TableName": "weir-chunks",
                    "FilterExpression": "sk <> :not",
                    "ExpressionAttributeValues": { ":not": { "S": "00007" } },
                    "ProjectionExpression": "sk",
                    "ExclusiveStartKey": from,
                });
                let request = serde_json::from_value(body).expect("a scan");
                let page = serde_json::to_value(scan(&db, request).expect("a page")).expect("JSON");
                assert!(page["ScannedCount"].as_u64().expect("a count") <= SCANNED_MAX as u64);
                let rows = page["Items"].as_array().expect("items").iter();
                seen.extend(rows.map(|item| item["sk"]["S"].as_str().expect("a key").to_owned()));
                match page.get("LastEvaluatedKey") {
                    Some(key) => from = key.clone(),
                    None => break,
                }
            }
            seen.sort();
            let expected: Vec<_> = all(items)
                .into_iter()
                .filter(|key| key != "00007")
                .collect();
            assert_eq!(seen, expected, "{items} of {bytes}");
        }
    }

    #[test]
    fn a_page_has_no_more_than_its_limit_and_no_more_than_its_bytes() {
        let db = database(90, 60_000);
        assert!(pages(&db, Some(7), true).iter().all(|page| page.len() <= 7));
        let largest = pages(&db, None, true).iter().map(Vec::len).max();
        // 1 MB holds 17 of them.
        assert_eq!(largest, Some(17));
    }
}

//! Reads: strongly consistent, tried again until a deadline.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::classify::classify;
use super::client::signing_at;
use super::query::RowPage;
use super::query::projection;
use super::rows::{Batch, OfItem, PageReader, Row, Rows};
use super::{Attempt, CallError, Db, Deadline, Item, Key, Order, Page, Query, ReadError, answer};
use crate::backoff::Backoff;
use crate::tables::Table;

/// DynamoDB API reference, BatchGetItem.
const BATCH: usize = 100;

impl Db {
    /// Reads one item.
    pub async fn get(
        &self,
        table: Table,
        key: Key,
        deadline: Deadline,
    ) -> Result<Option<Item>, ReadError> {
        self.read(deadline, |attempt| {
            self.get_once(table, key.clone(), attempt)
        })
        .await
    }

    async fn get_once(
        &self,
        table: Table,
        key: Key,
        attempt: Attempt,
    ) -> Result<Option<Item>, CallError> {
        let request = self
            .client
            .get_item()
            .table_name(self.name(table))
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .set_return_consumed_capacity(self.capacity.wanted())
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let found = answer(attempt, request.send(), classify).await?;
        self.capacity.add_read(found.consumed_capacity.as_slice());
        Ok(found.item)
    }

    /// Reads items by key, in no particular order; those that are not there are left out.
    pub async fn get_many(
        &self,
        table: Table,
        keys: Vec<Key>,
        deadline: Deadline,
    ) -> Result<Vec<Item>, ReadError> {
        let mut seen = HashSet::new();
        let unique: Vec<Key> = keys
            .into_iter()
            .filter(|key| seen.insert(key.clone()))
            .collect();
        let mut items = Vec::new();
        for batch in unique.chunks(BATCH) {
            let mut left = batch
                .iter()
                .cloned()
                .map(Key::into_item)
                .collect::<Vec<_>>();
            let mut backoff = Backoff::new();
            while !left.is_empty() {
                let before = items.len();
                let (found, unprocessed) = self
                    .read(deadline, |attempt| {
                        self.get_batch(table, left.clone(), attempt)
                    })
                    .await?;
                items.extend(found);
                let stuck = items.len() == before && unprocessed.len() == left.len();
                left = unprocessed;
                if stuck {
                    backoff.pause().await;
                }
            }
        }
        Ok(items)
    }

    /// Gives what was found, and the keys that were not looked up.
    async fn get_batch(
        &self,
        table: Table,
        keys: Vec<Item>,
        attempt: Attempt,
    ) -> Result<(Vec<Item>, Vec<Item>), CallError> {
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true);
        let request = self
            .client
            .batch_get_item()
            .request_items(self.name(table), wanted.build().expect("the keys are set"))
            .set_return_consumed_capacity(self.capacity.wanted())
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let reader = PageReader::<Batch>::unless(self.capacity.is_on());
        let request = request.interceptor(reader.clone());
        let found = answer(attempt, request.send(), classify).await?;
        self.capacity.add_read(found.consumed_capacity());
        if let Some(mut batch) = reader.take() {
            let rows = batch.responses.remove(self.name(table));
            let items = rows.unwrap_or_default().into_iter().map(|Row(item)| item);
            return Ok((items.collect(), Vec::new()));
        }
        let items = found.responses.unwrap_or_default().remove(self.name(table));
        let left = found
            .unprocessed_keys
            .unwrap_or_default()
            .remove(self.name(table));
        Ok((
            items.unwrap_or_default(),
            left.map(|left| left.keys).unwrap_or_default(),
        ))
    }

    /// Reads one page of a partition, from behind the key `from` on.
    pub async fn query_page(
        &self,
        query: &Query,
        from: Option<Key>,
        deadline: Deadline,
    ) -> Result<Page, ReadError> {
        let page = self.query_rows::<Row>(query, from, deadline).await?;
        Ok(page.into())
    }

    /// The same, of each item only what `T` takes of it.
    pub(crate) async fn query_rows<T: OfItem>(
        &self,
        query: &Query,
        from: Option<Key>,
        deadline: Deadline,
    ) -> Result<RowPage<T>, ReadError> {
        self.read(deadline, |attempt| {
            self.query_once(query, from.clone(), attempt)
        })
        .await
    }

    async fn query_once<T: OfItem>(
        &self,
        query: &Query,
        from: Option<Key>,
        attempt: Attempt,
    ) -> Result<RowPage<T>, CallError> {
        let (condition, values) = query.condition();
        let (projection, names) = projection(query.attributes.as_deref());
        let request = self
            .client
            .query()
            .table_name(self.name(query.table))
            .key_condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .set_projection_expression(projection)
            .set_expression_attribute_names(names)
            .scan_index_forward(query.order == Order::Ascending)
            .set_limit(query.limit.map(to_limit))
            .set_exclusive_start_key(from.map(Key::into_item))
            .consistent_read(true)
            .set_return_consumed_capacity(self.capacity.wanted())
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let reader = PageReader::<Rows<T>>::unless(self.capacity.is_on());
        let request = request.interceptor(reader.clone());
        let found = answer(attempt, request.send(), classify).await?;
        self.capacity.add_read(found.consumed_capacity.as_slice());
        page(reader, found.items, found.last_evaluated_key)
    }

    /// Reads a partition page by page to its end, or to the query's limit.
    pub async fn query_all(
        &self,
        query: &Query,
        deadline: Deadline,
    ) -> Result<Vec<Item>, ReadError> {
        let mut rest = query.clone();
        let mut from = None;
        let mut items = Vec::new();
        loop {
            let page = self.query_page(&rest, from, deadline).await?;
            rest.limit = rest
                .limit
                .map(|n| n.saturating_sub(to_count(page.items.len())));
            items.extend(page.items);
            from = page.next;
            if from.is_none() || rest.limit == Some(0) {
                return Ok(items);
            }
        }
    }

    /// Reads one page of a table in no particular order, from behind the key `from` on. `limit`
    /// is how many items to look at, at most; `attributes` are those wanted, or all.
    pub async fn scan_page(
        &self,
        table: Table,
        from: Option<Key>,
        limit: Option<u32>,
        attributes: Option<Vec<&'static str>>,
        deadline: Deadline,
    ) -> Result<Page, ReadError> {
        let (attributes, from) = (&attributes, &from);
        let once = |attempt: Attempt| async move {
            let (projection, names) = projection(attributes.as_deref());
            let request = self
                .client
                .scan()
                .table_name(self.name(table))
                .set_projection_expression(projection)
                .set_expression_attribute_names(names)
                .set_limit(limit.map(to_limit))
                .set_exclusive_start_key(from.clone().map(Key::into_item))
                .consistent_read(true)
                .set_return_consumed_capacity(self.capacity.wanted())
                .customize()
                .config_override(signing_at(attempt.signed_at));
            let reader = PageReader::<Rows<Row>>::unless(self.capacity.is_on());
            let request = request.interceptor(reader.clone());
            let found = answer(attempt, request.send(), classify).await?;
            self.capacity.add_read(found.consumed_capacity.as_slice());
            page(reader, found.items, found.last_evaluated_key).map(Page::from)
        };
        self.read(deadline, once).await
    }

    pub(super) async fn read<T, F>(
        &self,
        deadline: Deadline,
        once: impl Fn(Attempt) -> F,
    ) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, CallError>> + Send,
    {
        let mut cause = "the deadline had passed".to_owned();
        let mut backoff = Backoff::new();
        while let Some(attempt) = self.attempt_until(deadline) {
            match once(attempt).await {
                Ok(found) => return Ok(found),
                Err(CallError::Invalid(why)) => return Err(ReadError::Invalid(why)),
                Err(error) => cause = error.to_string(),
            }
            backoff.pause().await;
        }
        Err(ReadError::Unavailable(cause))
    }
}

/// The page that the reader took, or else the SDK.
fn page<T: OfItem>(
    reader: PageReader<Rows<T>>,
    items: Option<Vec<Item>>,
    last: Option<Item>,
) -> Result<RowPage<T>, CallError> {
    let odd = |what: &str| CallError::Doubt(format!("a page {what}"));
    let rows = match reader.take() {
        Some(rows) => rows,
        None => {
            let rows = items.unwrap_or_default().into_iter().map(T::of_item);
            let rows: Option<Vec<T>> = rows.collect();
            Rows {
                items: rows.ok_or_else(|| odd("has an odd item"))?,
                last_evaluated_key: last,
            }
        }
    };
    let last = rows.last_evaluated_key.filter(|key| !key.is_empty());
    let next = last.map(|key| Key::of(&key).ok_or_else(|| odd("ended with an odd key")));
    Ok(RowPage {
        rows: rows.items,
        next: next.transpose()?,
    })
}

fn to_limit(limit: u32) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

fn to_count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

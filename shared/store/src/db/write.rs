//! Writes: single attempts, and repeats of those that may be repeated.

use std::borrow::Borrow;
use std::collections::HashSet;

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};

use super::body::Body;
use super::classify::{classify, classify_transaction};
use super::client::signing_at;
use super::{Attempt, CallError, Condition, Db, Deadline, Key, Put, Write, answer};
use crate::backoff::Backoff;
use crate::tables::Table;

/// DynamoDB API reference, BatchWriteItem.
const BATCH: usize = 25;

impl Db {
    /// Stores one item; one attempt.
    pub async fn put(&self, put: Put, attempt: Attempt) -> Result<(), CallError> {
        let condition = put.condition.as_ref();
        let request = self
            .client
            .put_item()
            .table_name(self.name(put.table))
            .set_condition_expression(condition.map(|c| c.expression.clone()))
            .set_expression_attribute_names(condition.and_then(Condition::names))
            .set_expression_attribute_values(condition.and_then(Condition::values))
            .set_item(Some(put.item))
            .set_return_consumed_capacity(self.capacity.wanted())
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let done = answer(attempt, request.send(), classify).await?;
        self.capacity.add_write(done.consumed_capacity.as_slice());
        Ok(())
    }

    /// Stores up to 100 items, all or none of them; one attempt. [`CallError::Cancelled`] has the
    /// reasons in the order of `puts`.
    pub async fn transact(
        &self,
        puts: impl IntoIterator<Item: Borrow<Put>>,
        attempt: Attempt,
    ) -> Result<(), CallError> {
        self.transact_body(
            Body::of_puts(puts, &self.names, self.capacity.wanted()),
            attempt,
        )
        .await
    }

    /// Stores and deletes up to 100 items, all or none of them; one attempt.
    /// [`CallError::Cancelled`] has the reasons in the order of `writes`.
    pub async fn transact_writes(
        &self,
        writes: &[Write],
        attempt: Attempt,
    ) -> Result<(), CallError> {
        self.transact_body(
            Body::of_writes(writes, &self.names, self.capacity.wanted()),
            attempt,
        )
        .await
    }

    async fn transact_body(
        &self,
        body: Result<Body, serde_json::Error>,
        attempt: Attempt,
    ) -> Result<(), CallError> {
        let body = body.map_err(|error| CallError::Invalid(error.to_string()))?;
        let request = self
            .client
            .transact_write_items()
            .customize()
            .interceptor(body)
            .config_override(signing_at(attempt.signed_at));
        let done = answer(attempt, request.send(), classify_transaction).await?;
        self.capacity.add_write(done.consumed_capacity());
        Ok(())
    }

    /// Deletes one item, if there; one attempt.
    pub async fn delete(
        &self,
        table: Table,
        key: Key,
        condition: Option<Condition>,
        attempt: Attempt,
    ) -> Result<(), CallError> {
        let condition = condition.as_ref();
        let request = self
            .client
            .delete_item()
            .table_name(self.name(table))
            .set_key(Some(key.into_item()))
            .set_condition_expression(condition.map(|c| c.expression.clone()))
            .set_expression_attribute_names(condition.and_then(Condition::names))
            .set_expression_attribute_values(condition.and_then(Condition::values))
            .set_return_consumed_capacity(self.capacity.wanted())
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let done = answer(attempt, request.send(), classify).await?;
        self.capacity.add_write(done.consumed_capacity.as_slice());
        Ok(())
    }

    /// Stores one item, trying again until the deadline.
    ///
    /// Only for an item that may be put twice: with a condition, [`CallError::Refused`] may come
    /// from an earlier attempt of its own whose answer was lost. At the deadline the error is
    /// [`CallError::Doubt`] if any attempt was in doubt.
    pub async fn put_repeatable(&self, put: Put, deadline: Deadline) -> Result<(), CallError> {
        self.repeat(deadline, |attempt| self.put(put.clone(), attempt))
            .await
    }

    /// Deletes items by key, trying again until the deadline; those that are not there count as
    /// deleted. Only for keys that are never used again.
    pub async fn delete_many(
        &self,
        table: Table,
        keys: Vec<Key>,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let mut seen = HashSet::new();
        let unique: Vec<Key> = keys
            .into_iter()
            .filter(|key| seen.insert(key.clone()))
            .collect();
        for batch in unique.chunks(BATCH) {
            let mut left = batch.iter().cloned().map(deletion).collect::<Vec<_>>();
            let mut backoff = Backoff::new();
            while !left.is_empty() {
                let before = left.len();
                left = self
                    .repeat(deadline, |attempt| {
                        self.write_batch(table, left.clone(), attempt)
                    })
                    .await?;
                if left.len() == before {
                    backoff.pause().await;
                }
            }
        }
        Ok(())
    }

    /// Gives back what was not done.
    async fn write_batch(
        &self,
        table: Table,
        writes: Vec<WriteRequest>,
        attempt: Attempt,
    ) -> Result<Vec<WriteRequest>, CallError> {
        let request = self
            .client
            .batch_write_item()
            .request_items(self.name(table), writes)
            .set_return_consumed_capacity(self.capacity.wanted())
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let done = answer(attempt, request.send(), classify).await?;
        self.capacity.add_write(done.consumed_capacity());
        let left = done
            .unprocessed_items
            .unwrap_or_default()
            .remove(self.name(table));
        Ok(left.unwrap_or_default())
    }

    /// Repeats attempts until one is done or refused for good, or the deadline has passed.
    async fn repeat<T, F>(
        &self,
        deadline: Deadline,
        one: impl Fn(Attempt) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>> + Send,
    {
        let mut failed = CallError::Throttled;
        let mut backoff = Backoff::new();
        while let Some(attempt) = self.attempt_until(deadline) {
            match one(attempt).await {
                Ok(done) => return Ok(done),
                Err(error) if error.is_final() => return Err(error),
                Err(error) if !matches!(failed, CallError::Doubt(_)) => failed = error,
                Err(_) => {}
            }
            backoff.pause().await;
        }
        Err(failed)
    }
}

impl CallError {
    /// Whether the same call would fail in the same way again.
    fn is_final(&self) -> bool {
        match self {
            Self::Refused | Self::Invalid(_) => true,
            Self::Cancelled(reasons) => reasons.contains(&super::Reason::Refused),
            Self::Throttled | Self::Conflict | Self::Expired | Self::Doubt(_) => false,
        }
    }
}

fn deletion(key: Key) -> WriteRequest {
    let delete = DeleteRequest::builder()
        .set_key(Some(key.into_item()))
        .build();
    WriteRequest::builder()
        .delete_request(delete.expect("the key is set"))
        .build()
}

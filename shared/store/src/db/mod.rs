//! The tables: the only code that calls the SDK.
//!
//! A write is one attempt, and its error says what is known of it; who sent it decides what to
//! do next, because only they know what a repeat would mean. Reads are strongly consistent and
//! are tried again until a deadline. The SDK itself never retries and has no time-outs: each
//! attempt is signed with a time that its caller chose, so that an attempt that was held up is
//! refused when it arrives, and given up after a time by tokio's clock.

mod body;
mod call;
mod capacity;
mod classify;
mod client;
mod create;
mod describe;
mod query;
mod read;
mod rows;
mod write;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
pub use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;

pub use call::{
    Attempt, CallError, Condition, Deadline, Delete, Item, Key, Put, ReadError, Reason, Write,
};
pub use capacity::Units;
pub use describe::Described;
pub use query::{Order, Page, Query, SkRange};
pub(crate) use rows::OfItem;

use crate::clock::Clock;
use crate::embedded::Transport;
pub use crate::tables::{Table, TableNames};
use capacity::Capacity;

/// The longest that one attempt of a read, or of a write that is repeated until a deadline, is
/// waited for.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A handle on an installation's tables. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    client: Client,
    names: TableNames,
    clock: Arc<dyn Clock>,
    capacity: Arc<Capacity>,
}

impl Db {
    /// Tables behind a client of the SDK's. It must neither retry nor correct its clock by the
    /// server's; [`settings`](Db::settings) has what is needed.
    pub fn new(client: Client, names: TableNames, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            names,
            clock,
            capacity: Arc::default(),
        }
    }

    /// Tables in an AWS account. Of its configuration the region, the credentials, the endpoint
    /// and the HTTP client are used; retries and time-outs are ours.
    pub fn on_aws(config: &SdkConfig, names: TableNames, clock: Arc<dyn Clock>) -> Self {
        Self::new(client::on_aws(config), names, clock)
    }

    /// Tables of an engine in this process.
    pub fn embedded(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self::new(client::embedded(transport), TableNames::default(), clock)
    }

    /// What every client's configuration begins with.
    pub fn settings() -> aws_sdk_dynamodb::config::Builder {
        client::settings()
    }

    /// The clock that deadlines and signatures go by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What the tables are called.
    pub fn names(&self) -> &TableNames {
        &self.names
    }

    /// Has DynamoDB tell what each call costs from now on.
    pub fn count_capacity(&self) {
        self.capacity.switch_on();
    }

    /// What the calls of this handle and its clones have cost since counting was switched on,
    /// without those that failed: nothing is told of them.
    pub fn capacity(&self) -> Units {
        self.capacity.so_far()
    }

    fn name(&self, table: Table) -> &str {
        self.names.of(table)
    }

    /// An attempt that is signed now and ends with the deadline; nothing once that has passed.
    fn attempt_until(&self, deadline: Deadline) -> Option<Attempt> {
        let signed_at = self.clock.now();
        let timeout = deadline.left(signed_at)?.min(ATTEMPT);
        Some(Attempt { signed_at, timeout })
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Waits for an answer as long as the attempt allows.
async fn answer<T, E>(
    attempt: Attempt,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    classify: impl FnOnce(SdkError<E, HttpResponse>) -> CallError,
) -> Result<T, CallError> {
    match tokio::time::timeout(attempt.timeout, call).await {
        Ok(answer) => answer.map_err(classify),
        Err(_) => Err(CallError::Doubt(format!(
            "no answer within {:?}",
            attempt.timeout
        ))),
    }
}

#[cfg(test)]
mod tests;

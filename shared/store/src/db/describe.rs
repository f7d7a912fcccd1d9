//! What DynamoDB knows of a table itself.

use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;

use super::classify::classify;
use super::client::signing_at;
use super::{Attempt, CallError, Db, Deadline, ReadError, answer};
use crate::tables::Table;

/// A table that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its Amazon resource name, which has the region and the account in it.
    pub arn: String,
    /// Drawn when it was made: a table of the same name that is made later has another.
    pub id: String,
}

impl Db {
    /// Describes a table; nothing if there is none.
    pub async fn describe(
        &self,
        table: Table,
        deadline: Deadline,
    ) -> Result<Option<Described>, ReadError> {
        self.read(deadline, |attempt| self.describe_once(table, attempt))
            .await
    }

    async fn describe_once(
        &self,
        table: Table,
        attempt: Attempt,
    ) -> Result<Option<Described>, CallError> {
        let request = self
            .client
            .describe_table()
            .table_name(self.name(table))
            .customize()
            .config_override(signing_at(attempt.signed_at));
        let found = answer(attempt, request.send(), |error| {
            match error.as_service_error() {
                Some(DescribeTableError::ResourceNotFoundException(_)) => CallError::Refused,
                _ => classify(error),
            }
        });
        match found.await {
            Ok(found) => Ok(found.table.map(|table| Described {
                arn: table.table_arn.unwrap_or_default(),
                id: table.table_id.unwrap_or_default(),
            })),
            Err(CallError::Refused) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

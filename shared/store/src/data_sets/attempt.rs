//! Transactions of the set and record writers: one attempt, and what it means for the next.

use std::time::Duration;

use crate::db::{Attempt, CallError, Deadline, Reason, Write};
use crate::error::StoreError;
use crate::store::Store;

/// How long one attempt is waited for.
const ATTEMPT: Duration = Duration::from_secs(5);

impl Store {
    /// Attempts a transaction. Gives nothing when it is done; [`CallError::Refused`] when a
    /// condition failed, so that what was read has changed; any other failure may be gone after a
    /// pause. Whoever tries again reads again before: an attempt in doubt may have landed.
    ///
    /// # Errors
    /// When the deadline has passed, or the transaction can never be carried out.
    pub(super) async fn attempt_writes(
        &self,
        writes: &[Write],
        deadline: Deadline,
    ) -> Result<Option<CallError>, StoreError> {
        let signed_at = self.now();
        let Some(left) = deadline.left(signed_at) else {
            let why = "the deadline had passed before it was certain that all was stored";
            return Err(StoreError::Unavailable(why.to_owned()));
        };
        let timeout = left.min(ATTEMPT);
        let attempt = Attempt { signed_at, timeout };
        match self.db().transact_writes(writes, attempt).await {
            Ok(()) => Ok(None),
            Err(error @ CallError::Invalid(_)) => Err(error.into()),
            Err(CallError::Cancelled(reasons)) if reasons.contains(&Reason::Refused) => {
                Ok(Some(CallError::Refused))
            }
            Err(error) => Ok(Some(error)),
        }
    }
}

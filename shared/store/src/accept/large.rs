//! Requests too large for one transaction.
//!
//! First the request's receipt alone, with all that the plan depends on. Then each part is a
//! transaction with a receipt of its own. Whoever repeats the request, here or in another process,
//! follows the recorded plan and skips the parts that are there. A request that came without a key
//! gets one made up, which a 503 names. One in which every event has an id needs none of this and
//! goes through [`by_ids`](super::by_ids).

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use weir_model::Timestamp;

use super::plan::{Cut, PLAN_VERSION, Part, Plan, Recipe, plan};
use super::receipt::{self, Answer, Receipt};
use super::round::Landed;
use super::{AcceptError, Accepted, FIRST_ATTEMPTS, IdempotencyKey, Submission};
use crate::backoff::Backoff;
use crate::db::{Attempt, CallError, Deadline, Table};
use crate::sequence::random_bytes;
use crate::store::Store;

/// Parts of one request that are under way at once.
pub(super) const PARTS_AT_ONCE: usize = 8;

const ATTEMPT: Duration = Duration::from_secs(3);

impl Store {
    pub(super) async fn accept_large(
        &self,
        mut submission: Submission,
        recipe: Recipe,
        plan: Plan,
    ) -> Result<Accepted, AcceptError> {
        let key = submission.key.get_or_insert_with(make_up_key).clone();
        let guard = submission.guard(&key);
        let planned = Answer::Planned {
            version: PLAN_VERSION,
        };
        let receipt = Receipt {
            body: submission.body,
            recipe,
            answer: planned,
        };
        match self.put_receipt(&submission, &guard, &receipt).await? {
            None => {
                self.commit_parts(&submission, &guard, receipt.recipe, plan)
                    .await
            }
            Some(earlier) => Box::pin(self.repeat(submission, earlier)).await,
        }
    }

    /// Goes on with a request that an earlier one began.
    pub(super) async fn finish_large(
        &self,
        submission: Submission,
        receipt: Receipt,
    ) -> Result<Accepted, AcceptError> {
        let Some(key) = &submission.key else {
            return Err(AcceptError::Defect("a plan without a key".into()));
        };
        let guard = submission.guard(key);
        if receipt.answer
            != (Answer::Planned {
                version: PLAN_VERSION,
            })
        {
            let cause = format!("an unknown plan: {:?}", receipt.answer);
            return Err(submission.repeat_under_key(cause));
        }
        // What was handed over was read without the shards that it names.
        let receipt = match self.read_receipt(&submission, &guard).await? {
            Some(found) if found.body != receipt.body || found.answer != receipt.answer => {
                return Box::pin(self.repeat(submission, found)).await;
            }
            Some(found) => found,
            None => receipt,
        };
        self.prepare(&submission, receipt.recipe.received).await?;
        let plan = plan(&submission.events, &receipt.recipe, Cut::RECORDED);
        self.commit_parts(&submission, &guard, receipt.recipe, plan)
            .await
    }

    /// Puts the request's receipt; gives the one that is there already.
    async fn put_receipt(
        &self,
        submission: &Submission,
        guard: &str,
        receipt: &Receipt,
    ) -> Result<Option<Receipt>, AcceptError> {
        let mut backoff = Backoff::new();
        let mut cause = "the store did not answer in time".to_owned();
        loop {
            let now = self.now();
            if now >= deadline(submission) {
                return Err(submission.repeat_under_key(cause));
            }
            let put = receipt.put(guard, &submission.series(), submission.arrived, now);
            let attempt = Attempt {
                signed_at: now,
                timeout: ATTEMPT,
            };
            match self.db().put(put, attempt).await {
                Ok(()) => return Ok(None),
                Err(CallError::Refused) => match self.read_receipt(submission, guard).await? {
                    Some(found) if found == *receipt => return Ok(None),
                    Some(found) => return Ok(Some(found)),
                    None => {}
                },
                Err(CallError::Invalid(why)) => return Err(submission.repeat_under_key(why)),
                Err(other) => cause = other.to_string(),
            }
            backoff.pause().await;
        }
    }

    async fn read_receipt(
        &self,
        submission: &Submission,
        guard: &str,
    ) -> Result<Option<Receipt>, AcceptError> {
        let deadline = Deadline::at(deadline(submission));
        let key = receipt::key(guard.to_owned());
        let found = self.db().get(Table::Receipts, key, deadline).await;
        let item = found.map_err(|e| submission.repeat_under_key(e.to_string()))?;
        let series = submission.series();
        Ok(item
            .filter(|item| receipt::counts(item, self.now()))
            .and_then(|item| Receipt::read(&item, &series)))
    }

    async fn commit_parts(
        &self,
        submission: &Submission,
        guard: &str,
        recipe: Recipe,
        plan: Plan,
    ) -> Result<Accepted, AcceptError> {
        let parts = stream::iter(plan.parts.into_iter().enumerate());
        let commits = parts.map(|(index, part)| {
            let guard = receipt::part_partition(guard, recipe.nonce, index);
            self.commit_part(submission, guard, recipe.clone(), part)
        });
        let (accepted, duplicates) = commits
            .buffer_unordered(PARTS_AT_ONCE)
            .try_fold((0, plan.repeats), async |sum, counts| {
                Ok((sum.0 + counts.0, sum.1 + counts.1))
            })
            .await?;
        Ok(Accepted {
            accepted,
            duplicates,
            received: recipe.received,
            nonce: recipe.nonce,
        })
    }

    /// The counts of one part, stored now or before.
    async fn commit_part(
        &self,
        submission: &Submission,
        guard: String,
        recipe: Recipe,
        part: Part,
    ) -> Result<(u64, u64), AcceptError> {
        match self.commit(submission, part, Some(guard), recipe, 0).await {
            Ok(Landed::Stored {
                accepted,
                duplicates,
            }) => Ok((accepted, duplicates)),
            Ok(Landed::Repeated(Receipt {
                answer:
                    Answer::Counts {
                        accepted,
                        duplicates,
                    },
                ..
            })) => Ok((accepted, duplicates)),
            Ok(Landed::Repeated(_)) => {
                Err(submission.repeat_under_key("a part's receipt is a plan".into()))
            }
            // Other parts may be stored, so whatever went wrong, the key is what helps.
            Err(failure) => Err(submission.repeat_under_key(failure.to_string())),
        }
    }
}

impl Submission {
    pub(super) fn repeat_under_key(&self, cause: String) -> AcceptError {
        match &self.key {
            Some(key) => AcceptError::RepeatUnderKey {
                key: key.0.clone(),
                cause,
            },
            None => AcceptError::NotStored(cause),
        }
    }
}

fn deadline(submission: &Submission) -> Timestamp {
    submission.arrived.saturating_add(FIRST_ATTEMPTS)
}

fn make_up_key() -> IdempotencyKey {
    let digits: String = random_bytes::<16>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    IdempotencyKey(format!("weir-{digits}"))
}

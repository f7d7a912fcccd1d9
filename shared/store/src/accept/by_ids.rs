//! Requests too large for one transaction that have no key, but an id in every event.
//!
//! They need no receipt. Each part is a transaction of its own, of blocks and markers, exactly as a
//! small request with ids is; the parts know nothing of each other, because an id of a series is
//! in one part only. If one of them fails the others may be stored, and stay so. Whoever sends the
//! events again, in whatever groups, has those stored counted as duplicates and the rest stored.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::large::PARTS_AT_ONCE;
use super::plan::{Part, Plan, Recipe};
use super::round::{Failure, Landed};
use super::{AcceptError, Accepted, Submission};
use crate::store::Store;

impl Store {
    pub(super) async fn accept_by_ids(
        &self,
        submission: Submission,
        recipe: Recipe,
        plan: Plan,
    ) -> Result<Accepted, AcceptError> {
        let commits = stream::iter(plan.parts)
            .map(|part| self.commit_by_ids(&submission, part, recipe.clone()));
        let counts = commits
            .buffer_unordered(PARTS_AT_ONCE)
            .try_fold((0, plan.repeats), async |sum, counts| {
                Ok((sum.0 + counts.0, sum.1 + counts.1))
            })
            .await;
        // Whatever went wrong with one part, others may be stored.
        let (accepted, duplicates) = counts.map_err(|failure| AcceptError::RepeatWithIds {
            cause: failure.to_string(),
        })?;
        Ok(Accepted {
            accepted,
            duplicates,
            received: recipe.received,
            nonce: recipe.nonce,
        })
    }

    /// The counts of one part.
    async fn commit_by_ids(
        &self,
        submission: &Submission,
        part: Part,
        recipe: Recipe,
    ) -> Result<(u64, u64), Failure> {
        match self.commit(submission, part, None, recipe, 0).await? {
            Landed::Stored {
                accepted,
                duplicates,
            } => Ok((accepted, duplicates)),
            Landed::Repeated(_) => Err(Failure::Defect("a receipt without a key".into())),
        }
    }
}

//! Accepts events: plans a request, sees it into the store exactly once, and says what became
//! of it.
//!
//! The way of a request is [`plan`] → [`lane`] → [`round`], with [`receipt`] for what remembers
//! it and [`settle`] for what could not be seen to its end. A request too large for one
//! transaction goes through [`large`], or through [`by_ids`] if its ids do what receipts would.

mod by_ids;
mod lane;
mod large;
pub(crate) mod plan;
mod receipt;
mod round;
mod settle;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use weir_model::{Event, Series, Timestamp};

pub(crate) use lane::Lane;
pub use plan::stored_event;
use plan::{Cut, Part, Plan, Recipe, plan};
pub use receipt::Hash;
use receipt::{Answer, Receipt};
use round::{Failure, Job, Landed};

use crate::db::Deadline;
use crate::sequence::Nonce;
use crate::store::Store;

/// First attempts end this long after a request was here, body and all.
pub(crate) const FIRST_ATTEMPTS: Duration = Duration::from_secs(10);

/// Settling ends this long after a request was here, body and all.
pub(crate) const SETTLING: Duration = Duration::from_secs(20);

/// A request's events, checked, with what tells it from others.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The events in body order, at most 10,000.
    pub events: Vec<Event>,
    /// The idempotency key, if there is one.
    pub key: Option<IdempotencyKey>,
    /// SHA-256 of the decoded body: a repeat must have the same.
    pub body: Hash,
    /// When the request began to come; the time of events that have none.
    pub received: Timestamp,
    /// When it was here, body and all: what is tried for how long counts from then.
    pub arrived: Timestamp,
    /// Under whose name a key is made up for a request that needs one.
    pub client: String,
    /// The door it came in by: keys of one are not those of another.
    pub door: &'static str,
}

/// A client's own name for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

/// What was made of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Events stored, now or when this request first came.
    pub accepted: u64,
    /// Events dropped because their id was there already.
    pub duplicates: u64,
    /// The time of events that came without one.
    pub received: Timestamp,
    /// What the ids of events that came without one derive from.
    pub nonce: Nonce,
}

/// Why a submission was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AcceptError {
    /// The key was used with another body within a day.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// Nothing is stored; the same request may be sent again.
    #[error("nothing was stored: {0}")]
    NotStored(String),
    /// It may be stored, in part or whole. The same body under this key completes it.
    #[error("repeat under the key {key:?}: {cause}")]
    RepeatUnderKey {
        /// The client's key, or one made up for it.
        key: String,
        /// What went wrong.
        cause: String,
    },
    /// It may be stored, in part or whole. Every event has an id, so the same events may be sent
    /// again, in whatever groups: those stored are known by their ids.
    #[error("repeat the events with their ids: {cause}")]
    RepeatWithIds {
        /// What went wrong.
        cause: String,
    },
    /// It has no key, and whether it is stored could not be found out.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// A defect of ours; nothing is stored.
    #[error("a defect: {0}")]
    Defect(String),
}

impl Store {
    /// Stores a request's events exactly once, as far as its key and ids allow.
    ///
    /// Returns only when every event is durable and can be queried. A repeat of a key gets the
    /// first answer; events whose id was stored within a day are counted as duplicates.
    pub async fn accept(&self, submission: Submission) -> Result<Accepted, AcceptError> {
        let nonce = self.draw_nonce();
        let shards = self.prepare(&submission, submission.received).await?;
        let recipe = Recipe {
            received: submission.received,
            nonce,
            shards,
        };
        let plan = plan(&submission.events, &recipe, submission.cut());
        let Plan { mut parts, repeats } = plan;
        match parts.pop() {
            // A key without events is remembered all the same.
            None if submission.key.is_some() => {
                self.accept_one(submission, recipe, Part::default(), repeats)
                    .await
            }
            None => Ok(Accepted {
                accepted: 0,
                duplicates: 0,
                received: recipe.received,
                nonce,
            }),
            Some(part) if parts.is_empty() => {
                self.accept_one(submission, recipe, part, repeats).await
            }
            Some(last) => {
                parts.push(last);
                let plan = Plan { parts, repeats };
                self.accept_unhurried(submission, recipe, plan).await
            }
        }
    }

    /// Carries a request of several transactions to its end even if the client hangs up.
    async fn accept_unhurried(
        &self,
        submission: Submission,
        recipe: Recipe,
        plan: Plan,
    ) -> Result<Accepted, AcceptError> {
        let store = self.clone();
        let carried = tokio::spawn(async move {
            match submission.is_known_by_ids() {
                true => store.accept_by_ids(submission, recipe, plan).await,
                false => store.accept_large(submission, recipe, plan).await,
            }
        });
        carried.await.unwrap_or_else(|e| {
            let cause = format!("a large request broke off: {e}");
            Err(AcceptError::Defect(cause))
        })
    }

    /// Sees to the catalogue before the first commit into a year, and gives the shards of series
    /// that have several.
    async fn prepare(
        &self,
        submission: &Submission,
        received: Timestamp,
    ) -> Result<HashMap<Series, u8>, AcceptError> {
        let mut years: BTreeSet<(&Series, u16)> = BTreeSet::new();
        for event in &submission.events {
            years.insert((
                &event.series,
                event.timestamp.unwrap_or(received).day().year(),
            ));
        }
        let deadline = Deadline::at(submission.arrived.saturating_add(FIRST_ATTEMPTS));
        let shards = self.catalogue_years(&years, deadline).await;
        shards.map_err(|e| submission.repeat_under_key(e.to_string()))
    }

    async fn accept_one(
        &self,
        submission: Submission,
        recipe: Recipe,
        part: Part,
        repeats: u64,
    ) -> Result<Accepted, AcceptError> {
        let guard = submission.key.as_ref().map(|key| submission.guard(key));
        let nonce = recipe.nonce;
        let landed = self.commit(&submission, part, guard, recipe, repeats).await;
        match landed {
            Ok(Landed::Stored {
                accepted,
                duplicates,
            }) => Ok(Accepted {
                accepted,
                duplicates,
                received: submission.received,
                nonce,
            }),
            Ok(Landed::Repeated(receipt)) => self.repeat(submission, receipt).await,
            Err(failure) => Err(submission.failed(failure)),
        }
    }

    /// Answers a request whose receipt was there already.
    async fn repeat(
        &self,
        submission: Submission,
        receipt: Receipt,
    ) -> Result<Accepted, AcceptError> {
        if receipt.body != submission.body {
            return Err(AcceptError::KeyReused);
        }
        match receipt.answer {
            Answer::Counts {
                accepted,
                duplicates,
            } => {
                let Recipe {
                    received, nonce, ..
                } = receipt.recipe;
                Ok(Accepted {
                    accepted,
                    duplicates,
                    received,
                    nonce,
                })
            }
            Answer::Planned { .. } => self.finish_large(submission, receipt).await,
        }
    }

    /// Sends one part through its lane and waits for what becomes of it.
    async fn commit(
        &self,
        submission: &Submission,
        part: Part,
        guard: Option<String>,
        recipe: Recipe,
        duplicates: u64,
    ) -> Result<Landed, Failure> {
        let (answer, landed) = oneshot::channel();
        let counts = Answer::Counts {
            accepted: 0,
            duplicates: 0,
        };
        let receipt = Receipt {
            body: submission.body,
            recipe,
            answer: counts,
        };
        let at = lane::place(self, &part);
        let arrived = submission.arrived;
        let job = Job {
            part,
            guard,
            receipt,
            arrived,
            duplicates,
            answer,
        };
        self.lane(at).submit(self, at, job);
        landed.await.unwrap_or(Err(Failure::Unknown))
    }
}

impl Submission {
    fn guard(&self, key: &IdempotencyKey) -> String {
        receipt::request_partition(&self.client, self.door, &key.0)
    }

    /// Whether a repeat needs no key, because every event has an id.
    fn is_known_by_ids(&self) -> bool {
        self.key.is_none() && self.events.iter().all(|event| event.id.is_some())
    }

    /// How it is cut: as plans on record are, if it may come to have one.
    fn cut(&self) -> Cut {
        match self.is_known_by_ids() {
            true => Cut::UNRECORDED,
            false => Cut::RECORDED,
        }
    }

    /// With a key every failure says to repeat under it: an earlier delivery may be stored.
    fn failed(&self, failure: Failure) -> AcceptError {
        match (failure, &self.key) {
            (Failure::Defect(cause), _) => AcceptError::Defect(cause),
            (failure, Some(_)) => self.repeat_under_key(failure.to_string()),
            (Failure::NotStored(cause), None) => AcceptError::NotStored(cause),
            (failure, None) if self.is_known_by_ids() => AcceptError::RepeatWithIds {
                cause: failure.to_string(),
            },
            (Failure::Doubt(_) | Failure::Unknown, None) => AcceptError::OutcomeUnknown,
        }
    }

    /// The request's series in the order of their keys.
    fn series(&self) -> Vec<Series> {
        let distinct: BTreeSet<&Series> = self.events.iter().map(|event| &event.series).collect();
        distinct.into_iter().cloned().collect()
    }
}

//! What becomes of events that are refused: counted by reason, and kept for a day, so that whoever
//! sent them can see what was wrong.
//!
//! At most 1,000 of a source are kept in an hour, whatever number of processes it sends to; a
//! process that has seen an hour full does not ask again. Payloads are cut, and the log names
//! none. Nothing here knows a key: a door whose clients put theirs into events takes it out by
//! [`Rejection::without`].

mod key;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;
use weir_model::Timestamp;
use weir_store::StoreError;
use weir_store::db::Deadline;
use weir_store::registry::{ClientId, REJECTIONS_AN_HOUR, Rejected, RejectedRequest, Standing};

use crate::Service;
use crate::auth::{Caller, KeyHolder};
use crate::problem::Problem;

/// What is kept of a payload.
pub const PAYLOAD_BYTES: usize = 1024;

/// What is kept of a detail.
pub const DETAIL_BYTES: usize = 512;

/// How long keeping them may take: someone waits for an answer.
const KEEPING_TIME: Duration = Duration::from_secs(5);

/// Beyond this many sources, those that have sent nothing bad in this hour are forgotten.
const MANY: usize = 1000;

/// An event that a door refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A stable code, such as `invalid-event`, `too-large` or `invalid-identities`. There are few:
    /// each is a metric of its own.
    pub reason: &'static str,
    /// What was wrong and what is allowed.
    pub detail: String,
    /// The event as it came; cut when it is kept.
    pub payload: String,
}

/// Who sent what is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionSource {
    /// The client, or the public name of a write key.
    pub id: ClientId,
    /// What people call it; empty if that is not known.
    pub label: String,
}

impl From<&KeyHolder> for RejectionSource {
    fn from(holder: &KeyHolder) -> RejectionSource {
        RejectionSource {
            id: holder.id.clone(),
            label: holder.label.to_string(),
        }
    }
}

impl From<&Caller> for RejectionSource {
    fn from(caller: &Caller) -> RejectionSource {
        let label = caller.label.as_ref();
        RejectionSource {
            id: caller.client.clone(),
            label: label.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

impl Rejection {
    /// A refused event, of whose payload no more is copied than is kept.
    pub fn new(reason: &'static str, detail: impl Into<String>, payload: &str) -> Rejection {
        // One byte more tells that it was longer.
        let end = payload.ceil_char_boundary(PAYLOAD_BYTES + 1);
        Rejection {
            reason,
            detail: detail.into(),
            payload: payload[..end].into(),
        }
    }

    /// Takes a key out of what is kept, for doors whose clients write it into their events. The
    /// payload has to be whole: half a key is not found.
    #[must_use]
    pub fn without(mut self, key: &str) -> Rejection {
        self.payload = key::without(key, &self.payload);
        self.detail = key::without_beginning(key, &self.detail);
        self
    }

    fn into_kept(self) -> Rejected {
        let cut = self.payload.len() > PAYLOAD_BYTES;
        Rejected {
            reason: self.reason.into(),
            detail: beginning(self.detail, DETAIL_BYTES),
            payload: beginning(self.payload, PAYLOAD_BYTES),
            cut,
        }
    }
}

/// The refused events of a request: as many as an hour has room for, and of all others how many
/// they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections {
    kept: Vec<Rejection>,
    /// Those that are only counted, by reason.
    more: BTreeMap<&'static str, u64>,
}

impl Rejections {
    /// Adds one, which is built only if it can be kept.
    pub fn add(&mut self, reason: &'static str, rejection: impl FnOnce() -> Rejection) {
        match self.kept.len() < REJECTIONS_AN_HOUR {
            true => self.kept.push(rejection()),
            false => *self.more.entry(reason).or_default() += 1,
        }
    }

    /// How many there are, kept or not.
    pub fn count(&self) -> u64 {
        self.kept.len() as u64 + self.more.values().sum::<u64>()
    }

    /// Whether nothing is refused.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn by_reason(&self) -> BTreeMap<&'static str, u64> {
        let mut reasons = self.more.clone();
        for rejection in &self.kept {
            *reasons.entry(rejection.reason).or_default() += 1;
        }
        reasons
    }
}

impl FromIterator<Rejection> for Rejections {
    fn from_iter<I: IntoIterator<Item = Rejection>>(rejections: I) -> Rejections {
        let mut all = Rejections::default();
        for rejection in rejections {
            all.add(rejection.reason, || rejection);
        }
        all
    }
}

impl From<Rejection> for Rejections {
    fn from(rejection: Rejection) -> Rejections {
        Rejections::from_iter([rejection])
    }
}

impl Service {
    /// Counts refused events by reason, and keeps them for a day: at most 1,000 of a source in an
    /// hour, more are only counted.
    ///
    /// # Errors
    /// 503 when they could not be kept. A door whose clients do not read answers answers so, too,
    /// and they come again.
    pub async fn reject(
        &self,
        source: &RejectionSource,
        door: &'static str,
        rejections: Rejections,
    ) -> Result<(), Problem> {
        if rejections.is_empty() {
            return Ok(());
        }
        self.count(source, door, &rejections);
        let kept = self.keep(source, door, rejections).await;
        kept.map_err(|error| {
            tracing::error!(%error, source = %source.id, door,
                "refused events could not be kept: {error}");
            let detail = "the events were refused, and that could not be written down; try again";
            Problem::unavailable("store-unavailable", detail, Duration::from_secs(2))
        })
    }

    async fn keep(
        &self,
        source: &RejectionSource,
        door: &'static str,
        rejections: Rejections,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let standing = self.standings().of(&source.id, at);
        // One at a time: they would only get into each other's way at the count.
        let mut standing = standing.lock().await;
        if standing.is_full(at) {
            return Ok(());
        }
        let kept = rejections.kept.into_iter();
        let request = RejectedRequest {
            at,
            source: source.id.clone(),
            label: source.label.clone(),
            door,
            rejected: kept.map(Rejection::into_kept).collect(),
        };
        let deadline = Deadline::at(at.saturating_add(KEEPING_TIME));
        let store = &self.store;
        store.keep_rejected(&request, &mut standing, deadline).await
    }

    fn count(&self, source: &RejectionSource, door: &'static str, rejections: &Rejections) {
        let mut listed = String::new();
        for (reason, events) in &rejections.by_reason() {
            self.tally().rejected(reason, *events);
            let comma = if listed.is_empty() { "" } else { ", " };
            let _ = write!(listed, "{comma}{events} {reason}");
        }
        let events = rejections.count();
        tracing::info!(source = %source.id, door, events, reasons = listed,
            "refused {events} events of {} at {door}: {listed}", source.id);
    }
}

/// Up to so many bytes, to the end of a character.
fn beginning(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// Where each source stands in its hour, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<HashMap<ClientId, Arc<Turn<Standing>>>>);

impl Standings {
    fn of(&self, source: &ClientId, at: Timestamp) -> Arc<Turn<Standing>> {
        let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if standings.len() >= MANY && !standings.contains_key(source) {
            // One that is locked is in use.
            standings.retain(|_, standing| !standing.try_lock().is_ok_and(|s| s.is_past(at)));
        }
        Arc::clone(standings.entry(source.clone()).or_default())
    }
}

#[cfg(test)]
mod tests;

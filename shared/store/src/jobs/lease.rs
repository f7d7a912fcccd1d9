//! The lease of a job: who may run it, and the only way to move its bookmark.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::Value;
use thiserror::Error;
use weir_model::Timestamp;

use super::name::JobName;
use super::pieces::Pieces;
use super::state::{Bookmark, Place, Stored};
use crate::backoff::Backoff;
use crate::db::{Attempt, CallError, Deadline};
use crate::error::StoreError;
use crate::store::Store;

/// How long one attempt is waited for.
const ATTEMPT: Duration = Duration::from_secs(5);

/// What became of asking for a job.
#[derive(Debug)]
pub enum Leasing {
    /// It is the caller's.
    Held(Lease),
    /// Somebody else runs it.
    Busy {
        /// Who.
        holder: String,
        /// Until when, unless they renew it.
        until: Timestamp,
    },
}

/// A job that is the holder's to run. Dropping it leaves the job leased until its time is up.
#[derive(Debug)]
pub struct Lease {
    job: JobName,
    length: Duration,
    /// What this holder last stored, or read when it took the job.
    mine: Stored,
    /// Pieces that it has put or replaced, and not deleted yet.
    litter: Vec<Pieces>,
}

/// Why a lease could not be used.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// Somebody else has taken the job over: nothing was stored, and nothing will be.
    #[error("the job {job} is {holder}'s now")]
    Lost {
        /// Which.
        job: JobName,
        /// Who has it.
        holder: String,
    },
    /// The store did not take it; it may be stored or not. The lease can be used again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Leases a job to a holder for so long. A holder's name should be one run's own: it may take
    /// over a lease under its own name.
    ///
    /// # Errors
    /// When the store does not answer. The job may be leased then; it is free again when the
    /// lease's time is up.
    pub async fn lease_job(
        &self,
        job: &JobName,
        holder: &str,
        length: Duration,
        deadline: Deadline,
    ) -> Result<Leasing, StoreError> {
        loop {
            let there = self.stored_job(job, deadline).await?;
            let now = self.now();
            let other = there.as_ref();
            let other = other.filter(|other| other.holder != holder && other.leased_until > now);
            if let Some(other) = other {
                return Ok(Leasing::Busy {
                    holder: other.holder.clone(),
                    until: other.leased_until,
                });
            }
            let next = taken(there.as_ref(), holder, now, length);
            match self.put_job(job, next, there.as_ref(), deadline).await? {
                Some(mine) => {
                    let swept = self.sweep_pieces(job, mine.fence, mine.pieces()).await;
                    if let Err(error) = swept {
                        tracing::warn!(%job, "old pieces of bookmarks of {job} stay: {error}");
                    }
                    return Ok(Leasing::Held(Lease {
                        job: job.clone(),
                        length,
                        mine,
                        litter: Vec::new(),
                    }));
                }
                // Somebody was faster; see who.
                None => continue,
            }
        }
    }

    /// Puts a job's state in the place of the one that was seen, until it is known whether it is
    /// there; nothing if it is not and never will be.
    async fn put_job(
        &self,
        job: &JobName,
        mut next: Stored,
        seen: Option<&Stored>,
        deadline: Deadline,
    ) -> Result<Option<Stored>, StoreError> {
        next.version = format!("{:016x}", rand::rng().random::<u64>());
        let put = next.put(job, seen)?;
        let mut backoff = Backoff::new();
        loop {
            let signed_at = self.now();
            let left = deadline.left(signed_at).ok_or_else(|| undecided(job))?;
            let timeout = left.min(ATTEMPT);
            let attempt = Attempt { signed_at, timeout };
            match self.db().put(put.clone(), attempt).await {
                Ok(()) => return Ok(Some(next)),
                // By another, or by an earlier attempt whose answer was lost. If that has been
                // replaced since, it was by somebody who took the job over.
                Err(CallError::Refused) => {
                    let landed = self.is_job_at(job, &next.version, deadline).await?;
                    return Ok(landed.then_some(next));
                }
                Err(error @ CallError::Invalid(_)) => return Err(error.into()),
                Err(_) => backoff.pause().await,
            }
        }
    }
}

impl Lease {
    /// Which job it is.
    pub fn job(&self) -> &JobName {
        &self.job
    }

    /// Counts up with every lease of the job.
    pub fn fence(&self) -> u64 {
        self.mine.fence
    }

    /// How far the job has come.
    pub fn bookmark(&self) -> Option<&Value> {
        Some(&self.mine.bookmark.as_ref()?.value)
    }

    /// Outputs that were named as being under way, and have not been saved since.
    pub fn pending(&self) -> &[String] {
        &self.mine.pending
    }

    /// How long it lasts unless it is renewed.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Until when it is sure to be this holder's.
    pub fn until(&self) -> Timestamp {
        self.mine.leased_until
    }

    /// Moves the bookmark, says which outputs are under way, and renews the lease. A bookmark that
    /// is too long for the job's item is put in pieces first.
    ///
    /// # Errors
    /// When the job was taken over, when the bookmark is too large to be kept, or when it is not
    /// known in time whether it is stored: then it may be, and saving again tells.
    pub async fn save(
        &mut self,
        store: &Store,
        bookmark: Value,
        pending: Vec<String>,
        deadline: Deadline,
    ) -> Result<(), LeaseError> {
        let bookmark = self.place(store, bookmark, deadline).await?;
        let change = |next: &mut Stored| {
            next.bookmark = Some(bookmark.clone());
            next.pending.clone_from(&pending);
        };
        self.store(store, change, self.length, deadline).await
    }

    /// Says which outputs are about to be written, beside the bookmark as it is, and renews the
    /// lease.
    ///
    /// # Errors
    /// As of [`save`](Lease::save).
    pub async fn intend(
        &mut self,
        store: &Store,
        pending: Vec<String>,
        deadline: Deadline,
    ) -> Result<(), LeaseError> {
        let change = |next: &mut Stored| next.pending.clone_from(&pending);
        self.store(store, change, self.length, deadline).await
    }

    /// Renews the lease for as long as it was asked for.
    ///
    /// # Errors
    /// As of [`save`](Lease::save).
    pub async fn renew(&mut self, store: &Store, deadline: Deadline) -> Result<(), LeaseError> {
        self.store(store, |_| {}, self.length, deadline).await
    }

    /// Gives the job back; the bookmark stays.
    ///
    /// # Errors
    /// As of [`save`](Lease::save); the job is free when the lease's time is up in any case.
    pub async fn release(mut self, store: &Store, deadline: Deadline) -> Result<(), LeaseError> {
        self.store(store, |_| {}, Duration::ZERO, deadline).await
    }

    /// Finds a place for a bookmark. One in pieces is there then, and named by nothing yet.
    async fn place(
        &mut self,
        store: &Store,
        value: Value,
        deadline: Deadline,
    ) -> Result<Bookmark, StoreError> {
        let json = serde_json::to_string(&value).expect("a value is JSON");
        let value = Arc::new(value);
        let (bytes, sizes) = (json.len(), store.bookmark_sizes());
        if bytes <= sizes.in_item {
            let place = Place::Item(json.into());
            return Ok(Bookmark { value, place });
        }
        if bytes > sizes.longest {
            let (job, longest) = (&self.job, sizes.longest);
            return Err(StoreError::Refused(format!(
                "the bookmark of the job {job} has {bytes} bytes as JSON; up to {longest} are kept"
            )));
        }
        let same = self.mine.bookmark.as_ref();
        if let Some(same) = same.filter(|same| same.value == value && same.pieces().is_some()) {
            return Ok(same.clone());
        }
        let pieces = store.cut_bookmark(&json, self.fence());
        // Whatever becomes of them: only what the item names at last is no litter.
        self.litter.push(pieces.clone());
        store
            .put_pieces(&self.job, &pieces, &json, deadline)
            .await?;
        let place = Place::Pieces(pieces);
        Ok(Bookmark { value, place })
    }

    async fn store(
        &mut self,
        store: &Store,
        change: impl Fn(&mut Stored),
        length: Duration,
        deadline: Deadline,
    ) -> Result<(), LeaseError> {
        loop {
            let now = store.now();
            let mut next = self.mine.clone();
            change(&mut next);
            next.updated = now;
            next.leased_until = now.saturating_add(length);
            let stored = store.put_job(&self.job, next, Some(&self.mine), deadline);
            if let Some(stored) = stored.await? {
                self.replace(stored);
                self.tidy(store).await;
                return Ok(());
            }
            let landed = self.landed(store, deadline).await?;
            self.replace(landed);
        }
    }

    fn replace(&mut self, stored: Stored) {
        let old = mem::replace(&mut self.mine, stored);
        self.litter.extend(old.pieces().cloned());
    }

    /// Deletes pieces that the item does not name. It was put a moment ago, so nothing that was
    /// under way before can still change what it names.
    async fn tidy(&mut self, store: &Store) {
        let named = self.mine.pieces();
        self.litter.retain(|pieces| Some(pieces) != named);
        if self.litter.is_empty() {
            return;
        }
        match store.delete_pieces(&self.job, &self.litter).await {
            Ok(()) => self.litter.clear(),
            Err(error) => tracing::debug!("old pieces of {}'s bookmark stay: {error}", self.job),
        }
    }

    /// What is there under this lease's own fence: a write of its own that was given up in doubt,
    /// and has landed. The next one goes on from it.
    async fn landed(&self, store: &Store, deadline: Deadline) -> Result<Stored, LeaseError> {
        let there = store.stored_job(&self.job, deadline).await?;
        let lost = |holder: &str| LeaseError::Lost {
            job: self.job.clone(),
            holder: holder.to_owned(),
        };
        match there {
            Some(there) if there.fence == self.fence() => Ok(there),
            Some(there) => Err(lost(&there.holder)),
            None => Err(lost("another run")),
        }
    }
}

/// The job as the one who takes it over stores it: everything as it is but the holder.
fn taken(there: Option<&Stored>, holder: &str, now: Timestamp, length: Duration) -> Stored {
    let pending = there.map(|stored| stored.pending.clone());
    Stored {
        bookmark: there.and_then(|stored| stored.bookmark.clone()),
        pending: pending.unwrap_or_default(),
        fence: there.map_or(1, |stored| stored.fence + 1),
        holder: holder.to_owned(),
        leased_until: now.saturating_add(length),
        updated: now,
        version: String::new(),
    }
}

fn undecided(job: &JobName) -> StoreError {
    StoreError::Unavailable(format!(
        "the deadline had passed before it was certain that the state of the job {job} is stored"
    ))
}

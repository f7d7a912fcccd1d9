//! Lets a write key in: who holds it, by this process's memory or by one read.
//!
//! What is remembered is good for 30 s, so a revocation holds within a minute wherever it was
//! made; while the store does not answer, a key that was good goes on for a minute after it was
//! last read, and no longer. Keys that nobody knows are remembered as well, apart, so that a flood
//! of them cannot push out those that are good: of each one, however often it comes, there is
//! one read in 30 s, and a flood of ever new ones costs a read each and no more memory than 4,096
//! take. Requests with the same key that come while it is read share the read.
//!
//! Nothing is compared with a secret: a key is hashed, and the hash is looked up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Mutex as Turn;
use weir_model::{Name, Timestamp};
use weir_store::db::Deadline;
use weir_store::registry::{ClientId, KeyHash, KeyRecord};
use weir_store::{Store, StoreError};

use super::recent::Recent;
use crate::Service;
use crate::problem::Problem;
use crate::secret::WriteKey;

/// What was read so long ago is read again.
const FRESH: Duration = Duration::from_secs(30);

/// A key that was good so long ago is not let in.
const USABLE: Duration = Duration::from_secs(60);

/// How long a read may take.
const READ_TIME: Duration = Duration::from_secs(5);

/// After a failure the store is left alone for so long, and a request should come again after it.
const PAUSE: Duration = Duration::from_secs(1);

/// How many keys are remembered, of those that are good and of those that nobody knows.
const REMEMBERED: usize = 4096;

/// Whoever sends with a write key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key's public name; it says nothing of the key.
    pub id: ClientId,
    /// What people call it.
    pub label: Name,
    /// The namespace of its events, if it is not the label.
    pub namespace: Option<Name>,
}

impl KeyHolder {
    /// The namespace of its events, where the events themselves name none.
    pub fn namespace_or_label(&self) -> &Name {
        self.namespace.as_ref().unwrap_or(&self.label)
    }
}

impl Service {
    /// Finds out who holds a write key, and counts a request against its rate.
    ///
    /// # Errors
    /// 401 `unknown-key` for one that is not known or was revoked, 429 `over-rate`, 503 when it
    /// cannot be looked up.
    pub async fn holder(&self, key: &str) -> Result<KeyHolder, Problem> {
        // Nobody can have made a key that is not legal.
        let key = WriteKey::parse(key).map_err(|_| unknown_key())?;
        let found = self.known_keys().find(&self.store, key.hash()).await;
        let Good { holder, rate } = found.map_err(unavailable)?.ok_or_else(unknown_key)?;
        if let Some(rate) = rate {
            self.within_rate(&holder.id, rate)?;
        }
        Ok(holder)
    }
}

/// Browsers ask people for a password when they are challenged by `Basic`; `Bearer` names the
/// other way to be let in and leaves them alone.
fn unknown_key() -> Problem {
    let detail = "the write key is not known, or was revoked";
    Problem::new(StatusCode::UNAUTHORIZED, "unknown-key", detail)
        .with_challenge(super::caller::REALM)
}

fn unavailable(error: StoreError) -> Problem {
    tracing::error!(%error, "a write key is not let in, because it cannot be looked up: {error}");
    let detail = "it cannot be told whether the write key is good; try again";
    Problem::unavailable("store-unavailable", detail, PAUSE)
}

/// The keys that this process remembers.
#[derive(Debug)]
pub(crate) struct KnownKeys {
    held: Mutex<Held>,
    /// A turn for each key that is being read.
    reading: Mutex<HashMap<KeyHash, Arc<Turn<()>>>>,
}

#[derive(Debug)]
struct Held {
    good: Recent<KeyHash, Seen<Good>>,
    unknown: Recent<KeyHash, Seen<()>>,
    /// Counts what was made or revoked here: a read that began before must not be remembered.
    changes: u64,
    /// When the store last failed to answer a read, if that was the last one.
    failed: Option<Timestamp>,
}

/// Something with the time just before it was read.
#[derive(Debug, Clone)]
struct Seen<T> {
    at: Timestamp,
    what: T,
}

/// A key that is let in.
#[derive(Debug, Clone)]
struct Good {
    holder: KeyHolder,
    rate: Option<u32>,
}

impl<T> Seen<T> {
    /// What was read after `now`, before the clock was set back, has no known age.
    fn is_within(&self, age: Duration, now: Timestamp) -> bool {
        self.at <= now && now <= self.at.saturating_add(age)
    }
}

impl From<KeyRecord> for Good {
    fn from(record: KeyRecord) -> Good {
        Good {
            holder: KeyHolder {
                id: record.id,
                label: record.label,
                namespace: record.namespace,
            },
            rate: record.rate,
        }
    }
}

impl Default for KnownKeys {
    fn default() -> Self {
        let held = Held {
            good: Recent::new(REMEMBERED),
            unknown: Recent::new(REMEMBERED),
            changes: 0,
            failed: None,
        };
        Self {
            held: Mutex::new(held),
            reading: Mutex::default(),
        }
    }
}

impl KnownKeys {
    /// A key that is good, or none.
    async fn find(&self, store: &Store, hash: KeyHash) -> Result<Option<Good>, StoreError> {
        if let Some(known) = self.remembered(&hash, store.now()) {
            return Ok(known);
        }
        let turn = self.turn(hash);
        let held = match (turn.lock_now(), self.usable(&hash, store.now())) {
            (Some(held), _) => held,
            // Somebody else is reading it.
            (None, Some(good)) => return Ok(Some(good)),
            (None, None) => turn.lock().await,
        };
        let found = self.read(store, hash).await;
        drop(held);
        found
    }

    /// Forgets a key, so that what was made or revoked here holds here at once.
    pub(crate) fn forget(&self, hash: &KeyHash) {
        let mut held = self.held();
        held.good.remove(hash);
        held.unknown.remove(hash);
        held.changes += 1;
    }

    /// Forgets every key that is good.
    pub(crate) fn forget_all(&self) {
        let mut held = self.held();
        held.good.clear();
        held.changes += 1;
    }

    /// What was read of it lately: that it is good, or that nobody knows it.
    fn remembered(&self, hash: &KeyHash, now: Timestamp) -> Option<Option<Good>> {
        let held = self.held();
        let good = held
            .good
            .get(hash)
            .filter(|seen| seen.is_within(FRESH, now));
        if let Some(seen) = good {
            return Some(Some(seen.what.clone()));
        }
        let unknown = held.unknown.get(hash);
        unknown
            .filter(|seen| seen.is_within(FRESH, now))
            .map(|_| None)
    }

    /// A key that was good a minute ago.
    fn usable(&self, hash: &KeyHash, now: Timestamp) -> Option<Good> {
        let held = self.held();
        let seen = held
            .good
            .get(hash)
            .filter(|seen| seen.is_within(USABLE, now));
        seen.map(|seen| seen.what.clone())
    }

    /// Reads a key unless somebody has meanwhile, or the store has just failed.
    async fn read(&self, store: &Store, hash: KeyHash) -> Result<Option<Good>, StoreError> {
        let now = store.now();
        if let Some(known) = self.remembered(&hash, now) {
            return Ok(known);
        }
        let (changes, failed) = {
            let held = self.held();
            (held.changes, held.failed)
        };
        let read = match failed {
            Some(at) if at <= now && now < at.saturating_add(PAUSE) => {
                Err(StoreError::Unavailable("a moment ago".into()))
            }
            _ => {
                let deadline = Deadline::at(now.saturating_add(READ_TIME));
                let read = store.key(&hash, deadline).await;
                let failed = matches!(read, Err(StoreError::Unavailable(_)));
                self.held().failed = failed.then(|| store.now());
                read.and_then(|record| still_good(record, now, store.now()))
            }
        };
        match read {
            Ok(record) => {
                let good = record.filter(|record| record.revoked.is_none());
                Ok(self.remember(hash, good.map(Good::from), now, changes))
            }
            Err(error) => match self.usable(&hash, store.now()) {
                Some(good) => Ok(Some(good)),
                None => Err(error),
            },
        }
    }

    fn remember(
        &self,
        hash: KeyHash,
        good: Option<Good>,
        at: Timestamp,
        changes: u64,
    ) -> Option<Good> {
        let mut held = self.held();
        if held.changes == changes {
            held.good.remove(&hash);
            held.unknown.remove(&hash);
            match &good {
                Some(good) => held.good.insert(
                    hash,
                    Seen {
                        at,
                        what: good.clone(),
                    },
                ),
                None => held.unknown.insert(hash, Seen { at, what: () }),
            }
        }
        good
    }

    fn turn(&self, hash: KeyHash) -> KeyTurn<'_> {
        let mut reading = lock(&self.reading);
        let turn = Arc::clone(reading.entry(hash).or_default());
        KeyTurn {
            keys: self,
            hash,
            turn,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

/// An answer that a process was frozen over is older than any that may be used.
fn still_good(
    record: Option<KeyRecord>,
    began: Timestamp,
    now: Timestamp,
) -> Result<Option<KeyRecord>, StoreError> {
    match now <= began.saturating_add(USABLE) {
        true => Ok(record),
        false => Err(StoreError::Unavailable("the process was frozen".into())),
    }
}

/// A request's hold on the turn of a key; the last one takes the turn away.
struct KeyTurn<'a> {
    keys: &'a KnownKeys,
    hash: KeyHash,
    turn: Arc<Turn<()>>,
}

impl KeyTurn<'_> {
    fn lock_now(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.turn.try_lock().ok()
    }

    async fn lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl Drop for KeyTurn<'_> {
    fn drop(&mut self) {
        let mut reading = lock(&self.keys.reading);
        // This one's and the map's: nobody else can get hold of it while the map is locked.
        if Arc::strong_count(&self.turn) == 2 {
            reading.remove(&self.hash);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

//! This process's copy of what is revoked, and how old it may be.
//!
//! It is reread in the request path, because nothing runs between requests on Lambda. A copy up to
//! 30 s old is good; an older one is reread by one request, while the others go on with it; one
//! over 60 s old is never used, so a revocation holds within a minute wherever it was made.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use weir_model::Timestamp;
use weir_store::db::Deadline;
use weir_store::registry::Revoked;
use weir_store::{Store, StoreError};

/// A copy of this age is reread.
const FRESH: Duration = Duration::from_secs(30);

/// A copy over this age is not used.
const USABLE: Duration = Duration::from_secs(60);

/// How long a reread may take.
const READ_TIME: Duration = Duration::from_secs(5);

/// After a failure the store is left alone for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a request rereads when it is frozen while it does so.
const ROUNDS: usize = 3;

/// There is no usable copy.
#[derive(Debug)]
pub(crate) struct NoCopy(pub(crate) StoreError);

/// The copy.
#[derive(Debug, Default)]
pub(crate) struct RevokedCopy {
    held: RwLock<Held>,
    /// Held by the one request that rereads; when the last attempt failed, if it did.
    reading: Mutex<Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct Held {
    copy: Option<Arc<Copy>>,
    /// Counts what was revoked here: a read that began before must not bring back the old copy.
    revocations: u64,
}

#[derive(Debug)]
struct Copy {
    /// The time just before the read began: nothing that was revoked earlier is missing.
    as_of: Timestamp,
    revoked: Revoked,
}

/// How far a copy can be trusted.
#[derive(Debug, PartialEq, Eq)]
enum Age {
    Fresh,
    Usable,
    Old,
}

impl Copy {
    fn age(&self, now: Timestamp) -> Age {
        // A copy from the future was read before the clock was set back: nobody knows its age.
        if now < self.as_of {
            return Age::Old;
        }
        match now {
            now if now <= self.as_of.saturating_add(FRESH) => Age::Fresh,
            now if now <= self.as_of.saturating_add(USABLE) => Age::Usable,
            _ => Age::Old,
        }
    }
}

impl RevokedCopy {
    /// Whether a token is revoked, by its own id or because its client is.
    pub(crate) async fn contains(
        &self,
        store: &Store,
        token_id: &str,
        client: &str,
    ) -> Result<bool, NoCopy> {
        let copy = self.current(store).await?;
        Ok(copy.revoked.contains(token_id, client))
    }

    /// Reads a copy before anybody asks for it.
    pub(crate) async fn read_ahead(&self, store: &Store) {
        let _ = self.current(store).await;
    }

    /// Drops the copy, so that what was just revoked here holds here at once.
    pub(crate) fn forget(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Held {
            copy: None,
            revocations: held.revocations + 1,
        };
    }

    async fn current(&self, store: &Store) -> Result<Arc<Copy>, NoCopy> {
        let copy = self.copy();
        let age = copy.as_ref().map(|copy| copy.age(store.now()));
        match (copy, age) {
            (Some(copy), Some(Age::Fresh)) => Ok(copy),
            (Some(copy), Some(Age::Usable)) => match self.reading.try_lock() {
                Ok(reading) => self.reread(store, reading).await,
                Err(_) => Ok(copy),
            },
            _ => self.reread(store, self.reading.lock().await).await,
        }
    }

    fn copy(&self) -> Option<Arc<Copy>> {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .copy
            .clone()
    }

    fn revocations(&self) -> u64 {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .revocations
    }

    /// Rereads unless the one who held the lock before has, or has just failed to.
    async fn reread(
        &self,
        store: &Store,
        mut failed: MutexGuard<'_, Option<Timestamp>>,
    ) -> Result<Arc<Copy>, NoCopy> {
        for _ in 0..ROUNDS {
            match self.copy() {
                Some(copy) if copy.age(store.now()) == Age::Fresh => return Ok(copy),
                _ => {}
            }
            let now = store.now();
            if failed.is_some_and(|at| at <= now && now < at.saturating_add(PAUSE)) {
                return self.fall_back(store, StoreError::Unavailable("a moment ago".into()));
            }
            if let Err(error) = self.read(store, now).await {
                *failed = Some(store.now());
                tracing::warn!(%error, "the revocations could not be reread: {error}");
                return self.fall_back(store, error);
            }
        }
        self.fall_back(
            store,
            StoreError::Unavailable("the process was frozen".into()),
        )
    }

    async fn read(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let before = self.revocations();
        let revoked = store
            .revocations(Deadline::at(now.saturating_add(READ_TIME)))
            .await?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.revocations == before {
            held.copy = Some(Arc::new(Copy {
                as_of: now,
                revoked,
            }));
        }
        Ok(())
    }

    fn fall_back(&self, store: &Store, error: StoreError) -> Result<Arc<Copy>, NoCopy> {
        match self.copy() {
            Some(copy) if copy.age(store.now()) != Age::Old => Ok(copy),
            _ => Err(NoCopy(error)),
        }
    }
}

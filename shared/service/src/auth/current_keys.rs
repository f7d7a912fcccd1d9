//! This process's copy of the signing keys, and when it is read again.
//!
//! Keys are rotated while processes run, so each reads them again in the request path, because
//! nothing runs between requests on Lambda: when the copy is over 5 minutes old, and when a token
//! names a key that the copy does not have, which is how a process learns of a rotation before
//! that. Anybody can make up a name, so this second kind of reading is rationed. A reading that
//! fails leaves the copy as it is: keys do not go bad.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use thiserror::Error;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use weir_model::Timestamp;
use weir_store::Clock;

use super::keys::SigningKeys;

/// A copy over this age is read again.
pub const KEYS_FRESH: Duration = Duration::from_secs(5 * 60);

/// How often names that nobody knows, or an old copy that cannot be renewed, have the keys read.
const RATION: Duration = Duration::from_secs(30);

/// How long a reading may take. With what follows it must end before API Gateway gives up.
const READ_TIME: Duration = Duration::from_secs(3);

/// Where the current signing keys are kept.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// Reads the keys as they are now.
    fn read(&self) -> BoxFuture<'_, Result<SigningKeys, KeysUnavailable>>;
}

/// Keys that stay the same as long as the process lives.
impl KeySource for SigningKeys {
    fn read(&self) -> BoxFuture<'_, Result<SigningKeys, KeysUnavailable>> {
        Box::pin(ready(Ok(self.clone())))
    }
}

/// The signing keys cannot be read. Says why, and never what they are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the signing keys cannot be read: {0}")]
pub struct KeysUnavailable(pub String);

/// The copy.
#[derive(Debug)]
pub(crate) struct CurrentKeys {
    source: Arc<dyn KeySource>,
    held: RwLock<Option<Held>>,
    /// Held by the one request that reads.
    reading: Mutex<Attempts>,
}

#[derive(Debug, Clone)]
struct Held {
    keys: Arc<SigningKeys>,
    /// The time just before the reading began.
    as_of: Timestamp,
}

#[derive(Debug, Default)]
struct Attempts {
    /// When the last reading failed, if it did, and how.
    failed: Option<(Timestamp, KeysUnavailable)>,
    /// When a name that nobody knew last had the keys read.
    asked: Option<Timestamp>,
}

impl CurrentKeys {
    /// Nothing is read yet.
    pub(crate) fn of(source: Arc<dyn KeySource>) -> CurrentKeys {
        CurrentKeys {
            source,
            held: RwLock::default(),
            reading: Mutex::default(),
        }
    }

    /// The keys, which are at most 5 minutes old unless they cannot be read.
    ///
    /// # Errors
    /// When they could never be read.
    pub(crate) async fn current(
        &self,
        clock: &dyn Clock,
    ) -> Result<Arc<SigningKeys>, KeysUnavailable> {
        let began = clock.now();
        match self.held() {
            Some(held) if is_within(KEYS_FRESH, held.as_of, began) => Ok(held.keys),
            Some(held) => match self.reading.try_lock() {
                Ok(reading) => Ok(self.renewed(reading, held.keys, clock).await),
                Err(_) => Ok(held.keys),
            },
            None => self.first(self.reading.lock().await, began, clock).await,
        }
    }

    /// The keys, which have the one of this name if there is one.
    ///
    /// # Errors
    /// When they could never be read.
    pub(crate) async fn knowing(
        &self,
        id: &str,
        clock: &dyn Clock,
    ) -> Result<Arc<SigningKeys>, KeysUnavailable> {
        let keys = self.current(clock).await?;
        if keys.find(id).is_some() {
            return Ok(keys);
        }
        let mut attempts = self.reading.lock().await;
        // Whoever held the lock before may have found it.
        let keys = self.held().map_or(keys, |held| held.keys);
        let is_rationed = attempts
            .asked
            .is_some_and(|at| is_within(RATION, at, clock.now()));
        if keys.find(id).is_some() || is_rationed {
            return Ok(keys);
        }
        attempts.asked = Some(clock.now());
        Ok(self.read(&mut attempts, clock).await.unwrap_or(keys))
    }

    fn held(&self) -> Option<Held> {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// An old copy is better than none.
    async fn renewed(
        &self,
        mut attempts: MutexGuard<'_, Attempts>,
        old: Arc<SigningKeys>,
        clock: &dyn Clock,
    ) -> Arc<SigningKeys> {
        let has_just_failed = attempts
            .failed
            .as_ref()
            .is_some_and(|(at, _)| is_within(RATION, *at, clock.now()));
        match has_just_failed {
            true => old,
            false => self.read(&mut attempts, clock).await.unwrap_or(old),
        }
    }

    /// Requests that have waited for one reading share what came of it.
    async fn first(
        &self,
        mut attempts: MutexGuard<'_, Attempts>,
        began: Timestamp,
        clock: &dyn Clock,
    ) -> Result<Arc<SigningKeys>, KeysUnavailable> {
        if let Some(held) = self.held() {
            return Ok(held.keys);
        }
        match &attempts.failed {
            Some((at, error)) if began < *at => Err(error.clone()),
            _ => self.read(&mut attempts, clock).await,
        }
    }

    async fn read(
        &self,
        attempts: &mut Attempts,
        clock: &dyn Clock,
    ) -> Result<Arc<SigningKeys>, KeysUnavailable> {
        let as_of = clock.now();
        let late = |_| Err(KeysUnavailable(format!("no answer within {READ_TIME:?}")));
        match timeout(READ_TIME, self.source.read())
            .await
            .unwrap_or_else(late)
        {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let held = Held {
                    keys: Arc::clone(&keys),
                    as_of,
                };
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
                attempts.failed = None;
                Ok(keys)
            }
            Err(error) => {
                tracing::error!(%error, "{error}");
                attempts.failed = Some((clock.now(), error.clone()));
                Err(error)
            }
        }
    }
}

/// Whether it is no longer than this since a time. A time in the future was written down before
/// the clock was set back: nobody knows how long ago that is.
fn is_within(duration: Duration, since: Timestamp, now: Timestamp) -> bool {
    since <= now && now <= since.saturating_add(duration)
}

#[cfg(test)]
mod tests;

//! Settling doubt: finds out whether a transaction whose answers were lost has landed, and sees
//! to it that it never will if it has not.
//!
//! An empty block goes into the place of one of its blocks, if that is free. When it goes in, the
//! transaction can never land, because its own put wants the place free as well. When the place
//! is taken, what stands there tells.

use std::time::Duration;

use weir_model::Timestamp;

use super::round::Content;
use crate::backoff::Backoff;
use crate::db::{Attempt, CallError, Deadline, Table};
use crate::store::Store;

const ATTEMPT: Duration = Duration::from_secs(3);

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Settled {
    Stored,
    Never,
    /// Time was up first.
    Unknown,
}

/// Settles the fate of a content that holds at least one block, until `by`.
pub(crate) async fn settle(store: &Store, content: &Content, by: Timestamp) -> Settled {
    let Some(witness) = content.witness() else {
        return Settled::Unknown;
    };
    let mut backoff = Backoff::new();
    loop {
        let now = store.now();
        if now >= by {
            return Settled::Unknown;
        }
        let attempt = Attempt {
            signed_at: now,
            timeout: ATTEMPT,
        };
        match store.db().put(witness.put_empty(now), attempt).await {
            Ok(()) => return Settled::Never,
            Err(CallError::Refused) => break,
            Err(_) => backoff.pause().await,
        }
    }
    match store
        .db()
        .get(Table::Inbox, witness.key(), Deadline::at(by))
        .await
    {
        Ok(Some(item)) if witness.is(&item) => Settled::Stored,
        Ok(Some(_)) => Settled::Never,
        Ok(None) | Err(_) => Settled::Unknown,
    }
}

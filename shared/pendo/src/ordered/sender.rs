//! Where a task puts what it makes.

use std::sync::Arc;

use thiserror::Error;

use crate::ordered::lane::{Lane, Offered};
use crate::spool::Spillable;

/// Nobody takes what the task makes: it may end, with whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("nobody takes what the task makes")]
pub struct Gone;

/// Where a task puts what it makes.
pub struct Sender<O> {
    lane: Arc<Lane<O>>,
}

impl<O: Spillable + Send + 'static> Sender<O> {
    pub(super) fn new(lane: Arc<Lane<O>>) -> Self {
        Self { lane }
    }

    /// Puts an item. It waits when the reader of the first task is behind, or when another task has
    /// no place left, in memory and in files, before it is the first. An item is not sent if the
    /// call is dropped before it is done.
    ///
    /// # Errors
    /// When nobody takes it.
    pub async fn send(&mut self, item: O) -> Result<(), Gone> {
        let mut item = item;
        loop {
            match self.lane.offer(item) {
                Offered::Taken => return Ok(()),
                Offered::Gone => return Err(Gone),
                Offered::Full(back) => item = back,
            }
            self.lane.has_room().await;
        }
    }
}

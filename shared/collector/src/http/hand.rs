//! Hands items from the parser over to the reader, in batches that are bounded by their text.
//!
//! An item by itself would cost each side a waking, and a batch of any size would cost memory.

use std::cell::{Cell, RefCell};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// How many items a batch has at most.
const BATCH_ITEMS: usize = 64;

/// How much text is read for a batch, but for what was read before it began and for the end of its
/// last item.
const BATCH_BYTES: usize = 64 * 1024;

/// Nobody wants more.
#[derive(Debug)]
pub(super) struct Gone;

/// Items on their way to the reader.
pub(super) struct Hand<T> {
    batch: RefCell<Vec<T>>,
    read_bytes: Cell<usize>,
    reader: Sender<Vec<T>>,
}

impl<T> Hand<T> {
    pub(super) fn new(reader: Sender<Vec<T>>) -> Self {
        Self {
            batch: RefCell::default(),
            read_bytes: Cell::new(0),
            reader,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.borrow().is_empty()
    }

    /// Says that so much more of the text was read.
    pub(super) fn add_bytes(&self, bytes: usize) {
        self.read_bytes.set(self.read_bytes.get() + bytes);
    }

    /// Adds an item; a batch that is full goes out.
    pub(super) fn add(&self, item: T) -> Result<(), Gone> {
        self.batch.borrow_mut().push(item);
        let is_full = self.batch.borrow().len() >= BATCH_ITEMS;
        match is_full || self.read_bytes.get() >= BATCH_BYTES {
            true => self.over(),
            false => Ok(()),
        }
    }

    /// Hands over what there is, once the reader has taken what came before.
    pub(super) fn over(&self) -> Result<(), Gone> {
        match self.take() {
            batch if batch.is_empty() => Ok(()),
            batch => self.reader.blocking_send(batch).map_err(|_| Gone),
        }
    }

    /// Hands over what there is if the reader has taken what came before.
    pub(super) fn over_if_taken(&self) {
        match self.reader.try_send(self.take()) {
            // Whether the reader is gone is heard with the next batch.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(batch)) => self.batch.replace(batch).clear(),
        }
    }

    fn take(&self) -> Vec<T> {
        self.read_bytes.set(0);
        self.batch.take()
    }
}

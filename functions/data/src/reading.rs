//! How long a data set is read for one answer.

use std::time::Duration;

use weir_model::Timestamp;
use weir_store::db::Order;
use weir_store::{DataSet, Deadline, RecordReader, RecordSpan, Store, StoreError};

use crate::question::Span;
use crate::refusal::Refusal;

/// Seconds that reading may take: API Gateway gives up after 30 (Amazon API Gateway developer
/// guide, "Quotas for HTTP APIs").
const SECONDS: u64 = 25;

/// The data set that is read, and until when.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    store: &'a Store,
    set: &'a DataSet,
    end: Timestamp,
}

impl<'a> Reading<'a> {
    pub(crate) fn begin(store: &'a Store, set: &'a DataSet) -> Reading<'a> {
        let end = store.now().saturating_add(Duration::from_secs(SECONDS));
        Reading { store, set, end }
    }

    /// The records of a span.
    pub(crate) fn records(&self, span: Span, order: Order) -> RecordReader {
        let of = RecordSpan {
            start: span.first(),
            end: span.end(),
        };
        let deadline = Deadline::at(self.end);
        self.store.read_records(self.set, of, order, deadline)
    }

    /// What to say of a failure: the time was over, or the store's own reason.
    pub(crate) fn failed(&self, error: StoreError) -> Refusal {
        match error {
            StoreError::Unavailable(_) if self.store.now() >= self.end => {
                StoreError::TooSlow(SECONDS).into()
            }
            error => error.into(),
        }
    }
}

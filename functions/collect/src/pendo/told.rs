//! What a job says in the log about the streams of Pendo: each when it is at its end.

use std::time::Duration;

use weir_pendo::{Observer, StreamId};

/// Notes each stream's end in the log.
#[derive(Debug)]
pub(super) struct Told;

impl Observer for Told {
    fn finished(&self, stream: StreamId, records: u64, took: Duration) {
        let seconds = took.as_secs();
        tracing::info!(%stream, records, seconds, "{stream}: {records} records in {seconds} s");
    }
}

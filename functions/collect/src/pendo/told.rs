//! What a job says in the log about the streams of Pendo: each when it is at its end.

use std::time::Duration;

use weir_pendo::{Observer, Outcome, StreamId};

/// Notes each stream's end in the log.
#[derive(Debug)]
pub(super) struct Told;

impl Observer for Told {
    fn finished(&self, stream: StreamId, outcome: Outcome, records: u64, took: Duration) {
        let seconds = took.as_secs();
        let end = match outcome {
            Outcome::Complete => "",
            Outcome::Failed => ", not read to its end",
        };
        tracing::info!(%stream, records, seconds, "{stream}: records: {records}, in {seconds} s{end}");
    }
}

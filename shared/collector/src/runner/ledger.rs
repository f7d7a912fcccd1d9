//! What a run has written, flushed and saved.

use tokio::time::Instant;

use crate::message::{Message, State};
use crate::output::Batch;
use crate::report::{Ended, Report, Skips};
use crate::sink::Patience;

/// What a run has written, flushed and saved.
#[derive(Debug)]
pub(super) struct Ledger {
    patience: Patience,
    /// Records written since the last flush.
    written: u64,
    /// Records that are durable.
    flushed: u64,
    flushed_at: Instant,
    /// The last state written, if it is not saved.
    reached: Option<State>,
    /// Whether anything was written after the last state.
    beyond: bool,
    began: Option<State>,
    saved: Option<State>,
}

impl Ledger {
    pub(super) fn new(began: Option<State>, patience: Patience) -> Self {
        Self {
            patience,
            written: 0,
            flushed: 0,
            flushed_at: Instant::now(),
            reached: None,
            beyond: false,
            saved: began.clone(),
            began,
        }
    }

    /// The last state that is saved.
    pub(super) fn bookmark(&self) -> Option<&State> {
        self.saved.as_ref()
    }

    /// Notes what goes to the sink.
    pub(super) fn write(&mut self, batch: &Batch) {
        let records = batch
            .messages
            .iter()
            .filter(|message| matches!(message, Message::Record(_)))
            .count();
        self.written += records as u64;
        match &batch.state {
            Some(state) => {
                self.reached = Some(state.clone());
                self.beyond = false;
            }
            None => self.beyond = true,
        }
    }

    /// Whether the last thing written is a state and the sink's patience is used up.
    pub(super) fn is_save_due(&self) -> bool {
        self.reached.is_some()
            && !self.beyond
            && (self.written >= self.patience.records
                || self.flushed_at.elapsed() >= self.patience.time)
    }

    /// Whether something was written that no state covers.
    pub(super) fn is_beyond_state(&self) -> bool {
        self.beyond
    }

    /// Notes that all that was written is durable. Gives the state that may now be saved.
    pub(super) fn flush(&mut self) -> Option<State> {
        self.flushed += self.written;
        self.written = 0;
        self.flushed_at = Instant::now();
        self.reached.take()
    }

    /// Notes that a state is saved.
    pub(super) fn save(&mut self, state: State) {
        self.saved = Some(state);
    }

    /// What has come of it, with what the source and the sink have left out.
    pub(super) fn report(self, ended: Ended, mut skips: Skips, by_sink: Skips) -> Report {
        let records = self.flushed.saturating_sub(by_sink.count);
        skips.add(by_sink);
        Report {
            ended,
            records,
            skips,
            progressed: self.saved != self.began,
            bookmark: self.saved,
        }
    }
}

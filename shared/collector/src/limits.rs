//! When a run has to end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weir_model::Timestamp;
use weir_store::Clock;

/// How long a source may take from when it is asked to stop until it comes to a state.
const GRACE: Duration = Duration::from_secs(30);

/// When a run has to end.
#[derive(Debug, Clone)]
pub struct Limits {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop_at: Option<Timestamp>,
    pub(crate) grace: Duration,
    pub(crate) stop: Option<watch::Receiver<bool>>,
}

impl Limits {
    /// No limit: the run ends with its source.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            stop_at: None,
            grace: GRACE,
            stop: None,
        }
    }

    /// Asks the source to stop at its next state from `time` on.
    #[must_use]
    pub fn stop_at(mut self, time: Timestamp) -> Self {
        self.stop_at = Some(time);
        self
    }

    /// How long the source may go on after it was asked to stop; then it is cut off, and what came
    /// after its last state is read again by the next run.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Asks the source to stop at its next state as soon as the channel says `true`.
    #[must_use]
    pub fn stop_when(mut self, stop: watch::Receiver<bool>) -> Self {
        self.stop = Some(stop);
        self
    }
}

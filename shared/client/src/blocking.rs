//! The client for programs without a runtime: the same, with calls that wait where the other has
//! futures.

use std::sync::mpsc;
use std::time::Duration;

use weir_model::Event;

use crate::builder::Builder;
use crate::client::patience;
use crate::refused::Refused;
use crate::report::Report;
use crate::sender::Left;
use crate::statistics::Statistics;
use crate::trigger::Trigger;

/// Reports events to a Weir; see [`crate::Client`].
#[derive(Debug, Clone)]
pub struct Client(crate::Client);

impl Client {
    /// Begins to build a client.
    pub fn builder() -> Builder<Self> {
        Builder::default()
    }

    pub(crate) fn new(client: crate::Client) -> Self {
        Self(client)
    }

    /// See [`crate::Client::report`].
    pub fn report(&self, event: impl Into<Report>) -> Result<(), Refused> {
        self.0.report(event)
    }

    /// See [`crate::Client::report_many`].
    pub fn report_many<E: Into<Report>>(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Vec<(usize, Refused)> {
        self.0.report_many(events)
    }

    /// See [`crate::Client::record_trigger`].
    pub fn record_trigger(&self, trigger: Trigger) -> Result<(), Refused> {
        self.0.record_trigger(trigger)
    }

    /// See [`crate::Client::track`].
    pub fn track(&self, event: Event) -> Result<(), Refused> {
        self.0.track(event)
    }

    /// See [`crate::Client::statistics`].
    pub fn statistics(&self) -> Statistics {
        self.0.statistics()
    }

    /// Sends what there is now, and waits for so long at most; whether all of it went.
    pub fn flush(&self, within: Duration) -> bool {
        let (done, through) = mpsc::channel();
        let _waiting = self.0.ask_flush(Box::new(move |()| {
            // Whoever asked may have given up.
            let _ = done.send(());
        }));
        through.recv_timeout(within).is_ok()
    }

    /// See [`crate::Client::close`].
    pub fn close(&self, within: Duration) -> Left {
        let (done, closed) = mpsc::channel();
        self.0.ask_close(
            within,
            Box::new(move |left| {
                let _ = done.send(left);
            }),
        );
        let left = closed.recv_timeout(patience(within));
        left.unwrap_or_else(|_| self.0.left())
    }
}

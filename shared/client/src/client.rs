//! The client: takes events in and never holds its program up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use weir_model::Event;

use crate::buffer::Buffer;
use crate::builder::Builder;
use crate::clock::Clock;
use crate::entry::{Entry, EventType};
use crate::notice::Notices;
use crate::refused::Refused;
use crate::report::Report;
use crate::sender::{Command, Done, Left};
use crate::statistics::{Counters, Loss, Statistics};
use crate::trigger::Trigger;

/// Reports events to a Weir. Cheap to clone; all clones are one client.
///
/// Reporting puts an event into a buffer and returns; a sender does the rest. When the last clone
/// is dropped without [`Client::close`], the sender goes on for five seconds at most, if the
/// program lives so long.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// What reporting needs.
pub(crate) struct Shared {
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) notices: Notices,
    pub(crate) clock: Clock,
    pub(crate) event_type: EventType,
    pub(crate) commands: UnboundedSender<Command>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A sender that has stopped already needs no telling.
        let _ = self.commands.send(Command::Leave);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.statistics()).finish()
    }
}

impl Client {
    /// Begins to build a client.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Reports an object or a text. Its namespace is the label, its name the event type, its value
    /// the object's number `value` or 1, its time now, and its properties are the object, or
    /// `{"message": text}`.
    pub fn report(&self, event: impl Into<Report>) -> Result<(), Refused> {
        let now = self.0.clock.now();
        self.take_in(Entry::report(event.into(), &self.0.event_type, now))
    }

    /// Reports several; those refused, with their places.
    pub fn report_many<E: Into<Report>>(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Vec<(usize, Refused)> {
        let reported = events.into_iter().map(|event| self.report(event));
        let refused = reported
            .enumerate()
            .filter_map(|(at, r)| Some((at, r.err()?)));
        refused.collect()
    }

    /// Records a trigger: an event of its object's namespace with its action's name.
    pub fn record_trigger(&self, trigger: Trigger) -> Result<(), Refused> {
        self.take_in(Entry::trigger(trigger, self.0.clock.now()))
    }

    /// Reports an event of Weir's own. Without a time, its time is now.
    pub fn track(&self, event: Event) -> Result<(), Refused> {
        self.take_in(Ok(Entry::event(event, self.0.clock.now())))
    }

    fn take_in(&self, entry: Result<Entry, Refused>) -> Result<(), Refused> {
        let taken = entry.and_then(|entry| self.0.buffer.push(entry));
        match &taken {
            // The buffer counts what finds it full; a notice for each would be too many.
            Ok(()) | Err(Refused::Full) => {}
            Err(refused) => self.tell_refused(refused),
        }
        taken
    }

    #[cold]
    fn tell_refused(&self, refused: &Refused) {
        self.0.counters.dropped(1, Loss::Refused);
        self.0.notices.refused(&refused.to_string());
    }

    /// What the client has done so far.
    pub fn statistics(&self) -> Statistics {
        let view = self.0.buffer.view();
        let mut statistics = self.0.counters.read();
        statistics.reported = view.taken_in;
        statistics.buffered_events = view.held.events as u64;
        statistics.buffered_bytes = view.held.bytes as u64;
        statistics.add_dropped(view.lost, Loss::Full);
        statistics
    }

    /// Sends what there is now, without waiting for batches to fill, and returns when all of it is
    /// with the server, or dropped with a notice; or when the client is closed. While no server
    /// answers, it does not return: put a time limit on it, or see [`Client::close`].
    pub async fn flush(&self) {
        let (done, through) = oneshot::channel();
        self.ask_flush(Box::new(move |()| {
            // Whoever asked may have given up.
            let _ = done.send(());
        }));
        // Without an answer, the sender has stopped.
        let _ = through.await;
    }

    /// Takes nothing in any more, sends what there is for so long at most, stops, and says what
    /// was left.
    pub async fn close(&self, within: Duration) -> Left {
        let (done, closed) = oneshot::channel();
        self.ask_close(
            within,
            Box::new(move |left| {
                let _ = done.send(left);
            }),
        );
        closed.await.unwrap_or_else(|_| self.left())
    }

    pub(crate) fn ask_flush(&self, done: Done<()>) {
        let number = self.0.buffer.view().next_in;
        // If the sender has stopped, `done` is dropped with the command.
        let _ = self.0.commands.send(Command::Flush(number, done));
    }

    pub(crate) fn ask_close(&self, within: Duration, done: Done<Left>) {
        let _ = self.0.commands.send(Command::Close(within, done));
    }

    /// What is left when the sender has stopped before.
    pub(crate) fn left(&self) -> Left {
        let statistics = self.statistics();
        Left {
            lost: statistics.buffered_events,
            spooled: statistics.spooled_events,
        }
    }
}

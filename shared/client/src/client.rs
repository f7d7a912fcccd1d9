//! The client: takes events in and never holds its program up.

use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use futures::future::{Either, select};
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
use crate::sender::{Command, Done, Flush, LONGEST, Left};
use crate::statistics::{Counters, Loss, Statistics};
use crate::trigger::Trigger;

/// Reports events to a Weir. Cheap to clone; all clones are one client.
///
/// Reporting puts an event into a buffer and returns; a sender does the rest. When the last clone
/// is dropped without [`Client::close`], the sender goes on for five seconds at most, if the
/// program lives so long.
///
/// The program's callbacks may report and read statistics, but should not flush or close: on the
/// sender's thread they would wait for themselves. A process that was forked has the client but
/// not its sender; it must build its own, after the fork, with another spool.
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
        // A loss that moves from the buffer to the counters meanwhile is missed, not seen twice.
        let mut statistics = self.0.counters.read();
        let view = self.0.buffer.view();
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
        let _waiting = self.ask_flush(Box::new(move |()| {
            // Whoever asked may have given up.
            let _ = done.send(());
        }));
        // Without an answer, the sender has stopped.
        let _ = through.await;
    }

    /// Takes nothing in any more, sends what there is for so long at most, stops, and says what
    /// was left. If the sender does not answer a second after that, because it is held up by a
    /// callback or a disk, this returns all the same.
    pub async fn close(&self, within: Duration) -> Left {
        let (done, closed) = oneshot::channel();
        self.ask_close(
            within,
            Box::new(move |left| {
                let _ = done.send(left);
            }),
        );
        let (_waiting, late) = alarm(patience(within));
        match select(closed, pin!(late)).await {
            Either::Left((left, _)) => left.unwrap_or_else(|_| self.left()),
            Either::Right(_) => self.left(),
        }
    }

    /// Asks for a flush, for as long as what comes back is kept.
    #[must_use]
    pub(crate) fn ask_flush(&self, done: Done<()>) -> Arc<()> {
        let waiting = Arc::new(());
        let flush = Flush {
            number: self.0.buffer.view().next_in,
            done,
            waiting: Arc::downgrade(&waiting),
        };
        // If the sender has stopped, `done` is dropped with the command.
        let _ = self.0.commands.send(Command::Flush(flush));
        waiting
    }

    pub(crate) fn ask_close(&self, within: Duration, done: Done<Left>) {
        self.0.buffer.close();
        let _ = self.0.commands.send(Command::Close(within, done));
    }

    /// What is left when the sender has stopped before, or does not answer.
    pub(crate) fn left(&self) -> Left {
        let statistics = self.statistics();
        let lost = statistics.dropped(Loss::Left);
        Left {
            // First they are in the buffer, and then they are counted.
            lost: lost.max(statistics.buffered_events),
            spooled: statistics.spooled_events,
        }
    }
}

/// How long whoever closes a client waits for its sender.
pub(crate) fn patience(within: Duration) -> Duration {
    within.min(LONGEST) + Duration::from_secs(1)
}

/// Is over after a time, unless the first part is dropped before. It takes a thread, because the
/// caller's executor may be any, and the sender's may be what does not answer.
fn alarm(after: Duration) -> (mpsc::Sender<()>, impl Future<Output = ()>) {
    let (waiting, gone) = mpsc::channel();
    let (ring, rung) = oneshot::channel();
    let wait = move || {
        if gone.recv_timeout(after) == Err(RecvTimeoutError::Timeout) {
            // Whoever closes may have given up.
            let _ = ring.send(());
        }
    };
    // Without a thread there is no alarm.
    let _ = thread::Builder::new().spawn(wait);
    let late = async {
        if rung.await.is_err() {
            pending().await
        }
    };
    (waiting, late)
}

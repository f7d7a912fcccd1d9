//! The sender: takes events from the buffer, makes batches of them, and has them delivered, a few
//! at a time.
//!
//! One loop owns all of it. It takes events from the buffer only when a batch can go, so that what
//! waits stays where the buffer's rules apply to it; with a spool it takes them every few
//! milliseconds, writes them down, and they wait on the disk.

mod deferred;
mod guard;
mod intake;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use crate::batch::{Batch, Home};
use crate::buffer::{Buffer, Wish};
use crate::courier::Courier;
use crate::delivery::{Settled, deliver};
use crate::notice::codes;
use crate::spool::Spooled;
use crate::statistics::Loss;
pub(crate) use guard::Guard;
pub(crate) use intake::Intake;

/// How long a client that was dropped without being closed goes on sending.
const GRACE: Duration = Duration::from_secs(5);

/// As good as for ever, and can be added to a time.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// How often notice is given of events that found the buffer full.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What a client asks of its sender.
pub(crate) enum Command {
    /// To say when all events before a number are through.
    Flush(Flush),
    /// To send what there is, until then at most, and stop.
    Close(Duration, Done<Left>),
    /// To stop soon: nobody is left who could ask.
    Leave,
}

/// A wish to hear when all events before a number are through.
pub(crate) struct Flush {
    pub(crate) number: u64,
    pub(crate) done: Done<()>,
    /// Is gone when whoever asked has given up.
    pub(crate) waiting: Weak<()>,
}

/// Takes an answer to wherever it is waited for.
pub(crate) type Done<T> = Box<dyn FnOnce(T) + Send>;

/// What was not sent when a client was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// Events that are lost, but for those whose request was under way and may have arrived.
    pub lost: u64,
    /// Events in the spool, which the program's next run sends.
    pub spooled: u64,
}

/// When a batch is made, and how many go at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) interval: Duration,
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) at_once: usize,
}

/// All that is on its way.
pub(crate) struct Sender {
    buffer: Arc<Buffer>,
    courier: Arc<Courier>,
    rules: Rules,
    commands: UnboundedReceiver<Command>,
    intake: Intake,
    ready: VecDeque<Batch>,
    deferred: deferred::Queue,
    under_way: FuturesUnordered<BoxFuture<'static, Settled>>,
    /// The numbers of the first events of batches that are not through, and how many begin so.
    live: BTreeMap<u64, usize>,
    /// When what waits for a batch was first seen to wait.
    waiting_since: Option<Instant>,
    flushes: Vec<Flush>,
    /// Whether anybody is left to ask for something.
    has_client: bool,
    closing: Option<Instant>,
    closed: Vec<Done<Left>>,
    tell_next: Instant,
}

impl Sender {
    pub(crate) fn new(
        rules: Rules,
        commands: UnboundedReceiver<Command>,
        courier: Arc<Courier>,
        intake: Intake,
        found: Vec<Spooled>,
    ) -> Self {
        let mut sender = Self {
            buffer: Arc::clone(intake.buffer()),
            courier,
            rules,
            commands,
            intake,
            ready: VecDeque::new(),
            deferred: deferred::Queue::default(),
            under_way: FuturesUnordered::new(),
            live: BTreeMap::new(),
            waiting_since: None,
            flushes: Vec::new(),
            has_client: true,
            closing: None,
            closed: Vec::new(),
            tell_next: Instant::now(),
        };
        let home = found.into_iter().map(Home::Spool);
        sender.queue(home.map(|home| Batch::new(0, home)).collect());
        sender
    }

    /// Runs until the client is closed.
    pub(crate) async fn run(mut self) {
        loop {
            self.tell_lost();
            // Nobody waits for all to be sent who has given up.
            self.flushes
                .retain(|flush| flush.waiting.strong_count() > 0);
            self.take_in();
            self.dispatch();
            self.answer_flushes();
            if self.is_over() {
                return self.finish();
            }
            self.wait().await;
        }
    }

    /// Whether someone waits for all there is to be sent.
    fn is_urgent(&self) -> bool {
        self.closing.is_some() || !self.flushes.is_empty()
    }

    fn take_in(&mut self) {
        let sealed = self.intake.take_in(self.is_urgent());
        if !sealed.is_empty() || self.intake.waiting().events == 0 {
            self.waiting_since = None;
        }
        self.queue(sealed);
        if self.intake.waiting().events > 0 {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
    }

    fn queue(&mut self, batches: Vec<Batch>) {
        for batch in batches {
            *self.live.entry(batch.first).or_default() += 1;
            self.ready.push_back(batch);
        }
    }

    fn dispatch(&mut self) {
        while self.has_place() {
            let Some(batch) = self.next_batch() else {
                return;
            };
            tracing::debug!(key = %batch.key(), events = batch.events(), "a batch goes");
            let delivery = deliver(Arc::clone(&self.courier), batch);
            self.under_way.push(Box::pin(delivery));
        }
    }

    fn next_batch(&mut self) -> Option<Batch> {
        let due = self.deferred.next_due(Instant::now());
        if due.is_some() || !self.may_begin() {
            return due;
        }
        if self.ready.is_empty() {
            let made = self.make();
            self.queue(made);
        }
        self.ready.pop_front()
    }

    /// Makes a batch of what waits if it is time.
    fn make(&mut self) -> Vec<Batch> {
        let Some(since) = self.waiting_since else {
            return Vec::new();
        };
        let waiting = self.intake.waiting();
        let is_full = waiting.events >= self.rules.events || waiting.bytes >= self.rules.bytes;
        let is_time = since.elapsed() >= self.rules.interval;
        if !(is_full || is_time || self.is_urgent()) {
            return Vec::new();
        }
        let made = self.intake.make();
        let is_rest = self.intake.waiting().events > 0;
        self.waiting_since = is_rest.then(Instant::now);
        made
    }

    /// Waits until there is something to do, and does what was asked or what came back.
    async fn wait(&mut self) {
        self.buffer.wish(self.wish());
        let until = self.next_time();
        let sleep = async move {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(settled) = self.under_way.next() => self.settle(settled),
            command = self.commands.recv(), if self.has_client => match command {
                Some(command) => self.obey(command),
                None => self.has_client = false,
            },
            () = self.buffer.woken() => {}
            () = sleep => {}
        }
    }

    fn wish(&self) -> Wish {
        let waiting = self.buffer.view().waiting;
        if waiting.events == 0 || !self.is_timed() {
            // What came after the last look is looked at now.
            Wish::Any
        } else if self.intake.is_spooling() || !self.may_begin() {
            Wish::Nothing
        } else {
            Wish::Batch {
                events: self.rules.events,
                bytes: self.rules.bytes,
            }
        }
    }

    /// Whether the sender will look at what waits in memory without being woken by a report.
    fn is_timed(&self) -> bool {
        match self.intake.is_spooling() {
            true => self.intake.is_timed(),
            false => !self.may_begin() || self.waiting_since.is_some(),
        }
    }

    fn has_place(&self) -> bool {
        self.under_way.len() < self.rules.at_once
    }

    /// Whether a batch may go that was not attempted yet. Where the server fails all of them, few
    /// are attempted: those get too old in the end, and the others do not.
    fn may_begin(&self) -> bool {
        let begun = self.under_way.len() + self.deferred.unlucky();
        self.has_place() && begun < 2 * self.rules.at_once
    }

    fn next_time(&self) -> Option<Instant> {
        let interval = self.waiting_since.filter(|_| self.may_begin());
        let deferred = self.deferred.next_time().filter(|_| self.has_place());
        let lost = (self.buffer.view().lost > 0).then_some(self.tell_next);
        [
            interval.map(|since| since + self.rules.interval),
            self.intake.next_time(),
            deferred,
            self.closing,
            lost,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn settle(&mut self, settled: Settled) {
        if let Some(batches) = self.live.get_mut(&settled.first) {
            *batches -= 1;
            if *batches == 0 {
                self.live.remove(&settled.first);
            }
        }
        self.buffer.release(settled.released);
        for batch in settled.next.into_iter().rev() {
            *self.live.entry(batch.first).or_default() += 1;
            self.ready.push_front(batch);
        }
        if let Some(later) = settled.later {
            *self.live.entry(later.batch.first).or_default() += 1;
            self.deferred.add(later);
        }
        self.intake.tidy();
    }

    fn obey(&mut self, command: Command) {
        // What pauses is attempted once more, now that someone waits for it.
        self.courier.hurry.notify_waiters();
        self.deferred.hurry();
        match command {
            Command::Flush(flush) => self.flushes.push(flush),
            Command::Close(within, done) => {
                self.closed.push(done);
                self.close_within(within);
            }
            Command::Leave => self.close_within(GRACE),
        }
    }

    fn close_within(&mut self, within: Duration) {
        self.buffer.close();
        let end = Instant::now() + within.min(LONGEST);
        self.closing = Some(self.closing.map_or(end, |earlier| earlier.min(end)));
    }

    /// The number of the first event that is not through.
    fn first_unsettled(&self) -> u64 {
        let live = self.live.first_key_value().map(|(first, _)| *first);
        live.unwrap_or(u64::MAX).min(self.intake.first_waiting())
    }

    fn answer_flushes(&mut self) {
        let through = self.first_unsettled();
        let is_through = |flush: &mut Flush| flush.number <= through;
        for flush in self.flushes.extract_if(.., is_through) {
            (flush.done)(());
        }
    }

    fn is_over(&self) -> bool {
        let Some(end) = self.closing else {
            return false;
        };
        let is_empty = self.first_unsettled() >= self.buffer.view().next_in;
        is_empty || end <= Instant::now()
    }

    fn finish(mut self) {
        self.under_way.clear();
        self.ready.clear();
        self.tell_next = Instant::now();
        self.tell_lost();
        let held = self.buffer.view().held;
        self.buffer.release(held);
        let left = Left {
            lost: held.events as u64,
            spooled: self.intake.spooled(),
        };
        if left != Left::default() {
            self.tell_left(left);
        }
        self.ready.clear();
        self.deferred = deferred::Queue::default();
        // Whoever opens the spool next finds it free.
        drop(self.intake);
        self.closed.into_iter().for_each(|done| done(left));
    }

    fn tell_left(&self, left: Left) {
        let Left { lost, spooled } = left;
        self.courier.counters.dropped(lost, Loss::Left);
        let text = format!("closed before {lost} events were sent; {spooled} wait in the spool");
        match lost {
            0 => self.courier.notices.warn(codes::LEFT, text),
            _ => self.courier.notices.error(codes::LEFT, text),
        }
    }

    /// Gives notice of events that found the buffer full, at most so often.
    fn tell_lost(&mut self) {
        if self.tell_next > Instant::now() {
            return;
        }
        let lost = self.buffer.take_lost();
        if lost > 0 {
            self.tell_next = Instant::now() + TELL_EVERY;
            self.courier.counters.dropped(lost, Loss::Full);
            let text = format!("the buffer is full: {lost} events were dropped");
            self.courier.notices.error(codes::BUFFER_FULL, text);
        }
    }
}

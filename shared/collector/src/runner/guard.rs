//! The lease and the clock of a run, looked at while it waits for its source or its sink.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use weir_model::Timestamp;
use weir_store::{Deadline, Lease, LeaseError, StoreError};

use crate::fault::Fault;
use crate::limits::Limits;
use crate::message::State;
use crate::output::{Handed, Incoming, Shared};
use crate::report::{Ended, Skips};
use crate::runner::Keep;
use crate::sink::SinkError;

/// How often a waiting run looks at the clock.
const LOOK: Duration = Duration::from_secs(1);
/// How long renewing may take, while source and sink wait.
const RENEW_CALL: Duration = Duration::from_secs(5);
/// How long to wait when that was not enough.
const RENEW_PAUSE: Duration = Duration::from_secs(10);
/// How long one write of the job's item may take, repeats and settling of doubt included.
const STORE_CALL: Duration = Duration::from_secs(20);

/// Keeps a run within its lease and its limits.
pub(super) struct Guard<'a> {
    keep: Keep<'a>,
    limits: Limits,
    shared: Arc<Shared>,
    looks: Interval,
    stopping_since: Option<Timestamp>,
    /// A lease that ends sooner than this is renewed: half of its length.
    renew_before: Duration,
    /// When to try again to renew the lease, after the store did not answer.
    renew_again: Timestamp,
    /// Names of outputs that the job's item had when the run began.
    inherited: Vec<String>,
}

/// Why a run cannot go on.
#[derive(Debug)]
pub(super) enum Halt {
    Sink(SinkError),
    Store(StoreError),
    LeaseLost,
}

impl Keep<'_> {
    /// What the source resumes from.
    pub fn state(&self) -> Option<State> {
        match self {
            Keep::Bookmark { lease, .. } => lease.bookmark().cloned().map(State),
            Keep::Range { state, .. } | Keep::Nothing { state } => state.clone(),
        }
    }

    fn lease(&self) -> Option<&Lease> {
        match self {
            Keep::Bookmark { lease, .. } | Keep::Range { lease, .. } => Some(lease),
            Keep::Nothing { .. } => None,
        }
    }
}

impl<'a> Guard<'a> {
    pub(super) fn new(keep: Keep<'a>, limits: Limits, shared: Arc<Shared>) -> Self {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (inherited, length) = keep.lease().map_or_else(Default::default, |lease| {
            (lease.pending().to_vec(), lease.length())
        });
        Self {
            keep,
            limits,
            shared,
            looks,
            stopping_since: None,
            renew_before: length / 2,
            renew_again: Timestamp::MIN,
            inherited,
        }
    }

    /// Waits for what the source hands on next. Nothing, if it did not come to a state in time
    /// after it was asked to stop.
    pub(super) async fn next(&mut self, incoming: &mut Incoming) -> Result<Option<Handed>, Halt> {
        loop {
            self.look().await?;
            if self.is_out_of_grace() {
                return Ok(None);
            }
            tokio::select! {
                biased;
                handed = incoming.queue.recv() => return Ok(handed),
                _ = self.looks.tick() => {}
            }
        }
    }

    /// Waits for the sink, and meanwhile keeps the lease. Each step of the work is taken only while
    /// the lease is sure to be held: a run that was frozen in the middle finds out before the next.
    pub(super) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Halt> {
        let mut work = pin!(work);
        loop {
            self.look().await?;
            let (clock, until) = (Arc::clone(&self.limits.clock), self.sure_until());
            let step = poll_fn(|context| match clock.now() < until {
                true => work.as_mut().poll(context).map(Some),
                false => Poll::Ready(None),
            });
            tokio::select! {
                biased;
                done = step => if let Some(done) = done {
                    return Ok(done);
                },
                _ = self.looks.tick() => {}
            }
        }
    }

    /// Puts names of outputs beside the unchanged bookmark.
    pub(super) async fn intend(&mut self, planned: &[String]) -> Result<(), Halt> {
        let names = self.names(planned);
        let deadline = self.deadline();
        match &mut self.keep {
            Keep::Bookmark { store, lease } | Keep::Range { store, lease, .. } => {
                Ok(lease.intend(store, names, deadline).await?)
            }
            Keep::Nothing { .. } => Ok(()),
        }
    }

    /// Saves the bookmark, unless it is to stay, and drops the names of this run's outputs.
    pub(super) async fn save(&mut self, state: &State) -> Result<(), Halt> {
        let names = self.names(&[]);
        let deadline = self.deadline();
        match &mut self.keep {
            Keep::Bookmark { store, lease } => {
                Ok(lease.save(store, state.0.clone(), names, deadline).await?)
            }
            Keep::Range { store, lease, .. } if lease.pending() != names => {
                Ok(lease.intend(store, names, deadline).await?)
            }
            Keep::Range { .. } => Ok(()),
            Keep::Nothing { .. } => Ok(()),
        }
    }

    /// Names of outputs that a run which died has left.
    pub(super) fn inherited(&self) -> &[String] {
        &self.inherited
    }

    /// No longer puts inherited names beside the bookmark.
    pub(super) fn forget_inherited(&mut self) {
        self.inherited.clear();
    }

    pub(super) fn skips(&self) -> Skips {
        self.shared.skips()
    }

    /// Asks the source to stop when it is time, and renews the lease when it is time.
    async fn look(&mut self) -> Result<(), Halt> {
        let now = self.limits.clock.now();
        if self.stopping_since.is_none() && self.is_time_up(now) {
            self.shared.stop();
            self.stopping_since = Some(now);
        }
        self.keep_lease(now).await
    }

    /// Renews the lease long before its end. While the store does not answer, the run goes on for
    /// as long as it is sure to hold the lease.
    async fn keep_lease(&mut self, now: Timestamp) -> Result<(), Halt> {
        let (store, lease) = match &mut self.keep {
            Keep::Bookmark { store, lease } | Keep::Range { store, lease, .. } => (store, lease),
            Keep::Nothing { .. } => return Ok(()),
        };
        let until = lease.until();
        let is_soon = until <= now.saturating_add(self.renew_before);
        if !is_soon || (now < self.renew_again && now < until) {
            return Ok(());
        }
        let renewed = lease
            .renew(store, Deadline::at(now.saturating_add(RENEW_CALL)))
            .await;
        match renewed {
            Err(LeaseError::Store(error)) if self.limits.clock.now() < lease.until() => {
                tracing::warn!("the lease is not renewed yet: {error}");
                self.renew_again = self.limits.clock.now().saturating_add(RENEW_PAUSE);
                Ok(())
            }
            renewed => Ok(renewed?),
        }
    }

    /// Until when nobody else can have the job.
    fn sure_until(&self) -> Timestamp {
        self.keep.lease().map_or(Timestamp::MAX, Lease::until)
    }

    fn is_time_up(&self, now: Timestamp) -> bool {
        let asked = self.limits.stop.as_ref().is_some_and(|stop| *stop.borrow());
        asked || self.limits.stop_at.is_some_and(|stop_at| now >= stop_at)
    }

    /// Whether the source was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping_since.is_some()
    }

    fn is_out_of_grace(&self) -> bool {
        self.stopping_since
            .is_some_and(|since| self.limits.clock.now() >= since.saturating_add(self.limits.grace))
    }

    fn names(&self, planned: &[String]) -> Vec<String> {
        [&self.inherited, planned].concat()
    }

    fn deadline(&self) -> Deadline {
        Deadline::at(self.limits.clock.now().saturating_add(STORE_CALL))
    }
}

impl From<SinkError> for Halt {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<LeaseError> for Halt {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost { .. } => {
                tracing::warn!("the run ends: {error}");
                Self::LeaseLost
            }
            LeaseError::Store(error) => Self::Store(error),
        }
    }
}

impl Halt {
    pub(super) fn into_ended(self) -> Ended {
        match self {
            Halt::Sink(SinkError::Final(fault)) => Ended::Failed(fault),
            Halt::Sink(SinkError::Later { fault, after }) => Ended::Later { fault, after },
            Halt::Store(error) => of_store(&error),
            Halt::LeaseLost => Ended::LeaseLost,
        }
    }
}

fn of_store(error: &StoreError) -> Ended {
    let fault = Fault::new(format!("the state of the job is not saved: {error}"));
    match error {
        StoreError::Unavailable(_) | StoreError::TooSlow(_) | StoreError::Changed(_) => {
            Ended::Later { fault, after: None }
        }
        StoreError::Corrupt { .. } | StoreError::Refused(_) => Ended::Failed(fault),
    }
}

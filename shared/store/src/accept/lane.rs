//! Group commit: requests that come while a commit is under way go into the next one together.
//!
//! A lane serves the series that hash to it, one commit at a time; what fills a transaction by
//! itself shares it with nobody, and takes any lane. Plain requests and guarded ones
//! (with a key or ids) take turns and never share a transaction, so a refusal of the one cannot
//! hold up the other. A commit runs in a task of its own, so a client that hangs up does not stop
//! it half-way.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

use tracing::error;

use super::plan::{Part, TRANSACTION_BYTES};
use super::round::{Failure, Job, Round};
use crate::store::{LANES, Store};

/// Items of one commit of several requests. More make each of them wait longer.
const GROUP_ITEMS: usize = 40;

/// Requests that wait in a lane; more would only time out there.
const WAITING_MAX: usize = 10_000;

/// The lane of a part: its series', so that it shares blocks with others that wait there. One that
/// shares nothing goes to the next lane each time, so that such parts need not wait for each other.
pub(super) fn place(store: &Store, part: &Part) -> usize {
    let Some(piece) = part.pieces.first() else {
        return 0;
    };
    let own = store.lane_of(&piece.series);
    match piece.events.first() {
        Some(event) if part.items() > GROUP_ITEMS => {
            let turn = event.origin.request + u64::from(event.origin.index);
            (own + usize::try_from(turn % LANES as u64).expect("a lane's number is small")) % LANES
        }
        _ => own,
    }
}

/// The queue of some series.
#[derive(Debug, Default)]
pub(crate) struct Lane(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    plain: VecDeque<Job>,
    guarded: VecDeque<Job>,
    committing: bool,
    guarded_next: bool,
}

impl Lane {
    /// Queues a job and sees to it that somebody commits.
    pub(crate) fn submit(&self, store: &Store, at: usize, job: Job) {
        let mut waiting = self.0.lock().expect("no panic while queueing");
        if waiting.plain.len() + waiting.guarded.len() >= WAITING_MAX {
            let _ = job
                .answer
                .send(Err(Failure::NotStored("too many requests wait".into())));
            return;
        }
        match job.is_guarded() {
            true => waiting.guarded.push_back(job),
            false => waiting.plain.push_back(job),
        }
        if !std::mem::replace(&mut waiting.committing, true) {
            tokio::spawn(commit_all(store.clone(), at));
        }
    }

    /// The next commit's jobs; empty, and the lane at rest, when nothing waits.
    fn take(&self) -> Vec<Job> {
        let mut waiting = self.0.lock().expect("no panic while queueing");
        let group = waiting.take();
        waiting.committing = !group.is_empty();
        group
    }
}

async fn commit_all(store: Store, at: usize) {
    loop {
        let group = store.lane(at).take();
        if group.is_empty() {
            return;
        }
        // In a task of its own, a round that panics takes its own requests with it and not the
        // lane; their answer is that the outcome is unknown.
        let own = store.clone();
        let round = tokio::spawn(async move { Round::new(&own, group).run().await });
        if let Err(cause) = round.await {
            error!(%cause, "a commit broke off: {cause}");
        }
    }
}

impl Waiting {
    fn take(&mut self) -> Vec<Job> {
        let guarded = match (self.plain.is_empty(), self.guarded.is_empty()) {
            (true, _) => true,
            (_, true) => false,
            _ => self.guarded_next,
        };
        self.guarded_next = !guarded;
        take_group(if guarded {
            &mut self.guarded
        } else {
            &mut self.plain
        })
    }
}

/// Takes from the front what fits into one transaction, at least one job.
fn take_group(queue: &mut VecDeque<Job>) -> Vec<Job> {
    let mut group = Vec::new();
    let mut load = Load::default();
    while let Some(job) = queue.front() {
        let fits = load.add(job);
        if fits || group.is_empty() {
            group.extend(queue.pop_front());
        }
        if !fits {
            break;
        }
    }
    group
}

/// What a transaction would hold.
#[derive(Default)]
struct Load {
    places: HashSet<(weir_model::Series, weir_model::Day)>,
    guards: HashSet<String>,
    bytes: usize,
}

impl Load {
    /// Adds a job; false if the whole is then too much, or would name a receipt twice.
    fn add(&mut self, job: &Job) -> bool {
        // It goes alone, so its many ids need not be hashed to see whether another has one.
        if job.part.items() > GROUP_ITEMS {
            return false;
        }
        let pieces = &job.part.pieces;
        self.places
            .extend(pieces.iter().map(|piece| (piece.series.clone(), piece.day)));
        self.bytes += job.part.bytes;
        let mut alone = true;
        for guard in job.guards() {
            alone &= self.guards.insert(guard);
        }
        // A block that is full makes another one: bytes bound how many.
        let items = self.places.len() + self.guards.len() + self.bytes / 100_000;
        alone && items <= GROUP_ITEMS && self.bytes <= TRANSACTION_BYTES
    }
}

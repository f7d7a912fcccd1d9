//! One commit: the requests that go to the store together, and what becomes of them.
//!
//! The order of steps is what makes counting exact; each is safe to be cut off after. An attempt
//! is repeated with the same content until its fate is known. A refusal is never taken at its
//! word: the round reads what is there, and only that decides who has landed, who is a repeat,
//! and whose events are duplicates. What is refused can never land later, because receipts and
//! markers outlive every signature; so a round may be built anew after a refusal, and only then.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use tracing::error;
use weir_model::{Block, Series, Timestamp};

use super::plan::{NamedBlock, Part, Piece, share};
use super::receipt::{self, Answer, Receipt};
use super::settle::{Settled, settle};
use super::{FIRST_ATTEMPTS, SETTLING};
use crate::attribute;
use crate::backoff::Backoff;
use crate::db::{Attempt, CallError, Condition, Deadline, Item, Key, Put, Reason, Table};
use crate::keys;
use crate::store::Store;

/// One attempt waits no longer than this for its answer.
const ATTEMPT: Duration = Duration::from_secs(3);

/// How old a request may be when its first attempt begins.
const LAST_START: Duration = Duration::from_secs(9);

/// What one request, or one part of a large one, wants stored.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) part: Part,
    /// Where its receipt stands, if it has one.
    pub(crate) guard: Option<String>,
    /// What the receipt says, but for the counts.
    pub(crate) receipt: Receipt,
    /// When it came to this process.
    pub(crate) arrived: Timestamp,
    /// Events dropped as duplicates so far.
    pub(crate) duplicates: u64,
    pub(crate) answer: oneshot::Sender<Result<Landed, Failure>>,
}

/// How a job ended well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Landed {
    Stored {
        accepted: u64,
        duplicates: u64,
    },
    /// There was a receipt already.
    Repeated(Receipt),
}

/// How a job failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub(crate) enum Failure {
    /// Nothing is stored, and nothing will be.
    #[error("nothing was stored: {0}")]
    NotStored(String),
    /// It may be stored; a repeat under its key, or with its ids, will tell.
    #[error("it may be stored: {0}")]
    Doubt(String),
    /// It has no key, and what became of it could not be found out.
    #[error("the outcome is unknown")]
    Unknown,
    /// A defect of ours; nothing is stored.
    #[error("a defect: {0}")]
    Defect(String),
}

impl Job {
    pub(crate) fn is_guarded(&self) -> bool {
        self.guard.is_some() || self.part.markers > 0
    }

    /// Whether a repeat will tell what became of it: by its receipt, or by the markers of all its
    /// events.
    fn tells_repeats(&self) -> bool {
        self.guard.is_some() || self.part.markers as u64 == self.events()
    }

    fn events(&self) -> u64 {
        self.part
            .pieces
            .iter()
            .map(|piece| piece.events.len() as u64)
            .sum()
    }

    /// The keys of its receipt and markers: no transaction may name one twice.
    pub(crate) fn guards(&self) -> impl Iterator<Item = String> {
        let markers = self.part.pieces.iter().flat_map(|piece| {
            piece
                .ids()
                .map(|id| receipt::marker_partition(&piece.series, id))
        });
        self.guard.iter().cloned().chain(markers)
    }

    fn has_nothing_to_store(&self) -> bool {
        self.guard.is_none() && self.part.pieces.is_empty()
    }

    fn stored(&self) -> Landed {
        Landed::Stored {
            accepted: self.events(),
            duplicates: self.duplicates,
        }
    }

    fn finish(self, result: Result<Landed, Failure>) {
        // A client that has gone does not want its answer.
        let _ = self.answer.send(result);
    }

    /// Drops the events whose ids are another's.
    fn drop_duplicates(&mut self, found: &Found) {
        for piece in &mut self.part.pieces {
            let series = piece.series.clone();
            let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut piece.events)
                .into_iter()
                .partition(|event| {
                    event
                        .id
                        .as_deref()
                        .is_none_or(|id| found.marker(&series, id).is_none())
                });
            piece.events = kept;
            self.duplicates += dropped.len() as u64;
            self.part.markers -= dropped.len();
        }
        self.part.pieces.retain(|piece| !piece.events.is_empty());
    }
}

/// What a transaction holds, under names that no other has.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) blocks: Vec<NamedBlock>,
    guards: Vec<Put>,
}

impl Content {
    /// What is put together: the blocks with the time of the attempt, and the guards.
    fn puts(&self, now: Timestamp) -> impl Iterator<Item = Cow<'_, Put>> {
        let blocks = self
            .blocks
            .iter()
            .map(move |block| Cow::Owned(block.put(now)));
        blocks.chain(self.guards.iter().map(Cow::Borrowed))
    }

    /// The place that shows what became of it.
    pub(crate) fn witness(&self) -> Option<&NamedBlock> {
        self.blocks.first()
    }
}

impl NamedBlock {
    fn put(&self, now: Timestamp) -> Put {
        self.put_of(self.bytes.clone(), now)
    }

    /// The put of an empty block in its place.
    pub(crate) fn put_empty(&self, now: Timestamp) -> Put {
        self.put_of(
            Block {
                day: self.day,
                events: Vec::new(),
            }
            .encode(),
            now,
        )
    }

    fn put_of(&self, bytes: Vec<u8>, now: Timestamp) -> Put {
        let key = self.key();
        let item = HashMap::from([
            ("pk".to_owned(), attribute::text(key.pk)),
            ("sk".to_owned(), attribute::text(key.sk.unwrap_or_default())),
            ("at".to_owned(), attribute::number(now.as_millis())),
            ("size".to_owned(), attribute::number(bytes.len())),
            ("block".to_owned(), attribute::bytes(bytes)),
        ]);
        Put {
            table: Table::Inbox,
            item,
            condition: Some(Condition::absent()),
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key {
            pk: keys::inbox_partition(&self.series, self.name.shard),
            sk: Some(keys::block(self.day, &self.name)),
        }
    }

    /// Whether the item in its place is this very block.
    pub(crate) fn is(&self, item: &Item) -> bool {
        attribute::read_bytes(item, "block") == Some(&self.bytes)
    }
}

/// Receipts and markers that are there and still count.
struct Found(HashMap<String, Item>);

impl Found {
    fn marker(&self, series: &Series, id: &str) -> Option<&Item> {
        self.0.get(&receipt::marker_partition(series, id))
    }

    /// Whether one of the job's markers is its own: then it has landed, all of it.
    fn holds_a_marker_of(&self, job: &Job) -> bool {
        let nonce = job.receipt.recipe.nonce.to_string();
        job.part.pieces.iter().any(|piece| {
            let mut markers = piece.ids().filter_map(|id| self.marker(&piece.series, id));
            markers.any(|item| attribute::read_text(item, "nonce") == Some(nonce.as_str()))
        })
    }
}

/// How putting one content ended.
enum Fate {
    Stored,
    Refused,
    Failed(Failure),
}

/// What to do after a refusal.
enum Next {
    /// Something was found and taken out: build what remains anew.
    Rebuild,
    /// Nothing explains it: the same content again.
    Again,
    End(Fate),
}

/// A commit under way.
pub(crate) struct Round<'a> {
    store: &'a Store,
    jobs: Vec<Job>,
    deadline: Timestamp,
    settle_by: Timestamp,
}

impl<'a> Round<'a> {
    /// Begins with the jobs that have time left. Those that have not are answered at once, so
    /// that they do not take it from the others.
    pub(crate) fn new(store: &'a Store, jobs: Vec<Job>) -> Self {
        let now = store.now();
        let (jobs, late): (Vec<Job>, Vec<Job>) = jobs
            .into_iter()
            .partition(|job| now < job.arrived.saturating_add(LAST_START));
        for job in late {
            job.finish(Err(Failure::NotStored(
                "it waited too long for its turn".into(),
            )));
        }
        let arrived = jobs.iter().map(|job| job.arrived).min().unwrap_or(now);
        Self {
            store,
            jobs,
            deadline: arrived.saturating_add(FIRST_ATTEMPTS),
            settle_by: arrived.saturating_add(SETTLING),
        }
    }

    /// Carries every job to its answer.
    pub(crate) async fn run(self) {
        if !self.jobs.is_empty() {
            self.commit_all().await;
        }
    }

    async fn commit_all(mut self) {
        let mut backoff = Backoff::new();
        while !self.finish_empty_jobs() {
            let content = self.build();
            match self.commit(&content, &mut backoff).await {
                None => {}
                Some(Fate::Failed(failure)) => return self.finish_all(|_| Err(failure.clone())),
                Some(_) => return self.finish_all(|job| Ok(job.stored())),
            }
        }
    }

    fn finish_all(self, result: impl Fn(&Job) -> Result<Landed, Failure>) {
        for job in self.jobs {
            let result = result(&job);
            job.finish(result);
        }
    }

    /// Answers jobs whose events were all duplicates; true when no job is left.
    fn finish_empty_jobs(&mut self) -> bool {
        for job in self.jobs.extract_if(.., |job| job.has_nothing_to_store()) {
            let landed = job.stored();
            job.finish(Ok(landed));
        }
        self.jobs.is_empty()
    }

    fn build(&self) -> Content {
        let now = self.store.now();
        let pieces = self
            .jobs
            .iter()
            .flat_map(|job| job.part.pieces.iter().cloned());
        let blocks = share(pieces).iter().map(|piece| self.name(piece)).collect();
        let guards = self.jobs.iter().flat_map(|job| guards(job, now)).collect();
        Content { blocks, guards }
    }

    fn name(&self, piece: &Piece) -> NamedBlock {
        let name = self
            .store
            .sequencer()
            .name(&piece.series, piece.day, piece.shard);
        let bytes = piece.block().encode();
        NamedBlock {
            series: piece.series.clone(),
            day: piece.day,
            name,
            bytes,
        }
    }

    /// Carries one content to its fate; `None` when what remains must be built anew.
    async fn commit(&mut self, content: &Content, backoff: &mut Backoff) -> Option<Fate> {
        let mut doubt = None;
        loop {
            match self.attempt(content, &mut doubt, backoff).await {
                Fate::Refused => {}
                fate => return Some(fate),
            }
            match self.reconcile(content, &doubt).await {
                Next::Rebuild => return None,
                Next::Again => backoff.pause().await,
                Next::End(fate) => return Some(fate),
            }
        }
    }

    /// Puts one content until its fate is known or time is up, and then settles it.
    async fn attempt(
        &self,
        content: &Content,
        doubt: &mut Option<String>,
        backoff: &mut Backoff,
    ) -> Fate {
        let mut cause = "the store did not answer in time".to_owned();
        loop {
            let now = self.store.now();
            if now >= self.deadline {
                return self.give_up(content, doubt, cause).await;
            }
            match self.put(content, now).await {
                Ok(()) => return Fate::Stored,
                Err(CallError::Refused) => return Fate::Refused,
                Err(CallError::Cancelled(reasons)) if may_be_refused(&reasons) => {
                    return Fate::Refused;
                }
                Err(CallError::Invalid(why)) if doubt.is_none() => {
                    return Fate::Failed(Failure::Defect(why));
                }
                Err(CallError::Invalid(why)) => return self.give_up(content, doubt, why).await,
                Err(CallError::Doubt(why)) => *doubt = Some(why),
                Err(other) => cause = other.to_string(),
            }
            backoff.pause().await;
        }
    }

    async fn put(&self, content: &Content, now: Timestamp) -> Result<(), CallError> {
        let attempt = Attempt {
            signed_at: now,
            timeout: ATTEMPT,
        };
        let db = self.store.db();
        let mut puts = content.puts(now).peekable();
        match puts.next() {
            Some(only) if puts.peek().is_none() => db.put(only.into_owned(), attempt).await,
            _ => db.transact(content.puts(now), attempt).await,
        }
    }

    /// Time is up. What cannot have been stored is said so; doubt is settled where no repeat does.
    async fn give_up(&self, content: &Content, doubt: &Option<String>, cause: String) -> Fate {
        let Some(doubt) = doubt else {
            return Fate::Failed(Failure::NotStored(cause));
        };
        if self.jobs.iter().all(Job::tells_repeats) {
            return Fate::Failed(Failure::Doubt(doubt.clone()));
        }
        match settle(self.store, content, self.settle_by).await {
            Settled::Stored => Fate::Stored,
            Settled::Never => Fate::Failed(Failure::NotStored(doubt.clone())),
            Settled::Unknown => Fate::Failed(Failure::Unknown),
        }
    }

    /// After a refusal: reads what is there, answers repeats and drops duplicates.
    async fn reconcile(&mut self, content: &Content, doubt: &Option<String>) -> Next {
        match self.look(content).await {
            // A block holds its events' origins, so one that is the same is this very one.
            Ok(Some(true)) => return Next::End(Fate::Stored),
            Ok(Some(false)) => return Next::End(taken(content)),
            Ok(None) if content.guards.is_empty() => return Next::Again,
            Ok(None) => {}
            Err(cause) => return self.lose_sight(content, cause).await,
        }
        match self.find_guards().await {
            Ok(found) if self.apply(&found) => Next::Rebuild,
            // The guard that refused has ceased to count since.
            Ok(_) if doubt.is_none() => Next::Rebuild,
            Ok(_) => Next::Again,
            Err(cause) => self.lose_sight(content, cause).await,
        }
    }

    /// A refusal that cannot be looked into may come from an earlier delivery of the same.
    async fn lose_sight(&self, content: &Content, cause: String) -> Next {
        Next::End(self.give_up(content, &Some(cause.clone()), cause).await)
    }

    /// Whether the place of the first block is taken, and if so, whether by this very block.
    async fn look(&self, content: &Content) -> Result<Option<bool>, String> {
        let Some(witness) = content.witness() else {
            return Ok(None);
        };
        let deadline = Deadline::at(self.settle_by);
        let found = self
            .store
            .db()
            .get(Table::Inbox, witness.key(), deadline)
            .await;
        Ok(found
            .map_err(|e| e.to_string())?
            .map(|item| witness.is(&item)))
    }

    async fn find_guards(&self) -> Result<Found, String> {
        let wanted: Vec<Key> = self
            .jobs
            .iter()
            .flat_map(Job::guards)
            .map(receipt::key)
            .collect();
        let deadline = Deadline::at(self.settle_by);
        let items = self
            .store
            .db()
            .get_many(Table::Receipts, wanted, deadline)
            .await;
        let now = self.store.now();
        let counting = items
            .map_err(|e| e.to_string())?
            .into_iter()
            .filter_map(|item| {
                let partition = attribute::read_text(&item, "pk")?.to_owned();
                receipt::counts(&item, now).then_some((partition, item))
            });
        Ok(Found(counting.collect()))
    }

    /// Answers the jobs that are repeats and drops duplicates of the others; true if that changed
    /// anything.
    fn apply(&mut self, found: &Found) -> bool {
        for mut job in std::mem::take(&mut self.jobs) {
            let item = job.guard.as_ref().and_then(|guard| found.0.get(guard));
            match item.map(|item| Receipt::read(item, &[])) {
                Some(Some(receipt)) => job.finish(Ok(Landed::Repeated(receipt))),
                Some(None) => job.finish(Err(Failure::Defect("an unreadable receipt".into()))),
                // Parts with receipts are asked by them alone. Parts without share their request's
                // nonce, too, but no id: a marker of one with that nonce was put by itself.
                None if job.guard.is_none() && found.holds_a_marker_of(&job) => {
                    let landed = job.stored();
                    job.finish(Ok(landed));
                }
                None => {
                    job.drop_duplicates(found);
                    self.jobs.push(job);
                }
            }
        }
        !found.0.is_empty()
    }
}

/// A reason that is missing proves nothing.
fn may_be_refused(reasons: &[Reason]) -> bool {
    let told = |reason: &Reason| !matches!(reason, Reason::Refused | Reason::Unknown);
    reasons.is_empty() || !reasons.iter().all(told)
}

fn taken(content: &Content) -> Fate {
    let name = content.witness().map(|block| block.name);
    error!(block = ?name, "the name of a block was taken before its first attempt");
    Fate::Failed(Failure::Defect("the name of a block was taken".into()))
}

/// The receipt and the markers of a job.
fn guards(job: &Job, now: Timestamp) -> Vec<Put> {
    let recipe = &job.receipt.recipe;
    let receipt = job.guard.as_ref().map(|partition| {
        let counts = Answer::Counts {
            accepted: job.events(),
            duplicates: job.duplicates,
        };
        Receipt {
            answer: counts,
            ..job.receipt.clone()
        }
        .put(partition, &[], job.arrived, now)
    });
    let markers = job.part.pieces.iter().flat_map(|piece| {
        piece
            .ids()
            .map(|id| receipt::marker(&piece.series, id, job.arrived, recipe.nonce, now))
    });
    receipt.into_iter().chain(markers).collect()
}

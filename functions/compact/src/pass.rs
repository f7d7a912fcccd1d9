//! One pass over a day: reads it, keeping nothing from before, does what is to be done, and
//! publishes.
//!
//! The order is what makes it safe. The mark of the day's upkeep item is read before the
//! manifest, the manifest before the inbox; chunks are written, and the upkeep item marked anew,
//! before publishing. So whoever deletes an upkeep item by the mark that it read, after a publish
//! of its own that left nothing to do, cannot delete the memory of somebody else's work: that one
//! read its manifest before it marked the item, and loses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_model::{Day, DeadRun, Manifest, Names, Run, RunId, Series, Timestamp, Took};
use weir_store::{
    ChunkPlace, Deadline, PublishId, Published, Store, StoreError, Upkeep, WaitingBlock,
};

use crate::Options;
use crate::clean::clean;
use crate::find::Heap;
use crate::fold::{Fold, Room, fold};
use crate::limits::{
    BLOCKS_STAY, FOLD_BYTES, FOLD_EVENTS, MANIFEST_BYTES, NAME_BYTES, PASS, PUBLISH_BYTES,
    PUBLISHING, RUNS_STAY,
};
use crate::merge::{self, Merging};

/// A day that is worked on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) series: Series,
    pub(crate) day: Day,
    pub(crate) stamps: Stamps,
}

/// Gives each publish and each count of a year a time of its own, in their order: by these times a
/// listing tells whether a block is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamps(Arc<Mutex<Timestamp>>);

impl Place {
    pub(crate) fn stamp(&self) -> Timestamp {
        let mut last = self.stamps.0.lock().expect("no panic while stamping");
        *last = self
            .store
            .now()
            .max(last.saturating_add(Duration::from_millis(1)));
        *last
    }
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) blocks: u64,
    pub(crate) events: u64,
    pub(crate) merged: u64,
    pub(crate) blocks_deleted: u64,
    pub(crate) runs_deleted: u64,
    pub(crate) unreadable: u64,
}

/// How a pass ended.
#[derive(Debug)]
pub(crate) struct Passed {
    /// `None` if there was nothing to publish.
    pub(crate) published: Option<Published>,
    pub(crate) done: Done,
    /// Whether there is more to do right now.
    pub(crate) more: bool,
    /// Blocks that a published manifest names.
    pub(crate) took: Vec<Took>,
    /// Whether the day needs no upkeep any more.
    pub(crate) finished: bool,
}

/// The next manifest while it is made.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) next: Manifest,
    /// Blocks that this pass takes.
    names: Names,
    /// Runs that this pass has written.
    pub(crate) drawn: Vec<Run>,
    /// Runs that these replace.
    pub(crate) replaced: Vec<Run>,
    pub(crate) changed: bool,
    pub(crate) more: bool,
    pub(crate) done: Done,
}

/// Carries out one pass. `upkeep` is the day's upkeep item if its time has come, read before this
/// call: then the day is cleaned and merged as well.
pub(crate) async fn pass(
    place: &Place,
    upkeep: Option<Upkeep>,
    options: &Options,
) -> Result<Passed, StoreError> {
    let Place {
        store, series, day, ..
    } = place;
    let deadline = Deadline::at(store.now().saturating_add(PASS));
    let shards = store.extent(series, deadline).await?.shards;
    let (publish, read) = store.manifest(series, *day, deadline).await?;
    let mut draft = Draft::new(read.clone());
    if upkeep.is_some() {
        clean(place, &mut draft, deadline).await?;
    }
    let inbox = store
        .day_inbox(series, shards, *day, &read.took, options.share, deadline)
        .await?;
    draft.more |= inbox.more;
    let fold = match draft.wants(&inbox.blocks, options, store.now()) {
        true => fold(*day, &inbox.blocks, draft.room()),
        false => Fold::default(),
    };
    let merging = if upkeep.is_some() {
        Merging::Due
    } else {
        Merging::Later
    };
    draft.take(place, fold, merging, deadline).await?;
    end(place, draft, read, publish, upkeep).await
}

impl Draft {
    fn new(next: Manifest) -> Self {
        Self {
            next,
            names: Names::default(),
            drawn: Vec::new(),
            replaced: Vec::new(),
            changed: false,
            more: false,
            done: Done::default(),
        }
    }

    /// Whether to fold what waits: when it is worth a publish, or there is one anyway.
    fn wants(&self, waiting: &[WaitingBlock], options: &Options, now: Timestamp) -> bool {
        let heap = Heap::of(waiting);
        heap.is_some_and(|heap| self.changed || heap.is_over(&options.threshold, now))
    }

    /// How much can be folded in so that the manifest stays small.
    fn room(&self) -> Room {
        let encoded = self.next.encode();
        let parts = [encoded.day, encoded.quarters, encoded.took, encoded.runs];
        let bytes: usize = parts.iter().map(Vec::len).sum();
        let left = MANIFEST_BYTES.saturating_sub(bytes + PUBLISH_BYTES);
        Room {
            blocks: left / NAME_BYTES,
            events: FOLD_EVENTS,
            bytes: FOLD_BYTES,
        }
    }

    /// Takes a fold into the next manifest, hour by hour, with the runs that are merged.
    async fn take(
        &mut self,
        place: &Place,
        mut fold: Fold,
        merging: Merging,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        self.done.unreadable += fold.unreadable as u64;
        self.done.blocks += fold.blocks as u64;
        self.done.events += fold.events as u64;
        self.more |= fold.rest;
        self.changed |= !fold.names.is_empty();
        self.next.quarters.merge(&fold.quarters);
        self.names = std::mem::take(&mut fold.names);
        merge::take_hours(place, self, fold.hours, merging, deadline).await
    }

    /// Puts the time of publishing on what needs one.
    fn stamp(&mut self, at: Timestamp) {
        let names = std::mem::take(&mut self.names);
        if !names.is_empty() {
            self.next.took.push(Took { at, names });
        }
        let dead = self.replaced.drain(..).map(|run| DeadRun {
            hour: run.hour,
            id: run.id,
            chunks: u32::try_from(run.chunks.len()).expect("a manifest's runs are countable"),
            since: at,
        });
        self.next.dead.extend(dead);
    }

    /// When there will be something to do; `None` if there will not be.
    fn due(&self, day: Day, at: Timestamp) -> Option<Timestamp> {
        let names = self
            .next
            .took
            .iter()
            .map(|took| took.at.saturating_add(BLOCKS_STAY));
        let dead = self
            .next
            .dead
            .iter()
            .map(|run| run.since.saturating_add(RUNS_STAY));
        let merges = merge::due(&self.next.runs, day, at);
        names.chain(dead).chain(merges).min()
    }
}

/// Publishes the draft, if there is anything in it.
async fn end(
    place: &Place,
    mut draft: Draft,
    read: Manifest,
    publish: Option<PublishId>,
    upkeep: Option<Upkeep>,
) -> Result<Passed, StoreError> {
    let at = place.stamp();
    let deadline = Deadline::at(at.saturating_add(PUBLISHING));
    draft.stamp(at);
    let due = draft.due(place.day, at);
    let mut passed = Passed {
        published: None,
        done: draft.done,
        more: draft.more,
        took: read.took,
        finished: false,
    };
    if !draft.changed && (upkeep.is_none() || due.is_some()) {
        if let Some(due) = due.filter(|_| upkeep.is_some()) {
            // Its time had come, but nothing could be done: not again at once.
            let due = due.max(at.saturating_add(BLOCKS_STAY / 4));
            place
                .store
                .put_upkeep(&place.series, place.day, due, deadline)
                .await?;
        }
        return Ok(passed);
    }
    if let Some(due) = due {
        place
            .store
            .put_upkeep(&place.series, place.day, due, deadline)
            .await?;
    }
    let drawn: Vec<RunId> = draft.drawn.iter().map(|run| run.id).collect();
    let Place {
        store, series, day, ..
    } = place;
    let published = store
        .publish(
            series,
            *day,
            publish.as_ref(),
            &draft.next,
            &drawn,
            deadline,
        )
        .await?;
    passed.published = Some(published);
    match published {
        Published::Mine => {
            passed.took = draft.next.took;
            if let Some(upkeep) = upkeep.filter(|_| due.is_none()) {
                store.delete_upkeep(&upkeep).await?;
                passed.finished = true;
            }
        }
        Published::Lost => discard(place, &draft.drawn).await,
        // It may be published yet. If it is not, `verify --sweep` finds the chunks.
        Published::Unknown => {}
    }
    Ok(passed)
}

/// Deletes the chunks of runs that no manifest will ever name. If it fails, a sweep finds them.
async fn discard(place: &Place, drawn: &[Run]) {
    let chunks = drawn
        .iter()
        .flat_map(|run| chunk_places(run.hour, run.id, run.chunks.len()));
    let deadline = Deadline::at(place.store.now().saturating_add(PASS));
    let places = chunks.collect();
    let deleted = place
        .store
        .delete_chunks(&place.series, place.day, places, deadline)
        .await;
    if let Err(cause) = deleted {
        tracing::warn!(day = %place.day, %cause, "chunks that nobody names were left: {cause}");
    }
}

/// The places of a run's chunks.
pub(crate) fn chunk_places(
    hour: u8,
    run: RunId,
    chunks: usize,
) -> impl Iterator<Item = ChunkPlace> {
    (0..chunks).map(move |position| ChunkPlace {
        hour,
        run,
        position,
    })
}

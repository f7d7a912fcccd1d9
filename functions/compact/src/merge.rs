//! Makes each hour's events one run again where it has become several, and writes the runs of
//! what is folded in.
//!
//! A run is merged with others about as large as itself or larger together, so that an event is
//! rewritten a few times, not with every late one: a run that is more than twice as large as all
//! smaller ones together stays as it is. A merge keeps events as they are, in the order of
//! timestamp, id and origin. Events that expired an hour ago are dropped; every reader has
//! dropped them by then. A run's totals keep counting them.

use std::collections::{BTreeMap, BTreeSet};

use tracing::error;
use weir_model::{Block, Day, Run, StoredEvent, Timestamp, Totals};
use weir_store::{Deadline, StoreError};

use crate::limits::{BLOCKS_STAY, EXPIRED_STAY, HOUR_SETTLES, MERGE_CHUNKS, PASS_CHUNKS};
use crate::pass::{Draft, Place};
use crate::runs::{totals_of, write_run};

/// Runs of fewer events are merged with larger ones as well: rewriting them costs next to nothing.
const SMALL_EVENTS: u64 = 5_000;

/// An hour that has so many runs is merged before it has ended.
const RUNS_MAX: usize = 16;

/// What a chunk holds at most, by estimate.
const CHUNK_BYTES: usize = 300_000;

/// Whether a pass merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merging {
    /// The hours that are ready.
    Due,
    /// Not in this pass.
    Later,
}

/// Writes a run for each hour of what is folded in, together with the runs it is merged with, and
/// merges the other hours.
pub(crate) async fn take_hours(
    place: &Place,
    draft: &mut Draft,
    mut hours: BTreeMap<u8, Vec<StoredEvent>>,
    merging: Merging,
    deadline: Deadline,
) -> Result<(), StoreError> {
    let now = place.store.now();
    let mut chunks = 0;
    let all: BTreeSet<u8> = hours
        .keys()
        .copied()
        .chain(draft.next.runs.iter().map(|run| run.hour))
        .collect();
    for hour in all {
        let events = hours.remove(&hour).unwrap_or_default();
        let mut merged = Vec::new();
        if merging == Merging::Due && is_ready(&draft.next.runs, place.day, hour, now) {
            merged = group(&draft.next.runs, hour, &events);
        }
        let read = merged.iter().map(|run| run.chunks.len()).sum::<usize>();
        if chunks + read > PASS_CHUNKS {
            draft.more = true;
            merged.clear();
        } else {
            chunks += read;
        }
        take_hour(place, draft, hour, events, merged, deadline).await?;
    }
    Ok(())
}

async fn take_hour(
    place: &Place,
    draft: &mut Draft,
    hour: u8,
    mut events: Vec<StoredEvent>,
    merged: Vec<Run>,
    deadline: Deadline,
) -> Result<(), StoreError> {
    let mut totals = totals_of(&events);
    let replaced = match read(place, &merged, deadline).await {
        Ok(old) => {
            events.extend(old);
            merged
        }
        Err(StoreError::Changed(what)) => {
            error!(day = %place.day, hour, "{what} are not all there: see `weir verify`");
            Vec::new()
        }
        Err(other) => return Err(other),
    };
    if events.is_empty() && replaced.is_empty() {
        return Ok(());
    }
    for run in &replaced {
        totals.merge(&run.totals);
    }
    let run = write_run(place, hour, events, totals, deadline).await?;
    draft
        .next
        .runs
        .retain(|live| !replaced.iter().any(|old| old.id == live.id));
    draft.next.runs.push(run.clone());
    draft.drawn.push(run);
    draft.done.merged += replaced.len() as u64;
    draft.replaced.extend(replaced);
    draft.changed = true;
    Ok(())
}

/// The events of some runs, without those that expired long ago.
async fn read(
    place: &Place,
    runs: &[Run],
    deadline: Deadline,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut events = Vec::new();
    for run in runs {
        events.extend(
            place
                .store
                .run_events(&place.series, place.day, run, deadline)
                .await?,
        );
    }
    let now = place.store.now();
    let kept = |expires: Timestamp| now < expires.saturating_add(EXPIRED_STAY);
    events.retain(|event| event.expires.is_none_or(kept));
    Ok(events)
}

/// When there will be something to merge, by hour.
pub(crate) fn due(runs: &[Run], day: Day, at: Timestamp) -> impl Iterator<Item = Timestamp> {
    let hours: BTreeSet<u8> = runs.iter().map(|run| run.hour).collect();
    let mergeable = hours
        .into_iter()
        .filter(|hour| !group(runs, *hour, &[]).is_empty());
    // Folding and deleting come together every twenty minutes, and a merge goes with them.
    let next = at.saturating_add(BLOCKS_STAY);
    mergeable.map(move |hour| match of_hour(runs, hour).len() {
        RUNS_MAX.. => next,
        _ => next.max(settled(day, hour)),
    })
}

fn is_ready(runs: &[Run], day: Day, hour: u8, now: Timestamp) -> bool {
    settled(day, hour) <= now || of_hour(runs, hour).len() >= RUNS_MAX
}

/// From when on few events of the hour are still expected.
fn settled(day: Day, hour: u8) -> Timestamp {
    let hours = std::time::Duration::from_secs(3600 * (u64::from(hour) + 1));
    day.start()
        .saturating_add(hours)
        .saturating_add(HOUR_SETTLES)
}

fn of_hour(runs: &[Run], hour: u8) -> Vec<&Run> {
    runs.iter().filter(|run| run.hour == hour).collect()
}

/// The runs of an hour to merge with each other and with new events; empty if that makes nothing
/// fewer.
fn group(runs: &[Run], hour: u8, new: &[StoredEvent]) -> Vec<Run> {
    let mut by_size = of_hour(runs, hour);
    by_size.sort_by_key(|run| (run.events, run.id));
    let mut events = new.len() as u64;
    let mut chunks = new
        .iter()
        .map(Block::size_estimate)
        .sum::<usize>()
        .div_ceil(CHUNK_BYTES);
    let mut group = Vec::new();
    for run in by_size {
        chunks += run.chunks.len();
        let is_first = group.is_empty() && new.is_empty();
        if chunks > MERGE_CHUNKS || (!is_first && run.events > SMALL_EVENTS + 2 * events) {
            break;
        }
        events += run.events;
        group.push(run.clone());
    }
    let together = group.len() + usize::from(!new.is_empty());
    if together < 2 { Vec::new() } else { group }
}

/// The totals of all runs of an hour.
pub(crate) fn hour_totals(runs: &[Run], hour: u8) -> Totals {
    let mut totals = Totals::default();
    for run in of_hour(runs, hour) {
        totals.merge(&run.totals);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::{ChunkRef, RunId};

    fn day() -> Day {
        Day::from_number(11_323).expect("a day")
    }

    fn run(hour: u8, id: u64, events: u64, chunks: usize) -> Run {
        let chunk = ChunkRef {
            start: day().start(),
            bytes: 1,
            events: 1,
            expires: None,
        };
        Run {
            hour,
            id: RunId::from_bits(id),
            chunks: vec![chunk; chunks],
            events,
            expires: None,
            totals: Totals::default(),
        }
    }

    fn merged(runs: &[Run]) -> Vec<u64> {
        group(runs, 0, &[])
            .iter()
            .map(|run| run.id.bits())
            .collect()
    }

    #[test]
    fn small_runs_become_one() {
        assert_eq!(merged(&[run(0, 1, 9, 1), run(1, 2, 9, 1)]), [0_u64; 0]);
        assert_eq!(
            merged(&[run(0, 1, 9, 1), run(0, 2, 5_000, 1), run(0, 3, 7, 1)]),
            [3, 1, 2]
        );
    }

    #[test]
    fn a_large_run_is_not_rewritten_for_a_few_events() {
        let runs = [run(0, 1, 1_000_000, 40), run(0, 2, 10, 1), run(0, 3, 20, 1)];
        assert_eq!(merged(&runs), [2, 3]);
        assert_eq!(merged(&runs[..2]), [0_u64; 0]);
        assert_eq!(
            merged(&[run(0, 1, 90_000, 9), run(0, 2, 50_000, 5)]),
            [2, 1]
        );
    }

    #[test]
    fn a_merge_reads_no_more_than_it_can_hold() {
        let runs = [run(0, 1, 900, 30), run(0, 2, 901, 30), run(0, 3, 902, 30)];
        assert_eq!(merged(&runs), [1, 2]);
        assert_eq!(merged(&[run(0, 1, 900, 64), run(0, 2, 901, 1)]), [0_u64; 0]);
    }

    #[test]
    fn an_hour_is_merged_when_it_is_over_or_in_many_pieces() {
        let few = [run(3, 1, 1, 1), run(3, 2, 1, 1)];
        let many = vec![run(3, 1, 1, 1); RUNS_MAX];
        let at = |minute: u64| {
            day()
                .start()
                .saturating_add(std::time::Duration::from_secs(minute * 60))
        };
        assert!(!is_ready(&few, day(), 3, at(4 * 60 + 19)));
        assert!(is_ready(&few, day(), 3, at(4 * 60 + 20)));
        assert!(is_ready(&many, day(), 3, at(3 * 60)));
        let due = |runs: &[Run], minute| due(runs, day(), at(minute)).collect::<Vec<_>>();
        assert_eq!(due(&few, 190), [at(4 * 60 + 20)]);
        assert_eq!(due(&few, 500), [at(520)]);
        assert_eq!(due(&many, 190), [at(210)]);
        assert_eq!(due(&few[..1], 190), []);
    }
}

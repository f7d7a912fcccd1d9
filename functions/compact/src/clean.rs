//! Deletes what a manifest has named for long enough: blocks that it took, runs that it replaced.

use weir_model::{Manifest, Names, Timestamp};
use weir_store::{Deadline, StoreError};

use crate::limits::{BLOCKS_STAY, LANDED, RUNS_STAY};
use crate::pass::{Draft, Place, chunk_places};
use crate::summary::count_year;

/// Items of each kind that one pass deletes.
const DELETIONS_MAX: u64 = 10_000;

/// Deletes what is due, and drops its names from the next manifest.
///
/// The manifest that was read says what may be deleted, and that stays true whoever publishes
/// meanwhile: a block once taken is never wanted again, and a dead run is not either.
pub(crate) async fn clean(
    place: &Place,
    draft: &mut Draft,
    deadline: Deadline,
) -> Result<(), StoreError> {
    let now = place.store.now();
    delete_blocks(place, draft, now, deadline).await?;
    delete_runs(place, draft, now, deadline).await
}

/// Blocks go only when the catalogue has counted them in the manifest: until then a listing counts
/// them in the inbox. So a day without names is one whose year's totals are as new as it is.
///
/// A name is dropped only when a read after the manifest's shows that its block is gone: nobody
/// can put it again, because its put was signed before the manifest named it.
async fn delete_blocks(
    place: &Place,
    draft: &mut Draft,
    now: Timestamp,
    deadline: Deadline,
) -> Result<(), StoreError> {
    let Due { names, last, rest } = due_names(&draft.next, now);
    draft.more |= rest;
    if names.is_empty() || !count_year(place, last.saturating_add(LANDED), deadline).await? {
        return Ok(());
    }
    let (store, series) = (&place.store, &place.series);
    let mut there = store
        .blocks_there(series, place.day, &names, deadline)
        .await?;
    if !there.is_empty() {
        let blocks = there.iter().collect();
        store
            .delete_blocks(series, place.day, blocks, deadline)
            .await?;
        draft.done.blocks_deleted += there.len();
        there = store
            .blocks_there(series, place.day, &there, deadline)
            .await?;
    }
    for name in names.iter().filter(|name| !there.contains(name)) {
        draft.changed |= drop_name(&mut draft.next, name);
    }
    draft.next.took.retain(|took| !took.names.is_empty());
    Ok(())
}

/// Blocks that have stayed long enough.
struct Due {
    names: Names,
    /// When the last of them were taken.
    last: Timestamp,
    /// Whether there are more.
    rest: bool,
}

fn due_names(manifest: &Manifest, now: Timestamp) -> Due {
    let mut due = Due {
        names: Names::default(),
        last: Timestamp::MIN,
        rest: false,
    };
    let old = manifest
        .took
        .iter()
        .filter(|took| took.at.saturating_add(BLOCKS_STAY) <= now);
    for took in old {
        if due.names.len() >= DELETIONS_MAX {
            due.rest = true;
            break;
        }
        due.names.extend(took.names.iter());
        due.last = due.last.max(took.at);
    }
    due
}

fn drop_name(manifest: &mut Manifest, name: weir_model::BlockName) -> bool {
    manifest
        .took
        .iter_mut()
        .any(|took| took.names.remove(&name))
}

async fn delete_runs(
    place: &Place,
    draft: &mut Draft,
    now: Timestamp,
    deadline: Deadline,
) -> Result<(), StoreError> {
    let dead = &mut draft.next.dead;
    let due: Vec<_> = dead
        .extract_if(.., |run| run.since.saturating_add(RUNS_STAY) <= now)
        .collect();
    if due.is_empty() {
        return Ok(());
    }
    let chunks = due
        .iter()
        .flat_map(|run| chunk_places(run.hour, run.id, run.chunks as usize));
    place
        .store
        .delete_chunks(&place.series, place.day, chunks.collect(), deadline)
        .await?;
    draft.done.runs_deleted += due.len() as u64;
    draft.changed = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::{BlockName, Took, Writer};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + minute * 60_000).expect("in range")
    }

    fn took(minute: i64, sequences: std::ops::Range<u64>) -> Took {
        let writer = Writer::from_bytes([1; 12]);
        let names = sequences.map(|sequence| BlockName {
            shard: 0,
            writer,
            sequence,
        });
        Took {
            at: at(minute),
            names: names.collect(),
        }
    }

    #[test]
    fn blocks_stay_for_twenty_minutes_after_they_were_taken() {
        let manifest = Manifest {
            took: vec![took(0, 0..3), took(1, 3..5)],
            ..Manifest::default()
        };
        let due = |minute| due_names(&manifest, at(minute)).names.len();
        assert_eq!([due(19), due(20), due(21)], [0, 3, 5]);
    }

    #[test]
    fn one_pass_deletes_no_more_than_it_has_time_for() {
        let manifest = Manifest {
            took: vec![
                took(0, 0..9_999),
                took(0, 9_999..12_000),
                took(0, 20_000..20_001),
            ],
            ..Manifest::default()
        };
        let due = due_names(&manifest, at(60));
        assert_eq!((due.names.len(), due.rest), (12_000, true));
    }
}

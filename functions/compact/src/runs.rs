//! Writes runs: the events of one hour, in order, as chunks.

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use weir_model::{ChunkRef, Run, StoredEvent, Timestamp, Totals};
use weir_store::{ChunkPlace, Deadline, StoreError, cut_chunks};

use crate::limits::EXPIRED_STAY;
use crate::pass::Place;

/// Chunks that are written at once.
const WRITES_AT_ONCE: usize = 8;

/// Writes the events of one hour as a new run. `totals` are those that the run stands for, events
/// that have expired and been dropped included.
pub(crate) async fn write_run(
    place: &Place,
    hour: u8,
    mut events: Vec<StoredEvent>,
    totals: Totals,
    deadline: Deadline,
) -> Result<Run, StoreError> {
    events.sort_by(|a, b| a.order().cmp(&b.order()));
    let id = place.store.draw_run();
    let cut = cut_chunks(&events);
    let chunks: Vec<ChunkRef> = cut
        .iter()
        .map(|(events, bytes)| chunk_ref(events, bytes))
        .collect();
    let writes = cut.into_iter().enumerate().map(|(position, (_, bytes))| {
        let chunk = ChunkPlace {
            hour,
            run: id,
            position,
        };
        place
            .put_chunk(chunk, bytes, chunks[position].expires, deadline)
            .boxed()
    });
    // Boxed and collected, so that the compiler sees that a run can be spawned.
    let writes: Vec<_> = writes.collect();
    stream::iter(writes)
        .buffer_unordered(WRITES_AT_ONCE)
        .try_collect::<()>()
        .await?;
    let expires = last_expiry(chunks.iter().map(|chunk| chunk.expires));
    Ok(Run {
        hour,
        id,
        events: events.len() as u64,
        chunks,
        expires,
        totals,
    })
}

/// The totals of some events.
pub(crate) fn totals_of(events: &[StoredEvent]) -> Totals {
    let mut totals = Totals::default();
    for event in events {
        totals.add(event.timestamp, event.value);
    }
    totals
}

impl Place {
    async fn put_chunk(
        &self,
        chunk: ChunkPlace,
        bytes: Vec<u8>,
        expires: Option<Timestamp>,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let deleted = expires.map(|expires| expires.saturating_add(EXPIRED_STAY));
        self.store
            .put_chunk(&self.series, self.day, chunk, bytes, deleted, deadline)
            .await
    }
}

fn chunk_ref(events: &[StoredEvent], bytes: &[u8]) -> ChunkRef {
    ChunkRef {
        start: events[0].timestamp,
        bytes: u32::try_from(bytes.len()).expect("a chunk fits an item"),
        events: u32::try_from(events.len()).expect("a chunk fits an item"),
        expires: last_expiry(events.iter().map(|event| event.expires)),
    }
}

/// When the last of some things expires; `None` if one never does. Of nothing, long ago.
fn last_expiry(of: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    of.map(|expires| expires.ok_or(()))
        .try_fold(Timestamp::MIN, |last, expires| expires.map(|e| last.max(e)))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_that_never_expires_keeps_its_chunk() {
        let at = |millis| Timestamp::from_millis(millis).expect("in range");
        assert_eq!(
            last_expiry([Some(at(3)), Some(at(9)), Some(at(5))].into_iter()),
            Some(at(9))
        );
        assert_eq!(last_expiry([Some(at(3)), None].into_iter()), None);
    }
}

//! Sweeps up what crashes leave behind: chunks that no manifest names.

use std::collections::HashSet;

use weir_model::{Day, Manifest, Series};
use weir_store::{ChunkPlace, Published, StoreError};

use super::{TRIES, Verifier};
use crate::pass::chunk_places;

impl Verifier<'_> {
    pub(super) async fn sweep(&mut self, only: Option<&Series>) -> Result<(), StoreError> {
        let mut position = None;
        let mut last = None;
        loop {
            let (places, next) = self.store.scan_chunks(position, self.deadline()).await?;
            for place in places {
                if last.as_ref() == Some(&place) || only.is_some_and(|only| *only != place.0) {
                    continue;
                }
                self.report.swept += self.sweep_day(&place.0, place.1).await?;
                last = Some(place);
            }
            position = next;
            if position.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes a day's chunks that no manifest names and none ever will.
    ///
    /// They are listed before the manifest is read and published anew: whoever has written them
    /// and still means to name them read an older manifest, and loses.
    async fn sweep_day(&self, series: &Series, day: Day) -> Result<u64, StoreError> {
        for _ in 0..TRIES {
            let listed = self.store.list_chunks(series, day, self.deadline()).await?;
            let (publish, manifest) = self.store.manifest(series, day, self.deadline()).await?;
            let unnamed = unnamed(listed, &manifest);
            if unnamed.is_empty() {
                return Ok(0);
            }
            let published = self
                .store
                .publish(
                    series,
                    day,
                    publish.as_ref(),
                    &manifest,
                    &[],
                    self.deadline(),
                )
                .await?;
            if published == Published::Mine {
                let swept = unnamed.len() as u64;
                self.store
                    .delete_chunks(series, day, unnamed, self.deadline())
                    .await?;
                return Ok(swept);
            }
        }
        Ok(0)
    }
}

/// The chunks that are of no run, live or dead.
fn unnamed(listed: Vec<ChunkPlace>, manifest: &Manifest) -> Vec<ChunkPlace> {
    let live = manifest
        .runs
        .iter()
        .flat_map(|run| chunk_places(run.hour, run.id, run.chunks.len()));
    let dead = manifest
        .dead
        .iter()
        .flat_map(|run| chunk_places(run.hour, run.id, run.chunks as usize));
    let named: HashSet<ChunkPlace> = live.chain(dead).collect();
    listed
        .into_iter()
        .filter(|place| !named.contains(place))
        .collect()
}

//! The catalogue's counts of a series' year: recomputed from its manifests, never added to.

use weir_model::Series;
use weir_store::{Deadline, Store, StoreError};

use crate::limits::SUMMARY_LASTS;

/// How often to try when others count the same year.
const TRIES: usize = 5;

/// Whether a year was counted long ago, or never.
pub(crate) async fn is_old(
    store: &Store,
    series: &Series,
    year: u16,
    deadline: Deadline,
) -> Result<bool, StoreError> {
    let summary = store.year_summary(series, year, deadline).await?;
    let now = store.now();
    Ok(summary
        .made
        .is_none_or(|made| made.saturating_add(SUMMARY_LASTS) <= now))
}

/// Counts a year, so that its totals are at least as new as the manifests are now; whether that
/// was done.
///
/// Another count that comes in between has perhaps read the manifests earlier, so being second
/// is no success.
pub(crate) async fn summarize(
    store: &Store,
    series: &Series,
    year: u16,
    deadline: Deadline,
) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        let summary = store.year_summary(series, year, deadline).await?;
        if store
            .summarize_year(series, year, &summary, deadline)
            .await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

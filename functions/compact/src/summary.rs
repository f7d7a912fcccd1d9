//! The catalogue's counts of a series' year: recomputed from its manifests, never added to.

use weir_model::Timestamp;
use weir_store::{Deadline, StoreError};

use crate::pass::Place;

/// How often to try when others count the same year.
const TRIES: usize = 5;

/// Sees to it that the year of a day was counted at `since` or later; whether that is so.
///
/// A count that comes in between has perhaps read the manifests earlier, so being second is no
/// success.
pub(crate) async fn count_year(
    place: &Place,
    since: Timestamp,
    deadline: Deadline,
) -> Result<bool, StoreError> {
    let Place {
        store, series, day, ..
    } = place;
    for _ in 0..TRIES {
        let summary = store.year_summary(series, day.year(), deadline).await?;
        if summary.made.is_some_and(|made| made >= since)
            || store
                .summarize_year(series, day.year(), &summary, place.stamp(), deadline)
                .await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

//! Compares a manifest's totals with a recount. Pure.

use std::collections::HashSet;

use weir_model::{Manifest, Origin, Quarters, Run, StoredEvent, Totals};

use crate::merge::hour_totals;
use crate::runs::totals_of;

/// Compares a run with its events; whether they are all there, so that totals can be recounted.
pub(super) fn compare_run(
    run: &Run,
    events: &[StoredEvent],
    differences: &mut Vec<String>,
) -> bool {
    let found = events.len() as u64;
    let name = format!("run {} of hour {}", run.id, run.hour);
    let may_be_gone: u64 = run
        .chunks
        .iter()
        .filter(|chunk| chunk.expires.is_some())
        .map(|chunk| u64::from(chunk.events))
        .sum();
    if found > run.events || found + may_be_gone < run.events {
        differences.push(format!("{name} has {found} events, not {}", run.events));
    }
    if events
        .iter()
        .any(|event| event.timestamp.hour() != run.hour)
    {
        differences.push(format!("{name} has events of another hour"));
    }
    if !events.is_sorted_by(|a, b| a.order() <= b.order()) {
        differences.push(format!("{name} is not in order"));
    }
    let is_complete = found == run.totals.count();
    if is_complete && !totals_of(events).agrees_with(&run.totals) {
        differences.push(format!("the totals of {name} are not those of its events"));
    }
    is_complete
}

pub(super) fn find_repeats(
    hour: u8,
    events: &[StoredEvent],
    origins: &mut HashSet<Origin>,
    differences: &mut Vec<String>,
) {
    let repeats = events
        .iter()
        .filter(|event| !origins.insert(event.origin))
        .count();
    if repeats > 0 {
        differences.push(format!("{repeats} events of hour {hour} are there twice"));
    }
}

/// Compares the manifest's quarters of an hour with its runs, and with its events if those are
/// all there.
pub(super) fn compare_hour(
    hour: u8,
    manifest: &Manifest,
    recounted: Option<&Quarters>,
    differences: &mut Vec<String>,
) {
    let of_hour = hour * 4..hour * 4 + 4;
    let mut total = Totals::default();
    for quarter in of_hour {
        let published = manifest.quarters.get(quarter).cloned().unwrap_or_default();
        total.merge(&published);
        let Some(recounted) = recounted else { continue };
        let recounted = recounted.get(quarter).cloned().unwrap_or_default();
        if !published.agrees_with(&recounted) {
            let (a, b) = (published.count(), recounted.count());
            differences.push(format!(
                "quarter {quarter} says {a} events; its chunks hold {b}, or other values"
            ));
        }
    }
    if !total.agrees_with(&hour_totals(&manifest.runs, hour)) {
        differences.push(format!(
            "the totals of hour {hour} are not those of its runs"
        ));
    }
}

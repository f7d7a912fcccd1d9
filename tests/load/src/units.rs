//! What requests cost on AWS: read and write units by Weir's own calls, upkeep included, and what
//! a million events come to.
//!
//! The units are those that the embedded engine reports for each call (a test compares them with
//! DynamoDB's published rules). A day of requests comes in at an even rate, one process, nothing
//! under way together, with a compaction every five minutes; then time goes on until no upkeep is
//! left: blocks taken and deleted, runs merged, replaced ones deleted. Expired receipts and markers
//! are deleted by the tables' TTL, which costs nothing.

mod idle;
mod price;
mod queries;
#[cfg(test)]
mod rules;
mod scenario;

use anyhow::Result;

use crate::report::{Report, Section};

pub(crate) use scenario::Size;

/// Measures every case.
pub(crate) async fn measure(size: Size, report: &mut Report) -> Result<()> {
    let rows = scenario::measure_all(size).await?;
    let mut notes = scenario::notes();
    notes.extend(price::notes());
    report.push(Section::of("Units of DynamoDB by event", notes, &rows));
    let (rows, notes) = idle::measure().await?;
    report.push(Section::of("Units of DynamoDB while idle", notes, &rows));
    let (rows, notes) = queries::measure(size).await?;
    report.push(Section::of("Units of DynamoDB by query", notes, &rows));
    Ok(())
}

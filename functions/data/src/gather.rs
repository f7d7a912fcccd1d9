//! Reads the records of a question and gathers them into groups, page by page: while the store
//! reads on, the pages that are here are parsed side by side.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::task::{JoinHandle, spawn_blocking};
use weir_store::StoredRecord;
use weir_store::db::Order;

use crate::groups::{Failure, Grouping, Groups};
use crate::question::Question;
use crate::reading::Reading;
use crate::refusal::Refusal;

/// Pages that are parsed side by side: a page is a thousand records, and there are seldom more
/// processors.
const PAGES: usize = 4;

/// What becomes of a page.
type Gathered = Result<Groups, NotGathered>;

enum NotGathered {
    Failed(Failure),
    Corrupt(String),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        match failure {
            // Backdrop's words.
            Failure::NotANumber => Refusal::bad("invalid collect function"),
            Failure::TooMany => Refusal::bad(
                "the records make more groups, or more different values to collect, than fit into \
                 memory: ask for a shorter span, or filter",
            ),
        }
    }
}

/// Gathers the records of a question.
///
/// # Errors
/// When the store does not answer, there are too many groups, or a text is to be added up.
pub(crate) async fn gather(
    reading: &Reading<'_>,
    question: &Arc<Question>,
    grouping: &Grouping,
) -> Result<Groups, Refusal> {
    let mut reader = reading.records(question.span, Order::Ascending);
    let mut parsing: FuturesOrdered<JoinHandle<Gathered>> = FuturesOrdered::new();
    let mut groups = Groups::default();
    let grouping = Arc::new(grouping.clone());
    while let Some(page) = reader.next_page().await.map_err(|e| reading.failed(e))? {
        if parsing.len() == PAGES {
            take_in(&mut groups, &mut parsing).await?;
        }
        let (question, grouping) = (Arc::clone(question), Arc::clone(&grouping));
        parsing.push_back(spawn_blocking(move || of_page(&question, &grouping, &page)));
    }
    while !parsing.is_empty() {
        take_in(&mut groups, &mut parsing).await?;
    }
    Ok(groups)
}

async fn take_in(
    groups: &mut Groups,
    parsing: &mut FuturesOrdered<JoinHandle<Gathered>>,
) -> Result<(), Refusal> {
    let Some(parsed) = parsing.next().await else {
        return Ok(());
    };
    match parsed.map_err(|panic| Refusal::internal(&panic))? {
        Ok(more) => Ok(groups.merge(more)?),
        Err(NotGathered::Failed(failure)) => Err(failure.into()),
        Err(NotGathered::Corrupt(why)) => Err(Refusal::internal(&why)),
    }
}

fn of_page(question: &Question, grouping: &Grouping, page: &[StoredRecord]) -> Gathered {
    let mut groups = Groups::default();
    let mut values = Vec::new();
    for record in page {
        question
            .fields
            .read(&record.json, &mut values)
            .map_err(|error| NotGathered::Corrupt(format!("record {:?}: {error}", record.id)))?;
        if question.filter.admits(&values) {
            let at = record.timestamp.map(|at| at.as_millis());
            groups
                .take(grouping, at, &values)
                .map_err(NotGathered::Failed)?;
        }
    }
    Ok(groups)
}

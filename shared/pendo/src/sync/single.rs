//! Events without parents: one reading, from a time on.

use std::sync::Arc;

use crate::api::Trouble;
use crate::ordered::{Out, Spill, in_order};
use crate::state::{Book, Series};
use crate::streams::EventsKind;
use crate::sync::{Reader, Step, Teller, read_series};

/// Tells events from a time on. `under_way` says how far it has come, also after a failure; `since`
/// where it had begun.
pub(crate) async fn tell_series(
    reader: Arc<Reader>,
    kind: EventsKind,
    since: i64,
    under_way: &mut Series,
    teller: &mut Teller<'_>,
) -> Result<(), Trouble> {
    let stream = reader.stream.id;
    let mut reading = in_order(1, Spill::default(), move |from, mut to| {
        let reader = Arc::clone(&reader);
        async move { read_series(&reader, &kind, None, (since, from), &mut to).await }
    });
    reading.push(under_way.at);
    loop {
        match reading.next().await {
            Some(Out::Item(step)) => tell(step, under_way, stream, teller).await?,
            Some(Out::End(end)) => return end,
            None => return Ok(()),
        }
    }
}

async fn tell(
    step: Step,
    under_way: &mut Series,
    stream: crate::StreamId,
    teller: &mut Teller<'_>,
) -> Result<(), Trouble> {
    for (time, record) in step.rows {
        under_way.greatest = under_way.greatest.max(time);
        teller.record(record).await?;
    }
    if let Some(at) = step.at {
        under_way.at = at;
        let write = |book: &mut Book| book.set_series(stream, Some(under_way));
        teller.border(write).await?;
    }
    Ok(())
}

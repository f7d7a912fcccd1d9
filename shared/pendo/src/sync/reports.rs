//! Reports and documents of metadata: one answer each.

use serde::de::DeserializeSeed as _;

use crate::api::{Api, Trouble, metadata, reports};
use crate::pages::{Fate, Print, Told};
use crate::record::RowSeed;
use crate::selection::SelectedStream;
use crate::streams::MetadataOf;
use crate::sync::Teller;
use weir_collector::Fault;

/// Tells the reports that have changed since `bookmark`, and says what the greatest time was. One
/// without a time may have changed.
pub(crate) async fn tell_reports(
    api: &Api,
    stream: &SelectedStream,
    bookmark: i64,
    teller: &mut Teller<'_>,
) -> Result<Option<i64>, Trouble> {
    let (mut told, mut patience, mut greatest) = (Told::default(), api.patience(), None);
    loop {
        told.again();
        let seed = RowSeed::new(stream, Vec::new());
        let mut rows = api.rows(stream.id, &reports(), seed).await?;
        let error = loop {
            let row = match rows.next().await {
                Ok(Some(row)) => row,
                Ok(None) if told.is_whole() => return Ok(greatest),
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            if row.time.is_some_and(|time| time < bookmark) {
                continue;
            }
            match told.take(Print::of(&row.record)) {
                Fate::New => patience.progress(),
                Fate::Again => {}
                Fate::Known => continue,
                Fate::Astray => break None,
            }
            greatest = greatest.max(row.time);
            teller.record(row.record).await?;
        };
        if let Some(error) = error {
            patience.again(error).await?;
        }
    }
}

/// Tells what is known of the fields of accounts or visitors, as one record.
pub(crate) async fn tell_metadata(
    api: &Api,
    stream: &SelectedStream,
    of: MetadataOf,
    teller: &mut Teller<'_>,
) -> Result<(), Trouble> {
    let answer = api.whole(stream.id, &metadata(of)).await?;
    let row = RowSeed::new(stream, Vec::new()).deserialize(answer);
    let row = row.map_err(|error| {
        Trouble::Refused(Fault::new(format_args!(
            "what Pendo says of the fields of {}s has another form: {error}",
            of.segment()
        )))
    })?;
    Ok(teller.record(row.record).await?)
}

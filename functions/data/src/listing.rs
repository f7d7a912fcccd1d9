//! Records as they are, in order: as they come from the store as long as that is the order asked
//! for, and else the first of another order, of which no more are kept than an answer may hold.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};
use weir_store::StoredRecord;
use weir_store::db::Order as StoreOrder;

use crate::body::{ANSWER_BYTES, CsvBody, JsonBody, TooLarge, Written, json_cell};
use crate::cursor::Place;
use crate::fields::Fields;
use crate::period::written;
use crate::question::{Direction, Form, Listing, Order, Question, Span};
use crate::reading::Reading;
use crate::refusal::Refusal;
use crate::scalar::Scalar;

/// Bytes of records that may be kept while the first of them are looked for.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// Records of an answer, each as JSON.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    records: Vec<String>,
    bytes: usize,
    /// The last of them, if there are more behind it.
    pub(crate) next: Option<Place>,
}

impl From<TooLarge> for Refusal {
    fn from(_: TooLarge) -> Refusal {
        Refusal::bad(format!(
            "the answer would have more than {ANSWER_BYTES} bytes, which is the most: ask for a \
             shorter span with start_at and end_at, for fewer groups or longer periods, or for \
             fewer records with limit, whose answer names the next page in a Link header"
        ))
    }
}

/// Reads the records of a question.
///
/// # Errors
/// When the store does not answer, or the answer would be too large.
pub(crate) async fn list(
    reading: &Reading<'_>,
    question: &Question,
    listing: &Listing,
) -> Result<Listed, Refusal> {
    match listing.order {
        Order::Time(direction) => by_time(reading, question, listing, direction).await,
        Order::Field(place, direction) => {
            by_field(reading, question, listing, place, direction).await
        }
    }
}

async fn by_time(
    reading: &Reading<'_>,
    question: &Question,
    listing: &Listing,
    direction: Direction,
) -> Result<Listed, Refusal> {
    let order = match direction {
        Direction::Ascending => StoreOrder::Ascending,
        Direction::Descending => StoreOrder::Descending,
    };
    let span = span_after(question.span, listing.after.as_ref(), direction);
    let mut reader = reading.records(span, order);
    let limit = listing.limit.unwrap_or(usize::MAX);
    if question.filter.is_empty() && listing.after.is_none() {
        reader = reader.at_most(limit.saturating_add(1));
    }
    let mut listed = Listed::default();
    let mut last = None;
    while let Some(page) = reader.next_page().await.map_err(|e| reading.failed(e))? {
        for record in page {
            let place = place(&record);
            if is_before(&place, listing.after.as_ref(), direction) || !admits(question, &record)? {
                continue;
            }
            if listed.records.len() == limit {
                listed.next = last;
                return Ok(listed);
            }
            listed.push(&record)?;
            last = Some(place);
        }
    }
    Ok(listed)
}

/// A page that goes on need not read what the ones before had: from its place on, or, backwards,
/// up to it, unless records without a time are still to come.
fn span_after(span: Span, after: Option<&Place>, direction: Direction) -> Span {
    let Some(at) = after.and_then(|place| place.at) else {
        return span;
    };
    let after = at.saturating_add(1);
    match direction {
        Direction::Ascending => Span {
            start: Some(span.start.map_or(at, |start| start.max(at))),
            ..span
        },
        Direction::Descending if span == Span::default() => span,
        Direction::Descending => Span {
            end: Some(span.end.map_or(after, |end| end.min(after))),
            ..span
        },
    }
}

fn place(record: &StoredRecord) -> Place {
    Place {
        at: record.timestamp.map(|at| at.as_millis()),
        id: record.id.clone(),
    }
}

/// Whether a record was on a page before.
fn is_before(place: &Place, after: Option<&Place>, direction: Direction) -> bool {
    after.is_some_and(|after| match direction {
        Direction::Ascending => place <= after,
        Direction::Descending => place >= after,
    })
}

fn admits(question: &Question, record: &StoredRecord) -> Result<bool, Refusal> {
    if question.filter.is_empty() {
        return Ok(true);
    }
    let mut values = Vec::new();
    read(&question.fields, record, &mut values)?;
    Ok(question.filter.admits(&values))
}

fn read<'a>(
    fields: &Fields,
    record: &'a StoredRecord,
    values: &mut Vec<Scalar<'a>>,
) -> Result<(), Refusal> {
    fields
        .read(&record.json, values)
        .map_err(|error| corrupt(record, &error))
}

fn corrupt(record: &StoredRecord, error: &serde_json::Error) -> Refusal {
    Refusal::internal(&format!("record {:?}: {error}", record.id))
}

async fn by_field(
    reading: &Reading<'_>,
    question: &Question,
    listing: &Listing,
    field: usize,
    direction: Direction,
) -> Result<Listed, Refusal> {
    let mut first = First::new(listing.limit, direction);
    let mut reader = reading.records(question.span, StoreOrder::Ascending);
    while let Some(page) = reader.next_page().await.map_err(|e| reading.failed(e))? {
        for record in page {
            let mut values = Vec::new();
            read(&question.fields, &record, &mut values)?;
            if question.filter.admits(&values) {
                let by = values.swap_remove(field).into_owned();
                drop(values);
                first.take(by, record)?;
            }
        }
    }
    first.into_listed()
}

/// The first records of an order so far, and some that may be none of them.
struct First {
    limit: usize,
    direction: Direction,
    kept: Vec<(Scalar<'static>, usize, StoredRecord)>,
    taken: usize,
    bytes: usize,
}

impl First {
    fn new(limit: Option<usize>, direction: Direction) -> First {
        First {
            limit: limit.unwrap_or(usize::MAX),
            direction,
            kept: Vec::new(),
            taken: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, by: Scalar<'static>, record: StoredRecord) -> Result<(), TooLarge> {
        self.bytes += size(&record);
        self.kept.push((by, self.taken, record));
        self.taken += 1;
        if self.kept.len() >= self.limit.saturating_mul(2) || self.bytes > KEPT_BYTES {
            self.drop_others();
        }
        match self.bytes > KEPT_BYTES {
            true => Err(TooLarge),
            false => Ok(()),
        }
    }

    fn drop_others(&mut self) {
        let direction = self.direction;
        // Records that are alike stay in the order of their times.
        self.kept.sort_unstable_by(|one, other| {
            let order = one.0.cmp(&other.0);
            let order = match direction {
                Direction::Ascending => order,
                Direction::Descending => order.reverse(),
            };
            order.then(one.1.cmp(&other.1))
        });
        self.kept.truncate(self.limit);
        self.bytes = self.kept.iter().map(|(_, _, record)| size(record)).sum();
    }

    fn into_listed(mut self) -> Result<Listed, Refusal> {
        self.drop_others();
        let mut listed = Listed::default();
        for (_, _, record) in &self.kept {
            listed.push(record)?;
        }
        Ok(listed)
    }
}

fn size(record: &StoredRecord) -> usize {
    record.json.len() + record.id.len() + size_of::<StoredRecord>()
}

impl Listed {
    fn push(&mut self, record: &StoredRecord) -> Result<(), Refusal> {
        let shown = shown(record)?;
        self.bytes += shown.len() + 1;
        if self.bytes > ANSWER_BYTES {
            return Err(TooLarge.into());
        }
        self.records.push(shown.into_owned());
        Ok(())
    }

    /// Writes them in a form.
    pub(crate) fn write(&self, form: Form, is_published: bool) -> Result<Written, Refusal> {
        match form {
            Form::Json => {
                let mut body = JsonBody::new();
                for record in &self.records {
                    body.push_written(record)?;
                }
                Ok(body.finish(is_published))
            }
            Form::Csv => self.write_csv(),
        }
    }

    /// Every name that any of them has is a column, in the order of the alphabet.
    fn write_csv(&self) -> Result<Written, Refusal> {
        let mut names = BTreeSet::new();
        for record in &self.records {
            names.extend(document(record)?.into_iter().map(|(name, _)| name));
        }
        let names: Vec<String> = names.into_iter().collect();
        let mut body = CsvBody::new(names.clone());
        for record in &self.records {
            let document = document(record)?;
            let cell = |name: &String| document.get(name).map_or_else(String::new, json_cell);
            let cells: Vec<String> = names.iter().map(cell).collect();
            body.push_cells(&cells)?;
        }
        Ok(body.finish())
    }
}

fn document(record: &str) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_str(record).map_err(|error| Refusal::internal(&error))
}

/// A record as it is shown: its time in UTC, as the original shows it, whatever the offset was
/// that it was sent with.
fn shown(record: &StoredRecord) -> Result<Cow<'_, str>, Refusal> {
    let Some(at) = record.timestamp else {
        return Ok(Cow::Borrowed(&record.json));
    };
    let time = written(at.as_millis());
    let mut fields = Fields::default();
    fields.place("_timestamp");
    let mut values = Vec::new();
    read(&fields, record, &mut values)?;
    if values[0].cmp(&Scalar::Text(time.as_str().into())) == Ordering::Equal {
        return Ok(Cow::Borrowed(&record.json));
    }
    let mut document = document(&record.json)?;
    document.insert("_timestamp".to_owned(), time.into());
    Ok(Cow::Owned(Value::Object(document).to_string()))
}

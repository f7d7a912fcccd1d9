//! A whole report, page by page.

use jiff::tz::TimeZone;
use weir_collector::{Fault, SourceError};

use super::answer::{Answer, AnswerError, Measured, Metadata};
use super::api::{Api, Method, no_report};
use super::period::Period;
use super::property::Property;
use super::question::{Page, Question};
use super::quota::Low;

/// Rows of a page: what the API gives when nobody asks for another number.
pub(crate) const PAGE_ROWS: u64 = 10_000;
/// What the documents of one report may weigh. All of them are held, because plugins see a period
/// whole. While they are made of rows and while they are handed on, about half as much again is in
/// use, and a page on its way has up to 64 MB: all of it fits a function of 1,024 MB.
pub(crate) const MOST_BYTES: u64 = 384 << 20;
/// What a document has beside the query's names: its time, type and span, `humanId` and `_id`.
const ROW_BYTES: u64 = 1_200;
/// What each value costs beside its text: a key and a value in a list, and an allocation for both.
const VALUE_BYTES: u64 = 192;
/// How often a dimension's text is in its document: there, in `humanId`, and in `_id` as base64.
const COPIES: u64 = 3;
/// How often a report is begun again because its number of rows changed.
const BEGINNINGS: u32 = 3;

/// A whole report.
#[derive(Debug)]
pub(crate) struct Report {
    /// Its rows.
    pub(crate) rows: Vec<Measured>,
    /// The property's zone, if the answer says it.
    pub(crate) zone: Option<TimeZone>,
    /// The quota of which little is left.
    pub(crate) low: Option<Low>,
}

/// What is asked: which days, and how many rows of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// The days.
    pub(crate) days: Period,
    /// The rows that are wanted at most.
    pub(crate) most: Option<u64>,
    /// Rows of a page.
    pub(crate) page_rows: u64,
    /// What the documents of all rows may weigh.
    pub(crate) most_bytes: u64,
}

/// Reads a report to its end.
///
/// # Errors
/// When a page cannot be read, or is no part of a report; when the report is too large, or changes
/// whenever it is read.
pub(crate) async fn read(
    api: &mut Api,
    property: &Property,
    question: &Question,
    extent: Extent,
) -> Result<Report, SourceError> {
    for _ in 0..BEGINNINGS {
        if let Some(report) = attempt(api, property, question, extent).await? {
            return Ok(report);
        }
        tracing::info!(%property, days = %extent.days, "the report changed while it was read: again");
    }
    let days = extent.days;
    Err(SourceError::Later {
        fault: Fault::new(format_args!(
            "the report on {property} for {days} changes while it is read"
        )),
        after: None,
    })
}

/// Nothing if the number of rows changed on the way, because then some may be missing or there
/// twice.
async fn attempt(
    api: &mut Api,
    property: &Property,
    question: &Question,
    extent: Extent,
) -> Result<Option<Report>, SourceError> {
    let wanted = extent.most.unwrap_or(u64::MAX);
    let mut report = Report {
        rows: Vec::new(),
        zone: None,
        low: None,
    };
    let mut count = None;
    let mut bytes = 0;
    loop {
        let offset = report.rows.len() as u64;
        let limit = extent.page_rows.min(wanted - offset);
        let body = question.report(extent.days, Page { offset, limit });
        let answer = api.ask(property, Method::Report, &body).await?;
        let here = answer
            .row_count()
            .map_err(|error| no_report(error, property))?;
        if *count.get_or_insert(here) != here {
            return Ok(None);
        }
        let total = here.min(wanted);
        check_size(
            total,
            total.saturating_mul(least(question)),
            extent,
            property,
        )?;
        let is_empty = answer.len() == 0;
        bytes += report.take(answer, question, property)?;
        check_size(total, bytes, extent, property)?;
        if report.rows.len() as u64 >= total {
            return Ok(Some(report));
        }
        if is_empty {
            let error = AnswerError::MissingRows(here);
            return Err(no_report(error, property));
        }
    }
}

impl Report {
    /// Takes a page, and says what it weighs.
    fn take(
        &mut self,
        answer: Answer,
        question: &Question,
        property: &Property,
    ) -> Result<u64, SourceError> {
        note(&answer.metadata, property);
        let zone = answer.metadata.time_zone.as_deref();
        self.zone = zone
            .and_then(|name| TimeZone::get(name).ok())
            .or(self.zone.take());
        self.low = answer.property_quota.as_ref().and_then(|quota| quota.low());
        let rows = answer.into_rows(&question.dimensions, &question.metrics);
        let rows = rows.map_err(|error| no_report(error, property))?;
        let bytes = rows.iter().map(weight).sum();
        self.rows.extend(rows);
        Ok(bytes)
    }
}

fn note(metadata: &Metadata, property: &Property) {
    if metadata.data_loss_from_other_row {
        tracing::info!(%property, "the report has more rows than GA4 tells apart: some are one row (other)");
    }
    if metadata.subject_to_thresholding {
        tracing::info!(%property, "GA4 has left out rows of few people");
    }
}

/// What a row weighs at least, as a document.
fn least(question: &Question) -> u64 {
    let values = question.dimensions.len() + question.metrics.len();
    ROW_BYTES + VALUE_BYTES * values as u64
}

/// What a row weighs as a document, roughly.
fn weight(row: &Measured) -> u64 {
    let values = row.dimensions.len() + row.metrics.len();
    let texts: usize = row.dimensions.iter().map(String::len).sum();
    ROW_BYTES + VALUE_BYTES * values as u64 + COPIES * texts as u64
}

/// Takes what rows weigh of which a report has so many.
fn check_size(
    total: u64,
    bytes: u64,
    extent: Extent,
    property: &Property,
) -> Result<(), SourceError> {
    if bytes <= extent.most_bytes {
        return Ok(());
    }
    let most = extent.most_bytes >> 20;
    let days = extent.days;
    let fault = Fault::new(format_args!(
        "the report on {property} for {days} has {total} rows, and their documents are more than \
         the {most} MB that are held at once"
    ));
    Err(fault
        .hint("ask for fewer dimensions, a shorter frequency, or maxResults")
        .into())
}

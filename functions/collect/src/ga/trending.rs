//! `ga.trending`: which pages are seen more than a week ago. What is there is replaced each time.

mod fold;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use weir_collector::{Fault, Output, Schema, Source, SourceError, State};

use super::answer::Measured;
use super::api::Api;
use super::asked::{no_segment, read_names};
use super::pages::{self, Extent, MOST_BYTES, PAGE_ROWS, Report};
use super::period::{Period, date_in};
use super::property::{Property, Target};
use super::question::Question;
use super::state::Place;
use crate::access::Access;
use crate::cell::iso_format;
use crate::query::{Definition, QueryError};
use crate::wanted::Wanted;
use fold::{Folded, PATH, TITLE, Visit, Weeks, fold};

/// Keys of the query.
const KEYS: &[&str] = &[
    "id",
    "property",
    "metric",
    "dimensions",
    "filters",
    "dimensionFilter",
    "metricFilter",
    "segment",
    "translate",
];

/// What tells the weeks apart; documents do not have it.
const DATES: [&str; 3] = ["year", "month", "day"];

/// What changed from one week to the next, by page.
#[derive(Debug)]
pub struct Trending {
    api: Api,
    asked: Asked,
    ignores_range: bool,
}

/// What a query document asks for.
#[derive(Debug)]
pub(super) struct Asked {
    target: Target,
    question: Question,
    stream: Arc<str>,
    notes: Vec<String>,
}

impl Trending {
    /// A source of what a query document asks for. A range changes nothing: it is always the last
    /// two weeks.
    ///
    /// # Errors
    /// When the query cannot be asked of GA4, with file and key.
    pub fn new(definition: &Definition, wanted: Wanted, access: Access) -> Result<Self, Fault> {
        Ok(Self {
            asked: Asked::read(definition).map_err(Fault::new)?,
            api: Api::new(access),
            ignores_range: wanted != Wanted::Resume,
        })
    }
}

impl Source for Trending {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        for note in &self.asked.notes {
            tracing::warn!("{note}");
        }
        if self.ignores_range {
            tracing::warn!("ga.trending is always about the last two weeks: the range is ignored");
        }
        output.schema(self.asked.schema()).await?;
        let zone = Place::read(state, &self.asked.stream)?.and_then(|place| place.zone);
        let property = self.api.property(&self.asked.target).await?;
        let (today, report) = self.report(&property, zone).await?;
        let zone = report.zone;
        let folded = self.asked.fold(report.rows, today)?;
        let documents = identified(folded.documents, output);
        let stream = &self.asked.stream;
        if folded.undated > 0 {
            let rows = format_args!("{} rows of {property}", folded.undated);
            output.skip(
                rows,
                "their date is (other), so they count for neither week",
            );
        }
        output.empty(stream).await?;
        for document in documents {
            output.record(stream, document).await?;
        }
        let place = Place {
            start: today,
            zone,
            unfinished: false,
        };
        Ok(output.state(place.state(state, stream)).await?)
    }
}

impl Trending {
    /// The two weeks before today, which depends on the zone that the report tells: if it turns out
    /// to be another day there, once more.
    async fn report(
        &mut self,
        property: &Property,
        zone: Option<TimeZone>,
    ) -> Result<(Date, Report), SourceError> {
        let zone = zone.unwrap_or(TimeZone::UTC);
        let today = date_in(&zone, self.api.now());
        let mut report = self.two_weeks(property, today).await?;
        let there = report.zone.get_or_insert(zone).clone();
        let today_there = date_in(&there, self.api.now());
        if today_there == today {
            return Ok((today, report));
        }
        let report = self.two_weeks(property, today_there).await?;
        Ok((today_there, report))
    }

    async fn two_weeks(&mut self, property: &Property, today: Date) -> Result<Report, SourceError> {
        let extent = Extent {
            days: Period {
                start: today.saturating_sub(2.weeks()),
                end: today.saturating_sub(1.day()),
            },
            most: None,
            page_rows: PAGE_ROWS,
            most_bytes: MOST_BYTES,
        };
        pages::read(&mut self.api, property, &self.asked.question, extent).await
    }
}

impl Asked {
    /// Reads a query document.
    ///
    /// # Errors
    /// With file and key.
    pub(super) fn read(definition: &Definition) -> Result<Self, QueryError> {
        let (query, options) = (definition.query(), definition.options.section());
        no_segment(&query)?;
        let names = read_names(&query, &options)?;
        let metric = query.required_text("metric", "what is counted")?;
        let said = query.texts("dimensions")?.unwrap_or_default();
        let dates = DATES.iter().filter(|date| !said.contains(date));
        let dimensions: Vec<&str> = said.iter().chain(dates).copied().collect();
        let question = Question::new(
            &query,
            &names,
            ("metric", &[metric]),
            ("dimensions", &dimensions),
        )?;
        for needed in [TITLE, PATH] {
            if !question.dimensions.iter().any(|name| name.key == needed) {
                let why = format!("has no {needed}: rows are folded by {TITLE}, and name a {PATH}");
                return Err(query.error("dimensions", why));
            }
        }
        let question = question.filtered(&query, &names)?;
        let mut notes = query.unknown(KEYS);
        notes.extend(question.notes());
        Ok(Self {
            target: Target::read(&query, &options)?,
            question,
            stream: definition.data_type().into(),
            notes,
        })
    }

    /// What its records look like.
    pub(super) fn schema(&self) -> Schema {
        let text = || json!({"type": "string"});
        let mut properties = Map::new();
        properties.insert("_id".to_owned(), text());
        properties.insert(
            "_timestamp".to_owned(),
            json!({"type": "string", "format": "date-time"}),
        );
        for key in self.kept() {
            properties.insert(key.to_owned(), text());
        }
        for key in ["week1", "week2", "percent_change"] {
            properties.insert(key.to_owned(), json!({"type": "number"}));
        }
        Schema {
            stream: Arc::clone(&self.stream),
            schema: json!({"type": "object", "properties": properties}),
            key_properties: vec!["_id".to_owned()],
            bookmark_properties: Vec::new(),
        }
    }

    /// The dimensions that documents have.
    fn kept(&self) -> impl Iterator<Item = &str> {
        let keys = self
            .question
            .dimensions
            .iter()
            .map(|name| name.key.as_str());
        keys.filter(|key| !DATES.contains(key))
    }

    /// The documents of two weeks that end yesterday.
    fn fold(&self, rows: Vec<Measured>, today: Date) -> Result<Folded, SourceError> {
        let weeks = Weeks {
            middle: today.saturating_sub(1.week()),
        };
        let start = Period {
            start: today.saturating_sub(2.weeks()),
            end: today,
        };
        let visits = rows.into_iter().map(|row| self.visit(row)).collect();
        let mut folded =
            fold(visits, weeks).map_err(|error| SourceError::failed(Fault::new(error)))?;
        let timestamp = iso_format(start.timestamp(), 'T');
        for document in &mut folded.documents {
            document.insert("_timestamp".to_owned(), timestamp.clone().into());
        }
        Ok(folded)
    }

    fn visit(&self, row: Measured) -> Visit {
        let names = self.question.dimensions.iter();
        let mut visit = Visit {
            dimensions: Vec::new(),
            date: Default::default(),
            value: row.metrics.into_iter().next().unwrap_or_else(|| 0.into()),
        };
        for (name, value) in names.zip(row.dimensions) {
            match DATES.iter().position(|date| *date == name.key) {
                Some(part) => visit.date[part] = value,
                None => visit.dimensions.push((name.key.clone(), value)),
            }
        }
        visit
    }
}

/// The documents with the ids of their paths, without those that have no path.
fn identified(documents: Vec<Map<String, Value>>, output: &mut Output) -> Vec<Map<String, Value>> {
    let text = |document: &Map<String, Value>, key: &str| {
        let found = document.get(key).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let identify = |mut document: Map<String, Value>| {
        let path = text(&document, PATH);
        if path.is_empty() {
            let title = text(&document, TITLE);
            let why = format_args!("its {PATH} is empty, and its _id is made of that");
            output.skip(format_args!("the page {title:?}"), why);
            return None;
        }
        document.insert("_id".to_owned(), URL_SAFE.encode(path).into());
        Some(document)
    };
    documents.into_iter().filter_map(identify).collect()
}

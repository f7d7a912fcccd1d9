//! `ga`: one report for each day, week or month.
//!
//! A period is final once it is over in the property's own zone, which only reports tell; so the
//! bookmark keeps the zone. What is collected is documents by period: plugins see the rows of one
//! period at a time, however many a run collects.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use weir_collector::{Fault, Output, Schema, Source, SourceError, State};
use weir_model::Timestamp;

use super::answer::Measured;
use super::api::Api;
use super::asked::{no_segment, read_names};
use super::names::Name;
use super::pages::{self, Extent, MOST_BYTES, PAGE_ROWS, Report};
use super::period::{Frequency, Period, check_range, date_in, latest_date};
use super::property::{Property, Target};
use super::question::Question;
use super::quota::Low;
use super::state::Place;
use super::tour::{Range, Tour};
use crate::access::Access;
use crate::cell::iso_format;
use crate::options::Options;
use crate::pipeline::{Pipeline, Row};
use crate::plugins::Plugin;
use crate::query::{Definition, QueryError, Section};
use crate::wanted::Wanted;

/// Keys of the query.
const KEYS: &[&str] = &[
    "id",
    "property",
    "metrics",
    "dimensions",
    "filters",
    "dimensionFilter",
    "metricFilter",
    "frequency",
    "maxResults",
    "sort",
    "segment",
    "translate",
];

/// What old documents had beside `date`.
const DATETIME: &str = "datetime";

/// Reports by day, week or month.
#[derive(Debug)]
pub struct Reports {
    api: Api,
    asked: Asked,
    range: Range,
    page_rows: u64,
    most_bytes: u64,
    may_be_early: bool,
}

/// What a query document asks for.
#[derive(Debug)]
pub(super) struct Asked {
    target: Target,
    question: Question,
    frequency: Frequency,
    most: Option<u64>,
    pipeline: Pipeline,
    stream: Arc<str>,
    empties: bool,
    has_datetime: bool,
    notes: Vec<String>,
}

impl Reports {
    /// A source of what a query document asks for.
    ///
    /// # Errors
    /// When the query cannot be asked of GA4, with file and key; when the range is none.
    pub fn new(definition: &Definition, wanted: Wanted, access: Access) -> Result<Self, Fault> {
        let asked = Asked::read(definition).map_err(Fault::new)?;
        let range = range_of(wanted);
        let latest = latest_date(access.clock.now());
        check_range(range.start, range.end, latest).map_err(Fault::new)?;
        Ok(Self {
            api: Api::new(access),
            asked,
            range,
            page_rows: PAGE_ROWS,
            most_bytes: MOST_BYTES,
            may_be_early: false,
        })
    }

    /// Asks for pages of so many rows.
    #[must_use]
    pub fn page_rows(mut self, rows: u64) -> Self {
        self.page_rows = rows.max(1);
        self
    }

    /// Holds documents of so many bytes, roughly, at once.
    #[must_use]
    pub fn most_bytes(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// A range of which no period is over yet is empty: whoever asked will ask again.
    #[must_use]
    pub fn may_be_early(mut self) -> Self {
        self.may_be_early = true;
        self
    }
}

impl Source for Reports {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        for note in &self.asked.notes {
            tracing::warn!("{note}");
        }
        output.schema(self.asked.schema()).await?;
        let place = Place::read(state, &self.asked.stream)?;
        let property = self.api.property(&self.asked.target).await?;
        let tour = Tour::new(
            self.asked.frequency,
            self.range,
            place.as_ref(),
            self.api.now(),
        );
        let mut run = Run {
            tour,
            state,
            emptied: place.is_some_and(|place| place.unfinished),
        };
        while let Some(period) = run.tour.next(self.api.now()) {
            let report = self.report(&property, period, &run.tour).await?;
            if !run.tour.keeps(period, report.zone.clone(), self.api.now()) {
                continue;
            }
            let low = report.low;
            self.emit(period, report, &mut run, output).await?;
            self.check_quota(&property, low, &run.tour)?;
        }
        if self.may_be_early {
            return Ok(());
        }
        Ok(run.tour.check_any(self.range)?)
    }
}

/// A run on its way.
struct Run<'s> {
    tour: Tour,
    /// What it began with.
    state: Option<&'s State>,
    /// Whether the data set was emptied for what the run brings.
    emptied: bool,
}

impl Reports {
    /// Of a period that is not over, there is nothing after today.
    async fn report(
        &mut self,
        property: &Property,
        period: Period,
        tour: &Tour,
    ) -> Result<Report, SourceError> {
        let today = tour.today(self.api.now());
        let end = period.end.min(today.max(period.start));
        let extent = Extent {
            days: Period { end, ..period },
            most: self.asked.most,
            page_rows: self.page_rows,
            most_bytes: self.most_bytes,
        };
        pages::read(&mut self.api, property, &self.asked.question, extent).await
    }

    async fn emit(
        &self,
        period: Period,
        report: Report,
        run: &mut Run<'_>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let (asked, stream) = (&self.asked, &self.asked.stream);
        let documents = asked.documents(period, report.rows)?;
        if asked.empties && !std::mem::replace(&mut run.emptied, true) {
            output.empty(stream).await?;
        }
        tracing::info!(%period, "{} records of {period}", documents.len());
        for document in documents {
            output.record(stream, document).await?;
        }
        let now = self.api.now();
        run.tour.advance(period, now);
        let unfinished = asked.empties && run.tour.next(now).is_some();
        let place = run.tour.place(unfinished);
        Ok(output.state(place.state(run.state, stream)).await?)
    }

    /// Others need the property's quota, too: what is still to come waits for the next run.
    fn check_quota(
        &self,
        property: &Property,
        low: Option<Low>,
        tour: &Tour,
    ) -> Result<(), SourceError> {
        let now = self.api.now();
        let (Some(low), Some(next)) = (low, tour.next(now)) else {
            return Ok(());
        };
        Err(SourceError::Later {
            fault: Fault::new(format_args!("{property}: {low}; {next} is still to come")),
            after: Some(low.returns.wait(now)),
        })
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
        let metrics = query.texts("metrics")?.unwrap_or_default();
        if metrics.is_empty() {
            return Err(query.error("metrics", "is missing: it is the list of what is counted"));
        }
        let dimensions = query.texts("dimensions")?.unwrap_or_default();
        let question = Question::new(
            &query,
            &names,
            ("metrics", &metrics),
            ("dimensions", &dimensions),
        )?;
        let question = question.filtered(&query, &names)?.sorted(&query)?;
        let pipeline = Pipeline::new(&definition.options, definition.data_type());
        let mut notes = query.unknown(KEYS);
        notes.extend(question.notes());
        Ok(Self {
            target: Target::read(&query, &options)?,
            has_datetime: wants_datetime(&question, &definition.options),
            question,
            frequency: read_frequency(&query)?,
            // There, 0 was no limit.
            most: query.whole("maxResults")?.filter(|most| *most > 0),
            pipeline,
            stream: definition.data_type().into(),
            empties: definition.options.empty_data_set,
            notes,
        })
    }

    /// What its records look like.
    pub(super) fn schema(&self) -> Schema {
        let text = |key: &str| (key.to_owned(), json!({"type": "string"}));
        let dimensions = self.question.dimensions.iter().map(|name| text(&name.key));
        let metrics = self.question.metrics.iter();
        let metrics = metrics.map(|name| (name.key.clone(), json!({"type": "number"})));
        let mut fields: Vec<(String, Value)> = dimensions.chain(metrics).collect();
        fields.push(text("timeSpan"));
        if self.has_datetime {
            fields.push(text(DATETIME));
        }
        self.pipeline.schema(fields)
    }

    fn documents(
        &self,
        period: Period,
        rows: Vec<Measured>,
    ) -> Result<Vec<Map<String, Value>>, SourceError> {
        let rows = rows.into_iter().map(|row| self.row(period, row)).collect();
        let documents = self.pipeline.documents(rows);
        documents.map_err(|error| SourceError::failed(Fault::new(error)))
    }

    fn row(&self, period: Period, measured: Measured) -> Row {
        let keys = |names: &[Name]| {
            names
                .iter()
                .map(|name| name.key.clone())
                .collect::<Vec<_>>()
        };
        let dimensions = keys(&self.question.dimensions).into_iter();
        let mut dimensions: Vec<(String, Value)> = dimensions
            .zip(measured.dimensions.into_iter().map(Value::from))
            .collect();
        if self.has_datetime
            && let Some(time) = datetime(&dimensions)
        {
            dimensions.push((DATETIME.to_owned(), time.into()));
        }
        let metrics = keys(&self.question.metrics).into_iter();
        let mut special: Vec<(String, Value)> = metrics
            .zip(measured.metrics.into_iter().map(Value::from))
            .collect();
        special.push(("timeSpan".to_owned(), self.frequency.time_span().into()));
        Row {
            start: period.timestamp(),
            dimensions,
            special,
        }
    }
}

/// A range's ends as dates: those of their instants in UTC.
fn range_of(wanted: Wanted) -> Range {
    let date = |time: Timestamp| date_in(&TimeZone::UTC, time);
    match wanted {
        Wanted::Resume => Range::default(),
        Wanted::Range { start, end } => Range {
            start: start.map(date),
            end: end.map(date),
        },
    }
}

fn read_frequency(query: &Section<'_>) -> Result<Frequency, QueryError> {
    let said = query.text("frequency")?.unwrap_or("weekly");
    let found = Frequency::ALL.iter().find(|(_, name)| *name == said);
    found.map(|(frequency, _)| *frequency).ok_or_else(|| {
        let why = format!("is {said:?}: it must be daily, weekly or monthly");
        query.error("frequency", why)
    })
}

/// The old client added `datetime` to rows with a `date`. Documents have it where the options name
/// it; the others are as they are described.
fn wants_datetime(question: &Question, options: &Options) -> bool {
    let is_it = |key: &String| key == DATETIME;
    let has_date = question.dimensions.iter().any(|name| name.key == "date");
    let in_plugins = options.plugins.iter().any(|plugin| match plugin {
        Plugin::ComputeIdFrom(keys) | Plugin::RemoveKey(keys) => keys.iter().any(is_it),
        _ => false,
    });
    let in_mappings = options.mappings.iter().any(|(from, _)| is_it(from));
    let in_id = options.id_mapping.iter().flatten().any(is_it);
    has_date && (in_plugins || in_mappings || in_id)
}

/// The time of `date` and, if it is there, `hour`; none of `(other)`.
fn datetime(dimensions: &[(String, Value)]) -> Option<String> {
    let of = |key: &str| {
        let mut all = dimensions.iter();
        all.find(|(name, _)| name == key)
            .and_then(|(_, value)| value.as_str())
    };
    let date = Date::strptime("%Y%m%d", of("date")?).ok()?;
    let hour: i8 = of("hour").map_or(Some(0), |hour| hour.parse().ok())?;
    let time = date
        .to_zoned(TimeZone::UTC)
        .ok()?
        .with()
        .hour(hour)
        .build()
        .ok()?;
    let time = Timestamp::from_millis(time.timestamp().as_millisecond()).ok()?;
    Some(iso_format(time, 'T'))
}

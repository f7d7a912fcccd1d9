//! `ga.realtime`: how many people are there now.
//!
//! GA4's realtime reports know much less than others (GA4 Data API, "Realtime dimensions and
//! metrics"): in particular no page path, by which the old ones were mostly filtered.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir_collector::{Fault, Output, Schema, Source, SourceError, State};

use super::answer::Answer;
use super::api::{Api, Method, no_report};
use super::asked::{no_segment, read_names};
use super::expression::Vocabulary;
use super::names::{Kind, Names};
use super::property::{Property, Target};
use super::question::Question;
use crate::access::Access;
use crate::cell::iso_format;
use crate::query::{Definition, QueryError, Section};
use crate::wanted::Wanted;

/// Keys of the query. `ids` is what the old one had, which went to Google as it was.
const KEYS: &[&str] = &[
    "id",
    "ids",
    "property",
    "metrics",
    "metric",
    "filters",
    "dimensionFilter",
    "metricFilter",
    "segment",
    "translate",
];

/// Source: GA4 Data API, "Realtime dimensions and metrics".
const DIMENSIONS: [&str; 14] = [
    "appVersion",
    "audienceId",
    "audienceName",
    "audienceResourceName",
    "city",
    "cityId",
    "country",
    "countryId",
    "deviceCategory",
    "eventName",
    "minutesAgo",
    "platform",
    "streamId",
    "unifiedScreenName",
];
/// As [`DIMENSIONS`].
const METRICS: [&str; 4] = ["activeUsers", "eventCount", "keyEvents", "screenPageViews"];
/// Dimensions that a property's owner defines for people.
const OWN: &str = "customUser:";
/// What is counted when the query does not say.
const USUAL: &str = "activeUsers";

/// How many people are there now.
#[derive(Debug)]
pub struct Realtime {
    api: Api,
    asked: Asked,
}

/// What a query document asks for.
#[derive(Debug)]
pub(super) struct Asked {
    target: Target,
    question: Question,
    stream: Arc<str>,
    /// What the query says in `filters`, as records have it.
    filters: String,
    notes: Vec<String>,
}

/// The names of realtime reports.
struct Words(Names);

impl Realtime {
    /// A source of what a query document asks for.
    ///
    /// # Errors
    /// When the query cannot be asked of GA4, with file and key; when a range is wanted, which
    /// nobody keeps.
    pub fn new(definition: &Definition, wanted: Wanted, access: Access) -> Result<Self, Fault> {
        if wanted != Wanted::Resume {
            return Err(Fault::new("cannot backfill realtime collectors")
                .hint("leave out start and end: a realtime report is about the last half hour"));
        }
        Ok(Self {
            asked: Asked::read(definition).map_err(Fault::new)?,
            api: Api::new(access),
        })
    }
}

impl Source for Realtime {
    async fn read(
        &mut self,
        _state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        for note in &self.asked.notes {
            tracing::warn!("{note}");
        }
        let (asked, stream) = (&self.asked, &self.asked.stream);
        output.schema(asked.schema()).await?;
        let property = self.api.property(&asked.target).await?;
        let body = asked.question.realtime();
        let answer = self.api.ask(&property, Method::Realtime, &body).await?;
        let count = asked.count(answer, &property)?;
        // To the second, as it was there; it is the record's id, too.
        let now = self.api.now().as_millis() / 1_000 * 1_000;
        let now = weir_model::Timestamp::from_millis(now).unwrap_or(weir_model::Timestamp::MIN);
        let time = iso_format(now, 'T');
        output.record(stream, asked.document(&time, count)).await?;
        Ok(output.state(State::of(stream, "at", time)).await?)
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
        let words = Words(read_names(&query, &options)?);
        let key = if query.get("metric").is_some() {
            "metric"
        } else {
            "metrics"
        };
        let metrics = query.texts(key)?.unwrap_or_default();
        let metric = metrics.first().copied().unwrap_or(USUAL);
        let question = Question::new(&query, &words.0, (key, &[metric]), ("dimensions", &[]))?;
        words
            .api(Kind::Metric, metric)
            .map_err(|why| query.error(key, why))?;
        let question = question.filtered(&query, &words)?;
        let mut notes = query.unknown(KEYS);
        notes.extend(question.notes());
        Ok(Self {
            target: Target::read(&query, &options)?,
            question,
            stream: definition.data_type().into(),
            filters: filters_text(&query),
            notes,
        })
    }

    /// What its records look like.
    pub(super) fn schema(&self) -> Schema {
        let schema = json!({"type": "object", "properties": {
            "_id": {"type": "string"},
            "_timestamp": {"type": "string", "format": "date-time"},
            "unique_visitors": {"type": "number"},
            "for_url": {"type": "string"},
        }});
        Schema {
            stream: Arc::clone(&self.stream),
            schema,
            key_properties: vec!["_id".to_owned()],
            bookmark_properties: Vec::new(),
        }
    }

    /// Nobody there is an answer without rows.
    fn count(&self, answer: Answer, property: &Property) -> Result<Value, SourceError> {
        let rows = answer.into_rows(&[], &self.question.metrics);
        let rows = rows.map_err(|error| no_report(error, property))?;
        let first = rows
            .into_iter()
            .next()
            .and_then(|row| row.metrics.into_iter().next());
        Ok(first.map_or_else(|| 0.into(), Value::Number))
    }

    fn document(&self, time: &str, count: Value) -> Map<String, Value> {
        Map::from_iter([
            ("_timestamp".to_owned(), time.into()),
            ("_id".to_owned(), time.into()),
            ("unique_visitors".to_owned(), count),
            ("for_url".to_owned(), self.filters.as_str().into()),
        ])
    }
}

impl Vocabulary for Words {
    fn kind(&self, said: &str) -> Option<Kind> {
        self.0.kind(said)
    }

    fn api(&self, kind: Kind, said: &str) -> Result<String, String> {
        let api = Vocabulary::api(&self.0, kind, said)?;
        let known: &[&str] = match kind {
            Kind::Metric => &METRICS,
            Kind::Dimension => &DIMENSIONS,
        };
        if known.contains(&api.as_str()) || kind == Kind::Dimension && api.starts_with(OWN) {
            return Ok(api);
        }
        // The same thing by its realtime name: the title of a page, or the screen of an app.
        if api == "pageTitle" {
            return Ok("unifiedScreenName".to_owned());
        }
        let known = known.join(", ");
        Err(match api.contains("page") || api.contains("Page") {
            true => format!(
                "realtime reports of GA4 do not know {api}: filter by unifiedScreenName, the title \
                 of the page, instead; there are {known}"
            ),
            false => format!("realtime reports of GA4 do not know {api}: there are {known}"),
        })
    }
}

fn filters_text(query: &Section<'_>) -> String {
    match query.get("filters") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => {
            let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
            texts.join(",")
        }
        Some(other) => other.to_string(),
    }
}

//! A check of Pingdom: mean response time, uptime and downtime by the hour.
//!
//! Asked in portions of thirty days, each followed by a state, so that years can be collected by
//! runs of minutes. The bookmark is the last hour that is complete; that hour is read again,
//! because Pingdom may still have been filling it. Where a repeat would double it, it is left out
//! at first, and read once by the next run. Source: Pingdom API 3.1, docs.pingdom.com/api.

mod api;
mod hours;
mod quota;
mod range;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use weir_collector::{Fault, Output, Repeats, Schema, Source, SourceError, State};
use weir_model::Timestamp;

use crate::access::Access;
use crate::cell::iso_format;
use crate::pipeline::Pipeline;
use crate::pipeline::schema::{text, time};
use crate::query::{Definition, QueryError};
use crate::wanted::Wanted;
use api::Api;
use range::{HOUR, Range};

/// The keys of the query.
const KEYS: &[&str] = &["name"];

/// The bookmark's field.
const BOOKMARK: &str = "hour";

/// An hour that Pingdom does not tell within this time is taken as one that there will never be.
const LATEST: Duration = Duration::from_secs(24 * 3600);

/// Reads the hours of a check.
#[derive(Debug)]
pub struct Pingdom {
    name: String,
    wanted: Wanted,
    repeats: Repeats,
    pipeline: Pipeline,
    stream: Arc<str>,
    access: Access,
    file: String,
}

impl Pingdom {
    /// Takes the check's name from the query. Nothing is asked yet.
    ///
    /// # Errors
    /// When the query has no name.
    pub fn new(
        definition: &Definition,
        wanted: Wanted,
        access: Access,
    ) -> Result<Pingdom, QueryError> {
        let query = definition.query();
        let name = query.required_text("name", "the name of a check at Pingdom")?;
        for note in query.unknown(KEYS) {
            tracing::warn!("{note}");
        }
        if definition.options.empty_data_set {
            let file = &definition.file;
            tracing::warn!(
                "{file}: options.empty-data-set is ignored: hours replace those that are there"
            );
        }
        let pipeline = pipeline(definition);
        Ok(Pingdom {
            name: name.to_owned(),
            wanted,
            repeats: Repeats::Replace,
            stream: pipeline.data_type().into(),
            pipeline,
            access,
            file: definition.file.clone(),
        })
    }

    /// Reads each hour once if a repeat would double it: the newest one is left to the next run.
    #[must_use]
    pub fn into_sink(self, repeats: Repeats) -> Pingdom {
        Pingdom { repeats, ..self }
    }

    /// The document of an hour as Pingdom tells it.
    ///
    /// # Errors
    /// When it is no hour, or the options do not fit it.
    pub fn document(
        definition: &Definition,
        check: &str,
        hour: &Value,
    ) -> Result<Map<String, Value>, String> {
        let pipeline = pipeline(definition);
        let (_, built) = hours::build(hour, check, &pipeline)?;
        let made = pipeline
            .finish(vec![built])
            .map_err(|error| error.to_string())?;
        made.into_iter()
            .next()
            .ok_or_else(|| "the options leave nothing of it".to_owned())
    }

    async fn read_range(&self, range: Range, output: &mut Output) -> Result<(), SourceError> {
        let mut api = Api::open(&self.access).await?;
        let check = api.check(&self.name, &self.file).await?;
        let portions = range.from(check.created).portions();
        let last = portions.len() - 1;
        let mut newest = range::bookmark_before(portions[0].from, self.repeats);
        for (number, portion) in portions.into_iter().enumerate() {
            let hours = api.hours(check.id, portion).await?;
            newest = newest.max(self.hand_on(hours, portion, output).await?);
            // What may still come is read again, at the edge of a portion as at the end.
            let told = newest.max(range.to.saturating_sub(LATEST));
            let bookmark = told.min(portion.to.saturating_sub(HOUR));
            let state = State::of(&self.stream, BOOKMARK, iso_format(bookmark, 'T'));
            let told = output.state(state).await;
            // After the last one there is nothing left that could be stopped.
            if number < last {
                told?;
                api.leave_some()?;
            }
        }
        Ok(())
    }

    /// Hands on the hours of a portion; says when the newest of them began.
    async fn hand_on(
        &self,
        hours: Vec<Value>,
        portion: Range,
        output: &mut Output,
    ) -> Result<Timestamp, SourceError> {
        let (mut built, mut newest) = (Vec::new(), Timestamp::MIN);
        for hour in hours {
            match hours::build(&hour, &self.name, &self.pipeline) {
                Ok((start, _)) if !portion.holds(start) => {}
                Ok((start, document)) => {
                    newest = newest.max(start);
                    built.push(document);
                }
                Err(why) => output.skip(format_args!("an hour of the check {}", self.name), why),
            }
        }
        for document in self.pipeline.finish(built)? {
            output.record(&self.stream, document).await?;
        }
        Ok(newest)
    }

    fn bookmark(&self, state: Option<&State>) -> Result<Option<Timestamp>, SourceError> {
        let text = state.and_then(|state| state.bookmark(&self.stream, BOOKMARK));
        let read = |text| {
            Timestamp::parse(text).map_err(|error| {
                let stream = &self.stream;
                let fault =
                    Fault::new(format_args!("the bookmark {BOOKMARK} of {stream}: {error}"));
                SourceError::Final(fault.hint("give a state that a run of this job has written"))
            })
        };
        text.map(read).transpose()
    }
}

impl Source for Pingdom {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        output.schema(schema_of(&self.pipeline)).await?;
        let bookmark = self.bookmark(state)?;
        match range::of(self.wanted, bookmark, self.access.clock.now(), self.repeats)? {
            Some(range) => self.read_range(range, output).await,
            None => Ok(()),
        }
    }
}

/// What the records of a definition look like.
pub(crate) fn schema(definition: &Definition) -> Schema {
    schema_of(&pipeline(definition))
}

fn pipeline(definition: &Definition) -> Pipeline {
    Pipeline::new(&definition.options, definition.data_type()).knowing(&hours::FIELDS)
}

fn schema_of(pipeline: &Pipeline) -> Schema {
    let number = || json!({"type": ["null", "number"]});
    let fields = [
        ("_id", text()),
        ("_timestamp", time()),
        ("avgresponse", number()),
        ("uptime", number()),
        ("downtime", number()),
        ("unmonitored", number()),
        ("check", text()),
    ];
    let fields = fields.map(|(key, kind)| (key.to_owned(), kind));
    pipeline.schema_of(fields.into_iter().collect())
}

//! From a media type to the texts of events.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::value::RawValue;
use weir_model::json::{self, JsonError};
use weir_model::limits::EVENTS_PER_REQUEST;
use weir_service::Problem;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    Json,
    Lines,
    UrlEncoded,
}

/// The events of a request, not yet checked.
#[derive(Debug)]
pub(crate) enum Batch<'a> {
    /// One event, answered with itself.
    One(&'a str),
    /// Several events, answered with counts.
    Many(Vec<&'a str>),
    /// One event from a form.
    Fields(Vec<(String, String)>),
}

impl Batch<'_> {
    pub(crate) fn is_one(&self) -> bool {
        !matches!(self, Self::Many(_))
    }

    /// How many events were sent, good or bad.
    pub(crate) fn events(&self) -> u64 {
        match self {
            Self::Many(texts) => texts.len() as u64,
            Self::One(_) | Self::Fields(_) => 1,
        }
    }
}

impl Form {
    /// Reads the media type; none at all means JSON.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        let text = value.to_str().unwrap_or_default();
        let media_type = text
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match media_type.as_str() {
            "" | "application/json" | "text/json" => Ok(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Self::Lines),
            "application/x-www-form-urlencoded" => Ok(Self::UrlEncoded),
            _ => Err(Problem::unsupported(format!(
                "Content-Type {media_type:?} is not known; application/json, \
                 application/x-ndjson and application/x-www-form-urlencoded are"
            ))),
        }
    }

    /// Takes a body apart into events.
    pub(crate) fn read(self, text: &str) -> Result<Batch<'_>, Problem> {
        match self {
            Self::Json => read_json(text),
            Self::Lines => bounded(
                text.lines()
                    .filter(|line| !line.trim().is_empty())
                    .collect(),
            ),
            Self::UrlEncoded => serde_urlencoded::from_str(text)
                .map(Batch::Fields)
                .map_err(|e| Problem::bad_request("invalid-form", format!("the form: {e}"))),
        }
    }
}

fn read_json(text: &str) -> Result<Batch<'_>, Problem> {
    let events = json::split(text).map_err(refuse)?;
    match events.as_slice() {
        [event] if event.get().len() == text.trim().len() => Ok(Batch::One(event.get())),
        _ => bounded(events.into_iter().map(RawValue::get).collect()),
    }
}

fn refuse(error: JsonError) -> Problem {
    match error {
        JsonError::TooManyEvents => too_many(),
        other => Problem::bad_request("invalid-json", format!("the body: {other}")),
    }
}

fn bounded(events: Vec<&str>) -> Result<Batch<'_>, Problem> {
    match events.len() <= EVENTS_PER_REQUEST {
        true => Ok(Batch::Many(events)),
        false => Err(too_many()),
    }
}

fn too_many() -> Problem {
    let detail = format!("the body holds more than the {EVENTS_PER_REQUEST} events of one request");
    Problem::too_large(detail).with_member("limitEvents", EVENTS_PER_REQUEST)
}

//! The configuration of the tap, as it has always been: with numbers and switches that may be
//! texts.
//!
//! Each key is read on its own and has its own error, which names the file, the key, the value and
//! what is allowed. The integration key is never shown.

mod keys;

use std::time::Duration;

use jiff::civil::Date;
use serde_json::{Map, Value};
use weir_collector::Fault;
use weir_collector::secrets::SecretText;
use weir_model::Timestamp;

use keys::Keys;

/// The key that is a secret.
const KEY: &str = "x_pendo_integration_key";

const KNOWN: &[&str] = &[
    KEY,
    "start_date",
    "period",
    "lookback_window",
    "request_timeout",
    "record_limit",
    "app_ids",
    "include_anonymous_visitors",
    "events_date_window",
    "concurrency",
    "requests_per_second",
    "base_url",
];

/// The defaults of the published tap.
const RECORDS: u64 = 100_000;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Requests under way at once: enough to hide the time that an answer takes to begin.
const REQUESTS: u64 = 4;
const MOST_REQUESTS: u64 = 16;

/// A hundred years, and more than an answer ever has.
const MOST_DAYS: u64 = 36_500;
const MOST_RECORDS: u64 = 1_000_000_000;

/// By what the events of apps, features, pages and track types are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// `dayRange`.
    Day,
    /// `hourRange`.
    Hour,
}

/// What is wanted of Pendo, but for the key.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where a stream without a bookmark begins.
    pub start_date: Timestamp,
    /// By what events are counted.
    pub period: Period,
    /// How long before their bookmark events are read again.
    pub lookback: Duration,
    /// How long an answer may take to go on.
    pub request_timeout: Duration,
    /// How many rows an answer has at most.
    pub record_limit: u64,
    /// The apps that are asked for; all without.
    pub app_ids: Option<Vec<i64>>,
    /// Whether visitors who are not identified are wanted.
    pub include_anonymous: bool,
    /// How long a part of the time line of events one request is for; all of it without.
    pub events_window: Option<Duration>,
    /// How many requests are under way at once.
    pub concurrency: usize,
    /// How many requests are begun in a second at most.
    pub requests_per_second: Option<f64>,
    /// Where Pendo is, if it is not where the key says.
    pub base_url: Option<String>,
}

impl Period {
    /// What Pendo calls it: `dayRange`.
    pub fn range(self) -> &'static str {
        match self {
            Period::Day => "dayRange",
            Period::Hour => "hourRange",
        }
    }

    /// The field of an event with its time: `day`.
    pub fn field(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Hour => "hour",
        }
    }
}

impl Config {
    /// Reads a configuration; `file` is its name for errors. Keys that it does not know are warned
    /// of. The integration key is not read here: [`Config::key`].
    ///
    /// # Errors
    /// When a key is missing or its value is none that is allowed.
    pub fn read(map: &Map<String, Value>, file: &str) -> Result<Config, Fault> {
        let keys = Keys::new(file, map);
        for note in keys.unknown(KNOWN) {
            tracing::warn!("{note}");
        }
        Ok(Config {
            start_date: start_date(&keys)?,
            period: period(&keys)?,
            lookback: days(keys.whole("lookback_window", 0..=MOST_DAYS)?.unwrap_or(0)),
            request_timeout: request_timeout(&keys)?,
            record_limit: keys
                .whole("record_limit", 1..=MOST_RECORDS)?
                .unwrap_or(RECORDS),
            app_ids: app_ids(&keys)?,
            include_anonymous: keys.switch("include_anonymous_visitors")?.unwrap_or(false),
            events_window: keys
                .whole("events_date_window", 0..=MOST_DAYS)?
                .filter(|n| *n > 0)
                .map(days),
            concurrency: keys
                .whole("concurrency", 1..=MOST_REQUESTS)?
                .unwrap_or(REQUESTS) as usize,
            requests_per_second: requests_per_second(&keys)?,
            base_url: base_url(&keys)?,
        })
    }

    /// Reads the integration key.
    ///
    /// # Errors
    /// When it is missing, empty, or no text. The error does not show it.
    pub fn key(map: &Map<String, Value>, file: &str) -> Result<SecretText, Fault> {
        let keys = Keys::new(file, map);
        let hint = "make one in Pendo: Settings, Integrations, Integration Keys";
        let fault = |why: &str| keys.error(KEY, why).hint(hint);
        match keys.get(KEY) {
            None => Err(fault("is missing: it is an integration key of Pendo")),
            Some(Value::String(key)) => match key.trim() {
                "" => Err(fault("is empty: it is an integration key of Pendo")),
                key if !key.bytes().all(|byte| byte.is_ascii_graphic()) => Err(fault(
                    "has a character that no integration key of Pendo has",
                )),
                key => Ok(SecretText::new(key)),
            },
            Some(_) => Err(fault("is no text: it is an integration key of Pendo")),
        }
    }
}

fn start_date(keys: &Keys<'_>) -> Result<Timestamp, Fault> {
    let what = "a date or a time in RFC 3339, as 2020-09-18T00:00:00Z";
    let text = keys.required_text("start_date", what)?;
    // Numbers are times elsewhere, but 20260302 would be one of August 1970.
    let date = text.get(..10).filter(|date| date.parse::<Date>().is_ok());
    let time = date.and_then(|_| Timestamp::parse(text).ok());
    time.ok_or_else(|| keys.wrong("start_date", &text.into(), what))
}

fn period(keys: &Keys<'_>) -> Result<Period, Fault> {
    match keys.required_text("period", "dayRange or hourRange")? {
        "dayRange" => Ok(Period::Day),
        "hourRange" => Ok(Period::Hour),
        other => Err(keys.wrong("period", &other.into(), "dayRange or hourRange")),
    }
}

/// Nothing, an empty text and 0 all mean the default.
fn request_timeout(keys: &Keys<'_>) -> Result<Duration, Fault> {
    let seconds = keys.number(
        "request_timeout",
        "a number of seconds from 0 to 86400",
        |n| (0.0..=86_400.0).contains(&n),
    )?;
    let seconds = seconds
        .filter(|seconds| *seconds > 0.0)
        .map(Duration::from_secs_f64);
    Ok(seconds.unwrap_or(REQUEST_TIMEOUT))
}

fn requests_per_second(keys: &Keys<'_>) -> Result<Option<f64>, Fault> {
    keys.number("requests_per_second", "a number above 0, to 1000", |n| {
        n > 0.0 && n <= 1000.0
    })
}

/// A comma separated text, a list of numbers or of texts, or a number alone. Without it, or if it is
/// an empty text, all apps are asked for.
fn app_ids(keys: &Keys<'_>) -> Result<Option<Vec<i64>>, Fault> {
    let wanted = "whole numbers with commas between, as \"1, 2\"";
    let wrong = |value: &Value| keys.wrong("app_ids", value, wanted);
    let parse = |id: &str| id.trim().parse().map_err(|_| wrong(&id.trim().into()));
    let one = |value: &Value| match value {
        Value::String(text) => parse(text),
        other => other.as_i64().ok_or_else(|| wrong(other)),
    };
    let ids: Vec<i64> = match keys.get("app_ids") {
        None => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.split(',').map(parse).collect::<Result<_, _>>()?,
        Some(Value::Array(list)) => list.iter().map(one).collect::<Result<_, _>>()?,
        Some(value) => vec![one(value)?],
    };
    match ids.is_empty() {
        true => Err(keys.error("app_ids", "names no app: leave it out for all of them")),
        false => Ok(Some(ids)),
    }
}

fn base_url(keys: &Keys<'_>) -> Result<Option<String>, Fault> {
    let wanted = "an address, as https://app.pendo.io";
    match keys.given("base_url") {
        None => Ok(None),
        Some(Value::String(url)) if is_address(url) => {
            Ok(Some(url.trim_end_matches('/').to_owned()))
        }
        Some(other) => Err(keys.wrong("base_url", other, wanted)),
    }
}

/// Whether a text begins as an address does, and names a server.
fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.trim_matches('/').is_empty() && !rest.contains(['?', '#', ' ']))
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

#[cfg(test)]
mod tests;

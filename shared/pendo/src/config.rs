//! The configuration of the tap, as it has always been: with numbers and switches that may be
//! texts.
//!
//! Each key is read on its own and has its own error, which names the file, the key, the value and
//! what is allowed. The integration key is never shown.

use std::time::Duration;

use serde_json::{Map, Value};
use weir_collector::Fault;
use weir_collector::secrets::SecretText;
use weir_model::Timestamp;

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
    /// of. The integration key is not needed here: [`Config::key`].
    ///
    /// # Errors
    /// When a key is missing or its value is none that is allowed.
    pub fn read(_map: &Map<String, Value>, file: &str) -> Result<Config, Fault> {
        Err(Fault::new(file))
    }

    /// Reads the integration key.
    ///
    /// # Errors
    /// When it is missing, empty, or no text. The error does not show it.
    pub fn key(_map: &Map<String, Value>, file: &str) -> Result<SecretText, Fault> {
        Err(Fault::new(file))
    }
}

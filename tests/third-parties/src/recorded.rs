//! What was asked.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Recorded {
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// The parameters of its query, decoded.
    pub query: BTreeMap<String, String>,
    /// Its headers, with names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its body, decompressed.
    pub body: String,
    /// What it is about: where failures are planned. The path, if the vendor tells no more.
    pub place: String,
    /// When it came, in milliseconds since the stand-in began.
    pub came_ms: u64,
    /// When its answer was at an end.
    pub went_ms: Option<u64>,
    /// What was answered.
    pub status: Option<u16>,
}

impl Recorded {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The body as JSON; null if it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The body as a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        pairs(&self.body)
    }

    /// What stands behind `Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        value.strip_prefix("Bearer ")
    }
}

/// What `application/x-www-form-urlencoded` says; nothing of what cannot be read.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    serde_urlencoded::from_str(text).unwrap_or_default()
}

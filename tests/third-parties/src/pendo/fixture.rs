//! What a Pendo holds, and how it answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::row::Row;
use super::source::Source;

/// The key that is let in, if a fixture says no other.
pub const KEY: &str = "planted-pendo-key";

/// The time of fixtures that say no other: 2 March 2026, 10:30.
pub const NOW: i64 = 1_772_447_400_000;

/// What there is to be asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fixture {
    /// The key that is let in.
    pub key: String,
    /// Keys that are refused with 403 rather than 401.
    pub forbidden_keys: Vec<String>,
    /// What time it is, in milliseconds since 1970.
    pub now: i64,
    /// By how much every answer is late.
    pub delay_ms: u64,
    /// Whether answers are packed for those who take them packed.
    pub gzip: bool,
    /// Whether more than `results` stands in answers.
    pub wide: bool,
    /// How many bytes longer each row is made by a field `padding`.
    pub padding: usize,
    /// How many rows a page has at most, whatever its limit is; as many as that, if nothing is said.
    pub most_rows: Option<usize>,
    /// How many of the newest requests are kept; all, if nothing is said.
    pub kept_requests: Option<usize>,
    /// The fields of `account` and `visitor`.
    pub metadata: BTreeMap<String, Value>,
    /// Parents, visitors among them, whose requests are always refused, and with which status.
    pub broken: BTreeMap<String, u16>,
    /// The rows of each source. Those that are counts have `day` and `hour`, of which each answer has
    /// one; those of histories a `visitorId`, which no answer has. Others with times may have arrived
    /// at another one than their `browserTime`: `receivedAt`.
    pub rows: BTreeMap<Source, Vec<Row>>,
}

impl Default for Fixture {
    fn default() -> Fixture {
        Fixture {
            key: KEY.to_owned(),
            forbidden_keys: Vec::new(),
            now: NOW,
            delay_ms: 0,
            gzip: true,
            wide: false,
            padding: 0,
            most_rows: None,
            kept_requests: None,
            metadata: BTreeMap::new(),
            broken: BTreeMap::new(),
            rows: BTreeMap::new(),
        }
    }
}

impl Fixture {
    /// At another time, in milliseconds since 1970. Rows stay where they are.
    #[must_use]
    pub fn at(mut self, now: i64) -> Fixture {
        self.now = now;
        self
    }

    /// Adds rows.
    #[must_use]
    pub fn with(mut self, source: Source, rows: impl IntoIterator<Item = Value>) -> Fixture {
        let rows = rows.into_iter().map(Row::from);
        self.rows.entry(source).or_default().extend(rows);
        self
    }

    /// Says the fields of accounts (`account`) or visitors (`visitor`).
    #[must_use]
    pub fn with_metadata(mut self, kind: &str, fields: Value) -> Fixture {
        self.metadata.insert(kind.to_owned(), fields);
        self
    }

    /// What belongs to this parent is always refused.
    #[must_use]
    pub fn broken(mut self, parent: &str, status: u16) -> Fixture {
        self.broken.insert(parent.to_owned(), status);
        self
    }

    /// Answers are never packed.
    #[must_use]
    pub fn unpacked(mut self) -> Fixture {
        self.gzip = false;
        self
    }

    /// Every answer is late.
    #[must_use]
    pub fn delayed(mut self, by_ms: u64) -> Fixture {
        self.delay_ms = by_ms;
        self
    }

    /// Each row is so many bytes longer, by a field `padding`.
    #[must_use]
    pub fn padded(mut self, bytes: usize) -> Fixture {
        self.padding = bytes;
        self
    }

    /// No page has more rows than so many, whatever its limit is.
    #[must_use]
    pub fn answering(mut self, most_rows: usize) -> Fixture {
        self.most_rows = Some(most_rows);
        self
    }

    /// No more than so many of the newest requests are kept.
    #[must_use]
    pub fn keeping(mut self, requests: usize) -> Fixture {
        self.kept_requests = Some(requests);
        self
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

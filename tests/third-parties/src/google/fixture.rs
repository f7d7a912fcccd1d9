//! Properties and what was measured in them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Texts are dimensions, numbers are metrics.
pub(crate) type Row = Map<String, Value>;

/// What there is to report on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// The properties, those without access included.
    pub properties: Vec<Property>,
}

/// A property. In a row texts are dimensions and numbers are metrics.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Property {
    /// Its number, as text.
    pub id: String,
    /// Its zone, `Etc/UTC` if nothing else is said.
    pub time_zone: Option<String>,
    /// Whether the test account may not see it.
    pub closed: bool,
    /// What was measured: each row has a `date` such as `20260105`; one whose `date` is to be read as
    /// it stands, such as `(other)`, says its day in `_day`.
    pub rows: Vec<Row>,
    /// What is measured every day, whichever it is.
    pub daily: Vec<Row>,
    /// What is being measured.
    pub realtime: Vec<Row>,
    /// What it may spend; without it, as much as a property may.
    pub quota: Quota,
}

/// What a property may spend. A report costs `cost` tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quota {
    /// Tokens a day.
    pub per_day: u64,
    /// Tokens an hour.
    pub per_hour: u64,
    /// What one report costs.
    pub cost: u64,
}

impl Default for Quota {
    /// What a standard property has (Google's "Limits and quotas").
    fn default() -> Quota {
        Quota {
            per_day: 200_000,
            per_hour: 40_000,
            cost: 1,
        }
    }
}

impl Fixture {
    /// The fixture that comes along.
    ///
    /// # Panics
    /// When that is broken.
    pub fn sample() -> Fixture {
        let text = include_str!("../../fixtures/google.json");
        serde_json::from_str(text).expect("the fixture that comes along is good")
    }

    /// Adds a property.
    #[must_use]
    pub fn property(mut self, property: Property) -> Fixture {
        self.properties.push(property);
        self
    }

    /// A property that the test account may see.
    pub(crate) fn property_with_access(&self, id: &str) -> Option<&Property> {
        let mut all = self.properties.iter();
        all.find(|property| property.id == id && !property.closed)
    }
}

impl Property {
    /// One in which nothing was measured.
    pub fn new(id: &str) -> Property {
        Property {
            id: id.to_owned(),
            ..Property::default()
        }
    }

    /// Adds what was measured.
    ///
    /// # Panics
    /// When a row is no object.
    #[must_use]
    pub fn with_rows(mut self, rows: impl IntoIterator<Item = Value>) -> Property {
        self.rows.extend(rows.into_iter().map(row));
        self
    }

    /// Adds what is measured every day.
    ///
    /// # Panics
    /// When a row is no object.
    #[must_use]
    pub fn with_daily(mut self, rows: impl IntoIterator<Item = Value>) -> Property {
        self.daily.extend(rows.into_iter().map(row));
        self
    }

    /// Adds what is being measured.
    ///
    /// # Panics
    /// When a row is no object.
    #[must_use]
    pub fn with_realtime(mut self, rows: impl IntoIterator<Item = Value>) -> Property {
        self.realtime.extend(rows.into_iter().map(row));
        self
    }

    /// Limits what it may spend.
    #[must_use]
    pub fn with_quota(mut self, quota: Quota) -> Property {
        self.quota = quota;
        self
    }

    /// In another zone.
    #[must_use]
    pub fn in_zone(mut self, zone: &str) -> Property {
        self.time_zone = Some(zone.to_owned());
        self
    }

    /// One that the test account may not see.
    #[must_use]
    pub fn closed(mut self) -> Property {
        self.closed = true;
        self
    }

    pub(crate) fn zone(&self) -> &str {
        self.time_zone.as_deref().unwrap_or("Etc/UTC")
    }
}

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => panic!("a row is an object, not {other}"),
    }
}

//! Checks and what they found.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const HOUR: i64 = 3600;

/// What there is to be asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fixture {
    /// The checks, in the order in which they are listed.
    pub checks: Vec<Check>,
    /// How many requests are allowed.
    pub limits: Limits,
}

/// A check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whether the test account may not see how it went.
    pub closed: bool,
    /// From when it has been there, in Unix seconds: before, there are no hours.
    pub created: i64,
    /// What it found in certain hours, by their start in Unix seconds: these fields instead of those
    /// of an ordinary hour, those that are null not at all, and null instead of all of them for an
    /// hour that is not there.
    pub hours: BTreeMap<String, Value>,
}

/// How many requests are allowed, and when they are again.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// In the short period.
    pub short: u64,
    /// How many seconds are left of it.
    pub short_seconds: u64,
    /// In the long period.
    pub long: u64,
    /// How many seconds are left of it.
    pub long_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            short: 10_000,
            short_seconds: 3600,
            long: 100_000,
            long_seconds: 2_592_000,
        }
    }
}

impl Fixture {
    /// The fixture that comes along.
    ///
    /// # Panics
    /// When that is broken.
    pub fn sample() -> Fixture {
        let text = include_str!("../../fixtures/pingdom.json");
        serde_json::from_str(text).expect("the fixture that comes along is good")
    }

    /// Adds a check.
    #[must_use]
    pub fn check(mut self, check: Check) -> Fixture {
        self.checks.push(check);
        self
    }

    /// Allows so many requests.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Fixture {
        self.limits = limits;
        self
    }
}

impl Check {
    /// One that found ordinary hours.
    pub fn new(id: u64, name: &str) -> Check {
        Check {
            id,
            name: name.to_owned(),
            ..Check::default()
        }
    }

    /// Says what it found in the hour that began at a time, in Unix seconds: these fields instead of
    /// those of an ordinary hour, those that are null not at all.
    #[must_use]
    pub fn with_hour(mut self, start: i64, fields: Value) -> Check {
        self.hours.insert(start.to_string(), fields);
        self
    }

    /// There are no hours before a time, in Unix seconds.
    #[must_use]
    pub fn since(mut self, created: i64) -> Check {
        self.created = created;
        self
    }

    /// As a list shows it.
    pub(crate) fn listed(&self) -> Value {
        json!({
            "id": self.id,
            "created": self.created,
            "name": self.name,
            "hostname": "www.example.org",
            "use_legacy_notifications": false,
            "resolution": 1,
            "type": "http",
            "ipv6": false,
            "verify_certificate": true,
            "status": "up",
            "tags": [],
        })
    }

    /// What it found in an hour, if there is one.
    pub(crate) fn hour(&self, start: i64, with_uptime: bool) -> Option<Value> {
        if start + HOUR <= self.created {
            return None;
        }
        let mut hour = Map::from_iter([("starttime".to_owned(), start.into())]);
        hour.insert("avgresponse".into(), self.response_ms(start).into());
        hour.insert("uptime".into(), 3600.into());
        hour.insert("downtime".into(), 0.into());
        hour.insert("unmonitored".into(), 0.into());
        match self.hours.get(&start.to_string()) {
            Some(Value::Null) => return None,
            Some(fields) => hour.extend(fields.as_object().cloned().unwrap_or_default()),
            None => {}
        }
        hour.retain(|_, value| !value.is_null());
        if !with_uptime {
            hour.retain(|key, _| ["starttime", "avgresponse"].contains(&key.as_str()));
        }
        Some(hour.into())
    }

    /// The mean time to answer in an ordinary hour, in milliseconds: 100 and the hour of the day, and
    /// as many hundreds more as the last digit of the check's number says.
    fn response_ms(&self, start: i64) -> i64 {
        let hour_of_day = start.div_euclid(HOUR).rem_euclid(24);
        100 + hour_of_day + 100 * (self.id % 10) as i64
    }
}

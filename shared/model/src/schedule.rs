//! When a job runs: schedule expressions as Amazon EventBridge Scheduler writes them.
//!
//! A module of our own, because no library of cron patterns has this dialect: six fields with a
//! year, 1 for Sunday, exactly one `?`, ranges that wrap around, times that a zone leaves out
//! skipped rather than moved. Source: EventBridge Scheduler user guide, "Schedule types", and
//! EventBridge user guide, "Cron expressions reference".

mod cron;
mod field;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use thiserror::Error;

use crate::text::Shown;
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use cron::Cron;

/// When something happens again, or once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    when: When,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Rate(Duration),
    Cron(Box<Cron>),
    At(DateTime),
}

/// A text that is no schedule, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is not a schedule: {why}", Shown(.text))]
pub struct ScheduleError {
    text: String,
    why: String,
}

impl Schedule {
    /// Reads `rate(5 minutes)`, `cron(0 10 * * ? *)` or `at(2027-01-01T00:00:00)`.
    ///
    /// # Errors
    /// When it is none of them; the error names the part, its value and what is allowed.
    pub fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        let refuse = |why| ScheduleError {
            text: text.to_owned(),
            why,
        };
        let text = text.trim();
        Ok(Schedule {
            text: text.to_owned(),
            when: When::parse(text).map_err(refuse)?,
        })
    }

    /// The first time after `after` at which it is due, if there is any.
    ///
    /// A rate counts from `after`, a day as 24 hours. Fields and one-time schedules are read in
    /// the zone: a local time that is left out when clocks go forward is skipped, and one that
    /// comes twice when they go back counts at its first coming ("Daylight savings time on
    /// EventBridge Scheduler").
    pub fn next(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match &self.when {
            When::Rate(period) => later(after, *period),
            When::Cron(cron) => cron.next(after, zone),
            When::At(local) => zone.instant_of(*local).filter(|due| *due > after),
        }
    }

    /// How often a rate comes; none for others.
    pub fn rate(&self) -> Option<Duration> {
        match self.when {
            When::Rate(period) => Some(period),
            _ => None,
        }
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        Schedule::parse(text)
    }
}

/// None beyond the last instant there is.
fn later(after: Timestamp, period: Duration) -> Option<Timestamp> {
    let millis = i64::try_from(period.as_millis()).ok()?;
    Timestamp::from_millis(after.as_millis().checked_add(millis)?).ok()
}

impl When {
    fn parse(text: &str) -> Result<When, String> {
        let forms = "write rate(5 minutes), cron(0 10 * * ? *) or at(2027-01-01T00:00:00)";
        let (form, inner) = text
            .strip_suffix(')')
            .and_then(|text| text.split_once('('))
            .ok_or(forms)?;
        match form {
            "rate" => Ok(When::Rate(rate(inner)?)),
            "cron" => Ok(When::Cron(Box::new(Cron::parse(inner)?))),
            "at" => Ok(When::At(at(inner)?)),
            _ => Err(forms.into()),
        }
    }
}

fn rate(inner: &str) -> Result<Duration, String> {
    let allowed = "a rate is a positive number and minutes, hours or days, as rate(5 minutes)";
    let mut words = inner.split_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(allowed.into());
    };
    let minutes: u64 = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return Err(format!("unit {unit:?}: {allowed}")),
    };
    let number: u32 = number
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("number {number:?}: {allowed}"))?;
    Ok(Duration::from_secs(u64::from(number) * minutes * 60))
}

/// Without an offset and a fraction: the zone is said beside it.
fn at(inner: &str) -> Result<DateTime, String> {
    let fits = inner.len() == "yyyy-mm-ddThh:mm:ss".len() && inner.as_bytes()[10] == b'T';
    let parsed = inner.parse().ok().filter(|_| fits);
    parsed.ok_or_else(|| "a one-time schedule is at(yyyy-mm-ddThh:mm:ss)".into())
}

#[cfg(test)]
mod tests;

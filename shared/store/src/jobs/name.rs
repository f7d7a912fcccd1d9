//! What a job is called.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// 1 to 64 letters, digits, `.`, `_` and `-`, as EventBridge names schedules (EventBridge
/// Scheduler API reference, "CreateSchedule").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName(String);

/// Why a text names no job.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} names no job: a name has 1 to {max} letters, digits, \".\", \"_\" or \"-\"",
    max = JobName::MAX_CHARS
)]
pub struct JobNameError(String);

impl JobName {
    /// How long a name may be.
    pub const MAX_CHARS: usize = 64;

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobName {
    type Err = JobNameError;

    fn from_str(text: &str) -> Result<Self, JobNameError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let length = (1..=Self::MAX_CHARS).contains(&text.len());
        match length && text.bytes().all(legal) {
            true => Ok(Self(text.to_owned())),
            false => Err(JobNameError(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_schedule_can_be_called() {
        let long = "x".repeat(64);
        for good in ["a", "pingdom.govuk_daily-1", &long] {
            assert_eq!(good.parse::<JobName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["", "a b", "a/b", "é", &long] {
            let error = bad.parse::<JobName>().unwrap_err().to_string();
            assert!(error.contains("1 to 64 letters"), "{error}");
        }
    }
}

//! How long buckets are.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::{Shown, alternatives};

/// The length of buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// Each distinct timestamp is its own bucket.
    #[default]
    None,
    /// A real minute.
    Minute,
    /// A real hour.
    Hour,
    /// A local day.
    Day,
    /// A local week by ISO 8601, from Monday.
    Week,
    /// A local month.
    Month,
    /// A local year.
    Year,
}

/// A text that names no granularity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is not a granularity: allowed are {}", Shown(.0), alternatives(&Granularity::ALL.map(Granularity::as_str)))]
pub struct GranularityError(pub String);

impl Granularity {
    /// All of them, from the shortest.
    pub const ALL: [Granularity; 7] = [
        Self::None,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Whether a bucket is what carries one local label, whatever the offset.
    pub(crate) fn is_local(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Year)
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Granularity {
    type Err = GranularityError;

    fn from_str(text: &str) -> Result<Self, GranularityError> {
        Self::ALL
            .into_iter()
            .find(|granularity| granularity.as_str() == text)
            .ok_or_else(|| GranularityError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_granularity_reads_back_from_its_name() {
        for granularity in Granularity::ALL {
            assert_eq!(granularity.to_string().parse(), Ok(granularity));
        }
        let error = "Day"
            .parse::<Granularity>()
            .expect_err("unknown")
            .to_string();
        assert_eq!(
            error,
            "\"Day\" is not a granularity: allowed are none, minute, hour, day, week, month or year"
        );
    }
}

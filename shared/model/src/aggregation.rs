//! How a group of events becomes one number.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::{Shown, alternatives};
use crate::totals::Totals;

/// What to tell of each group of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// The largest value.
    Max,
    /// The smallest value.
    Min,
    /// The mean of the values.
    #[default]
    Avg,
    /// The sum of the values.
    Sum,
    /// The number of events.
    Count,
    /// The value of the earliest event; the smallest of several.
    First,
    /// The value of the latest event; the largest of several.
    Last,
    /// The standard deviation of the population.
    Stddev,
}

/// A text that names no aggregation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is not an aggregation: allowed are {}", Shown(.0), alternatives(&Aggregation::ALL.map(Aggregation::as_str)))]
pub struct AggregationError(pub String);

impl Aggregation {
    /// All of them.
    pub const ALL: [Aggregation; 8] = [
        Self::Max,
        Self::Min,
        Self::Avg,
        Self::Sum,
        Self::Count,
        Self::First,
        Self::Last,
        Self::Stddev,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::First => "first",
            Self::Last => "last",
            Self::Stddev => "stddev",
        }
    }

    /// The number for a group; `None` if it is empty, or if no double holds the result.
    pub fn of(self, totals: &Totals) -> Option<f64> {
        if totals.is_empty() {
            return None;
        }
        let value = match self {
            Self::Max => totals.max(),
            Self::Min => totals.min(),
            Self::Avg => totals.mean(),
            Self::Sum => Some(totals.sum()),
            Self::Count => Some(totals.count() as f64),
            Self::First => totals.first().map(|(_, value)| value),
            Self::Last => totals.last().map(|(_, value)| value),
            Self::Stddev => totals.stddev(),
        };
        value.filter(|value| value.is_finite())
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Aggregation {
    type Err = AggregationError;

    fn from_str(text: &str) -> Result<Self, AggregationError> {
        Self::ALL
            .into_iter()
            .find(|aggregation| aggregation.as_str() == text)
            .ok_or_else(|| AggregationError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    #[test]
    fn every_aggregation_reads_back_from_its_name() {
        for aggregation in Aggregation::ALL {
            assert_eq!(aggregation.to_string().parse(), Ok(aggregation));
        }
    }

    #[test]
    fn an_unknown_name_is_told_what_is_allowed() {
        let error = "median"
            .parse::<Aggregation>()
            .expect_err("unknown")
            .to_string();
        assert_eq!(
            error,
            "\"median\" is not an aggregation: allowed are max, min, avg, sum, count, first, last or stddev"
        );
    }

    #[test]
    fn each_aggregation_tells_its_own_number() {
        let mut totals = Totals::default();
        for (millis, value) in [(2, 1.0), (1, 3.0), (3, 5.0), (4, 3.0)] {
            totals.add(Timestamp::from_millis(millis).expect("in range"), value);
        }
        let told = Aggregation::ALL.map(|aggregation| aggregation.of(&totals));
        let expected = [5.0, 1.0, 3.0, 12.0, 4.0, 3.0, 3.0, 2.0_f64.sqrt()];
        assert_eq!(told, expected.map(Some));
        assert!(
            Aggregation::ALL
                .iter()
                .all(|a| a.of(&Totals::default()).is_none())
        );
    }
}

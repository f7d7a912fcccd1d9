//! What is left of a property's quota.
//!
//! An answer says what remains, not of how much; the limits are those of Google's documentation
//! (GA4 Data API, "PropertyQuota"). A property with more left than a standard one can have is one
//! of Analytics 360, whose limits are ten times as high.

use std::fmt;

use serde::Deserialize;
use weir_model::Timestamp;

use super::period::date_in;

/// What remains of each quota.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quota {
    tokens_per_day: Option<Left>,
    tokens_per_hour: Option<Left>,
    tokens_per_project_per_hour: Option<Left>,
    server_errors_per_project_per_hour: Option<Left>,
    potentially_thresholded_requests_per_hour: Option<Left>,
}

/// Google's JSON leaves out a zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Left {
    #[serde(default)]
    remaining: u64,
}

/// A quota of which little is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Low {
    name: &'static str,
    remaining: u64,
    of: u64,
    /// When it is full again.
    pub(crate) returns: Returns,
}

/// When a quota is full again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// "In under an hour", as its error says.
    InAnHour,
    /// At midnight in California ("Limits and quotas").
    AtMidnight,
}

/// The zone in which Google's days end.
const GOOGLES_ZONE: &str = "America/Los_Angeles";

impl Quota {
    /// The quota of which no more than a tenth is left: of several the one that returns last.
    pub(crate) fn low(&self) -> Option<Low> {
        let all = [
            (
                "tokensPerDay",
                self.tokens_per_day,
                200_000,
                Returns::AtMidnight,
            ),
            (
                "tokensPerHour",
                self.tokens_per_hour,
                40_000,
                Returns::InAnHour,
            ),
            (
                "tokensPerProjectPerHour",
                self.tokens_per_project_per_hour,
                14_000,
                Returns::InAnHour,
            ),
            (
                "serverErrorsPerProjectPerHour",
                self.server_errors_per_project_per_hour,
                10,
                Returns::InAnHour,
            ),
            (
                "potentiallyThresholdedRequestsPerHour",
                self.potentially_thresholded_requests_per_hour,
                120,
                Returns::InAnHour,
            ),
        ];
        let large = all
            .iter()
            .any(|(name, left, limit, _)| name.starts_with("tokens") && more(*left, *limit));
        all.into_iter().find_map(|(name, left, limit, returns)| {
            let factor = if large && name != "potentiallyThresholdedRequestsPerHour" {
                10
            } else {
                1
            };
            let of = limit * factor;
            let remaining = left?.remaining;
            (remaining <= of / 10).then_some(Low {
                name,
                remaining,
                of,
                returns,
            })
        })
    }
}

fn more(left: Option<Left>, than: u64) -> bool {
    left.is_some_and(|left| left.remaining > than)
}

impl Returns {
    /// How long that is from now.
    pub(crate) fn wait(self, now: Timestamp) -> std::time::Duration {
        match self {
            Self::InAnHour => std::time::Duration::from_secs(3_600),
            Self::AtMidnight => until_midnight(now),
        }
    }
}

fn until_midnight(now: Timestamp) -> std::time::Duration {
    let day = std::time::Duration::from_secs(24 * 3_600);
    let Ok(zone) = jiff::tz::TimeZone::get(GOOGLES_ZONE) else {
        return day;
    };
    let tomorrow = date_in(&zone, now)
        .tomorrow()
        .and_then(|date| date.to_zoned(zone));
    tomorrow.map_or(day, |midnight| {
        let millis = midnight.timestamp().as_millisecond() - now.as_millis();
        std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    })
}

impl fmt::Display for Low {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            remaining,
            of,
            ..
        } = self;
        write!(f, "{remaining} of {of} are left of the quota {name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn low(quota: Value) -> Option<String> {
        let quota: Quota = serde_json::from_value(quota).unwrap();
        quota.low().map(|low| low.to_string())
    }

    #[test]
    fn a_tenth_that_is_left_is_little() {
        assert_eq!(
            low(json!({"tokensPerHour": {"consumed": 1, "remaining": 4001}})),
            None
        );
        assert_eq!(
            low(json!({"tokensPerHour": {"consumed": 1, "remaining": 4000}})).unwrap(),
            "4000 of 40000 are left of the quota tokensPerHour"
        );
        assert_eq!(
            low(json!({"tokensPerHour": {"remaining": 9}, "tokensPerDay": {"consumed": 3}}))
                .unwrap(),
            "0 of 200000 are left of the quota tokensPerDay"
        );
        assert_eq!(low(json!({})), None);
    }

    #[test]
    fn a_large_property_has_ten_times_as_much() {
        let large = json!({"tokensPerDay": {"remaining": 1_900_000}, "tokensPerHour": {"remaining": 40_000}});
        assert_eq!(
            low(large).unwrap(),
            "40000 of 400000 are left of the quota tokensPerHour"
        );
        let standard =
            json!({"tokensPerDay": {"remaining": 190_000}, "tokensPerHour": {"remaining": 39_000}});
        assert_eq!(low(standard), None);
    }

    #[test]
    fn a_day_of_google_ends_at_midnight_in_california() {
        let wait = |now: &str| {
            Returns::AtMidnight
                .wait(Timestamp::parse(now).unwrap())
                .as_secs()
        };
        assert_eq!(wait("2026-01-10T07:00:00Z"), 3_600);
        assert_eq!(wait("2026-07-10T07:00:00Z"), 24 * 3_600);
        assert_eq!(wait("2026-07-10T06:59:00Z"), 60);
    }
}

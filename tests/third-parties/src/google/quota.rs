//! What properties have spent. Nothing comes back while the stand-in runs.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::error::{QuotaKind, exhausted};
use super::fixture::Property;
use crate::answer::Answer;
use crate::front::locked;

/// Tokens spent, by property.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    by_property: Mutex<HashMap<String, u64>>,
}

impl Spent {
    /// Spends what a report costs, and says what is left, or that there is not enough.
    pub(crate) fn spend(&self, property: &Property) -> Result<Value, Answer> {
        let quota = property.quota;
        let mut all = locked(&self.by_property);
        let spent = all.entry(property.id.clone()).or_default();
        let after = *spent + quota.cost;
        if after > quota.per_day {
            return Err(exhausted(QuotaKind::Daily));
        }
        if after > quota.per_hour {
            return Err(exhausted(QuotaKind::Hourly));
        }
        *spent = after;
        let left = |of: u64| json!({"consumed": quota.cost, "remaining": of - after});
        Ok(json!({
            "tokensPerDay": left(quota.per_day),
            "tokensPerHour": left(quota.per_hour),
            "concurrentRequests": {"remaining": 10},
            "serverErrorsPerProjectPerHour": {"remaining": 10},
            "potentiallyThresholdedRequestsPerHour": {"remaining": 120},
            // A project has 35 % of the property's hour (Google's "Limits and quotas").
            "tokensPerProjectPerHour": left((quota.per_hour * 35 / 100).max(after)),
        }))
    }
}

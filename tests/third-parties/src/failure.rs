//! What may go wrong with an answer, and with which.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Another answer, and nothing is done for the request.
    Status {
        /// Its status.
        status: u16,
        /// Its headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Its body.
        #[serde(default)]
        body: String,
    },
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// The connection ends after so many rows of the body; after half of it, if it has none.
    CutRows(usize),
    /// The body ends in the middle of the JSON, and the answer says that this is all.
    Truncated,
    /// The body is no JSON.
    Malformed,
    /// The answer is good, but has this body.
    Body(Value),
    /// The answer begins so many seconds late.
    Slow(f64),
    /// The body comes in two parts, so many seconds apart.
    Halting(f64),
}

impl Failure {
    /// A status with a body in JSON.
    pub fn status(status: u16, body: &Value) -> Failure {
        Failure::Status {
            status,
            headers: BTreeMap::from([("content-type".into(), "application/json".into())]),
            body: body.to_string(),
        }
    }

    /// The same with another header.
    ///
    /// # Panics
    /// When it is no status.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Failure {
        let Failure::Status { headers, .. } = &mut self else {
            panic!("{self:?} has no headers");
        };
        headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The answer begins late.
    pub fn slow(by: Duration) -> Failure {
        Failure::Slow(by.as_secs_f64())
    }
}

/// A failure that waits for its request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Planned {
    /// A part of the places it is about: of their paths, for most vendors.
    #[serde(default)]
    pub(crate) at: String,
    /// How many of those requests go well before.
    #[serde(default)]
    pub(crate) after: u64,
    /// How many go wrong.
    #[serde(default = "once")]
    pub(crate) times: u64,
    pub(crate) failure: Failure,
}

fn once() -> u64 {
    1
}

impl Planned {
    /// Counts a request, and says whether it goes wrong.
    fn strikes(&mut self, place: &str) -> bool {
        if self.times == 0 || !place.contains(&self.at) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

/// The failure of a request, if one waits for it; of several the one that was planned first.
pub(crate) fn take(planned: &mut Vec<Planned>, place: &str) -> Option<Failure> {
    let struck = planned.iter_mut().find_map(|plan| {
        let strikes = plan.strikes(place);
        strikes.then(|| plan.failure.clone())
    });
    planned.retain(|plan| plan.times > 0);
    struck
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_waits_for_its_request_and_strikes_as_often_as_planned() {
        let plan = |at: &str, after, times| Planned {
            at: at.to_owned(),
            after,
            times,
            failure: Failure::Truncated,
        };
        let mut planned = vec![plan("b", 1, 2)];
        let struck =
            ["/a", "/b", "/b", "/a", "/b", "/b"].map(|path| take(&mut planned, path).is_some());
        assert_eq!(struck, [false, false, true, false, true, false]);
        assert!(planned.is_empty());
    }

    #[test]
    fn a_plan_can_be_written_as_json() {
        let text = r#"{"at": "checks", "failure": {"status": {"status": 429}}}"#;
        let plan: Planned = serde_json::from_str(text).unwrap();
        assert_eq!((plan.after, plan.times), (0, 1));
        let text = r#"{"failure": "truncated", "times": 3}"#;
        let plan: Planned = serde_json::from_str(text).unwrap();
        assert_eq!((plan.times, plan.failure), (3, Failure::Truncated));
    }
}

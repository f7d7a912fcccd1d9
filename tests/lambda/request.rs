//! A request and what is known of it.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};
use weir_tests::world::Answer;

use crate::cloud::Cloud;

/// 2024-05-15T10:20:30Z.
const START_MS: i64 = 1_715_768_430_000;

const DAY_MS: i64 = 86_400_000;

/// The shape of a request: how many events on how many days, and what makes it repeatable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) days: i64,
    pub(crate) each: i64,
    pub(crate) has_key: bool,
    pub(crate) has_ids: bool,
}

/// One request to a series.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) shape: Shape,
    key: Option<String>,
    events: Value,
    /// The instants of its events, which no other request to the series has.
    pub(crate) instants: Vec<i64>,
}

impl Request {
    /// The request with this number.
    pub(crate) fn new(name: &str, shape: Shape, number: i64) -> Self {
        let instants: Vec<i64> = (0..shape.days)
            .flat_map(|day| (0..shape.each).map(move |n| (day, n)))
            .map(|(day, n)| START_MS + day * DAY_MS + number * 1_000 + n)
            .collect();
        let event = |at: &i64| {
            let mut event = json!({"namespace": "n", "name": name, "timestamp": at, "value": 1});
            if shape.has_ids {
                event["id"] = at.to_string().into();
            }
            event
        };
        Self {
            shape,
            key: shape.has_key.then(|| format!("{name}-{number}")),
            events: instants.iter().map(event).collect(),
            instants,
        }
    }

    /// Whether a repeat of it can do no harm.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.shape.has_key || self.shape.has_ids
    }

    /// Sends it once.
    pub(crate) async fn send(&self, cloud: &Cloud) -> Answer {
        cloud.post(self.key.as_deref(), &self.events).await
    }

    /// Sends it until it is answered; what the answers before were is no matter.
    pub(crate) async fn send_on(&self, cloud: &Cloud) -> Answer {
        loop {
            let answer = self.send(cloud).await;
            if answer.status == StatusCode::CREATED {
                self.check(&answer);
                return answer;
            }
            assert!(answer.status.is_server_error(), "{}", answer.text());
        }
    }

    /// All its events are accounted for.
    pub(crate) fn check(&self, answer: &Answer) {
        let (accepted, duplicates) = (&answer.json()["accepted"], &answer.json()["duplicates"]);
        let (accepted, duplicates) = (accepted.as_u64(), duplicates.as_u64());
        let sum = accepted.zip(duplicates).map(|(a, d)| a + d);
        assert_eq!(sum, Some(self.instants.len() as u64), "{}", answer.text());
        // Only a request that was known by its ids alone can meet its own.
        assert!(
            duplicates == Some(0) || !self.shape.has_key,
            "{}",
            answer.text()
        );
    }
}

/// Checks a series against its requests: what was answered is counted once, what was not at most
/// once, and nothing else is.
pub(crate) async fn check_counts(cloud: &Cloud, name: &str, sent: &[(Request, Sent)]) {
    let counted: BTreeMap<i64, u64> = cloud.counted(name).await.into_iter().collect();
    let mut known = 0;
    for (request, became) in sent {
        let counts = request
            .instants
            .iter()
            .map(|at| counted.get(at).copied().unwrap_or(0));
        let counts: Vec<u64> = counts.collect();
        known += counts.iter().filter(|count| **count > 0).count();
        match became {
            Sent::Answered => assert!(counts.iter().all(|n| *n == 1), "{request:?}: {counts:?}"),
            Sent::Unanswered => assert!(counts.iter().all(|n| *n <= 1), "{request:?}: {counts:?}"),
        }
        // A request that fits into one transaction is stored whole or not at all.
        let is_whole = counts.iter().all(|count| *count == counts[0]);
        assert!(
            is_whole || request.shape.days > 90,
            "{request:?}: {counts:?}"
        );
    }
    assert_eq!(
        known,
        counted.len(),
        "something is counted that nobody sent"
    );
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was answered with 201 in the end.
    Answered,
    /// The function died, and it was not repeated.
    Unanswered,
}

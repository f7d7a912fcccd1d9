//! Plays a history against real processes, keeps a plain list of what was accepted, and compares.

use std::collections::HashSet;
use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_compact::{Compactor, Options, Threshold};
use weir_model::Series;
use weir_store::Deadline;
use weir_tests::recount::{Point, recount};
use weir_tests::world::{Answer, Node, World};

use crate::history::{History, Request, Sent, Step};

const NAMESPACE: &str = "counting";
const NAME: &str = "m";

const GRANULARITIES: [&str; 7] = ["none", "minute", "hour", "day", "week", "month", "year"];
const AGGREGATIONS: [&str; 8] = [
    "count", "sum", "avg", "min", "max", "first", "last", "stddev",
];

/// What the world holds, as far as its answers tell.
struct Play {
    world: World,
    nodes: Vec<Node>,
    compactors: Vec<Compactor>,
    place: (&'static str, i64),
    failures: f64,
    sent: Vec<Keyed>,
    /// Accepted events.
    counted: Vec<(i64, f64)>,
    /// Ids of accepted events.
    ids: HashSet<u8>,
    restarts: usize,
}

/// A request with its key, to be repeated.
#[derive(Clone)]
struct Keyed {
    key: String,
    body: Value,
    events: Vec<Sent>,
    answer: Option<Value>,
}

pub(crate) async fn play(history: History) -> Result<(), TestCaseError> {
    let world = World::start().await;
    let nodes: Vec<Node> = (0..2)
        .map(|n| world.node(&format!("node-{n}"), n * 60_000))
        .collect();
    let compactors = nodes.iter().map(eager).collect();
    world.chaos.tear_transactions(true);
    if history.failures > 0.0 {
        world.chaos.random(history.seed, history.failures);
    }
    let mut play = Play {
        world,
        nodes,
        compactors,
        place: history.place,
        failures: history.failures,
        sent: Vec::new(),
        counted: Vec::new(),
        ids: HashSet::new(),
        restarts: 0,
    };
    for (number, step) in history.steps.into_iter().enumerate() {
        play.step(number, step).await?;
    }
    play.compare().await
}

/// A compactor that takes whatever waits.
fn eager(node: &Node) -> Compactor {
    let threshold = Threshold {
        blocks: 1,
        bytes: 1,
        age: Duration::ZERO,
    };
    Compactor::new(
        node.store.clone(),
        Options {
            threshold,
            ..Options::slice()
        },
    )
}

impl Play {
    async fn step(&mut self, number: usize, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Send { node, request } => self.send(number, node, request).await?,
            Step::Repeat { node, earlier } => self.repeat(node, earlier).await?,
            Step::Race { request } => self.race(number, request).await?,
            Step::Regroup { events, sizes } => self.regroup(events, sizes).await?,
            // A run that the faults cut short is taken up by the next one.
            Step::Compact { node } => _ = self.compactors[node].run().await,
            Step::Restart { node } => self.restart(node),
            Step::Wait { minutes } => self.world.clock.advance(Duration::from_secs(60 * minutes)),
            Step::Raise { shards } => {
                let series = Series::parse(NAMESPACE, NAME).expect("legal");
                let soon = self.nodes[0]
                    .store
                    .now()
                    .saturating_add(Duration::from_secs(5));
                _ = self.nodes[0]
                    .store
                    .raise_shards(&series, shards, Deadline::at(soon))
                    .await;
            }
        }
        Ok(())
    }

    fn restart(&mut self, node: usize) {
        self.restarts += 1;
        let name = format!("node-{node}-again-{}", self.restarts);
        self.nodes[node] = self.world.node(&name, node as i64 * 60_000);
        self.compactors[node] = eager(&self.nodes[node]);
    }

    fn body(&self, events: &[Sent]) -> Value {
        let events = events.iter().map(|event| {
            let mut json = json!({
                "namespace": NAMESPACE, "name": NAME,
                "timestamp": (self.place.1 + event.offset_ms).max(100_000_000_000),
                "value": event.value,
            });
            if let Some(id) = event.id {
                json["id"] = json!(id.to_string());
            }
            json
        });
        events.collect()
    }

    async fn send(
        &mut self,
        number: usize,
        node: usize,
        request: Request,
    ) -> Result<(), TestCaseError> {
        let key = request.keyed.then(|| format!("key-{number}"));
        let body = self.body(&request.events);
        let answer = self.nodes[node].track(&body, key.as_deref()).await;
        match key {
            Some(key) => {
                let mut keyed = Keyed {
                    key,
                    body,
                    events: request.events,
                    answer: None,
                };
                self.settle(node, &mut keyed, answer).await?;
                self.sent.push(keyed);
            }
            None => {
                self.settle_plain(node, body, request.events, answer)
                    .await?
            }
        }
        Ok(())
    }

    /// Repeats a keyed request until it is accepted, and checks that it is answered alike.
    async fn settle(
        &mut self,
        node: usize,
        keyed: &mut Keyed,
        mut answer: Answer,
    ) -> Result<(), TestCaseError> {
        while answer.status != StatusCode::CREATED {
            prop_assert_eq!(
                answer.status,
                StatusCode::SERVICE_UNAVAILABLE,
                "{}",
                answer.text()
            );
            prop_assert_ne!(
                answer.code(),
                "outcome-unknown",
                "a key settles every doubt"
            );
            answer = self.nodes[node].track(&keyed.body, Some(&keyed.key)).await;
        }
        match &keyed.answer {
            Some(first) => prop_assert_eq!(&answer.json(), first, "a repeat is answered alike"),
            None => self.take(&keyed.events, &answer)?,
        }
        keyed.answer = Some(answer.json());
        Ok(())
    }

    async fn settle_plain(
        &mut self,
        node: usize,
        body: Value,
        events: Vec<Sent>,
        answer: Answer,
    ) -> Result<(), TestCaseError> {
        if answer.status == StatusCode::CREATED {
            return self.take(&events, &answer);
        }
        prop_assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            answer.text()
        );
        match answer.code().as_str() {
            // A key was made up: the repeat under it completes the request.
            "repeat-with-key" => {
                let key = answer.json()["idempotencyKey"]
                    .as_str()
                    .expect("a key")
                    .to_owned();
                let mut keyed = Keyed {
                    key,
                    body,
                    events,
                    answer: None,
                };
                self.settle(node, &mut keyed, answer).await
            }
            // Every event has an id: the same events may come again, in other groups.
            "repeat-with-ids" => {
                self.send_in_groups(1, &events, 37).await?;
                self.add(self.fresh(&events));
                Ok(())
            }
            "outcome-unknown" => self.find_out(&events).await,
            code => {
                prop_assert!(
                    code == "not-stored" || code == "store-unavailable",
                    "{}",
                    code
                );
                Ok(())
            }
        }
    }

    /// Sends events with ids in groups, each until it is answered; how many were accepted.
    async fn send_in_groups(
        &self,
        node: usize,
        events: &[Sent],
        size: usize,
    ) -> Result<usize, TestCaseError> {
        let mut accepted = 0;
        for group in events.chunks(size) {
            let answer = self.insist(node, group).await?;
            let count = |name: &str| answer[name].as_u64().expect("a count") as usize;
            prop_assert_eq!(count("accepted") + count("duplicates"), group.len());
            accepted += count("accepted");
        }
        Ok(accepted)
    }

    async fn insist(&self, node: usize, group: &[Sent]) -> Result<Value, TestCaseError> {
        let body = self.body(group);
        loop {
            let answer = self.nodes[node].track(&body, None).await;
            if answer.status == StatusCode::CREATED {
                return Ok(answer.json());
            }
            let code = answer.code();
            let codes = ["repeat-with-ids", "not-stored", "store-unavailable"];
            prop_assert!(codes.contains(&&*code), "{}", code);
        }
    }

    /// Whatever the groups, each id is counted once, and if nothing fails the answers say so.
    async fn regroup(&mut self, events: Vec<Sent>, sizes: [usize; 2]) -> Result<(), TestCaseError> {
        let (one, other) = tokio::join!(
            self.send_in_groups(0, &events, sizes[0]),
            self.send_in_groups(1, &events, sizes[1]),
        );
        let (accepted, fresh) = (one? + other?, self.fresh(&events));
        prop_assert!(accepted <= fresh.len(), "{} of {}", accepted, fresh.len());
        if self.failures == 0.0 {
            prop_assert_eq!(accepted, fresh.len());
        }
        self.add(fresh);
        Ok(())
    }

    /// Nobody knows whether these are stored: the store itself is asked, once all late calls
    /// have arrived.
    async fn find_out(&mut self, events: &[Sent]) -> Result<(), TestCaseError> {
        self.world.chaos.calm();
        self.world.chaos.quiet().await;
        let stored = self.count_of_all().await;
        let missing = stored - self.counted.len();
        let fresh = self.fresh(events);
        prop_assert!(
            missing == 0 || missing == fresh.len(),
            "{} of {:?}",
            missing,
            fresh
        );
        if missing > 0 {
            self.add(fresh);
        }
        if self.failures > 0.0 {
            self.world.chaos.random(stored as u64, self.failures);
        }
        Ok(())
    }

    /// The events that are new: the first with each id that is not there yet.
    fn fresh(&self, events: &[Sent]) -> Vec<Sent> {
        let mut seen = self.ids.clone();
        let fresh = events
            .iter()
            .filter(|event| event.id.is_none_or(|id| seen.insert(id)));
        fresh.cloned().collect()
    }

    fn add(&mut self, events: Vec<Sent>) {
        for event in events {
            self.ids.extend(event.id);
            let at = (self.place.1 + event.offset_ms).max(100_000_000_000);
            self.counted.push((at, event.value));
        }
    }

    /// Counts an accepted request as its answer says.
    fn take(&mut self, events: &[Sent], answer: &Answer) -> Result<(), TestCaseError> {
        let fresh = self.fresh(events);
        let expected = json!({"accepted": fresh.len(), "duplicates": events.len() - fresh.len()});
        prop_assert_eq!(answer.json(), expected);
        self.add(fresh);
        Ok(())
    }

    async fn repeat(&mut self, node: usize, earlier: usize) -> Result<(), TestCaseError> {
        let Some(mut keyed) = self.sent.get(earlier).cloned() else {
            return Ok(());
        };
        let answer = self.nodes[node].track(&keyed.body, Some(&keyed.key)).await;
        self.settle(node, &mut keyed, answer).await
    }

    async fn race(&mut self, number: usize, request: Request) -> Result<(), TestCaseError> {
        let (key, body) = (format!("race-{number}"), self.body(&request.events));
        let (one, other) = tokio::join!(
            self.nodes[0].track(&body, Some(&key)),
            self.nodes[1].track(&body, Some(&key)),
        );
        let mut keyed = Keyed {
            key,
            body,
            events: request.events,
            answer: None,
        };
        self.settle(0, &mut keyed, one).await?;
        self.settle(1, &mut keyed, other).await?;
        self.sent.push(keyed);
        Ok(())
    }

    async fn count_of_all(&self) -> usize {
        let points = self.ask(0, "granularity=year&aggregationType=count").await;
        points.iter().map(|point| point.1 as usize).sum()
    }

    async fn ask(&self, node: usize, parameters: &str) -> Vec<(i64, f64)> {
        let path = format!("/api/events/{NAMESPACE}/{NAME}?{parameters}");
        let answer = self.nodes[node].get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(point)
            .collect()
    }

    /// Every aggregation at every granularity in the history's zone, before anything more is
    /// compacted and after everything is; in between, while runs are merged and blocks deleted,
    /// the counts and sums in UTC.
    async fn compare(mut self) -> Result<(), TestCaseError> {
        self.world.chaos.calm();
        self.world.chaos.quiet().await;
        self.compare_in(0, self.place.0, &AGGREGATIONS).await?;
        for _ in 0..3 {
            self.world.clock.advance(Duration::from_secs(90 * 60));
            for compactor in &mut self.compactors {
                compactor.run().await.expect("nothing fails any more");
            }
            self.compare_in(0, "UTC", &["count", "sum"]).await?;
        }
        self.compare_in(1, self.place.0, &AGGREGATIONS).await?;
        let options = weir_compact::VerifyOptions::default();
        let report = weir_compact::verify(&self.nodes[0].store, &options).await;
        let report = report.expect("nothing fails any more");
        prop_assert!(report.differences.is_empty(), "{:?}", report.differences);
        Ok(())
    }

    async fn compare_in(
        &self,
        node: usize,
        zone: &str,
        aggregations: &[&str],
    ) -> Result<(), TestCaseError> {
        for granularity in GRANULARITIES {
            for aggregation in aggregations {
                let expected = recount(&self.counted, granularity, aggregation, zone);
                let parameters =
                    format!("granularity={granularity}&aggregationType={aggregation}&tz={zone}");
                let answered = self.ask(node, &parameters).await;
                let wrong = disagreement(aggregation, &answered, &expected, &self.counted);
                prop_assert!(wrong.is_none(), "{}: {:?}", parameters, wrong);
            }
        }
        Ok(())
    }
}

fn point(json: &Value) -> (i64, f64) {
    let time = json["aggregatedTimestamp"].as_str().expect("a time");
    let time: jiff::Timestamp = time.parse().expect("RFC 3339");
    (
        time.as_millisecond(),
        json["value"].as_f64().expect("a number"),
    )
}

/// The first point that differs, answered and expected. Times, counts and extremes must agree to
/// the last bit; sums and the spread within what rounding as many numbers of this size can make
/// of them.
fn disagreement(
    aggregation: &str,
    answered: &[Point],
    expected: &[Point],
    all: &[Point],
) -> Option<[Option<Point>; 2]> {
    let largest = all
        .iter()
        .fold(0.0, |largest: f64, event| largest.max(event.1.abs()));
    let tolerance = match aggregation {
        "sum" | "avg" => (all.len() as f64 + 4.0) * largest * f64::EPSILON,
        // The square root of the same.
        "stddev" => largest * 1e-7,
        _ => 0.0,
    };
    let same = |a: &Point, b: &Point| a.0 == b.0 && (a.1 - b.1).abs() <= tolerance;
    (0..answered.len().max(expected.len()))
        .map(|at| [answered.get(at).copied(), expected.get(at).copied()])
        .find(|pair| !matches!(pair, [Some(a), Some(b)] if same(a, b)))
}

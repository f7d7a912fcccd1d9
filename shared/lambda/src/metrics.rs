//! Metrics in CloudWatch's embedded format: a JSON object on a line of standard output, of which
//! CloudWatch Logs makes metrics (Amazon CloudWatch user guide, "Specification: Embedded metric
//! format"). A line is written before the answer is sent, because Lambda freezes the process then.
//!
//! CloudWatch charges for each metric and each combination of its dimensions, by the hours in
//! which it was written. So there are few of them, and what did not happen is not written: an
//! answer counts for the one class of its status, and events only where there were some. A line
//! has one value for each dimension, so events that were found bad have a line for each reason.

use std::collections::BTreeMap;
use std::io::Write as _;

use axum::extract::MatchedPath;
use serde_json::{Map, Value, json};
use weir_service::layer::Access;
use weir_service::tally::Events;
use weir_store::Clock;

const NAMESPACE: &str = "Weir";
const FUNCTION: &str = "Function";
const ROUTE: &str = "Route";
const REASON: &str = "Reason";

/// What a path is called that is none of the function's. The path itself is free text.
const NO_ROUTE: &str = "none";

/// What a metric's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Anything.
    Count,
    /// Time.
    Milliseconds,
    /// Time, of things that take long.
    Seconds,
}

/// A metric and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    name: &'static str,
    unit: Unit,
    value: f64,
}

impl Metric {
    /// So many of something. Values over 2⁵³ are rounded.
    pub fn count(name: &'static str, value: u64) -> Metric {
        Metric {
            name,
            unit: Unit::Count,
            value: value as f64,
        }
    }

    /// Whole seconds of a time.
    pub fn seconds(name: &'static str, value: u64) -> Metric {
        Metric {
            name,
            unit: Unit::Seconds,
            value: value as f64,
        }
    }

    fn milliseconds(name: &'static str, value: f64) -> Metric {
        Metric {
            name,
            unit: Unit::Milliseconds,
            value,
        }
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// What one invocation has to say.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    route: Option<String>,
    /// Of the function, and of the route if there is one.
    metrics: Vec<Metric>,
    /// Of the function alone.
    of_function: Vec<Metric>,
    /// Events that were found bad, by reason.
    rejected: BTreeMap<&'static str, u64>,
}

impl Measured {
    /// A request that was answered.
    pub(crate) fn request(status: u16, access: Option<&Access>, events: Events) -> Measured {
        let route = access.and_then(|access| access.route.as_ref());
        let took = access.map_or(0.0, |access| access.took.as_secs_f64() * 1000.0);
        let counted = [
            ("EventsStored", events.stored),
            ("EventsRefused", events.refused),
        ];
        Measured {
            route: Some(route.map_or(NO_ROUTE, MatchedPath::as_str).to_owned()),
            metrics: vec![
                Metric::count("Requests", 1),
                Metric::milliseconds("Latency", (took * 1000.0).round() / 1000.0),
                Metric::count(class_of(status), 1),
            ],
            of_function: counted
                .into_iter()
                .filter(|(_, events)| *events > 0)
                .map(|(name, events)| Metric::count(name, events))
                .collect(),
            rejected: events.rejected,
        }
    }

    /// Scheduled work.
    pub(crate) fn work(metrics: Vec<Metric>) -> Measured {
        Measured {
            metrics,
            ..Measured::default()
        }
    }

    /// Writes it down.
    pub(crate) fn write(&self, function: &str, clock: &dyn Clock) {
        let at_ms = clock.now().as_millis();
        let mut out = std::io::stdout().lock();
        for line in [self.line(function, at_ms)]
            .into_iter()
            .chain(self.of_reasons(function, at_ms))
        {
            // There is nowhere else to say that standard output is gone.
            let _ = writeln!(out, "{line}");
        }
    }

    fn of_reasons(&self, function: &str, at_ms: i64) -> impl Iterator<Item = Value> {
        self.rejected.iter().map(move |(reason, events)| {
            let metric = Metric::count("EventsRejected", *events);
            let directives = directive(&json!([[FUNCTION, REASON]]), &[metric]);
            json!({
                "_aws": metadata(at_ms, directives.into_iter().collect()),
                FUNCTION: function,
                REASON: reason,
                metric.name: metric.value,
            })
        })
    }

    #[cfg(test)]
    pub(crate) fn line_for_tests(&self) -> Value {
        self.line("prod-all", 0)
    }

    fn line(&self, function: &str, at_ms: i64) -> Value {
        let all = if self.route.is_some() {
            json!([[FUNCTION], [FUNCTION, ROUTE]])
        } else {
            json!([[FUNCTION]])
        };
        let directives = [
            directive(&all, &self.metrics),
            directive(&json!([[FUNCTION]]), &self.of_function),
        ];
        let directives: Vec<Value> = directives.into_iter().flatten().collect();
        let mut line = Map::new();
        line.insert("_aws".to_owned(), metadata(at_ms, directives));
        line.insert(FUNCTION.to_owned(), function.into());
        if let Some(route) = &self.route {
            line.insert(ROUTE.to_owned(), route.as_str().into());
        }
        for metric in self.metrics.iter().chain(&self.of_function) {
            line.insert(metric.name.to_owned(), metric.value.into());
        }
        line.into()
    }
}

fn metadata(at_ms: i64, directives: Vec<Value>) -> Value {
    json!({"Timestamp": at_ms, "CloudWatchMetrics": directives})
}

fn class_of(status: u16) -> &'static str {
    match status {
        ..400 => "Answers2xx",
        400..500 => "Answers4xx",
        _ => "Answers5xx",
    }
}

fn directive(dimensions: &Value, metrics: &[Metric]) -> Option<Value> {
    let metrics: Vec<Value> = metrics
        .iter()
        .map(|metric| json!({"Name": metric.name, "Unit": metric.unit.name()}))
        .collect();
    (!metrics.is_empty())
        .then(|| json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}))
}

/// Holds a line against the specification: its schema and its limits.
#[cfg(test)]
pub(crate) fn check_format(line: &Value) {
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let metadata = &line["_aws"];
    assert_eq!(keys(metadata), ["CloudWatchMetrics", "Timestamp"]);
    assert!(metadata["Timestamp"].as_i64().unwrap() >= 0, "{line}");
    assert!(line.to_string().len() < 256 * 1024);
    for directive in metadata["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(keys(directive), ["Dimensions", "Metrics", "Namespace"]);
        let namespace = directive["Namespace"].as_str().unwrap();
        assert!((1..=1024).contains(&namespace.len()));
        let sets = directive["Dimensions"].as_array().unwrap();
        assert!(!sets.is_empty(), "{line}");
        for set in sets {
            let set = set.as_array().unwrap();
            assert!(set.len() <= 30);
            for key in set {
                let value = line[key.as_str().unwrap()].as_str().unwrap();
                assert!((1..=1024).contains(&value.len()), "{key} in {line}");
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            assert_eq!(keys(metric), ["Name", "Unit"]);
            assert!(
                ["Count", "Milliseconds", "Seconds"].contains(&metric["Unit"].as_str().unwrap())
            );
            let value = line[metric["Name"].as_str().unwrap()].as_f64().unwrap();
            assert!(value.is_finite(), "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AT_MS: i64 = 1_767_225_600_000;

    fn access() -> Access {
        Access {
            route: None,
            took: Duration::from_micros(12_345),
        }
    }

    #[test]
    fn a_request_counts_for_its_function_and_its_route() {
        let events = Events {
            stored: 500,
            ..Events::default()
        };
        let line = Measured::request(201, Some(&access()), events).line("prod-track", AT_MS);
        check_format(&line);
        let expected = json!({
            "_aws": {
                "Timestamp": AT_MS,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Weir",
                        "Dimensions": [["Function"], ["Function", "Route"]],
                        "Metrics": [
                            {"Name": "Requests", "Unit": "Count"},
                            {"Name": "Latency", "Unit": "Milliseconds"},
                            {"Name": "Answers2xx", "Unit": "Count"},
                        ],
                    },
                    {
                        "Namespace": "Weir",
                        "Dimensions": [["Function"]],
                        "Metrics": [{"Name": "EventsStored", "Unit": "Count"}],
                    },
                ],
            },
            "Function": "prod-track",
            "Route": "none",
            "Requests": 1.0,
            "Latency": 12.345,
            "Answers2xx": 1.0,
            "EventsStored": 500.0,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn bad_events_count_for_their_reasons() {
        let events = Events {
            rejected: BTreeMap::from([("invalid-event", 3), ("too-large", 1)]),
            ..Events::default()
        };
        let measured = Measured::request(400, Some(&access()), events);
        let lines: Vec<Value> = measured.of_reasons("prod-track", AT_MS).collect();
        lines.iter().for_each(check_format);
        let expected = json!({
            "_aws": {
                "Timestamp": AT_MS,
                "CloudWatchMetrics": [{
                    "Namespace": "Weir",
                    "Dimensions": [["Function", "Reason"]],
                    "Metrics": [{"Name": "EventsRejected", "Unit": "Count"}],
                }],
            },
            "Function": "prod-track",
            "Reason": "invalid-event",
            "EventsRejected": 3.0,
        });
        assert_eq!(lines[0], expected);
        assert_eq!((lines.len(), &lines[1]["EventsRejected"]), (2, &json!(1.0)));
    }

    #[test]
    fn an_answer_counts_for_the_class_of_its_status() {
        for (status, expected) in [
            (200, "Answers2xx"),
            (401, "Answers4xx"),
            (499, "Answers4xx"),
            (503, "Answers5xx"),
        ] {
            let line = Measured::request(status, Some(&access()), Events::default());
            let line = line.line("f", AT_MS);
            check_format(&line);
            assert_eq!(line[expected], 1.0);
            assert!(line.get("EventsStored").is_none());
        }
    }

    #[test]
    fn work_counts_for_its_function_and_nothing_that_is_zero_is_lost() {
        let metrics = vec![
            Metric::count("VerifyDifferences", 0),
            Metric::seconds("JobLatenessSeconds", 90),
        ];
        let line = Measured::work(metrics).line("prod-compact", AT_MS);
        check_format(&line);
        let directives = &line["_aws"]["CloudWatchMetrics"];
        assert_eq!(directives.as_array().unwrap().len(), 1);
        assert_eq!(directives[0]["Dimensions"], json!([["Function"]]));
        assert_eq!(line["VerifyDifferences"], 0.0);
        let lateness = json!({"Name": "JobLatenessSeconds", "Unit": "Seconds"});
        assert_eq!(directives[0]["Metrics"][1], lateness);
        assert_eq!(line["JobLatenessSeconds"], 90.0);
    }
}

//! Requests of one kind, summed up.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::report::Row;

/// How long requests took.
#[derive(Debug, Clone)]
pub(crate) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }
}

impl Times {
    pub(crate) fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // `saturating_record` would not make room.
        self.0.record(us).expect("it resizes itself");
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it resizes itself");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time in milliseconds within which this share of the requests was answered.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }
}

/// One measured case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) case: String,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) events_per_second: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
    /// The most memory that the server has had so far, if it is on this machine.
    pub(crate) server_mb: Option<f64>,
}

/// What was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// How long those took that were answered as they should be.
    pub(crate) times: Times,
    /// Requests that were not.
    pub(crate) failed: u64,
    /// Events of those that were.
    pub(crate) events: u64,
}

impl Sent {
    pub(crate) fn add(&mut self, other: &Self) {
        self.times.add(&other.times);
        self.failed += other.failed;
        self.events += other.events;
    }

    /// Sums up what was sent in a time.
    pub(crate) fn over(&self, case: String, lasting: Duration) -> Figure {
        let seconds = lasting.as_secs_f64();
        Figure {
            case,
            requests: self.times.count(),
            failed: self.failed,
            requests_per_second: self.times.count() as f64 / seconds,
            events_per_second: self.events as f64 / seconds,
            median_ms: self.times.quantile_ms(0.5),
            p99_ms: self.times.quantile_ms(0.99),
            longest_ms: self.times.quantile_ms(1.0),
            server_mb: None,
        }
    }
}

impl Row for Figure {
    const COLUMNS: &[&str] = &[
        "case",
        "requests",
        "failed",
        "requests/s",
        "events/s",
        "median ms",
        "p99 ms",
        "max ms",
        "server MB",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            self.requests.to_string(),
            self.failed.to_string(),
            format!("{:.0}", self.requests_per_second),
            format!("{:.0}", self.events_per_second),
            format!("{:.2}", self.median_ms),
            format!("{:.2}", self.p99_ms),
            format!("{:.2}", self.longest_ms),
            self.server_mb
                .map_or_else(String::new, |mb| format!("{mb:.0}")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_tells_rates_and_quantiles_of_what_was_answered() {
        let mut one = Sent {
            failed: 1,
            events: 500,
            ..Sent::default()
        };
        for ms in 1..=99 {
            one.times.record(Duration::from_millis(ms));
        }
        let mut both = Sent::default();
        both.times.record(Duration::from_secs(100));
        both.add(&one);
        let figure = both.over("a case".into(), Duration::from_secs(10));
        assert_eq!(
            (figure.requests, figure.failed, figure.events_per_second),
            (100, 1, 50.0)
        );
        let near = |got: f64, wanted: f64| {
            assert!((got / wanted - 1.0).abs() < 0.002, "{got}, not {wanted}");
        };
        near(figure.requests_per_second, 10.0);
        near(figure.median_ms, 50.0);
        near(figure.p99_ms, 99.0);
        near(figure.longest_ms, 100_000.0);
    }
}

//! What was measured, and how it is shown.

use hdrhistogram::Histogram;
use serde::Serialize;

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
}

impl Figure {
    /// Sums up requests that took the given times, in microseconds, over `seconds`.
    pub(crate) fn of(
        case: String,
        times: &Histogram<u64>,
        failed: u64,
        events: u64,
        seconds: f64,
    ) -> Self {
        let ms = |us: u64| us as f64 / 1000.0;
        Self {
            case,
            requests: times.len(),
            failed,
            requests_per_second: times.len() as f64 / seconds,
            events_per_second: events as f64 / seconds,
            median_ms: ms(times.value_at_quantile(0.5)),
            p99_ms: ms(times.value_at_quantile(0.99)),
            longest_ms: ms(times.max()),
        }
    }
}

/// All of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn push(&mut self, figure: Figure) {
        self.0.push(figure);
    }

    pub(crate) fn print(&self, as_json: bool) {
        if as_json {
            let text = serde_json::to_string_pretty(&self.0).expect("figures are plain numbers");
            println!("{text}");
            return;
        }
        println!(
            "{:<44} {:>9} {:>7} {:>10} {:>10} {:>9} {:>9} {:>9}",
            "case", "requests", "failed", "requests/s", "events/s", "median ms", "p99 ms", "max ms"
        );
        for f in &self.0 {
            println!(
                "{:<44} {:>9} {:>7} {:>10.0} {:>10.0} {:>9.2} {:>9.2} {:>9.2}",
                f.case,
                f.requests,
                f.failed,
                f.requests_per_second,
                f.events_per_second,
                f.median_ms,
                f.p99_ms,
                f.longest_ms
            );
        }
    }
}

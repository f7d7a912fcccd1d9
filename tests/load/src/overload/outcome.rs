//! What became of an overload's requests, and what may be counted of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use http::StatusCode;
use serde::Serialize;

use super::Overload;
use crate::connection::Answer;
use crate::figures::Times;
use crate::report::Row;

/// What became of the requests.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) stored: Times,
    unavailable: u64,
    too_many: u64,
    other: u64,
    /// Refusals that do not say when to come again.
    without_retry_after: u64,
    /// Those whose outcome the server does not know, or whose answer was not waited for.
    unknown: u64,
    unanswered: u64,
    pub(super) unsent: u64,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        self.stored.add(&other.stored);
        self.unavailable += other.unavailable;
        self.too_many += other.too_many;
        self.other += other.other;
        self.without_retry_after += other.without_retry_after;
        self.unknown += other.unknown;
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
    }

    pub(super) fn note(&mut self, answer: Result<Answer>, took: Duration) {
        let Ok(answer) = answer else {
            self.unanswered += 1;
            self.unknown += 1;
            return;
        };
        match answer.status {
            StatusCode::CREATED => return self.stored.record(took),
            StatusCode::SERVICE_UNAVAILABLE => self.unavailable += 1,
            StatusCode::TOO_MANY_REQUESTS => self.too_many += 1,
            _ => self.other += 1,
        }
        self.without_retry_after += u64::from(!answer.says_when_to_retry);
        self.unknown += u64::from(is_unknown(&answer));
    }

    /// Everything that was acknowledged is counted, and nothing that was refused.
    pub(super) fn check(&self, counted: u64, events_each: u64) -> Result<()> {
        let acknowledged = self.stored.count() * events_each;
        let in_doubt = self.unknown * events_each;
        ensure!(
            (acknowledged..=acknowledged + in_doubt).contains(&counted),
            "{counted} events are counted, of {acknowledged} acknowledged and {in_doubt} in doubt"
        );
        Ok(())
    }
}

fn is_unknown(answer: &Answer) -> bool {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
    }
    let problem = serde_json::from_slice::<Problem>(&answer.body);
    problem.is_ok_and(|problem| problem.code == "outcome-unknown")
}

/// The overload in figures.
#[derive(Debug, Serialize)]
pub(super) struct StormRow {
    offered_per_second: f64,
    sent_per_second: f64,
    stored_per_second: f64,
    stored_median_ms: f64,
    stored_p99_ms: f64,
    stored: u64,
    unavailable_503: u64,
    too_many_429: u64,
    other: u64,
    without_retry_after: u64,
    unanswered: u64,
    unsent: u64,
    normal_after_s: Option<f64>,
    acknowledged_but_lost: u64,
    counted: u64,
}

impl StormRow {
    pub(super) fn of(
        seen: &Seen,
        overload: &Overload,
        offered_per_second: f64,
        recovered: Option<Duration>,
        counted: u64,
    ) -> Self {
        let stored = seen.stored.count();
        let answered = stored + seen.unavailable + seen.too_many + seen.other;
        let seconds = overload.lasting.as_secs_f64();
        Self {
            offered_per_second,
            sent_per_second: (answered + seen.unanswered) as f64 / seconds,
            stored_per_second: stored as f64 / seconds,
            stored_median_ms: seen.stored.quantile_ms(0.5),
            stored_p99_ms: seen.stored.quantile_ms(0.99),
            stored,
            unavailable_503: seen.unavailable,
            too_many_429: seen.too_many,
            other: seen.other,
            without_retry_after: seen.without_retry_after,
            unanswered: seen.unanswered,
            unsent: seen.unsent,
            normal_after_s: recovered.map(|after| after.as_secs_f64()),
            acknowledged_but_lost: (stored * overload.of.events()).saturating_sub(counted),
            counted,
        }
    }
}

impl Row for StormRow {
    const COLUMNS: &[&str] = &[
        "offered/s",
        "sent/s",
        "201/s",
        "median ms",
        "p99 ms",
        "201",
        "503",
        "429",
        "other",
        "no Retry-After",
        "no answer",
        "not sent",
        "normal after s",
        "lost",
        "counted",
    ];

    fn cells(&self) -> Vec<String> {
        let after = self.normal_after_s;
        vec![
            format!("{:.0}", self.offered_per_second),
            format!("{:.0}", self.sent_per_second),
            format!("{:.0}", self.stored_per_second),
            format!("{:.1}", self.stored_median_ms),
            format!("{:.1}", self.stored_p99_ms),
            self.stored.to_string(),
            self.unavailable_503.to_string(),
            self.too_many_429.to_string(),
            self.other.to_string(),
            self.without_retry_after.to_string(),
            self.unanswered.to_string(),
            self.unsent.to_string(),
            after.map_or_else(|| "never".to_owned(), |s| format!("{s:.2}")),
            self.acknowledged_but_lost.to_string(),
            self.counted.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, says_when_to_retry: bool, body: &'static str) -> Result<Answer> {
        Ok(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            says_when_to_retry,
            body: body.into(),
        })
    }

    #[test]
    fn what_may_be_stored_is_neither_lost_nor_too_much() {
        let mut seen = Seen::default();
        let took = Duration::from_millis(1);
        seen.note(answer(201, false, "{}"), took);
        seen.note(answer(201, false, "{}"), took);
        seen.note(answer(503, true, r#"{"code":"over-capacity"}"#), took);
        seen.note(answer(503, true, r#"{"code":"outcome-unknown"}"#), took);
        seen.note(answer(429, false, "{}"), took);
        seen.note(Err(anyhow::anyhow!("hung up")), took);
        assert_eq!((seen.unavailable, seen.too_many, seen.other), (2, 1, 0));
        assert_eq!((seen.without_retry_after, seen.unanswered), (1, 1));
        for (counted, is_right) in [(1, false), (2, true), (4, true), (5, false)] {
            assert_eq!(seen.check(counted, 1).is_ok(), is_right, "{counted}");
        }
        for (counted, is_right) in [(999, false), (1_000, true), (2_000, true), (2_001, false)] {
            assert_eq!(seen.check(counted, 500).is_ok(), is_right, "{counted}");
        }
    }
}

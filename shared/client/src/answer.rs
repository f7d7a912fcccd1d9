//! What an answer to a batch means. The one place that knows the server's statuses and codes.
//!
//! Whatever is not known to come from a Weir is no reason to drop anything: a proxy's 400 and a
//! login page's 200 mean that the way to the server is not right, which someone will mend.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use weir_model::Timestamp;

use crate::notice::{brief, codes};
use crate::pauses::Pace;

/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Codes that come with a status that leaves open what is stored, and say that nothing is.
const NOTHING_STORED: [&str; 6] = [
    "not-stored",
    "overloaded",
    "over-capacity",
    "store-unavailable",
    "keys-unavailable",
    "request-timeout",
];

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// All of it is stored, now or before.
    Accepted { duplicates: u64 },
    /// Nothing is stored, because of the events at these places.
    Reject(BTreeMap<usize, String>),
    /// Nothing is stored; a smaller batch may be, and a single event never will.
    Halve(String),
    /// Nothing is stored: the token or the key is not good.
    Unauthorized(String),
    /// The key names another body.
    KeyReused(String),
    /// The same again, later.
    Again(Again),
}

/// Why and when an attempt is made again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Again {
    /// The notice's code.
    pub(crate) code: &'static str,
    pub(crate) pace: Pace,
    /// What the server asks for.
    pub(crate) after: Option<Duration>,
    pub(crate) status: Option<u16>,
    pub(crate) detail: String,
    /// Whether the batch may be stored all the same.
    pub(crate) is_doubtful: bool,
    /// Whether this batch is the reason, and others may fare better.
    pub(crate) is_own: bool,
}

/// What a problem document says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
    error: String,
    errors: Vec<FieldProblem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FieldProblem {
    index: Option<usize>,
    field: String,
    reason: String,
}

#[derive(Deserialize)]
struct Counts {
    accepted: u64,
    duplicates: u64,
}

/// Judges the answer to a batch of so many events.
pub(crate) fn judge(reply: &Reply, events: usize, now: Timestamp) -> Outcome {
    let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
    let detail = problem.describe(reply.status);
    let is_doubtful = is_doubtful(reply.status.as_u16(), &problem.code);
    let outcome = match (reply.status.as_u16(), problem.code.as_str()) {
        (201, _) => accepted(reply, events),
        (400, "invalid-event" | "invalid-json") => reject(problem, events, detail),
        (413, "too-large") => Outcome::Halve(detail),
        // A proxy's limit may be raised, so it is no reason to drop an event.
        (413, _) if events > 1 => Outcome::Halve(detail),
        (401, _) => Outcome::Unauthorized(detail),
        (403, _) => Outcome::Again(Again::slow(codes::UNAUTHORIZED, reply, detail)),
        (422, "idempotency-key-reused") => Outcome::KeyReused(detail),
        (408 | 429 | 500..=599, _) => Outcome::Again(Again::soon(reply, now, detail)),
        _ => Outcome::Again(Again::slow(codes::NOT_WEIR, reply, detail)),
    };
    match outcome {
        Outcome::Again(again) => Outcome::Again(Again {
            is_doubtful,
            ..again
        }),
        outcome => outcome,
    }
}

/// Whether an answer that is not understood as a success leaves open what is stored. A 4xx is
/// given instead of storing; a 2xx or a 5xx may be a proxy's, about a server that has stored.
fn is_doubtful(status: u16, code: &str) -> bool {
    matches!(status, 200..=299 | 408 | 500..=599) && !NOTHING_STORED.contains(&code)
}

/// Judges the refusal of a token.
pub(crate) fn judge_token(reply: &Reply, now: Timestamp) -> Again {
    let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
    let detail = format!("no token: {}", problem.describe(reply.status));
    match reply.status.as_u16() {
        408 | 429 | 500..=599 => Again::soon(reply, now, detail),
        400 | 401 | 403 => Again::slow(codes::UNAUTHORIZED, reply, detail),
        _ => Again::slow(codes::NOT_WEIR, reply, detail),
    }
}

fn accepted(reply: &Reply, events: usize) -> Outcome {
    match serde_json::from_slice::<Counts>(&reply.body) {
        Ok(counts) if counts.accepted.saturating_add(counts.duplicates) == events as u64 => {
            Outcome::Accepted {
                duplicates: counts.duplicates,
            }
        }
        _ => {
            let detail = format!("answered 201 without the counts of {events} events");
            Outcome::Again(Again::slow(codes::NOT_WEIR, reply, detail))
        }
    }
}

fn reject(problem: Problem, events: usize, detail: String) -> Outcome {
    let mut bad: BTreeMap<usize, String> = BTreeMap::new();
    for error in problem.errors {
        // A batch of one may be answered as one event is, without its place.
        let index = error.index.or((events == 1).then_some(0));
        if let Some(at) = index.filter(|&at| at < events) {
            let text = bad.entry(at).or_default();
            let comma = if text.is_empty() { "" } else { "; " };
            text.push_str(&format!("{comma}{} {}", error.field, error.reason));
        }
    }
    match bad.is_empty() {
        true => Outcome::Halve(detail),
        false => Outcome::Reject(bad),
    }
}

impl Again {
    /// An attempt that got no answer; nothing of it arrived, unless someone says so.
    pub(crate) fn cut(detail: String) -> Self {
        Self {
            code: codes::RETRY,
            pace: Pace::Usual,
            after: None,
            status: None,
            detail,
            is_doubtful: false,
            is_own: false,
        }
    }

    /// A refusal of a batch that may have been stored before.
    pub(crate) fn doubted(why: &str) -> Self {
        Self {
            pace: Pace::Slow,
            is_own: true,
            ..Self::cut(format!(
                "{why}, but an earlier attempt may have been stored"
            ))
        }
    }

    /// A refusal that a new token does not mend.
    pub(crate) fn unauthorized(detail: String) -> Self {
        Self {
            code: codes::UNAUTHORIZED,
            pace: Pace::Slow,
            status: Some(StatusCode::UNAUTHORIZED.as_u16()),
            ..Self::cut(detail)
        }
    }

    pub(crate) fn slow(code: &'static str, reply: &Reply, detail: String) -> Self {
        Self {
            code,
            pace: Pace::Slow,
            status: Some(reply.status.as_u16()),
            ..Self::cut(detail)
        }
    }

    fn soon(reply: &Reply, now: Timestamp, detail: String) -> Self {
        Self {
            after: retry_after(&reply.headers, now).map(|wait| wait.min(LONGEST_WAIT)),
            status: Some(reply.status.as_u16()),
            ..Self::cut(detail)
        }
    }
}

impl Problem {
    /// One line that never has more of the body than its own texts.
    fn describe(&self, status: StatusCode) -> String {
        let status = status.as_u16();
        match [&self.detail, &self.error]
            .into_iter()
            .find(|text| !text.is_empty())
        {
            Some(text) if self.code.is_empty() => format!("answered {status}: {}", brief(text)),
            Some(text) => format!("answered {status} {}: {}", brief(&self.code), brief(text)),
            None => format!("answered {status}"),
        }
    }
}

/// Seconds or a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(now.as_millis().try_into().ok()?);
    Some(date.saturating_sub(now))
}

#[cfg(test)]
mod tests;

//! How many requests Pingdom still allows: its headers `Req-Limit-Short` and `Req-Limit-Long`,
//! each `Remaining: 394 Time until reset: 3589`.

use std::time::Duration;

use http::HeaderMap;
use weir_collector::http::{Refusal, Verdict};

const HEADERS: [&str; 2] = ["req-limit-short", "req-limit-long"];

/// Requests that are left to others who use the account: whoever sees fewer ends its run.
const LEFT_TO_OTHERS: u64 = 10;

/// One of the two limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    remaining: u64,
    reset: Duration,
}

/// How long the run has to end for, because few requests are left.
pub(super) fn running_low(headers: &HeaderMap) -> Option<Duration> {
    wait(headers, LEFT_TO_OTHERS)
}

/// What a 429 means: as long as it lasts until there are requests again.
pub(super) fn judge(refusal: &Refusal) -> Option<Verdict> {
    if refusal.status() != http::StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let after = wait(refusal.headers(), 0)?;
    Some(match after > weir_collector::http::LONGEST_WAIT {
        true => Verdict::Later { after: Some(after) },
        false => Verdict::Wait(after),
    })
}

/// The time until no limit has so few requests left.
fn wait(headers: &HeaderMap, few: u64) -> Option<Duration> {
    let limits = HEADERS.iter().filter_map(|name| {
        let text = headers.get(*name)?.to_str().ok()?;
        read(text)
    });
    let low = limits.filter(|limit| limit.remaining <= few);
    low.map(|limit| limit.reset).max()
}

fn read(text: &str) -> Option<Limit> {
    let after = |label: &str| -> Option<u64> {
        let (_, rest) = text.split_once(label)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    Some(Limit {
        remaining: after("Remaining:")?,
        reset: Duration::from_secs(after("Time until reset:")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(short: &'static str, long: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HEADERS[0], short.parse().unwrap());
        headers.insert(HEADERS[1], long.parse().unwrap());
        headers
    }

    #[test]
    fn a_run_ends_when_few_requests_are_left() {
        let check = |short, long, seconds: Option<u64>| {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(
                running_low(&headers(short, long)),
                expected,
                "{short} {long}"
            );
        };
        let plenty = "Remaining: 394 Time until reset: 3589";
        check(plenty, plenty, None);
        check("Remaining: 10 Time until reset: 40", plenty, Some(40));
        check(
            "Remaining: 0 Time until reset: 40",
            "Remaining: 3 Time until reset: 90000",
            Some(90_000),
        );
        check("nothing", "Remaining: x Time until reset: 1", None);
        assert_eq!(running_low(&HeaderMap::new()), None);
    }
}

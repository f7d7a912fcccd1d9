//! What follows on a failure: again, after which wait, or the end. Pure: no clock, no randomness.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::http::options::USUAL_BASE;
use crate::http::{HttpErrorKind, Refusal};

/// The longest wait that a request sits out. Whoever is wanted later than that ends, and comes back
/// on schedule: a function is paid for by time.
pub const LONGEST_WAIT: Duration = Duration::from_secs(180);

/// How far pauses of our own choice grow, in bases.
const LARGEST_PAUSE: u32 = 60;

/// The wait on a 429 that does not say how long.
const THROTTLED_WAIT: Duration = Duration::from_secs(30);

/// What a vendor means by an answer that is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass: again after a pause, a few times.
    Retry,
    /// Again after this wait (or after what `Retry-After` says), as often as the time allows. The
    /// wait is stretched or shortened with the base of the backoff.
    Wait(Duration),
    /// Not within this run.
    Later {
        /// When, if it is known.
        after: Option<Duration>,
    },
    /// The secret is not good.
    Unauthorized,
    /// It stays as it is.
    Final,
}

/// Says what a vendor means, where it is not what everyone means.
pub(super) type Judge = Arc<dyn Fn(&Refusal) -> Option<Verdict> + Send + Sync>;

/// How a request is tried.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) tries: u32,
    pub(super) base: Duration,
    pub(super) throttled_wait: Duration,
    pub(super) may_repeat: bool,
    pub(super) judge: Option<Judge>,
}

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// There was an answer, and it is no success.
    Refused {
        refusal: Box<Refusal>,
        retry_after: Option<Duration>,
    },
    /// There was no answer, or not all of it.
    Broken { cause: String, was_sent: bool },
    /// The answer is too large.
    TooLarge { limit_bytes: u64 },
}

/// What follows on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Again { wait: Duration, is_try: bool },
    End(HttpErrorKind),
}

impl Rule {
    pub(super) fn new(tries: u32, base: Duration) -> Self {
        Self {
            tries,
            base,
            throttled_wait: THROTTLED_WAIT,
            may_repeat: true,
            judge: None,
        }
    }

    /// What follows when attempt number `tried` (from 1) has failed; `share` is random, from 0 to 1.
    pub(super) fn next(&self, failure: &Failure, tried: u32, share: f64) -> Next {
        match failure {
            Failure::TooLarge { .. } => Next::End(HttpErrorKind::TooLarge),
            Failure::Broken { was_sent: true, .. } if !self.may_repeat => {
                Next::End(HttpErrorKind::Unavailable)
            }
            Failure::Broken { .. } => self.again(tried, share, None),
            Failure::Refused {
                refusal,
                retry_after,
            } => self.refused(refusal, *retry_after, tried, share),
        }
    }

    fn refused(&self, refusal: &Refusal, asked: Option<Duration>, tried: u32, share: f64) -> Next {
        let status = refusal.status();
        match self.verdict(refusal) {
            Verdict::Wait(wait) => self.wait(asked.unwrap_or_else(|| self.scaled(wait))),
            Verdict::Retry => self.again(tried, share, asked),
            Verdict::Later { after } => Next::End(HttpErrorKind::RetryLater {
                after: after.or(asked),
            }),
            Verdict::Unauthorized => Next::End(HttpErrorKind::Unauthorized),
            Verdict::Final => Next::End(HttpErrorKind::Refused { status }),
        }
    }

    fn verdict(&self, refusal: &Refusal) -> Verdict {
        let judged = self.judge.as_ref().and_then(|judge| judge(refusal));
        judged.unwrap_or_else(|| self.usual(refusal.status()))
    }

    fn usual(&self, status: StatusCode) -> Verdict {
        match status {
            StatusCode::UNAUTHORIZED => Verdict::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Verdict::Wait(self.throttled_wait),
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
                if self.may_repeat =>
            {
                Verdict::Retry
            }
            _ => Verdict::Final,
        }
    }

    /// Again, a few times: after what the server asked, else after a pause that doubles.
    fn again(&self, tried: u32, share: f64, asked: Option<Duration>) -> Next {
        if tried >= self.tries {
            return Next::End(HttpErrorKind::Unavailable);
        }
        let wait = asked.unwrap_or_else(|| self.pause(tried, share));
        match wait > LONGEST_WAIT {
            true => Next::End(HttpErrorKind::RetryLater { after: Some(wait) }),
            false => Next::Again { wait, is_try: true },
        }
    }

    /// Again, as often as time allows; at least the base apart, whatever the server says.
    fn wait(&self, wait: Duration) -> Next {
        match wait > LONGEST_WAIT {
            true => Next::End(HttpErrorKind::RetryLater { after: Some(wait) }),
            false => Next::Again {
                wait: wait.max(self.base),
                is_try: false,
            },
        }
    }

    /// Between half of a pause and all of it, so that those who failed together come back apart.
    fn pause(&self, tried: u32, share: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(tried.saturating_sub(1));
        let whole = self.base * doubled.min(LARGEST_PAUSE);
        whole.mul_f64(0.5 + 0.5 * share.clamp(0.0, 1.0))
    }

    /// A wait that is given for the usual base, for ours.
    fn scaled(&self, wait: Duration) -> Duration {
        wait.mul_f64(self.base.as_secs_f64() / USUAL_BASE.as_secs_f64())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("tries", &self.tries)
            .field("may_repeat", &self.may_repeat)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn rule() -> Rule {
        Rule::new(3, Duration::from_secs(1))
    }

    fn refused(status: u16, retry_after_s: Option<u64>) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::Refused {
            refusal: Box::new(Refusal::new(
                status,
                HeaderMap::new(),
                Bytes::from_static(b"quota"),
            )),
            retry_after: retry_after_s.map(Duration::from_secs),
        }
    }

    fn broken(was_sent: bool) -> Failure {
        Failure::Broken {
            cause: "connection reset".into(),
            was_sent,
        }
    }

    fn again(wait_s: f64, is_try: bool) -> Next {
        let wait = Duration::from_secs_f64(wait_s);
        Next::Again { wait, is_try }
    }

    #[test]
    fn failures_of_the_server_are_tried_again_with_doubling_pauses() {
        for status in [500, 502, 503, 504] {
            assert_eq!(
                rule().next(&refused(status, None), 1, 1.0),
                again(1.0, true)
            );
            assert_eq!(
                rule().next(&refused(status, None), 2, 1.0),
                again(2.0, true)
            );
            assert_eq!(
                rule().next(&refused(status, None), 2, 0.0),
                again(1.0, true)
            );
            let end = Next::End(HttpErrorKind::Unavailable);
            assert_eq!(rule().next(&refused(status, None), 3, 1.0), end);
        }
        assert_eq!(rule().next(&broken(true), 1, 1.0), again(1.0, true));
    }

    #[test]
    fn pauses_stop_growing() {
        let patient = Rule {
            tries: 100,
            ..rule()
        };
        assert_eq!(patient.next(&broken(true), 99, 1.0), again(60.0, true));
    }

    #[test]
    fn a_server_that_says_how_long_is_obeyed() {
        assert_eq!(
            rule().next(&refused(503, Some(9)), 1, 1.0),
            again(9.0, true)
        );
        assert_eq!(
            rule().next(&refused(429, Some(9)), 1, 1.0),
            again(9.0, false)
        );
        assert_eq!(
            rule().next(&refused(429, Some(0)), 9, 1.0),
            again(1.0, false)
        );
    }

    #[test]
    fn a_429_that_does_not_say_how_long_waits_what_the_caller_says() {
        assert_eq!(
            rule().next(&refused(429, None), 50, 1.0),
            again(30.0, false)
        );
        let hasty = Rule {
            base: Duration::from_millis(10),
            throttled_wait: Duration::from_secs(60),
            ..rule()
        };
        assert_eq!(hasty.next(&refused(429, None), 50, 1.0), again(0.6, false));
    }

    #[test]
    fn a_wait_of_more_than_three_minutes_is_for_later() {
        for status in [429, 503] {
            let after = Some(Duration::from_secs(181));
            let end = Next::End(HttpErrorKind::RetryLater { after });
            assert_eq!(rule().next(&refused(status, Some(181)), 1, 1.0), end);
        }
    }

    #[test]
    fn refusals_are_final_and_a_401_is_its_own_kind() {
        for code in [400, 403, 404, 409, 422, 301, 501] {
            let status = StatusCode::from_u16(code).unwrap();
            let end = Next::End(HttpErrorKind::Refused { status });
            assert_eq!(rule().next(&refused(code, None), 1, 1.0), end);
        }
        let end = Next::End(HttpErrorKind::Unauthorized);
        assert_eq!(rule().next(&refused(401, None), 1, 1.0), end);
    }

    #[test]
    fn what_must_not_be_repeated_is_not_once_it_may_have_arrived() {
        let once = Rule {
            may_repeat: false,
            ..rule()
        };
        let end = Next::End(HttpErrorKind::Unavailable);
        assert_eq!(once.next(&broken(true), 1, 1.0), end);
        assert_eq!(once.next(&broken(false), 1, 1.0), again(1.0, true));
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let end = Next::End(HttpErrorKind::Refused { status });
        assert_eq!(once.next(&refused(500, None), 1, 1.0), end);
        assert_eq!(once.next(&refused(429, Some(2)), 1, 1.0), again(2.0, false));
    }

    #[test]
    fn a_vendor_says_what_it_means() {
        let judged = |verdict: Option<Verdict>| Rule {
            judge: Some(Arc::new(move |refusal| {
                verdict.filter(|_| refusal.body() == b"quota")
            })),
            ..rule()
        };
        let next = |verdict| judged(verdict).next(&refused(403, None), 1, 1.0);
        let status = StatusCode::FORBIDDEN;
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(next(None), Next::End(HttpErrorKind::Refused { status }));
        assert_eq!(next(Some(Verdict::Retry)), again(1.0, true));
        assert_eq!(
            next(Some(Verdict::Wait(Duration::from_secs(30)))),
            again(30.0, false)
        );
        assert_eq!(
            next(Some(Verdict::Later { after: hour })),
            Next::End(HttpErrorKind::RetryLater { after: hour })
        );
        assert_eq!(
            next(Some(Verdict::Unauthorized)),
            Next::End(HttpErrorKind::Unauthorized)
        );
    }

    #[test]
    fn what_is_too_large_is_not_asked_for_again() {
        let end = Next::End(HttpErrorKind::TooLarge);
        let limit_bytes = 5;
        assert_eq!(rule().next(&Failure::TooLarge { limit_bytes }, 1, 1.0), end);
    }
}

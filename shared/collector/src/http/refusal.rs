//! An answer that is no success.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use weir_model::Timestamp;

/// An answer that is no success, for whoever judges what it means.
#[derive(Clone)]
pub struct Refusal {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The beginning of its body, up to 64 KB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Its body, if it is JSON of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn into_body(self) -> Bytes {
        self.body
    }

    /// How long the server asks to wait: seconds, or until a date, which is compared with the
    /// answer's own date, because clocks differ.
    pub(super) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header(RETRY_AFTER)?.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).ok();
        }
        let until_ms = date_ms(text)?;
        let here = self.header(DATE).and_then(date_ms);
        let wait_ms = until_ms.saturating_sub(here.unwrap_or(now.as_millis()));
        Some(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
    }

    fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn date_ms(text: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Bodies and headers may hold anything.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({})", self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(http::HeaderName, &str)]) -> Option<f64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect();
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, headers, Bytes::new());
        let now = Timestamp::parse("2026-11-21T17:00:00Z").unwrap();
        refusal.retry_after(now).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait(&[(RETRY_AFTER, "7")]), Some(7.0));
        assert_eq!(wait(&[(RETRY_AFTER, " 0.5")]), Some(0.5));
        let date = (RETRY_AFTER, "Sat, 21 Nov 2026 17:00:30 GMT");
        assert_eq!(wait(std::slice::from_ref(&date)), Some(30.0));
        let own = (DATE, "Sat, 21 Nov 2026 17:00:20 GMT");
        assert_eq!(wait(&[date, own]), Some(10.0));
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait() {
        let date = (RETRY_AFTER, "Sat, 21 Nov 2026 16:00:00 GMT");
        assert_eq!(wait(&[date]), Some(0.0));
    }

    #[test]
    fn a_retry_after_that_is_neither_counts_for_nothing() {
        for bad in ["soon", "-1", "NaN", "inf", "1e300", ""] {
            assert_eq!(wait(&[(RETRY_AFTER, bad)]), None, "{bad}");
        }
        assert_eq!(wait(&[]), None);
    }
}

//! How long is waited for what, and how much is taken in.

use std::time::Duration;

use crate::fault::Fault;

/// The first pause of a backoff, in milliseconds: for tests and for emulators.
const BACKOFF_BASE: &str = "WEIR_BACKOFF_BASE_MS";

/// The pause that waits of our own choice are given for; another base shortens or lengthens all of
/// them in proportion.
pub(super) const USUAL_BASE: Duration = Duration::from_secs(1);

/// How long is waited for what, and how much is taken in.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Until a connection stands.
    pub connect_time: Duration,
    /// Until the server says something more.
    pub read_time: Duration,
    /// One attempt, from the connection to the end of the body; for a stream, to its headers.
    pub answer_time: Duration,
    /// All attempts of a request with the waits between them.
    pub total_time: Duration,
    /// How often a request is sent whose answers are lost or are the server's own failures.
    pub tries: u32,
    /// The first pause of a backoff.
    pub backoff_base: Duration,
    /// The largest body, decompressed, that is held whole.
    pub max_body_bytes: u64,
    /// The largest body, decompressed, that is read as it arrives.
    pub max_stream_bytes: u64,
    /// The largest item of a list that is read as it arrives.
    pub max_item_bytes: u64,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_time: Duration::from_secs(10),
            read_time: Duration::from_secs(120),
            answer_time: Duration::from_secs(300),
            total_time: Duration::from_secs(900),
            tries: 5,
            backoff_base: USUAL_BASE,
            max_body_bytes: 64 << 20,
            max_stream_bytes: 64 << 30,
            max_item_bytes: 16 << 20,
        }
    }
}

impl HttpOptions {
    /// The usual, with the base of the backoff from `WEIR_BACKOFF_BASE_MS` if it is set.
    ///
    /// # Errors
    /// When the variable is no number of milliseconds from 1 to 60,000.
    pub fn from_environment() -> Result<Self, Fault> {
        Self::with_base(variable().as_deref())
    }

    fn with_base(base: Option<&str>) -> Result<Self, Fault> {
        let usual = Self::default();
        let Some(text) = base.filter(|text| !text.is_empty()) else {
            return Ok(usual);
        };
        match text.parse() {
            Ok(base_ms @ 1..=60_000) => Ok(Self {
                backoff_base: Duration::from_millis(base_ms),
                ..usual
            }),
            _ => Err(Fault::new(format!(
                "{BACKOFF_BASE} is {text:?} and must be a number of milliseconds from 1 to 60000"
            ))),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one variable of outbound HTTP, read here and nowhere else"
)]
fn variable() -> Option<String> {
    std::env::var(BACKOFF_BASE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_is_no_number_of_milliseconds_is_refused() {
        for bad in ["0", "-1", "60001", "1s", "1.5"] {
            let error = HttpOptions::with_base(Some(bad)).unwrap_err().to_string();
            assert!(
                error.contains(BACKOFF_BASE) && error.contains(bad),
                "{error}"
            );
        }
        let base = |text| HttpOptions::with_base(text).unwrap().backoff_base;
        assert_eq!(base(Some("20")), Duration::from_millis(20));
        assert_eq!(base(None), USUAL_BASE);
        assert_eq!(base(Some("")), USUAL_BASE);
    }
}

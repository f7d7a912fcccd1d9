//! Requests to third parties: the one place that sends any.
//!
//! Sources and sinks never sleep and never count tries. They say what they want and what a refusal
//! means ([`Verdict`]); here is waited (`Retry-After`, else capped exponential backoff with
//! jitter), within the time that the job run has. A wait longer than [`LONGEST_WAIT`] is nobody's
//! business to sit out: it ends as [`HttpErrorKind::RetryLater`].
//!
//! Addresses may hold keys and bodies may hold anything, so neither is logged nor part of an error:
//! a request is known by its host and by the route that its caller names. Of an answer that
//! refuses, errors quote what the server said, without the secrets that were sent.

mod address;
mod attempt;
mod body;
mod client;
mod error;
mod hand;
mod items;
mod options;
mod pace;
mod refusal;
mod request;
mod response;
mod retry;
mod said;
mod segment;
mod streaming;
mod surrogates;
#[cfg(test)]
mod tests;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;
use weir_model::Timestamp;
use weir_store::{Clock, SystemClock};

pub(crate) use address::without_user;
pub use address::{address, shown_address};
pub(crate) use client::build_plain;
pub use error::{HttpError, HttpErrorKind};
pub use items::Items;
pub use options::HttpOptions;
pub use pace::Pace;
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use retry::{LONGEST_WAIT, Verdict};
pub(crate) use said::redact;
pub use segment::segment;
pub use streaming::{BodyReader, Streaming};

/// Sends requests to third parties. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    options: Arc<HttpOptions>,
    clock: Arc<dyn Clock>,
    stop: Option<Instant>,
}

impl Http {
    /// Sets up connections, HTTPS and limits.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        Ok(Self {
            client: client::build(&options)?,
            options: Arc::new(options),
            clock: Arc::new(SystemClock),
            stop: None,
        })
    }

    /// Takes the time of day, which a `Retry-After` with a date is compared with if its answer has
    /// no `Date`, from this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Waits so long for a silent server, and so long for an answer: its beginning, if it is read as
    /// it arrives. It has connections of its own; clock and end stay.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn with_times(
        &self,
        read_time: Duration,
        answer_time: Duration,
    ) -> Result<Self, HttpError> {
        let options = HttpOptions {
            read_time,
            answer_time,
            ..HttpOptions::clone(&self.options)
        };
        Ok(Self {
            client: client::build(&options)?,
            options: Arc::new(options),
            ..self.clone()
        })
    }

    /// Ends every request and every wait before `time`: what a job run has.
    #[must_use]
    pub fn stop_at(&self, time: Timestamp) -> Self {
        let left_ms = time.as_millis() - self.clock.now().as_millis();
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        Self {
            stop: Some(Instant::now() + left),
            ..self.clone()
        }
    }

    /// Ends requests so much later than they would, if they have an end: for a sink, which saves what
    /// its source came to.
    #[must_use]
    pub fn stop_later(&self, by: Duration) -> Self {
        Self {
            stop: self.stop.map(|stop| stop + by),
            ..self.clone()
        }
    }

    /// Begins a request that asks.
    pub fn get(&self, url: impl AsRef<str>) -> Request {
        self.request(Method::GET, url)
    }

    /// Begins a request that brings something. It is sent again when it fails, unless it is said to
    /// be sent [`once`](Request::once).
    pub fn post(&self, url: impl AsRef<str>) -> Request {
        self.request(Method::POST, url)
    }

    /// Begins a request that replaces something.
    pub fn put(&self, url: impl AsRef<str>) -> Request {
        self.request(Method::PUT, url)
    }

    /// Begins any request.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> Request {
        Request::new(self.clone(), method, url.as_ref())
    }
}

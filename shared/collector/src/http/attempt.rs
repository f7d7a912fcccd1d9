//! One attempt: a request out, an answer in.

use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};
use reqwest::Url;
use tokio::time::{Instant, timeout, timeout_at};

use crate::http::body::{self, BodyError};
use crate::http::client::innermost;
use crate::http::request::Wanted;
use crate::http::retry::Failure;
use crate::http::streaming::Bounds;
use crate::http::{Http, Refusal, Response, Streaming};

/// How much is read of an answer that refuses: its message is at the beginning.
const REFUSAL_BYTES: u64 = 64 * 1024;

/// How often one attempt is sent to another path of the same server.
const REDIRECTS: usize = 5;

/// One attempt.
pub(super) struct Attempt<'a> {
    pub(super) http: &'a Http,
    pub(super) wanted: &'a Wanted,
    pub(super) place: &'a str,
    pub(super) number: u32,
    pub(super) end: Instant,
}

impl Attempt<'_> {
    /// The whole answer.
    pub(super) async fn whole(&self) -> Result<Response, Failure> {
        let limit_bytes = self.wanted.max_body_bytes;
        self.in_time(async {
            let mut answer = self.answer().await?;
            let body = body::whole(&mut answer, limit_bytes, self.read_time()).await;
            let body = body.map_err(|error| broken_body(error, limit_bytes))?;
            let headers = std::mem::take(answer.headers_mut());
            let status = answer.status();
            Ok(Response::new(self.place, status, headers, body))
        })
        .await
    }

    /// The beginning of the answer.
    pub(super) async fn beginning(&self) -> Result<Streaming, Failure> {
        let answer = self.in_time(self.answer()).await?;
        let bounds = Bounds {
            limit_bytes: self.wanted.max_stream_bytes,
            max_item_bytes: self.wanted.max_item_bytes,
            read_time: self.read_time(),
            stop: self.http.stop,
        };
        Ok(Streaming::new(self.place, answer, bounds))
    }

    fn read_time(&self) -> Duration {
        self.http.options.read_time
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let end = self.end.min(began + self.wanted.answer_time);
        let done = timeout_at(end, work).await;
        let done = done.unwrap_or_else(|_| Err(too_slow(end - began)));
        self.log(began.elapsed(), &done);
        done
    }

    fn log<T>(&self, took: Duration, done: &Result<T, Failure>) {
        let took_ms = took.as_millis();
        let outcome = match done {
            Ok(_) => "answered".to_owned(),
            Err(Failure::Refused { refusal, .. }) => refusal.status().to_string(),
            Err(Failure::Broken { cause, .. }) => cause.clone(),
            Err(Failure::TooLarge { .. }) => "too large".to_owned(),
        };
        let (request, attempt) = (self.place, self.number);
        tracing::debug!(request, attempt, took_ms, outcome, "{request}: {outcome}");
    }

    /// An answer that is a success.
    async fn answer(&self) -> Result<reqwest::Response, Failure> {
        let mut url = self.wanted.url.clone().expect("it was checked before");
        for _ in 0..=REDIRECTS {
            let answer = self.exchange(&url).await?;
            match self.elsewhere(&url, &answer) {
                Some(other) => url = other,
                None if answer.status().is_success() => return Ok(answer),
                None => return Err(self.refused(answer).await),
            }
        }
        Err(Failure::Broken {
            cause: format!("more than {REDIRECTS} redirects"),
            was_sent: true,
        })
    }

    async fn exchange(&self, url: &Url) -> Result<reqwest::Response, Failure> {
        let wanted = self.wanted;
        let request = self.http.client.request(wanted.method.clone(), url.clone());
        let request = request.headers(wanted.headers.clone());
        let request = match wanted.body.is_empty() {
            true => request,
            false => request.body(wanted.body.clone()),
        };
        let sent = timeout(self.read_time(), request.send()).await;
        let sent = sent.map_err(|_| silent())?;
        sent.map_err(|error| Failure::Broken {
            was_sent: !error.is_connect(),
            cause: cause(&error),
        })
    }

    /// Where the same server has what was asked for. To another server nothing is sent: it is
    /// not the one that the secrets are for.
    fn elsewhere(&self, url: &Url, answer: &reqwest::Response) -> Option<Url> {
        let is_moved = matches!(
            answer.status(),
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        );
        if !is_moved || self.wanted.method != Method::GET {
            return None;
        }
        let location = answer.headers().get(LOCATION)?.to_str().ok()?;
        let other = url.join(location).ok()?;
        (other.origin() == url.origin()).then_some(other)
    }

    async fn refused(&self, mut answer: reqwest::Response) -> Failure {
        let status = answer.status();
        let body = match status.is_redirection() {
            true => Bytes::from_static(b"redirected: give the address that it has moved to"),
            // What it said is told if it came; that it refused is known already.
            false => body::beginning(&mut answer, REFUSAL_BYTES, self.read_time()).await,
        };
        let headers = std::mem::take(answer.headers_mut());
        let refusal = Refusal::new(status, headers, body);
        Failure::Refused {
            retry_after: refusal.retry_after(self.http.clock.now()),
            refusal: Box::new(refusal),
        }
    }
}

fn too_slow(time: Duration) -> Failure {
    Failure::Broken {
        cause: format!("no whole answer within {:.1} s", time.as_secs_f64()),
        was_sent: true,
    }
}

fn silent() -> Failure {
    Failure::Broken {
        cause: "the server was silent for too long".to_owned(),
        was_sent: true,
    }
}

fn broken_body(error: BodyError, limit_bytes: u64) -> Failure {
    match error {
        BodyError::TooLarge => Failure::TooLarge { limit_bytes },
        BodyError::Cut(cause) | BodyError::Garbled(cause) => Failure::Broken {
            cause,
            was_sent: true,
        },
    }
}

fn cause(error: &reqwest::Error) -> String {
    match error {
        error if error.is_timeout() && error.is_connect() => "cannot connect in time".to_owned(),
        error if error.is_connect() => format!("cannot connect: {}", innermost(error)),
        error => innermost(error),
    }
}

//! The HTTP client behind every command: finds its way to a Weir, fetches tokens, and tells
//! errors that pass from those that stay.
//!
//! The one place of this program that builds HTTP clients.

mod call;
mod error;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::args::Secret;
use crate::failure::Failure;
use call::{ANSWER_TIME, follow};
pub(crate) use call::{Answer, Call, path, segment};
use error::refusal;
pub(crate) use error::{ApiError, DEFECT};

/// Beyond this, nobody listens there.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A connection that was quiet for longer is not used again: a server that is about to close it
/// would cut the next request.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// The first pause before a request is sent again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause of our own choice.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Names a request for its server.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// For how long a command that a person waits for keeps trying.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// A Weir, and the right to use it.
#[derive(Debug)]
pub(crate) struct Api {
    http: Client,
    base: String,
    credentials: Option<Credentials>,
    token: Mutex<Option<Arc<str>>>,
    /// Whether anything ever came back: who was never there is not waited for.
    answered: AtomicBool,
}

/// Who we are at a server.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// The client's id.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: Secret,
}

impl Api {
    /// Talks to the server behind a control socket.
    pub(crate) fn local(socket: &Path) -> anyhow::Result<Api> {
        let http = build(|client| client.unix_socket(socket))?;
        Ok(Api {
            http,
            base: "http://localhost".into(),
            credentials: None,
            token: Mutex::default(),
            answered: AtomicBool::default(),
        })
    }

    /// Talks to a server by its address.
    pub(crate) fn remote(server: &str, credentials: Credentials) -> anyhow::Result<Api> {
        let url = reqwest::Url::parse(server);
        if !url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            let hint = "write it like http://127.0.0.1:8080 or https://weir.example.org";
            let message = format!("--server {server:?} is not an http or https address");
            return Err(Failure::usage(message).hint(hint).into());
        }
        Ok(Api {
            http: build(|client| client)?,
            base: server.trim_end_matches('/').into(),
            credentials: Some(credentials),
            token: Mutex::default(),
            answered: AtomicBool::default(),
        })
    }

    /// Sends a request once.
    ///
    /// A token that is no longer good is renewed first, which costs a second attempt.
    pub(crate) async fn once(&self, call: &Call) -> Result<Answer, ApiError> {
        let Some(credentials) = &self.credentials else {
            return self.send(call, None).await;
        };
        let token = self.token(credentials, None).await?;
        match self.send(call, Some(&token)).await {
            Err(error) if error.is_unauthorized() => {
                let token = self.token(credentials, Some(&token)).await?;
                self.send(call, Some(&token)).await
            }
            done => done,
        }
    }

    /// Sends a request until it is answered for good, or patience ends. Only for requests that
    /// may be repeated.
    pub(crate) async fn persist(
        &self,
        call: &Call,
        patience: Duration,
    ) -> Result<Answer, ApiError> {
        let end = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.once(call).await {
                Err(error) if error.passes() && self.answered.load(Ordering::Relaxed) => error,
                done => return done,
            };
            let wait = error
                .retry_after()
                .map_or_else(|| jitter(pause), |wait| wait.min(LONGEST_WAIT));
            if Instant::now() + wait > end {
                return Err(error);
            }
            let seconds = wait.as_secs_f64();
            tracing::warn!("{error}; trying again in {seconds:.1} s");
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads a listing page after page.
    pub(crate) async fn pages(
        &self,
        path: String,
        mut each: impl FnMut(&Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut call = Call::get(path);
        loop {
            let answer = self.persist(&call, PATIENCE).await?;
            each(&answer)?;
            match answer.next() {
                Some(next) => call = Call::get(follow(&call.path, next)),
                None => return Ok(()),
            }
        }
    }

    async fn send(&self, call: &Call, token: Option<&str>) -> Result<Answer, ApiError> {
        let mut request = self.http.request(call.method.clone(), self.url(&call.path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &call.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(time) = call.time {
            request = request.timeout(time);
        }
        if !call.body.is_empty() {
            request = request
                .header(CONTENT_TYPE, call.media_type)
                .body(call.body.clone());
        }
        self.exchange(request).await
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, ApiError> {
        let response = request.send().await.map_err(|error| self.cut(&error))?;
        self.answered.store(true, Ordering::Relaxed);
        let status = response.status();
        let (headers, body) = self.read(response).await?;
        match status.is_success() {
            true => Ok(Answer { headers, body }),
            false => Err(ApiError::Refused(refusal(status, &headers, &body))),
        }
    }

    async fn read(&self, response: Response) -> Result<(HeaderMap, Bytes), ApiError> {
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|error| self.cut(&error))?;
        Ok((headers, body))
    }

    /// The current token; another one than `stale`, which was refused.
    async fn token(
        &self,
        credentials: &Credentials,
        stale: Option<&str>,
    ) -> Result<Arc<str>, ApiError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: Arc<str>,
        }
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Some(&***token) != stale) {
            return Ok(Arc::clone(token));
        }
        let request = self
            .http
            .post(self.url("/o/token/"))
            .basic_auth(&credentials.id, Some(credentials.secret.expose()))
            .timeout(ANSWER_TIME)
            .form(&[("grant_type", "client_credentials")]);
        let answer = self.exchange(request).await?;
        let granted: Granted = serde_json::from_slice(answer.body())
            .map_err(|_| self.cut_because("the answer to the token request has no token"))?;
        Ok(Arc::clone(held.insert(granted.access_token)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn cut(&self, error: &reqwest::Error) -> ApiError {
        // The innermost cause says what happened; the outer ones repeat the address.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        self.cut_because(&cause.to_string())
    }

    fn cut_because(&self, cause: &str) -> ApiError {
        let server = match self.credentials {
            Some(_) => self.base.clone(),
            None => "the server that keeps the data".into(),
        };
        ApiError::Cut {
            server,
            cause: cause.into(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of this program"
)]
fn build(set_up: impl FnOnce(ClientBuilder) -> ClientBuilder) -> anyhow::Result<Client> {
    // The provider must be named before the first client; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = concat!("weir/", env!("CARGO_PKG_VERSION"));
    let client = Client::builder()
        .user_agent(agent)
        .connect_timeout(CONNECT_TIME)
        .pool_idle_timeout(IDLE_TIME);
    set_up(client)
        .build()
        .map_err(|error| anyhow!("cannot set up an HTTP client: {error}"))
}

/// A client without anything, for tests of what is served.
#[cfg(test)]
pub(crate) fn plain_client() -> Client {
    build(|client| client).expect("a client can be built")
}

/// Between half of a pause and all of it, so that those who failed together come back apart.
fn jitter(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness the whole pause is right as well.
    let share = getrandom::fill(&mut random).map_or(255, |()| u32::from(random[0]));
    pause / 2 + pause / 2 * share / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_keeps_at_least_half_of_its_length() {
        for _ in 0..100 {
            let pause = jitter(Duration::from_millis(200));
            assert!((100..=200).contains(&pause.as_millis()), "{pause:?}");
        }
    }

    #[test]
    fn an_address_without_a_scheme_is_refused() {
        let credentials = Credentials {
            id: "a".into(),
            secret: Secret::new("b"),
        };
        for bad in ["localhost:8080", "weir.example.org", "ftp://x", ""] {
            assert!(Api::remote(bad, credentials.clone()).is_err(), "{bad}");
        }
        assert!(Api::remote("http://127.0.0.1:8080/", credentials).is_ok());
    }
}

//! The HTTP client: the one place of this crate that builds one.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use crate::answer::Reply;
use crate::https::{self, HttpsError};

/// Beyond this, nobody listens there.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A connection that was quiet for longer is not used again: a server that is about to close it
/// would cut the next request.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// No answer of a Weir to a batch is larger; what is, is not read to its end.
const ANSWER_BYTES: usize = 1 << 20;

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
    timeout: Duration,
}

/// A request that got no answer: why, and what came of it.
#[derive(Debug)]
pub(crate) struct Cut(pub(crate) String, pub(crate) Arrival);

/// What may have arrived of a request without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nothing: there was no connection.
    Nothing,
    /// All of it, perhaps.
    Perhaps,
}

impl Http {
    /// A client whose requests take so long at most; see [`https::config`] for whom it trusts.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place of this crate"
    )]
    pub(crate) fn new(
        timeout: Duration,
        is_https: bool,
        roots: &[Vec<u8>],
    ) -> Result<Self, HttpsError> {
        let client = Client::builder()
            .user_agent(concat!("weir-client/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME.min(timeout))
            .pool_idle_timeout(IDLE_TIME)
            .tcp_nodelay(true)
            // A redirected POST may come back as a GET, and a key must not go elsewhere.
            .redirect(Policy::none())
            .tls_backend_preconfigured(https::config(is_https, roots)?)
            .build()
            .map_err(HttpsError::new)?;
        Ok(Self { client, timeout })
    }

    /// Begins a POST.
    pub(crate) fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url).timeout(self.timeout)
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn exchange(request: RequestBuilder) -> Result<Reply, Cut> {
    let response = request.send().await.map_err(|error| cut(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read(response).await?;
    Ok(Reply {
        status,
        headers,
        body,
    })
}

async fn read(mut response: Response) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| cut(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            let why = format!("an answer of more than {ANSWER_BYTES} bytes");
            return Err(Cut(why, Arrival::Perhaps));
        }
        body.extend(chunk);
    }
    Ok(body)
}

/// The innermost cause says what happened; the outer ones repeat the address.
fn cut(error: &reqwest::Error) -> Cut {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let why = match error.is_timeout() {
        true => "timed out".to_owned(),
        false => cause.to_string(),
    };
    let arrival = match error.is_connect() {
        true => Arrival::Nothing,
        false => Arrival::Perhaps,
    };
    Cut(why, arrival)
}

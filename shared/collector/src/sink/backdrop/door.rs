//! Requests to a Backdrop, and what its refusals mean.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;
use reqwest::Url;
use serde::Deserialize;

use crate::fault::Fault;
use crate::http::{Http, HttpError, HttpErrorKind, redact, shown_address};
use crate::secrets::SecretText;
use crate::sink::SinkError;
use crate::sink::backdrop::GZIP_OVER_BYTES;

/// How often a chunk is sent while the server fails: what Backdrop's own client does.
const TRIES: u32 = 5;
/// What a refusal may say of itself.
const REASON_CHARS: usize = 500;

/// Reads a data set's token as it is now.
pub type Renewal = Box<dyn Fn() -> BoxFuture<'static, Result<SecretText, SinkError>> + Send + Sync>;

/// Sends requests with the token of a data set.
pub(super) struct Door {
    http: Http,
    token: SecretText,
    pub(super) renewal: Option<Renewal>,
    /// Whether large bodies are compressed.
    packs: bool,
}

/// What is done at the address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Post,
    Put,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Post => "POST",
            Verb::Put => "PUT",
        })
    }
}

impl Door {
    pub(super) fn new(http: Http, token: SecretText) -> Self {
        Self {
            http,
            token,
            renewal: None,
            packs: true,
        }
    }

    /// Sends a body, until it is taken or refused for good.
    pub(super) async fn deliver(
        &mut self,
        verb: Verb,
        url: &Url,
        body: Bytes,
    ) -> Result<(), SinkError> {
        let mut sent = self.send(verb, url, &body).await;
        if let (Err(error), Some(renewal)) = (&sent, &self.renewal)
            && error.is_unauthorized()
        {
            self.token = renewal().await?;
            sent = self.send(verb, url, &body).await;
        }
        if let Err(error) = &sent
            && self.packs
            && body.len() > GZIP_OVER_BYTES
            && error.status() == Some(StatusCode::BAD_REQUEST)
        {
            sent = self.unpacked(verb, url, &body).await;
        }
        sent.map_err(|error| refused(url, error, &self.token))
    }

    async fn send(&self, verb: Verb, url: &Url, body: &Bytes) -> Result<(), HttpError> {
        let request = match verb {
            Verb::Post => self.http.post(url.as_str()),
            Verb::Put => self.http.put(url.as_str()),
        };
        let request = request
            .route(url.path())
            .bearer(&self.token)
            .body("application/json", body.clone())
            .tries(TRIES);
        let request = match self.packs {
            true => request.gzip_over(GZIP_OVER_BYTES),
            false => request,
        };
        request.send().await.map(drop)
    }

    /// Some doors hand on what is called JSON as text, which destroys what is packed (API Gateway
    /// does). Only a chunk that is taken unpacked shows that this is one.
    async fn unpacked(&mut self, verb: Verb, url: &Url, body: &Bytes) -> Result<(), HttpError> {
        self.packs = false;
        let sent = self.send(verb, url, body).await;
        match &sent {
            Ok(()) => {
                let place = shown_address(url.as_str());
                tracing::info!("{place} does not take compressed chunks: sending them as they are");
            }
            Err(_) => self.packs = true,
        }
        sent
    }
}

/// A refusal in the words of whoever configured the job.
fn refused(url: &Url, error: HttpError, token: &SecretText) -> SinkError {
    let status = match error.kind() {
        HttpErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        HttpErrorKind::Refused { status } => status,
        _ => return error.into(),
    };
    let place = shown_address(url.as_str());
    SinkError::Final(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Fault::new(format!("{place} does not take the token"))
                .hint("the job's token must be the one of this data set")
        }
        StatusCode::NOT_FOUND => Fault::new(format!("there is no data set at {place}"))
            .hint("make it there, or correct data-group and data-type"),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Fault::new(format!("{place} does not take chunks as large as this"))
                .hint("lower the option chunk-size")
        }
        status => Fault::new(format!(
            "{place} refused records ({status}): {}",
            reason(&error, token)
        )),
    })
}

/// What a Backdrop says of why, without the token that it may repeat.
fn reason(error: &HttpError, token: &SecretText) -> String {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        messages: Vec<String>,
        message: Option<String>,
    }
    let said = error.json::<Said>().map(|mut said| {
        said.messages.extend(said.message);
        said.messages.join(", ")
    });
    let said = said.filter(|said| !said.is_empty());
    let reason = said.unwrap_or_else(|| error.to_string());
    let reason = redact(reason, std::slice::from_ref(token));
    reason.chars().take(REASON_CHARS).collect()
}

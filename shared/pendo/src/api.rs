//! Requests to Pendo, and what its refusals mean.
//!
//! All requests of a run go through one [`Gate`], so that a limit of requests is everyone's. Answers
//! are parsed as they arrive. A key that is refused is read again, once: it may have been changed.

mod access;
mod ask;
mod key;
mod observer;
mod patience;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use weir_collector::http::{Http, HttpError, HttpErrorKind, Items, Request, Streaming, Verdict};
use weir_collector::secrets::SecretText;
use weir_collector::{Fault, SourceError};

use crate::config::Config;
use crate::gate::Gate;
use crate::record::{Row, RowSeed};
use crate::streams::StreamId;

pub use access::{PendoAccess, base_url};
pub(crate) use ask::{
    Apps, Ask, EventsAsked, entity, events, events_count, history, metadata, quoted, reports,
};
pub use key::{Key, KeyRenewal};
pub use observer::{Observer, Outcome};
pub(crate) use patience::Patience;
pub(crate) use trouble::{FORBIDDEN, Trouble};

/// Where the key goes. Source: Pendo's API, engageapi.pendo.io, "Authentication".
const KEY_HEADER: HeaderName = HeaderName::from_static("x-pendo-integration-key");

/// How often a request is sent whose answers are lost or are Pendo's own failures.
pub(crate) const TRIES: u32 = 7;

/// How long a request may wait in all, beside the time of its answers.
const WAITS: Duration = Duration::from_secs(900);

/// Asks Pendo, for one run.
#[derive(Debug)]
pub(crate) struct Api {
    access: PendoAccess,
    http: Http,
    gate: Arc<Gate>,
    pause: Duration,
    total_time: Duration,
}

impl Api {
    /// Nothing is asked yet. `pause` is the first pause of a backoff where an answer was cut.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub(crate) fn open(
        config: &Config,
        access: &PendoAccess,
        pause: Duration,
    ) -> Result<Api, SourceError> {
        let time = config.request_timeout;
        Ok(Api {
            http: access.http.with_times(time, time)?,
            gate: Arc::new(Gate::new(config.requests_per_second)),
            access: access.clone(),
            pause,
            total_time: time.saturating_mul(TRIES).saturating_add(WAITS),
        })
    }

    /// The time now, in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.access.clock.now().as_millis()
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.access.observer
    }

    /// What sits out answers that are cut.
    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.pause)
    }

    /// The rows of an answer, as they arrive.
    pub(crate) async fn rows(
        &self,
        stream: StreamId,
        ask: &Ask,
        seed: RowSeed,
    ) -> Result<Items<Row>, Trouble> {
        let answer = self.stream(stream, ask).await?;
        Ok(answer.items_with(ask.list(), seed))
    }

    /// An answer that is small, whole.
    pub(crate) async fn whole(&self, stream: StreamId, ask: &Ask) -> Result<Value, Trouble> {
        let mut key = self.access.key.text().await;
        let mut patience = self.patience();
        loop {
            let began = Instant::now();
            let answer = self.request(ask, &key).send().await;
            let status = answer.as_ref().map(|answer| answer.status());
            self.observe(stream, status, began);
            match answer.map(|answer| answer.json()) {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(malformed)) => patience.again(malformed).await?,
                Err(error) => key = self.other_key(key, error).await?,
            }
        }
    }

    /// The one number of an answer that counts rows.
    pub(crate) async fn count(&self, stream: StreamId, ask: &Ask) -> Result<u64, Trouble> {
        let answer = self.whole(stream, ask).await?;
        let count = answer.pointer("/results/0/count").and_then(Value::as_u64);
        let unknown = || Fault::new("Pendo does not say how many rows there are when it is asked");
        count.ok_or_else(|| Trouble::Refused(unknown()))
    }

    async fn stream(&self, stream: StreamId, ask: &Ask) -> Result<Streaming, Trouble> {
        let mut key = self.access.key.text().await;
        loop {
            let began = Instant::now();
            let answer = self.request(ask, &key).stream().await;
            let status = answer.as_ref().map(Streaming::status);
            self.observe(stream, status, began);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => key = self.other_key(key, error).await?,
            }
        }
    }

    fn request(&self, ask: &Ask, key: &SecretText) -> Request {
        let url = format!("{}{}", self.access.base_url, ask.path());
        let request = match ask.body() {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url).query(ask.query()),
        };
        let gate = Arc::clone(&self.gate);
        request
            .route(ask.route())
            .max_item_bytes(ask.item_bytes())
            .secret_header(KEY_HEADER, key)
            .tries(TRIES)
            .total_time(self.total_time)
            .pace(gate)
            .judge(|refusal| match refusal.status() {
                StatusCode::REQUEST_TIMEOUT => Some(Verdict::Retry),
                status => status.is_server_error().then_some(Verdict::Retry),
            })
    }

    /// Another key than the one that was refused.
    async fn other_key(&self, key: SecretText, error: HttpError) -> Result<SecretText, Trouble> {
        if !error.is_unauthorized() {
            return Err(error.into());
        }
        let is_other = self.access.key.is_other_than(&key).await;
        match is_other.map_err(Trouble::End)? {
            true => Ok(self.access.key.text().await),
            false => Err(Trouble::End(SourceError::Final(refused_key(&error)))),
        }
    }

    fn observe(&self, stream: StreamId, status: Result<StatusCode, &HttpError>, began: Instant) {
        let status = match status {
            Ok(status) => Some(status),
            Err(error) => match error.kind() {
                HttpErrorKind::RetryLater { .. } => Some(StatusCode::TOO_MANY_REQUESTS),
                _ => error.status(),
            },
        };
        let status = status.map(|status| status.as_u16());
        self.observer().request(stream, status, began.elapsed());
    }
}

fn refused_key(error: &HttpError) -> Fault {
    let fault = Fault::new(format_args!("Pendo refuses the key (401): {error}"));
    fault.hint(
        "make \"x_pendo_integration_key\" an integration key that is valid (Pendo: Settings, \
         Integrations, Integration Keys)",
    )
}

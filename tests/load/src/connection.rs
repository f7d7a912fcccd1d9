//! One connection to a server: one request at a time, and no more work for each than it takes,
//! because the load shares its cores with what it measures.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long an answer is waited for: longer than a server takes to settle a doubt.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request with its whole body.
pub(crate) type Outgoing = Request<Full<Bytes>>;

/// A connection that is made when it is first needed, and again after it broke.
#[derive(Debug)]
pub(crate) struct Connection {
    address: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) says_when_to_retry: bool,
    pub(crate) body: Bytes,
}

impl Connection {
    /// A connection to a host and port.
    pub(crate) fn new(address: &str) -> Self {
        let address = address.to_owned();
        Self {
            address,
            sender: None,
        }
    }

    /// Sends a request and waits for its answer. After an error what became of it is not known.
    pub(crate) async fn send(&mut self, request: Outgoing) -> Result<Answer> {
        self.send_within(request, PATIENCE).await
    }

    /// The same, but hangs up after a time.
    pub(crate) async fn send_within(
        &mut self,
        request: Outgoing,
        patience: Duration,
    ) -> Result<Answer> {
        // Taken out, so that a connection with an answer under way is never used again.
        let sender = self.sender.take();
        let exchange = exchange(&self.address, sender, request);
        let (answer, sender) = tokio::time::timeout(patience, exchange)
            .await
            .map_err(|_| anyhow!("no answer within {patience:?}"))??;
        self.sender = Some(sender);
        Ok(answer)
    }
}

async fn exchange(
    address: &str,
    sender: Option<SendRequest<Full<Bytes>>>,
    request: Outgoing,
) -> Result<(Answer, SendRequest<Full<Bytes>>)> {
    let mut sender = match sender {
        Some(sender) if sender.is_ready() => sender,
        _ => connect(address).await?,
    };
    sender.ready().await?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let answer = Answer {
        status: head.status,
        says_when_to_retry: head.headers.contains_key(RETRY_AFTER),
        body: body.collect().await?.to_bytes(),
    };
    Ok((answer, sender))
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Answer {
    /// The body, if the request was a success.
    pub(crate) fn success(self) -> Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let text = String::from_utf8_lossy(&self.body);
        Err(anyhow!("{}: {text}", self.status))
    }
}

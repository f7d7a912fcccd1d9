//! A Backdrop over HTTP: another installation's data set, or the program that Weir replaces.
//!
//! Records go in chunks of at most [`CHUNK`] (or as the job says), compressed over 2,048 bytes, each
//! sent up to five times while the server fails. Ids make a chunk that is sent again replace what
//! is there. A dry run prints each request instead of sending it, without the token.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use http::StatusCode;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::http::{Http, HttpError, HttpErrorKind};
use crate::message::Message;
use crate::secrets::SecretText;
use crate::sink::identity::Identities;
use crate::sink::{Patience, Sink, SinkError};

/// Records of a chunk: what Backdrop's own client sends.
pub const CHUNK: usize = 100;
/// Bodies over this are compressed: what Backdrop's own client does.
const GZIP_OVER_BYTES: usize = 2_048;
/// Bytes of records after which a chunk goes early: Backdrop takes bodies of a megabyte or more,
/// Weir's own door 4 MB.
const CHUNK_BYTES: usize = 1_000_000;
/// How often a chunk is sent while the server fails: what Backdrop's own client does.
const TRIES: u32 = 5;
/// What a refusal may say of itself.
const REASON_CHARS: usize = 500;

/// Delivers to a data set behind HTTP.
#[derive(Debug)]
pub struct BackdropSink {
    url: Url,
    delivery: Delivery,
    chunk_size: usize,
    identities: Identities,
    waiting: Vec<Vec<u8>>,
    waiting_bytes: usize,
}

/// What is done with a request.
enum Delivery {
    Send { http: Http, token: SecretText },
    Print(Box<dyn Write + Send>),
}

impl BackdropSink {
    /// Delivers to the data set at this address, which ends in its group and type.
    ///
    /// # Errors
    /// When it is not an address.
    pub fn new(url: &str, token: SecretText, http: Http) -> Result<Self, Fault> {
        Self::with(url, Delivery::Send { http, token })
    }

    /// Prints the requests instead of sending them.
    ///
    /// # Errors
    /// When it is not an address.
    pub fn dry_run(url: &str, to: impl Write + Send + 'static) -> Result<Self, Fault> {
        Self::with(url, Delivery::Print(Box::new(to)))
    }

    fn with(url: &str, delivery: Delivery) -> Result<Self, Fault> {
        let parsed = Url::parse(url).ok();
        let url = parsed
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                Fault::new(format!("{url:?} is not the address of a Backdrop"))
                    .hint("it begins with http:// or https://")
            })?;
        Ok(Self {
            url,
            delivery,
            chunk_size: CHUNK,
            identities: Identities::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
        })
    }

    /// Records of a chunk, at least one.
    #[must_use]
    pub fn chunk_size(mut self, records: usize) -> Self {
        self.chunk_size = records.max(1);
        self
    }

    async fn take(&mut self, message: Message) -> Result<(), SinkError> {
        match message {
            Message::Schema(schema) => self.identities.learn(schema),
            Message::Record(record) => {
                let document = self.identities.document(record).map_err(SinkError::Final)?;
                self.add(&document).await?;
            }
            Message::Empty { .. } => {
                self.forget();
                self.request(Verb::Put, b"[]".to_vec()).await?;
            }
            Message::State(_) => {}
        }
        Ok(())
    }

    async fn add(&mut self, document: &Map<String, Value>) -> Result<(), SinkError> {
        let json = serde_json::to_vec(document).expect("a document is JSON");
        if self.waiting_bytes + json.len() > CHUNK_BYTES {
            self.post().await?;
        }
        self.waiting_bytes += json.len();
        self.waiting.push(json);
        if self.waiting.len() >= self.chunk_size {
            self.post().await?;
        }
        Ok(())
    }

    async fn post(&mut self) -> Result<(), SinkError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let body = list(&self.waiting, self.waiting_bytes);
        self.request(Verb::Post, body).await?;
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    async fn request(&mut self, verb: Verb, body: Vec<u8>) -> Result<(), SinkError> {
        match &mut self.delivery {
            Delivery::Print(to) => print(to, verb, &self.url, &body),
            Delivery::Send { http, token } => {
                let request = match verb {
                    Verb::Post => http.post(self.url.as_str()),
                    Verb::Put => http.put(self.url.as_str()),
                };
                let sent = request
                    .route(self.url.path())
                    .bearer(token)
                    .body("application/json", body)
                    .gzip_over(GZIP_OVER_BYTES)
                    .tries(TRIES)
                    .send()
                    .await;
                sent.map(|_| ()).map_err(|error| refused(&self.url, error))
            }
        }
    }
}

/// What is done at the address.
#[derive(Debug, Clone, Copy)]
enum Verb {
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

/// A JSON list of documents, one a line.
fn list(documents: &[Vec<u8>], bytes: usize) -> Vec<u8> {
    let mut list = Vec::with_capacity(bytes + 2 * documents.len() + 2);
    list.push(b'[');
    for (place, document) in documents.iter().enumerate() {
        if place > 0 {
            list.extend(b",\n");
        }
        list.extend(document);
    }
    list.push(b']');
    list
}

fn print(to: &mut impl Write, verb: Verb, url: &Url, body: &[u8]) -> Result<(), SinkError> {
    let mut write = || -> io::Result<()> {
        writeln!(to, "{verb} {}", shown(url))?;
        writeln!(to, "Authorization: Bearer ***")?;
        writeln!(to, "Content-Type: application/json")?;
        if body.len() > GZIP_OVER_BYTES {
            writeln!(to, "Content-Encoding: gzip")?;
        }
        writeln!(to)?;
        to.write_all(body)?;
        writeln!(to, "\n")
    };
    write()
        .map_err(|error| SinkError::Final(Fault::new(format!("cannot print the request: {error}"))))
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that can have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

/// A refusal in the words of whoever configured the job.
fn refused(url: &Url, error: HttpError) -> SinkError {
    let status = match error.kind() {
        HttpErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        HttpErrorKind::Refused { status } => status,
        _ => return error.into(),
    };
    let place = shown(url);
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
            reason(&error)
        )),
    })
}

/// What a Backdrop says of why.
fn reason(error: &HttpError) -> String {
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
    reason.chars().take(REASON_CHARS).collect()
}

impl Sink for BackdropSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        for message in messages {
            self.take(message).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.post().await?;
        if let Delivery::Print(to) = &mut self.delivery {
            let flushed = to.flush();
            flushed.map_err(|error| SinkError::Final(Fault::new(error)))?;
        }
        Ok(())
    }

    async fn abandon(&mut self) {
        self.forget();
    }

    fn patience(&self) -> Patience {
        Patience {
            records: 1_000,
            time: Duration::from_secs(30),
        }
    }
}

/// Without the token and the writer.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delivery::Send { .. } => "Send",
            Delivery::Print(_) => "Print",
        })
    }
}

#[cfg(test)]
mod tests;

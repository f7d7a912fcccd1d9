//! A Backdrop over HTTP: another installation's data set, or the program that Weir replaces.
//!
//! Records go in chunks of at most [`CHUNK`] (or as the job says), compressed over 2,048 bytes, each
//! sent up to five times while the server fails. Ids make a chunk that is sent again replace what
//! is there. A dry run prints each request instead of sending it, without the token.

mod door;

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::http::{self, Http};
use crate::message::Message;
use crate::secrets::SecretText;
use crate::sink::identity::Identities;
use crate::sink::{Patience, Sink, SinkError};
use door::{Door, Verb};

pub use door::Renewal;

/// Records of a chunk: what Backdrop's own client sends.
pub const CHUNK: usize = 100;
/// Bodies over this are compressed: what Backdrop's own client does.
const GZIP_OVER_BYTES: usize = 2_048;
/// Bytes of records after which a chunk goes early: Backdrop takes bodies of a megabyte or more,
/// Weir's own door 4 MB.
const CHUNK_BYTES: usize = 1_000_000;

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
    Send(Door),
    Print(Box<dyn Write + Send>),
}

impl BackdropSink {
    /// Delivers to the data set at this address, which ends in its group and type.
    ///
    /// # Errors
    /// When it is not an address, or has a user and a password in it.
    pub fn new(url: &str, token: SecretText, http: Http) -> Result<Self, Fault> {
        Self::with(url, Delivery::Send(Door::new(http, token)))
    }

    /// Reads the token anew, once for each request, when it is not taken: it may have been changed.
    #[must_use]
    pub fn renewing(mut self, renewal: Renewal) -> Self {
        if let Delivery::Send(door) = &mut self.delivery {
            door.renewal = Some(renewal);
        }
        self
    }

    /// Prints the requests instead of sending them.
    ///
    /// # Errors
    /// When it is not an address, or has a user and a password in it.
    pub fn dry_run(url: &str, to: impl Write + Send + 'static) -> Result<Self, Fault> {
        Self::with(url, Delivery::Print(Box::new(to)))
    }

    fn with(url: &str, delivery: Delivery) -> Result<Self, Fault> {
        let url = http::address("the address of the Backdrop", url)?;
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
            Delivery::Send(door) => door.deliver(verb, &self.url, body.into()).await,
        }
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
        writeln!(to, "{verb} {}", http::shown_address(url.as_str()))?;
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
            Delivery::Send(_) => "Send",
            Delivery::Print(_) => "Print",
        })
    }
}

#[cfg(test)]
mod tests;

//! An answer whose body is read as it arrives.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::poll;
use http::{HeaderMap, StatusCode};
use serde::de::{DeserializeOwned, DeserializeSeed};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::http::body::{self, BodyError};
use crate::http::items::Text;
use crate::http::response::malformed;
use crate::http::{HttpError, HttpErrorKind, Items};

/// An answer, which is a success, whose body is read as it arrives.
pub struct Streaming {
    place: Arc<str>,
    answer: reqwest::Response,
    read_bytes: u64,
    bounds: Bounds,
}

/// How much is taken of an answer, and how long is waited for it.
pub(super) struct Bounds {
    pub(super) limit_bytes: u64,
    pub(super) max_item_bytes: u64,
    pub(super) read_time: Duration,
    pub(super) stop: Option<Instant>,
}

impl Streaming {
    pub(super) fn new(place: &str, answer: reqwest::Response, bounds: Bounds) -> Self {
        Self {
            place: place.into(),
            answer,
            read_bytes: 0,
            bounds,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// What has arrived since the last call, decompressed; nothing at the end of the body.
    ///
    /// # Errors
    /// When the body is cut, too large, or takes longer than there is time.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        let next = body::chunk(&mut self.answer, self.bounds.read_time);
        let next = match self.bounds.stop {
            Some(stop) => timeout_at(stop, next).await.map_err(|_| self.late())?,
            None => next.await,
        };
        let chunk = next.map_err(|error| self.cut(error))?;
        self.read_bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        match self.read_bytes > self.bounds.limit_bytes {
            true => Err(self.cut(BodyError::TooLarge)),
            false => Ok(chunk),
        }
    }

    /// The items of the list at `path` of the JSON that arrives, one after the other: `["results"]`
    /// for `{"results": […]}`, nothing for a list.
    pub fn items<T: DeserializeOwned + Send + 'static>(self, path: &[&str]) -> Items<T> {
        self.items_with(path, PhantomData::<T>)
    }

    /// The items of the list at `path` as `seed` reads them. They are parsed ahead of the reader by
    /// a few batches of at most 64 items or about 64 KB of text; more is not taken from the server.
    /// Half a character in a text is read as U+FFFD.
    pub fn items_with<T, S>(self, path: &[&str], seed: S) -> Items<T>
    where
        T: Send + 'static,
        S: for<'de> DeserializeSeed<'de, Value = T> + Clone + Send + 'static,
    {
        let text = Text {
            place: Arc::clone(&self.place),
            path: path.iter().map(|&key| key.to_owned()).collect(),
            max_item_bytes: self.bounds.max_item_bytes,
        };
        Items::begin(self, text, seed)
    }

    /// The body for readers that block, which have threads of their own
    /// ([`spawn_blocking`](tokio::task::spawn_blocking)).
    ///
    /// # Panics
    /// Outside of tokio's runtime; and reading does on its threads that must not block.
    pub fn reader(self) -> BodyReader {
        BodyReader {
            body: self,
            current: Bytes::new(),
            arrived: None,
            runtime: Handle::current(),
            gone: None,
            failed: None,
            error: None,
        }
    }

    /// The same, of which nothing more can be read once the other end of `gone` is dropped.
    pub(super) fn reader_until(self, gone: oneshot::Receiver<()>) -> BodyReader {
        BodyReader {
            gone: Some(gone),
            ..self.reader()
        }
    }

    fn cut(&self, error: BodyError) -> HttpError {
        let place = &self.place;
        match error {
            BodyError::Cut(cause) => {
                HttpError::new(HttpErrorKind::Unavailable, format!("{place}: {cause}"))
            }
            BodyError::TooLarge => {
                let limit_bytes = self.bounds.limit_bytes;
                let message = format!("{place}: the answer is larger than {limit_bytes} bytes");
                HttpError::new(HttpErrorKind::TooLarge, message)
            }
            BodyError::Garbled(cause) => malformed(place, &format!("is garbled: {cause}")),
        }
    }

    fn late(&self) -> HttpError {
        let message = format!("{}: no time is left for the rest of the answer", self.place);
        HttpError::new(HttpErrorKind::Unavailable, message)
    }
}

/// Bodies may hold anything.
impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Streaming({}, {})", self.place, self.status())
    }
}

/// The body of an answer, for readers that block. Parsers read on after a failure, each level of
/// what they were parsing once: they are told the same again, and the server is not waited for again.
#[derive(Debug)]
pub struct BodyReader {
    body: Streaming,
    current: Bytes,
    arrived: Option<Result<Option<Bytes>, HttpError>>,
    runtime: Handle,
    gone: Option<oneshot::Receiver<()>>,
    failed: Option<String>,
    error: Option<HttpError>,
}

/// Why no more can be read.
enum End {
    Unwanted,
    Broken(HttpError),
}

impl BodyReader {
    /// Why reading failed, if it did.
    pub fn take_error(&mut self) -> Option<HttpError> {
        self.error.take()
    }

    /// Whether the next read would wait for the server.
    pub(super) fn would_wait(&mut self) -> bool {
        if !self.has_next() {
            let chunk = pin!(self.body.chunk());
            if let Poll::Ready(arrived) = self.runtime.block_on(async { poll!(chunk) }) {
                self.arrived = Some(arrived);
            }
        }
        !self.has_next()
    }

    fn has_next(&self) -> bool {
        !self.current.is_empty() || self.arrived.is_some() || self.failed.is_some()
    }

    fn next(&mut self) -> io::Result<()> {
        while self.current.is_empty() {
            if let Some(failed) = &self.failed {
                return Err(io::Error::other(failed.clone()));
            }
            match self.chunk() {
                Ok(Some(chunk)) => self.current = chunk,
                Ok(None) => break,
                Err(end) => self.fail(end),
            }
        }
        Ok(())
    }

    fn fail(&mut self, end: End) {
        self.failed = Some(match &end {
            End::Unwanted => "nobody wants more".to_owned(),
            End::Broken(error) => error.to_string(),
        });
        if let End::Broken(error) = end {
            self.error = Some(error);
        }
    }

    /// What arrives next, unless nobody wants it any more.
    fn chunk(&mut self) -> Result<Option<Bytes>, End> {
        if let Some(arrived) = self.arrived.take() {
            return arrived.map_err(End::Broken);
        }
        let body = &mut self.body;
        let Some(gone) = &mut self.gone else {
            return self.runtime.block_on(body.chunk()).map_err(End::Broken);
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = gone => Err(End::Unwanted),
                chunk = body.chunk() => chunk.map_err(End::Broken),
            }
        })
    }
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.next()?;
        let taken = self.current.len().min(into.len());
        self.current.copy_to_slice(&mut into[..taken]);
        Ok(taken)
    }
}

//! An answer whose body is read as it arrives.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::http::body::{self, BodyError};
use crate::http::{HttpError, HttpErrorKind, Items};

/// An answer, which is a success, whose body is read as it arrives.
pub struct Streaming {
    place: Arc<str>,
    answer: reqwest::Response,
    read_bytes: u64,
    limit_bytes: u64,
    max_item_bytes: u64,
    stop: Option<Instant>,
}

impl Streaming {
    pub(super) fn new(
        place: &str,
        answer: reqwest::Response,
        limit_bytes: u64,
        max_item_bytes: u64,
        stop: Option<Instant>,
    ) -> Self {
        Self {
            place: place.into(),
            answer,
            read_bytes: 0,
            limit_bytes,
            max_item_bytes,
            stop,
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
        let next = self.answer.chunk();
        let next = match self.stop {
            Some(stop) => timeout_at(stop, next).await.map_err(|_| self.late())?,
            None => next.await,
        };
        let chunk = next.map_err(|error| self.cut(body::cut(&error)))?;
        self.read_bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        match self.read_bytes > self.limit_bytes {
            true => Err(self.cut(BodyError::TooLarge)),
            false => Ok(chunk),
        }
    }

    /// The items of the list at `path` of the JSON that arrives, one after the other: `["results"]`
    /// for `{"results": […]}`, nothing for a list. Only as much is held as the reader is behind.
    pub fn items<T: DeserializeOwned + Send + 'static>(self, path: &[&str]) -> Items<T> {
        let place = Arc::clone(&self.place);
        let path = path.iter().map(|&key| key.to_owned()).collect();
        let max_item_bytes = self.max_item_bytes;
        Items::begin(place, self.reader(), path, max_item_bytes)
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
            runtime: Handle::current(),
            error: None,
        }
    }

    fn cut(&self, error: BodyError) -> HttpError {
        let (kind, what) = match error {
            BodyError::Cut(cause) => (HttpErrorKind::Unavailable, cause),
            BodyError::TooLarge => {
                let what = format!("the answer is larger than {} bytes", self.limit_bytes);
                (HttpErrorKind::TooLarge, what)
            }
        };
        HttpError::new(kind, format!("{}: {what}", self.place))
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

/// The body of an answer, for readers that block.
#[derive(Debug)]
pub struct BodyReader {
    body: Streaming,
    current: Bytes,
    runtime: Handle,
    error: Option<HttpError>,
}

impl BodyReader {
    /// Why reading failed, if it did.
    pub fn take_error(&mut self) -> Option<HttpError> {
        self.error.take()
    }

    fn next(&mut self) -> io::Result<()> {
        while self.current.is_empty() {
            match self.runtime.block_on(self.body.chunk()) {
                Ok(Some(chunk)) => self.current = chunk,
                Ok(None) => break,
                Err(error) => {
                    let shown = io::Error::other(error.to_string());
                    self.error = Some(error);
                    return Err(shown);
                }
            }
        }
        Ok(())
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

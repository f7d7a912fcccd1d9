//! The items of a list in a JSON text, one after the other, as the text arrives.
//!
//! The text is parsed on a thread that may block and never held: the parser hands items over in
//! batches ([`Hand`]) and waits while the reader is behind. It parses to the end of the text, so
//! that a text that is cut after its list is told from a whole one.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::vec;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::error::Category;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::http::hand::Hand;
use crate::http::response::{malformed, problem};
use crate::http::surrogates::Paired;
use crate::http::{BodyReader, HttpError, HttpErrorKind, Streaming};

/// How many batches of items wait for the reader, beside the one that is being filled.
const BATCHES: usize = 1;

/// How much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// The items of a list, one after the other. Whoever drops it ends the answer.
#[derive(Debug)]
pub struct Items<T> {
    batch: vec::IntoIter<T>,
    batches: Receiver<Vec<T>>,
    parser: Option<JoinHandle<Result<(), HttpError>>>,
    /// With it goes the parser, which may be waiting for the server.
    _here: oneshot::Sender<()>,
}

impl<T: Send + 'static> Items<T> {
    pub(super) fn begin<S>(body: Streaming, text: Text, seed: S) -> Self
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Clone + Send + 'static,
    {
        let (sender, batches) = channel(BATCHES);
        let (here, gone) = oneshot::channel();
        let reader = body.reader_until(gone);
        let parser = spawn_blocking(move || text.parse(reader, seed, Hand::new(sender)));
        Self {
            batch: Vec::new().into_iter(),
            batches,
            parser: Some(parser),
            _here: here,
        }
    }

    /// The next item; nothing after the last.
    ///
    /// # Errors
    /// When the body is cut, or too large, or is not JSON with a list of such items there. What
    /// came before stays as it was.
    pub async fn next(&mut self) -> Result<Option<T>, HttpError> {
        loop {
            if let Some(item) = self.batch.next() {
                return Ok(Some(item));
            }
            match self.batches.recv().await {
                Some(batch) => self.batch = batch.into_iter(),
                None => break,
            }
        }
        match self.parser.take() {
            Some(parser) => match parser.await {
                Ok(done) => done.map(|()| None),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            None => Ok(None),
        }
    }
}

/// The text that is parsed: where its list is, and how large its items may be.
pub(super) struct Text {
    pub(super) place: Arc<str>,
    pub(super) path: Vec<String>,
    pub(super) max_item_bytes: u64,
}

impl Text {
    fn parse<T, S>(&self, mut reader: BodyReader, seed: S, hand: Hand<T>) -> Result<(), HttpError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Clone,
    {
        let found = self.walk(&mut reader, seed, &hand);
        // What came before a failure goes out before it is told.
        let is_wanted = hand.over().is_ok();
        match (found, reader.take_error()) {
            // Whoever wanted the items is gone, and so is whoever would hear of it.
            _ if !is_wanted => Ok(()),
            (_, Some(error)) => Err(error),
            (Ok(true), None) => Ok(()),
            (Ok(false), None) => {
                let problem = format!("has no list at {:?}", self.path);
                Err(malformed(&self.place, &problem))
            }
            (Err(error), None) => Err(self.error(&error)),
        }
    }

    /// Parses the whole text, and says whether the list was in it.
    fn walk<T, S>(
        &self,
        reader: &mut BodyReader,
        seed: S,
        hand: &Hand<T>,
    ) -> serde_json::Result<bool>
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Clone,
    {
        let meter = Meter::new(self.max_item_bytes);
        let bounded = Bounded {
            reader,
            meter: &meter,
            hand,
        };
        let paired = Paired::new(bounded, BUFFER_BYTES);
        let mut json = Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, paired));
        let walk = Walk {
            path: &self.path,
            seed: &seed,
            hand,
            meter: &meter,
        };
        let found = walk.deserialize(&mut json)?;
        json.end()?;
        Ok(found)
    }

    fn error(&self, error: &serde_json::Error) -> HttpError {
        let (place, max_bytes) = (&self.place, self.max_item_bytes);
        match error.classify() {
            Category::Io => {
                let message = format!("{place}: an item is larger than {max_bytes} bytes");
                HttpError::new(HttpErrorKind::TooLarge, message)
            }
            // A server that names no length cuts its answer like this.
            Category::Eof => {
                let message = format!("{place}: the answer {}", problem(error));
                HttpError::new(HttpErrorKind::Unavailable, message)
            }
            Category::Syntax | Category::Data => malformed(place, &problem(error)),
        }
    }
}

/// How much was read since the last item.
struct Meter {
    since_item_bytes: Cell<u64>,
    max_bytes: u64,
}

impl Meter {
    fn new(max_item_bytes: u64) -> Self {
        Self {
            since_item_bytes: Cell::new(0),
            max_bytes: max_item_bytes.saturating_add(BUFFER_BYTES as u64),
        }
    }

    fn restart(&self) {
        self.since_item_bytes.set(0);
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        let since = self.since_item_bytes.get() + bytes as u64;
        self.since_item_bytes.set(since);
        match since > self.max_bytes {
            true => Err(io::Error::other("an item is too large")),
            false => Ok(()),
        }
    }
}

struct Bounded<'a, T> {
    reader: &'a mut BodyReader,
    meter: &'a Meter,
    hand: &'a Hand<T>,
}

impl<T> Read for Bounded<'_, T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Parsers read on after a failure; an item that is too large stays so.
        self.meter.add(0)?;
        // What is there does not wait for what the server has not sent yet.
        if !self.hand.is_empty() && self.reader.would_wait() {
            self.hand.over_if_taken();
        }
        let read = self.reader.read(into)?;
        self.meter.add(read)?;
        self.hand.add_bytes(read);
        Ok(read)
    }
}

/// Goes down the path to the list, and says whether it was there.
struct Walk<'a, T, S> {
    path: &'a [String],
    seed: &'a S,
    hand: &'a Hand<T>,
    meter: &'a Meter,
}

impl<'de, T, S> DeserializeSeed<'de> for Walk<'_, T, S>
where
    S: DeserializeSeed<'de, Value = T> + Clone,
{
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        match self.path.is_empty() {
            true => json.deserialize_seq(self),
            false => json.deserialize_map(self),
        }
    }
}

impl<'de, T, S> Visitor<'de> for Walk<'_, T, S>
where
    S: DeserializeSeed<'de, Value = T> + Clone,
{
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.first() {
            Some(key) => write!(f, "an object with {key:?}"),
            None => f.write_str("a list"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while let Some(item) = list.next_element_seed(self.seed.clone())? {
            let handed = self.hand.add(item);
            handed.map_err(|_| A::Error::custom("nobody wants more"))?;
            self.meter.restart();
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = object.next_key::<String>()? {
            self.meter.restart();
            if self.path.first() == Some(&key) {
                found |= object.next_value_seed(Walk {
                    path: &self.path[1..],
                    ..self
                })?;
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

impl<T, S> Clone for Walk<'_, T, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, S> Copy for Walk<'_, T, S> {}

//! The items of a list in a JSON text, one after the other, as the text arrives.
//!
//! The text is parsed on a thread that may block and never held: the parser hands each item over
//! and waits while the reader is behind. It parses to the end of the text, so that a text that is
//! cut after its list is told from a whole one.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Deserializer;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::http::response::{malformed, problem};
use crate::http::{BodyReader, HttpError, HttpErrorKind};

/// How many items the parser may be ahead.
const AHEAD: usize = 64;

/// How much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// The items of a list, one after the other.
#[derive(Debug)]
pub struct Items<T> {
    items: Receiver<T>,
    parser: Option<JoinHandle<Result<(), HttpError>>>,
}

impl<T: DeserializeOwned + Send + 'static> Items<T> {
    pub(super) fn begin(
        place: Arc<str>,
        reader: BodyReader,
        path: Vec<String>,
        max_item_bytes: u64,
    ) -> Self {
        let (sender, items) = channel(AHEAD);
        let parser = spawn_blocking(move || parse(&place, reader, &path, max_item_bytes, &sender));
        let parser = Some(parser);
        Self { items, parser }
    }

    /// The next item; nothing after the last.
    ///
    /// # Errors
    /// When the body is cut, or too large, or is not JSON with a list of such items there. What
    /// came before stays as it was.
    pub async fn next(&mut self) -> Result<Option<T>, HttpError> {
        if let Some(item) = self.items.recv().await {
            return Ok(Some(item));
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

fn parse<T: DeserializeOwned>(
    place: &str,
    mut reader: BodyReader,
    path: &[String],
    max_item_bytes: u64,
    sender: &Sender<T>,
) -> Result<(), HttpError> {
    let meter = Meter::new(max_item_bytes);
    let found = walk(&mut reader, &meter, path, sender);
    match (found, reader.take_error()) {
        (_, Some(error)) => Err(error),
        (Ok(true), None) => Ok(()),
        (Ok(false), None) => Err(malformed(place, &format!("has no list at {path:?}"))),
        // Whoever wanted the items is gone, and so is whoever would hear of it.
        (Err(_), None) if sender.is_closed() => Ok(()),
        (Err(error), None) if error.is_io() => {
            let message = format!("{place}: an item is larger than {max_item_bytes} bytes");
            Err(HttpError::new(HttpErrorKind::TooLarge, message))
        }
        (Err(error), None) => Err(malformed(place, &problem(&error))),
    }
}

/// Parses the whole text, and says whether the list was in it.
fn walk<T: DeserializeOwned>(
    reader: &mut BodyReader,
    meter: &Meter,
    path: &[String],
    sender: &Sender<T>,
) -> serde_json::Result<bool> {
    let bounded = Bounded { reader, meter };
    let mut json = Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, bounded));
    let walk = Walk {
        path,
        sender,
        meter,
    };
    let found = walk.deserialize(&mut json)?;
    json.end()?;
    Ok(found)
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

struct Bounded<'a> {
    reader: &'a mut BodyReader,
    meter: &'a Meter,
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.meter.add(read)?;
        Ok(read)
    }
}

/// Goes down the path to the list, and says whether it was there.
struct Walk<'a, T> {
    path: &'a [String],
    sender: &'a Sender<T>,
    meter: &'a Meter,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Walk<'_, T> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        match self.path.is_empty() {
            true => json.deserialize_seq(self),
            false => json.deserialize_map(self),
        }
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Walk<'_, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.first() {
            Some(key) => write!(f, "an object with {key:?}"),
            None => f.write_str("a list"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while let Some(item) = list.next_element::<T>()? {
            let sent = self.sender.blocking_send(item);
            sent.map_err(|_| A::Error::custom("nobody wants more"))?;
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

impl<T> Clone for Walk<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Walk<'_, T> {}

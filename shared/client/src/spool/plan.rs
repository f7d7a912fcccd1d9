//! What a spool file says of itself: its head, and which batches its lines have become.

use std::io;

use serde::{Deserialize, Serialize};

use crate::key::Key;

/// The files that this program writes and reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    version: u32,
    pub(super) key: Key,
}

impl Head {
    pub(super) fn of(key: Key) -> Self {
        let version = VERSION;
        Self { version, key }
    }

    pub(super) fn read(content: &[u8]) -> io::Result<Self> {
        let head: Self = from_json(content)?;
        match head.version {
            VERSION => Ok(head),
            other => Err(invalid(&format!("version {other} is not known"))),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) parts: Vec<Part>,
}

/// A batch: some of the file's lines, under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) key: Key,
    /// From the first line to before the last, several times.
    pub(super) ranges: Vec<(usize, usize)>,
    pub(crate) attempted: Option<Attempted>,
}

/// When a batch was first attempted, and by whom: keys are a client's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempted {
    pub(crate) at_ms: i64,
    pub(crate) by: String,
}

impl Part {
    pub(super) fn of(key: Key, places: impl IntoIterator<Item = usize>) -> Self {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for place in places {
            match ranges.last_mut() {
                Some((_, to)) if *to == place => *to += 1,
                _ => ranges.push((place, place + 1)),
            }
        }
        Self {
            key,
            ranges,
            attempted: None,
        }
    }

    pub(super) fn places(&self) -> Vec<usize> {
        let ranges = self.ranges.iter();
        ranges.flat_map(|&(from, to)| from..to).collect()
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.ranges.iter().map(|(from, to)| to - from).sum()
    }
}

/// Events of all these batches.
pub(super) fn events(parts: &[Part]) -> usize {
    parts.iter().map(Part::events).sum()
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers can be written")
}

pub(super) fn from_json<'a, T: Deserialize<'a>>(content: &'a [u8]) -> io::Result<T> {
    serde_json::from_slice(content).map_err(|error| invalid(&error.to_string()))
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

//! Chunks: pieces of a run of merged events.

use super::bytes::{Reader, put_varint};
use super::events::{put_events, read_events};
use super::{DecodeError, VERSION, pack};
use crate::day::Day;
use crate::event::StoredEvent;

/// The stored form of events of one UTC hour, in time order.
///
/// [`Block::size_estimate`](crate::Block::size_estimate) bounds its size before it is packed.
#[derive(Debug, Clone, Copy)]
pub struct Chunk;

impl Chunk {
    /// Encodes events of one UTC hour. Their totals are in the manifest.
    ///
    /// # Panics
    /// If there are more than a million events or 64 MB, which no item of the store could hold.
    pub fn encode(events: &[StoredEvent]) -> Vec<u8> {
        let mut payload = Vec::new();
        if let Some(first) = events.first() {
            put_events(&mut payload, first.timestamp.day(), events);
        }
        let mut out = vec![VERSION];
        put_varint(&mut out, events.len() as u64);
        pack::pack(&mut out, &payload, pack::EVENTS_BYTES_MAX);
        out
    }

    /// Decodes what [`Chunk::encode`] wrote. The day is known from the chunk's key.
    pub fn decode(day: Day, bytes: &[u8]) -> Result<Vec<StoredEvent>, DecodeError> {
        let mut reader = Reader::versioned(bytes)?;
        let length = reader.number()?;
        pack::unpack(reader, pack::EVENTS_BYTES_MAX, |reader| {
            read_events(reader, day, length)
        })
    }
}

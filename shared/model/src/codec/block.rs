//! Blocks: what one commit brought of a series and day.

use super::bytes::{Reader, put_varint};
use super::events::{COLUMNS_BYTES_MAX, event_bytes_max, put_events, read_events};
use super::totals::{QUARTER_BYTES_MAX, put_quarters, read_quarters};
use super::{DecodeError, VERSION, pack};
use crate::day::Day;
use crate::event::StoredEvent;
use crate::quarters::Quarters;

/// From so many events on a block stores its totals; those of fewer are counted anew as fast.
const TOTALS_FROM_EVENTS: usize = 8;

/// The events of one series and day from one commit. It may be empty: then it settles a doubt.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The day that all its events lie in.
    pub day: Day,
    /// Its events, in the order of the request.
    pub events: Vec<StoredEvent>,
}

impl Block {
    /// The most that a block takes besides its events: version, number of events, the totals of
    /// all quarters with their length, and the columns' own bytes.
    pub const OVERHEAD: usize =
        1 + 5 + 5 + (Quarters::COUNT as usize) * QUARTER_BYTES_MAX + 32 + 1 + COLUMNS_BYTES_MAX;

    /// The most that an event adds to [`Block::encode`], of a block or a chunk. The sum over its
    /// events and [`Block::OVERHEAD`] bounds the size of each.
    pub fn size_estimate(event: &StoredEvent) -> usize {
        event_bytes_max(event)
    }

    /// Encodes it.
    ///
    /// # Panics
    /// If it holds more than a million events or 64 MB, which no item of the store could.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.events.len() as u64);
        if self.events.len() >= TOTALS_FROM_EVENTS {
            let mut quarters = Vec::new();
            put_quarters(&mut quarters, &Quarters::from_events(&self.events));
            put_varint(&mut out, quarters.len() as u64);
            out.extend_from_slice(&quarters);
        }
        let mut payload = Vec::new();
        put_events(&mut payload, self.day, &self.events);
        pack::pack(&mut out, &payload, pack::EVENTS_BYTES_MAX);
        out
    }

    /// Decodes what [`Block::encode`] wrote. The day is known from the block's key.
    pub fn decode(day: Day, bytes: &[u8]) -> Result<Block, DecodeError> {
        let Parts { length, packed, .. } = Parts::read(bytes)?;
        let events = pack::unpack(packed, pack::EVENTS_BYTES_MAX, |reader| {
            read_events(reader, day, length)
        })?;
        Ok(Block { day, events })
    }

    /// The totals of an encoded block. Its events are decoded only if there are few.
    pub fn quarters_of(day: Day, bytes: &[u8]) -> Result<Quarters, DecodeError> {
        let parts = Parts::read(bytes)?;
        let Some(stored) = parts.quarters else {
            return Ok(Quarters::from_events(&Self::decode(day, bytes)?.events));
        };
        let mut reader = Reader::new(stored);
        let quarters = read_quarters(&mut reader)?;
        reader.finish()?;
        let counted: u64 = quarters.iter().map(|(_, totals)| totals.count()).sum();
        if counted == parts.length as u64 {
            Ok(quarters)
        } else {
            Err(DecodeError::Corrupt(
                "the totals are not those of the events",
            ))
        }
    }
}

/// An encoded block, taken apart.
struct Parts<'a> {
    length: usize,
    quarters: Option<&'a [u8]>,
    packed: Reader<'a>,
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::versioned(bytes)?;
        let length = reader.number()?;
        let mut quarters = None;
        if length >= TOTALS_FROM_EVENTS {
            let size = reader.number()?;
            quarters = Some(reader.take(size)?);
        }
        Ok(Self {
            length,
            quarters,
            packed: reader,
        })
    }
}

#[cfg(test)]
mod tests;

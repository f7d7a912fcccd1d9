//! Columns of what some events have: a form byte, a bit for each event if only some have it, then
//! the lengths, then the bytes.

use super::DecodeError;
use super::bytes::{Bitmap, Reader, put_bitmap, put_varint, put_zigzag};
use crate::event::StoredEvent;
use crate::timestamp::Timestamp;

const NONE: u8 = 0;
const ALL: u8 = 1;
const SOME: u8 = 2;

/// Appends who has it. `length` is the number of events.
fn put_presence(out: &mut Vec<u8>, has: impl Iterator<Item = bool> + Clone) {
    if !has.clone().any(|has| has) {
        out.push(NONE);
    } else if has.clone().all(|has| has) {
        out.push(ALL);
    } else {
        out.push(SOME);
        put_bitmap(out, has);
    }
}

/// Who has it.
#[derive(Clone, Copy)]
enum Presence<'a> {
    None,
    All,
    Some(Bitmap<'a>),
}

impl<'a> Presence<'a> {
    fn read(reader: &mut Reader<'a>, length: usize) -> Result<Self, DecodeError> {
        match reader.byte()? {
            NONE => Ok(Presence::None),
            ALL => Ok(Presence::All),
            SOME => Ok(Presence::Some(reader.bitmap(length)?)),
            _ => Err(DecodeError::Corrupt("the form of a column is unknown")),
        }
    }

    /// The events that have it.
    fn of<'e>(
        self,
        events: &'e mut [StoredEvent],
    ) -> impl Iterator<Item = &'e mut StoredEvent> + use<'a, 'e> {
        events
            .iter_mut()
            .enumerate()
            .filter_map(move |(place, event)| {
                let has = match self {
                    Presence::None => false,
                    Presence::All => true,
                    Presence::Some(bitmap) => bitmap.get(place),
                };
                has.then_some(event)
            })
    }
}

/// The most that a text takes besides its bytes: its length and its bit.
pub(super) fn text_bytes_max(text: Option<&str>) -> usize {
    text.map_or(0, |text| 5 + text.len())
}

pub(super) fn put_texts(
    out: &mut Vec<u8>,
    events: &[StoredEvent],
    field: impl Fn(&StoredEvent) -> Option<&str> + Copy,
) {
    put_presence(out, events.iter().map(|event| field(event).is_some()));
    let texts = events.iter().filter_map(field);
    texts
        .clone()
        .for_each(|text| put_varint(out, text.len() as u64));
    texts.for_each(|text| out.extend_from_slice(text.as_bytes()));
}

pub(super) fn read_texts(
    reader: &mut Reader<'_>,
    events: &mut [StoredEvent],
    field: impl Fn(&mut StoredEvent) -> &mut Option<Box<str>>,
) -> Result<(), DecodeError> {
    let presence = Presence::read(reader, events.len())?;
    let mut lengths = *reader;
    let mut total = 0_usize;
    for _ in presence.of(events) {
        total = total.saturating_add(reader.number()?);
    }
    let column = std::str::from_utf8(reader.take(total)?)
        .map_err(|_| DecodeError::Corrupt("a text is not UTF-8"))?;
    let mut from = 0;
    for event in presence.of(events) {
        let until = from + lengths.number::<usize>()?;
        let text = column
            .get(from..until)
            .ok_or(DecodeError::Corrupt("a text is cut"))?;
        *field(event) = Some(text.into());
        from = until;
    }
    Ok(())
}

/// Expiries, as their distance from the event's own time.
pub(super) fn put_expiries(out: &mut Vec<u8>, events: &[StoredEvent]) {
    put_presence(out, events.iter().map(|event| event.expires.is_some()));
    for event in events {
        if let Some(expires) = event.expires {
            put_zigzag(out, expires.as_millis() - event.timestamp.as_millis());
        }
    }
}

/// Reads expiries; the events have their times already.
pub(super) fn read_expiries(
    reader: &mut Reader<'_>,
    events: &mut [StoredEvent],
) -> Result<(), DecodeError> {
    for event in Presence::read(reader, events.len())?.of(events) {
        event.expires = Some(reader.timestamp(event.timestamp.as_millis())?);
    }
    Ok(())
}

/// When the last of some events expires; `None` if one never does.
pub(super) fn put_expiry(out: &mut Vec<u8>, expires: Option<Timestamp>) {
    match expires {
        None => out.push(NONE),
        Some(expires) => {
            out.push(SOME);
            put_zigzag(out, expires.as_millis());
        }
    }
}

pub(super) fn read_expiry(reader: &mut Reader<'_>) -> Result<Option<Timestamp>, DecodeError> {
    match reader.byte()? {
        NONE => Ok(None),
        SOME => Ok(Some(reader.timestamp(0)?)),
        _ => Err(DecodeError::Corrupt("the form of an expiry is unknown")),
    }
}

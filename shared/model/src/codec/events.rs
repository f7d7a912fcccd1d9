//! Events of one series and day, by column.
//!
//! The columns in their order: who wrote them (each writer once, then its place for each event),
//! request and index (as what differs from the event before), times (likewise, from the start of
//! the day), values, and what only some events have: ids, actors, properties, expiries.

use std::collections::HashMap;

use super::DecodeError;
use super::bytes::{INTEGER_MAX, Reader, is_integer, put_bits, put_varint, put_zigzag};
use super::optional::{put_expiries, put_texts, read_expiries, read_texts, text_bytes_max};
use crate::day::{DAY_MS, Day};
use crate::event::StoredEvent;
use crate::origin::{Origin, Writer};
use crate::timestamp::Timestamp;

/// No block or chunk holds more; about 120 MB in memory.
pub(super) const EVENTS_MAX: usize = 1 << 20;

/// The least an event takes: request, index, time and value.
const EVENT_BYTES_MIN: usize = 4;

/// The most that an event takes besides its texts: a new writer 12 and its place 3, request 10,
/// index 5, time 4, value 8, its bits of four columns 1.
const EVENT_BYTES_MAX: usize = 43;

/// The most that an expiry takes.
const EXPIRY_BYTES_MAX: usize = 7;

/// The most that the columns take besides their events: the number of writers, the forms of
/// times and values, and of four columns with the bytes that their last bits begin.
pub(super) const COLUMNS_BYTES_MAX: usize = 5 + 2 + 4 * 2;

const MILLISECONDS: u8 = 0;
const SECONDS: u8 = 1;
const INTEGERS: u8 = 0;
const BITS: u8 = 1;

/// The most that an event adds.
pub(super) fn event_bytes_max(event: &StoredEvent) -> usize {
    EVENT_BYTES_MAX
        + text_bytes_max(event.id.as_deref())
        + text_bytes_max(event.actor.as_deref())
        + text_bytes_max(event.properties.as_deref())
        + event.expires.map_or(0, |_| EXPIRY_BYTES_MAX)
}

/// Appends the columns of events that all lie in the day.
///
/// # Panics
/// If there are more events than can be decoded again.
pub(super) fn put_events(out: &mut Vec<u8>, day: Day, events: &[StoredEvent]) {
    assert!(
        events.len() <= EVENTS_MAX,
        "{} events are too many to encode",
        events.len()
    );
    debug_assert!(
        events.iter().all(|event| event.timestamp.day() == day),
        "events of {day}"
    );
    if events.is_empty() {
        return;
    }
    put_writers(out, events);
    put_origins(out, events);
    put_times(out, day, events);
    put_values(out, events);
    put_texts(out, events, |event| event.id.as_deref());
    put_texts(out, events, |event| event.actor.as_deref());
    put_texts(out, events, |event| event.properties.as_deref());
    put_expiries(out, events);
}

/// Reads the columns of `length` events.
pub(super) fn read_events(
    reader: &mut Reader<'_>,
    day: Day,
    length: usize,
) -> Result<Vec<StoredEvent>, DecodeError> {
    if length > EVENTS_MAX || length > reader.len() / EVENT_BYTES_MIN {
        return Err(DecodeError::Corrupt(
            "there are too many events for the bytes",
        ));
    }
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut events = read_writers(reader, length)?;
    read_origins(reader, &mut events)?;
    read_times(reader, day, &mut events)?;
    read_values(reader, &mut events)?;
    read_texts(reader, &mut events, |event| &mut event.id)?;
    read_texts(reader, &mut events, |event| &mut event.actor)?;
    read_texts(reader, &mut events, |event| &mut event.properties)?;
    read_expiries(reader, &mut events)?;
    Ok(events)
}

/// Each writer once; then, if there are several, the place of each event's.
fn put_writers(out: &mut Vec<u8>, events: &[StoredEvent]) {
    let mut places: HashMap<Writer, u64> = HashMap::new();
    let mut writers: Vec<Writer> = Vec::new();
    let mut column = Vec::new();
    // Neighbours mostly have the same writer, and are not looked up.
    let mut before = None;
    for event in events {
        let writer = event.origin.writer;
        let place = match before {
            Some((same, place)) if same == writer => place,
            _ => *places.entry(writer).or_insert_with(|| {
                writers.push(writer);
                writers.len() as u64 - 1
            }),
        };
        before = Some((writer, place));
        put_varint(&mut column, place);
    }
    put_varint(out, writers.len() as u64);
    writers
        .iter()
        .for_each(|writer| out.extend_from_slice(writer.as_bytes()));
    if writers.len() > 1 {
        out.extend_from_slice(&column);
    }
}

/// Reads the writers and makes the events, which have nothing else yet.
fn read_writers(reader: &mut Reader<'_>, length: usize) -> Result<Vec<StoredEvent>, DecodeError> {
    let count = reader.count(12)?;
    let mut writers = Vec::with_capacity(count);
    for _ in 0..count {
        writers.push(Writer::from_bytes(reader.array()?));
    }
    if let [only] = writers[..] {
        return Ok(vec![blank(only); length]);
    }
    let mut events = Vec::with_capacity(length);
    for _ in 0..length {
        let place: usize = reader.number()?;
        let writer = writers
            .get(place)
            .ok_or(DecodeError::Corrupt("a writer is missing"))?;
        events.push(blank(*writer));
    }
    Ok(events)
}

fn blank(writer: Writer) -> StoredEvent {
    StoredEvent {
        timestamp: Timestamp::MIN,
        value: 0.0,
        origin: Origin {
            writer,
            request: 0,
            index: 0,
        },
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

/// The index that an event has if it follows the one before in the same request.
fn expected_index(before: Option<Origin>, writer: Writer, request: u64) -> u32 {
    before
        .filter(|origin| origin.writer == writer && origin.request == request)
        .map_or(0, |origin| origin.index.wrapping_add(1))
}

/// All requests, then all indexes: a batch is a row of zeros in both.
fn put_origins(out: &mut Vec<u8>, events: &[StoredEvent]) {
    let mut before = 0;
    for event in events {
        put_zigzag(out, event.origin.request.wrapping_sub(before) as i64);
        before = event.origin.request;
    }
    let mut before = None;
    for event in events {
        let Origin {
            writer,
            request,
            index,
        } = event.origin;
        let distance = index.wrapping_sub(expected_index(before, writer, request)) as i32;
        put_zigzag(out, i64::from(distance));
        before = Some(event.origin);
    }
}

fn read_origins(reader: &mut Reader<'_>, events: &mut [StoredEvent]) -> Result<(), DecodeError> {
    let mut before = 0_u64;
    for event in &mut *events {
        before = before.wrapping_add(reader.zigzag()? as u64);
        event.origin.request = before;
    }
    let mut before = None;
    for event in events {
        let Origin {
            writer, request, ..
        } = event.origin;
        let distance = i32::try_from(reader.zigzag()?)
            .map_err(|_| DecodeError::Corrupt("an index is too large"))?;
        let expected = expected_index(before, writer, request);
        event.origin.index = expected.wrapping_add(distance as u32);
        before = Some(event.origin);
    }
    Ok(())
}

fn put_times(out: &mut Vec<u8>, day: Day, events: &[StoredEvent]) {
    let whole_seconds = events
        .iter()
        .all(|event| event.timestamp.as_millis() % 1_000 == 0);
    let (form, unit_ms) = if whole_seconds {
        (SECONDS, 1_000)
    } else {
        (MILLISECONDS, 1)
    };
    out.push(form);
    let mut before = day.start().as_millis();
    for event in events {
        let time = event.timestamp.as_millis();
        put_zigzag(out, (time - before) / unit_ms);
        before = time;
    }
}

fn read_times(
    reader: &mut Reader<'_>,
    day: Day,
    events: &mut [StoredEvent],
) -> Result<(), DecodeError> {
    let unit_ms = match reader.byte()? {
        MILLISECONDS => 1,
        SECONDS => 1_000,
        _ => return Err(DecodeError::Corrupt("the form of times is unknown")),
    };
    let start = day.start().as_millis();
    let mut of_day = 0_i64;
    for event in events {
        of_day = reader.zigzag()?.wrapping_mul(unit_ms).wrapping_add(of_day);
        if !(0..DAY_MS).contains(&of_day) {
            return Err(DecodeError::Corrupt("an event lies outside its day"));
        }
        event.timestamp = Timestamp::clamped(start + of_day);
    }
    Ok(())
}

fn put_values(out: &mut Vec<u8>, events: &[StoredEvent]) {
    if events.iter().all(|event| is_integer(event.value)) {
        out.push(INTEGERS);
        events
            .iter()
            .for_each(|event| put_zigzag(out, event.value as i64));
    } else {
        out.push(BITS);
        events.iter().for_each(|event| put_bits(out, event.value));
    }
}

fn read_values(reader: &mut Reader<'_>, events: &mut [StoredEvent]) -> Result<(), DecodeError> {
    let mode = reader.byte()?;
    for event in events {
        event.value = match mode {
            INTEGERS => reader.zigzag()? as f64,
            BITS => reader.bits()?,
            _ => return Err(DecodeError::Corrupt("the form of values is unknown")),
        };
        if !event.value.is_finite() || (mode == INTEGERS && event.value.abs() > INTEGER_MAX) {
            return Err(DecodeError::Corrupt("a value is out of range"));
        }
    }
    Ok(())
}

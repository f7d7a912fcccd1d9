//! The rules of a document, in the words of Backdrop (alphagov/backdrop, `core/validation.py`).

use serde_json::{Map, Value};

use super::{RECORD_BYTES, RECORD_ID_BYTES};
use crate::timestamp::{Timestamp, TimestampError};

/// The keys that may begin with `_`.
const RESERVED: [&str; 4] = ["_timestamp", "_start_at", "_end_at", "_id"];

/// What is wrong with a document, all of it.
pub(super) fn messages(body: &Map<String, Value>) -> Vec<String> {
    let mut messages: Vec<String> = body
        .iter()
        .filter_map(|(key, value)| message(key, value))
        .collect();
    let bytes = serde_json::to_string(body).map_or(usize::MAX, |text| text.len());
    if messages.is_empty() && bytes > RECORD_BYTES {
        messages.push(format!(
            "the record has {bytes} bytes as JSON; up to {RECORD_BYTES} are allowed"
        ));
    }
    messages
}

fn message(key: &str, value: &Value) -> Option<String> {
    if !is_key(key) {
        return Some(format!("{} is not a valid key", shortened(key)));
    }
    if key.starts_with('_') && !RESERVED.contains(&key) {
        return Some(format!(
            "{} is not a recognised internal field",
            shortened(key)
        ));
    }
    if value.is_array() || value.is_object() {
        return Some(format!("{} has an invalid value", shortened(key)));
    }
    match key {
        "_id" => id_message(value),
        _ if key.starts_with('_') => time_message(key, value),
        _ => None,
    }
}

/// `^[a-z_][a-z0-9_]+$`, in either case.
fn is_key(key: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    key.len() >= 2 && !key.as_bytes()[0].is_ascii_digit() && key.bytes().all(legal)
}

fn id_message(value: &Value) -> Option<String> {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    match value.as_str() {
        Some(id) if id.len() > RECORD_ID_BYTES => Some(format!(
            "_id has {} bytes; up to {RECORD_ID_BYTES} are allowed",
            id.len()
        )),
        Some(id) if !id.is_empty() && !id.contains(is_blank) => None,
        _ => Some("_id is not a valid id".to_owned()),
    }
}

fn time_message(key: &str, value: &Value) -> Option<String> {
    let unreadable = || format!("{key} is not a valid timestamp, it must be ISO8601");
    let Some(text) = value.as_str() else {
        return Some(unreadable());
    };
    match time(text) {
        Ok(_) => None,
        Err(TimestampError::Unreadable(_)) => Some(unreadable()),
        Err(error @ TimestampError::OutOfRange(_)) => Some(format!("{key}: {error}")),
    }
}

/// Reads a date and time with seconds, and perhaps a fraction of them, and `Z` or an offset with
/// or without its colon.
pub(super) fn time(text: &str) -> Result<Timestamp, TimestampError> {
    match has_form(text) {
        true => Timestamp::parse(text),
        false => Err(TimestampError::Unreadable(text.to_owned())),
    }
}

fn has_form(text: &str) -> bool {
    let Some((seconds, rest)) = text.split_at_checked("2020-11-12T11:10:00".len()) else {
        return false;
    };
    let fraction = rest.strip_prefix('.').map_or(0, |digits| {
        1 + digits.bytes().take_while(u8::is_ascii_digit).count()
    });
    let offset = &rest[fraction..];
    let has_offset = offset == "Z" || is_like(offset, "+00:00") || is_like(offset, "+0000");
    is_like(seconds, "0000-00-00T00:00:00") && fraction != 1 && has_offset
}

/// Whether a text has digits where the pattern has `0`, a sign where it has `+`, and else what
/// the pattern has.
fn is_like(text: &str, pattern: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        _ => byte == wanted,
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

/// A key as a message repeats it.
fn shortened(key: &str) -> &str {
    match key.char_indices().nth(crate::limits::SHOWN_CHARS) {
        Some((end, _)) => &key[..end],
        None => key,
    }
}

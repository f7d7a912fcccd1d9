//! The text of one parameter: fields, times, and how an error repeats it.

use weir_model::{Timestamp, TimestampError};

use crate::period::Millis;
use crate::refusal::Refusal;

/// Characters of a value that an error repeats.
const SHOWN_CHARS: usize = 80;

pub(super) fn filter_pair<'a>(
    parameter: &str,
    pair: &'a str,
) -> Result<(&'a str, &'a str), Refusal> {
    let Some((key, value)) = pair.split_once(':') else {
        return Err(Refusal::bad(format!(
            "{parameter} must be a field name and value separated by a colon (:) eg. \
             authority:Westminster"
        )));
    };
    match is_field(key) {
        true => Ok((key, value)),
        false => Err(Refusal::bad(format!(
            "Cannot filter by an invalid field name: {}",
            shown(key)
        ))),
    }
}

/// `^[a-z_][a-z0-9_]+$`, in either case: the names that records may have.
pub(super) fn is_field(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() >= 2 && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(legal)
}

/// Reads a date and time with seconds and an offset. Years that no record can have are taken for
/// the nearest that one can.
pub(super) fn read_time(text: &str) -> Option<Millis> {
    let (seconds, offset) = text.split_at_checked("2013-03-11T00:00:00".len())?;
    let fits = is_like(seconds, "0000-00-00T00:00:00")
        && (offset == "Z" || is_like(offset, "+00:00") || is_like(offset, "+0000"));
    if !fits {
        return None;
    }
    match Timestamp::parse(text) {
        Ok(time) => Some(time.as_millis()),
        Err(TimestampError::OutOfRange(_)) if text.starts_with("9999") => {
            Some(Timestamp::MAX.as_millis())
        }
        Err(TimestampError::OutOfRange(_)) => Some(Timestamp::MIN.as_millis()),
        Err(TimestampError::Unreadable(_)) => None,
    }
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

/// A value as an error repeats it.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

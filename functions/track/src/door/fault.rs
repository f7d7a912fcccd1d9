//! Why an event is refused, in words that whoever sent it understands.

use std::borrow::Cow;

use weir_service::rejected::PAYLOAD_BYTES;
use weir_service::{Rejection, Rejections};

/// Under this name some clients write their key into their events.
const WRITE_KEY: &str = "\"writeKey\"";

/// What is looked through of a payload: enough that, whatever keys are taken out, there is no
/// less left than is kept.
pub(crate) const LOOKED_THROUGH: usize = 64 * PAYLOAD_BYTES;

/// What may be half a key, where a payload was cut.
const LONGEST_KEY: usize = 256;

/// What is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// A stable code.
    pub(crate) reason: &'static str,
    /// What is wrong and what is allowed.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(reason: &'static str, detail: impl Into<String>) -> Fault {
        let detail = detail.into();
        Fault { reason, detail }
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Fault {
        Fault::new("too-large", detail)
    }

    /// The refusal of an event that was sent with a key.
    pub(crate) fn of<'a>(self, payload: &'a str, key: &'a str) -> Refused<'a> {
        let fault = self;
        Refused {
            fault,
            payload,
            key,
        }
    }

    /// What is kept of it: the event as it was sent, without the key it came with.
    pub(crate) fn rejection(self, payload: &str, key: &str) -> Rejection {
        let Fault { reason, detail } = self;
        let end = payload.floor_char_boundary(LOOKED_THROUGH);
        let mut rejection = Rejection {
            reason,
            detail,
            payload: without_write_keys(&payload[..end]).into_owned(),
        }
        .without(key);
        if end < payload.len() {
            let sure = rejection.payload.len().saturating_sub(LONGEST_KEY);
            let sure = rejection.payload.floor_char_boundary(sure);
            rejection.payload.truncate(sure);
        }
        let Rejection {
            reason,
            detail,
            payload,
        } = rejection;
        Rejection::new(reason, detail, &payload)
    }
}

/// An event that is refused, not yet written down.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    fault: Fault,
    payload: &'a str,
    key: &'a str,
}

impl Refused<'_> {
    /// Adds it to others.
    pub(crate) fn add_to(self, rejections: &mut Rejections) {
        let Refused {
            fault,
            payload,
            key,
        } = self;
        rejections.add(fault.reason, || fault.rejection(payload, key));
    }
}

/// Takes out whatever stands behind the name of a key, in JSON that may be broken.
fn without_write_keys(text: &str) -> Cow<'_, str> {
    if !text.contains(WRITE_KEY) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(WRITE_KEY) {
        let (before, from) = rest.split_at(place + WRITE_KEY.len());
        out.push_str(before);
        rest = match string_after_colon(from) {
            Some((start, end)) => {
                out.push_str(&from[..start]);
                out.push_str("\"***\"");
                &from[end..]
            }
            None => from,
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the string behind a colon begins and ends, quotes included; an open one ends with the
/// text.
fn string_after_colon(text: &str) -> Option<(usize, usize)> {
    let value = text.trim_start().strip_prefix(':')?.trim_start();
    let start = text.len() - value.len();
    let mut escaped = false;
    for (place, byte) in value.strip_prefix('"')?.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return Some((start, start + place + 2)),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    Some((start, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(text: &str, key: &str) -> String {
        Fault::new("invalid-event", "d")
            .rejection(text, key)
            .payload
    }

    #[test]
    fn keys_are_taken_out_wherever_they_stand() {
        let check = |text: &str, expected: &str| assert_eq!(payload(text, "wk_mine"), expected);
        check(r#"{"a":"wk_mine"}"#, r#"{"a":"***"}"#);
        check(
            r#"{"writeKey":"another","b":1}"#,
            r#"{"writeKey":"***","b":1}"#,
        );
        check(r#"{"writeKey" : "an\"other" }"#, r#"{"writeKey" : "***" }"#);
        check(r#"{"writeKey":"cut o"#, r#"{"writeKey":"***""#);
        check(r#"{"writeKey":7,"writeKey""#, r#"{"writeKey":7,"writeKey""#);
        check("nothing", "nothing");
    }

    #[test]
    fn no_part_of_a_key_is_left_where_a_payload_is_cut() {
        let key = "k".repeat(LONGEST_KEY);
        for before in 0..LONGEST_KEY {
            let text = format!("{}{}", "é".repeat(before), key.repeat(300));
            assert!(!payload(&text, &key).contains('k'), "{before}");
        }
    }

    proptest! {
        #[test]
        fn a_payload_without_keys_is_kept_from_its_beginning(text in ".{0,1500}") {
            let kept = payload(&text, "wk_not_in_it");
            prop_assert!(text.starts_with(&kept));
            prop_assert!(kept.len() == text.len() || kept.len() > PAYLOAD_BYTES);
        }
    }
}

//! Batches as the SDKs of old services send them to their doors.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::target::{Load, Way};

/// Events of one batch: what Segment's SDKs send at most.
pub(crate) const BATCH: u64 = 100;

/// The namespace of what comes in by a door: the label of the write key.
pub(crate) const LABEL: &str = "load";

/// Whose SDK it is that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Alooma,
    Segment,
}

/// Whether each event has an id, as the SDKs give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    None,
    Each,
}

/// A door, and the key to it.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) dialect: Dialect,
    pub(crate) ids: Ids,
    pub(crate) key: Arc<str>,
}

impl Door {
    /// What a figure of it is called.
    pub(crate) fn describe(&self) -> &'static str {
        match (self.dialect, self.ids) {
            (Dialect::Alooma, Ids::None) => "Alooma's door, 100 events a request, without ids",
            (Dialect::Alooma, Ids::Each) => "Alooma's door, 100 events a request",
            (Dialect::Segment, Ids::None) => "Segment's door, 100 events a request, without ids",
            (Dialect::Segment, Ids::Each) => "Segment's door, 100 events a request",
        }
    }

    /// The name of its events.
    pub(crate) fn event(&self) -> &'static str {
        match self.ids {
            Ids::None => "order-without-id",
            Ids::Each => "order",
        }
    }

    /// The batch of a number.
    pub(crate) fn load(&self, number: u64) -> Load {
        let events = number * BATCH..(number + 1) * BATCH;
        let (body, way) = match self.dialect {
            Dialect::Alooma => (
                format!("[{}]", joined(events, |out, n| self.write_alooma(out, n))),
                Way::door(&format!("/pysdk/{}", self.key), None),
            ),
            Dialect::Segment => (
                format!(
                    r#"{{"batch":[{}],"sentAt":"{SENT}"}}"#,
                    joined(events, |out, n| self.write_segment(out, n))
                ),
                Way::door("/v1/batch", Some(basic(&self.key))),
            ),
        };
        Load {
            media_type: "application/json",
            body: body.into(),
            key: None,
            way,
        }
    }

    fn write_alooma(&self, out: &mut String, n: u64) -> std::fmt::Result {
        let event = self.event();
        write!(
            out,
            r#"{{"report_time":"{SENT}","calling_file":"shop.py","calling_line":42,"event_type":"{event}","#
        )?;
        if self.ids == Ids::Each {
            write!(out, r#""@uuid":"{}","#, uuid(n))?;
        }
        write!(
            out,
            r#""message":{{"value":{},"customer":"c{n}","plan":"pro","country":"DE"}}}}"#,
            n % 100
        )
    }

    fn write_segment(&self, out: &mut String, n: u64) -> std::fmt::Result {
        let event = self.event();
        write!(out, r#"{{"type":"track","event":"{event}","#)?;
        if self.ids == Ids::Each {
            write!(out, r#""messageId":"{}","#, uuid(n))?;
        }
        write!(
            out,
            r#""userId":"c{n}","timestamp":"{SENT}","context":{{"library":{{"name":"shop","version":"1.0"}}}},"properties":{{"value":{},"plan":"pro","country":"DE"}}}}"#,
            n % 100
        )
    }
}

/// When everything happened and was sent.
const SENT: &str = "2026-11-20T12:00:00.000000";

fn joined(
    numbers: std::ops::Range<u64>,
    write: impl Fn(&mut String, u64) -> std::fmt::Result,
) -> String {
    let mut text = String::with_capacity(BATCH as usize * 320);
    for number in numbers {
        if !text.is_empty() {
            text.push(',');
        }
        write(&mut text, number).expect("writing to a string");
    }
    text
}

/// As long as a random UUID; those of one run are not those of another.
fn uuid(number: u64) -> String {
    let run = std::process::id();
    format!("{run:08x}-0000-4000-8000-{number:012x}")
}

fn basic(key: &str) -> HeaderValue {
    let value = format!("Basic {}", STANDARD.encode(format!("{key}:")));
    value.try_into().expect("base64 is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::HashSet;

    fn door(dialect: Dialect, ids: Ids) -> Door {
        let key = "wk_planted".into();
        Door { dialect, ids, key }
    }

    fn ids(load: &Load, at: &str, id: &str) -> HashSet<String> {
        let body: Value = serde_json::from_slice(&load.body).unwrap();
        let events = body.pointer(at).unwrap().as_array().unwrap();
        assert_eq!(events.len() as u64, BATCH);
        let ids = events.iter().filter_map(|event| event[id].as_str());
        ids.map(str::to_owned).collect()
    }

    #[test]
    fn batches_have_ids_of_their_own_or_none() {
        for (dialect, at, id) in [
            (Dialect::Alooma, "", "@uuid"),
            (Dialect::Segment, "/batch", "messageId"),
        ] {
            let each = door(dialect, Ids::Each);
            let (one, other) = (ids(&each.load(0), at, id), ids(&each.load(1), at, id));
            assert_eq!((one.len(), other.len()), (100, 100));
            assert!(one.is_disjoint(&other));
            assert!(ids(&door(dialect, Ids::None).load(0), at, id).is_empty());
        }
    }
}

//! Writes events as JSON that [`Event::from_json`] takes back with the same meaning.

use std::fmt::Write as _;

use super::number;
use crate::event::{Event, StoredEvent};
use crate::series::Series;
use crate::timestamp::Timestamp;

impl StoredEvent {
    /// Appends the event as JSON: `id`, `namespace`, `name`, `timestamp`, `value`, and `actor`,
    /// `properties`, `expires` where it has them.
    pub fn write_json(&self, series: &Series, out: &mut String) {
        let rest = Rest {
            timestamp: Some(self.timestamp),
            value: self.value,
            actor: self.actor.as_deref(),
            properties: self.properties.as_deref(),
            expires: self.expires,
        };
        out.push_str("{\"id\":");
        push_text(out, &self.id());
        out.push(',');
        rest.write(series, out);
    }
}

impl Event {
    /// Appends the event as JSON, as [`StoredEvent::write_json`] does; what it lacks is left out.
    pub fn write_json(&self, out: &mut String) {
        let rest = Rest {
            timestamp: self.timestamp,
            value: self.value,
            actor: self.actor.as_deref(),
            properties: self.properties.as_deref(),
            expires: self.expires,
        };
        out.push('{');
        if let Some(id) = &self.id {
            out.push_str("\"id\":");
            push_text(out, id);
            out.push(',');
        }
        rest.write(&self.series, out);
    }
}

/// What follows the id.
struct Rest<'a> {
    timestamp: Option<Timestamp>,
    value: f64,
    actor: Option<&'a str>,
    properties: Option<&'a str>,
    expires: Option<Timestamp>,
}

impl Rest<'_> {
    fn write(&self, series: &Series, out: &mut String) {
        out.push_str("\"namespace\":");
        push_text(out, series.namespace.as_str());
        out.push_str(",\"name\":");
        push_text(out, series.name.as_str());
        push_time(out, "timestamp", self.timestamp);
        out.push_str(",\"value\":");
        number::write(out, self.value);
        if let Some(actor) = self.actor {
            out.push_str(",\"actor\":");
            push_text(out, actor);
        }
        if let Some(properties) = self.properties {
            out.push_str(",\"properties\":");
            out.push_str(properties);
        }
        push_time(out, "expires", self.expires);
        out.push('}');
    }
}

fn push_time(out: &mut String, field: &str, time: Option<Timestamp>) {
    if let Some(time) = time {
        write!(out, ",\"{field}\":\"{time}\"").expect("a String takes all that is written");
    }
}

/// Appends a text as a JSON string.
pub fn push_text(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).expect("every text is a JSON string"));
    }
}

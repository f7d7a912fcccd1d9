//! Events, as clients send them and as they are stored.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Write as _;

use crate::origin::Origin;
use crate::series::Series;
use crate::timestamp::Timestamp;

/// An event as a client sent it, checked. Read by [`Event::from_json`](crate::Event::from_json).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it belongs to.
    pub series: Series,
    /// When it happened; without one, when it was received.
    pub timestamp: Option<Timestamp>,
    /// A finite number.
    pub value: f64,
    /// The client's name for it: a second event of the series with the same one is dropped.
    pub id: Option<Box<str>>,
    /// Who did it.
    pub actor: Option<Box<str>>,
    /// A JSON object as compact text.
    pub properties: Option<Box<str>>,
    /// When the event itself is forgotten; totals keep counting it.
    pub expires: Option<Timestamp>,
}

/// An event as it is stored in a block or chunk of its series.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// When it happened.
    pub timestamp: Timestamp,
    /// A finite number.
    pub value: f64,
    /// Where it came from.
    pub origin: Origin,
    /// The client's name for it, if it gave one.
    pub id: Option<Box<str>>,
    /// Who did it.
    pub actor: Option<Box<str>>,
    /// A JSON object as compact text.
    pub properties: Option<Box<str>>,
    /// From when on it is no longer shown.
    pub expires: Option<Timestamp>,
}

impl StoredEvent {
    /// The client's id, or the one that its origin gives it.
    pub fn id(&self) -> Cow<'_, str> {
        match &self.id {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(self.origin.to_string()),
        }
    }

    /// Whether the event has not expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// The event's place among those of its series: by timestamp, then id, then origin.
    pub fn order(&self) -> EventOrder<'_> {
        EventOrder {
            timestamp: self.timestamp,
            id: self.id.as_deref(),
            origin: self.origin,
        }
    }
}

/// A place in the order of a series' events. A cursor is one, too.
#[derive(Debug, Clone, Copy)]
pub struct EventOrder<'a> {
    timestamp: Timestamp,
    /// `None` stands for the origin's text, which is only written down when timestamps are equal.
    id: Option<&'a str>,
    origin: Origin,
}

impl<'a> EventOrder<'a> {
    /// The place of an event with these; `id` is what [`StoredEvent::id`] gives.
    pub fn at(timestamp: Timestamp, id: &'a str, origin: Origin) -> Self {
        Self {
            timestamp,
            id: Some(id),
            origin,
        }
    }

    fn id<'b>(&'b self, text: &'b mut IdText) -> &'b [u8] {
        match self.id {
            Some(id) => id.as_bytes(),
            None => text.write(self.origin),
        }
    }
}

impl Ord for EventOrder<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.timestamp
            .cmp(&other.timestamp)
            .then_with(|| {
                self.id(&mut IdText::new())
                    .cmp(other.id(&mut IdText::new()))
            })
            .then_with(|| self.origin.cmp(&other.origin))
    }
}

impl PartialOrd for EventOrder<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for EventOrder<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for EventOrder<'_> {}

/// Room for an origin's text on the stack: 24 digits, 20 digits, 10 digits and two points.
struct IdText([u8; 56]);

impl IdText {
    fn new() -> Self {
        Self([0; 56])
    }

    fn write(&mut self, origin: Origin) -> &[u8] {
        let mut rest = &mut self.0[..];
        write!(rest, "{origin}").expect("the longest origin fits");
        let left = rest.len();
        &self.0[..56 - left]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Writer;
    use proptest::prelude::*;

    fn event(millis: i64, id: Option<&str>, request: u64, index: u32) -> StoredEvent {
        StoredEvent {
            timestamp: Timestamp::from_millis(millis).expect("in range"),
            value: 1.0,
            origin: Origin {
                writer: Writer::from_bytes([9; 12]),
                request,
                index,
            },
            id: id.map(Into::into),
            actor: None,
            properties: None,
            expires: None,
        }
    }

    #[test]
    fn an_event_without_an_id_goes_by_its_origin() {
        assert_eq!(event(1, Some("a"), 1, 2).id(), "a");
        assert_eq!(event(1, None, 1, 2).id(), "090909090909090909090909.1.2");
    }

    #[test]
    fn an_event_lives_until_it_expires() {
        let now = Timestamp::from_millis(1_000).expect("in range");
        let until = |millis| StoredEvent {
            expires: Timestamp::from_millis(millis).ok(),
            ..event(1, None, 1, 1)
        };
        assert!(event(1, None, 1, 1).is_live(Timestamp::MAX));
        assert!(until(1_001).is_live(now));
        assert!(!until(1_000).is_live(now));
    }

    #[test]
    fn the_longest_origin_has_a_place() {
        let longest = event(1, None, u64::MAX, u32::MAX);
        assert_eq!(longest.order().cmp(&longest.order()), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn events_are_ordered_by_time_then_id_then_origin(
            a in (0..3_i64, proptest::option::of("[0-9a]{1,3}"), 0..200_u64, 0..200_u32),
            b in (0..3_i64, proptest::option::of("[0-9a]{1,3}"), 0..200_u64, 0..200_u32),
        ) {
            let a = event(a.0, a.1.as_deref(), a.2, a.3);
            let b = event(b.0, b.1.as_deref(), b.2, b.3);
            let key = |e: &StoredEvent| (e.timestamp, e.id().into_owned(), e.origin);
            prop_assert_eq!(a.order().cmp(&b.order()), key(&a).cmp(&key(&b)));
            let id = b.id();
            let cursor = EventOrder::at(b.timestamp, &id, b.origin);
            prop_assert_eq!(a.order().cmp(&cursor), a.order().cmp(&b.order()));
        }
    }
}

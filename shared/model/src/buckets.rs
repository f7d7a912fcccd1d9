//! Which bucket an instant belongs to: minutes, hours, days, weeks, months or years of a zone.
//!
//! A bucket of a day or longer is the set of instants with the same local label, so the day on
//! which clocks change has 23 or 25 hours. A minute or an hour is a real one: label and offset
//! together, so a local hour that comes twice makes two buckets.
//!
//! Local time runs evenly within a piece of constant offset, so the cursor keeps the current piece
//! and, inside it, the current span of one label, and asks `jiff` only when an instant has left
//! the piece. Labels can leave a day for a short while (St John's set its clocks at 00:01 until
//! 2011, back to the day before), so spans of one bucket need not touch.

mod granularity;

use crate::civil;
use crate::day::DAY_MS;
use crate::timestamp::{HOUR_MS, Timestamp};
use crate::zone::{Piece, Zone};

pub use granularity::{Granularity, GranularityError};

/// No offset is larger than this ("jiff" takes up to 25:59:59).
const OFFSET_MAX_MS: i64 = 26 * HOUR_MS;

/// Names a bucket: equal keys are the same bucket. Keys of one granularity and zone are ordered as
/// their buckets begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey(i64);

/// Assigns instants to buckets of one granularity in one zone.
///
/// It is a cursor: instants near the last one asked for cost a few nanoseconds.
#[derive(Debug, Clone)]
pub struct Buckets {
    granularity: Granularity,
    zone: Zone,
    piece: Piece,
    span: Span,
}

/// Instants of one bucket in one piece, without a gap.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    from_ms: i64,
    /// Exclusive.
    until_ms: i64,
    key: i64,
}

/// The local times with one label, as milliseconds of a clock that began in 1970.
#[derive(Debug, Clone, Copy)]
struct Label {
    from_ms: i64,
    /// Exclusive.
    until_ms: i64,
}

impl Buckets {
    /// A cursor that has seen nothing yet.
    pub fn new(granularity: Granularity, zone: Zone) -> Self {
        Self {
            granularity,
            zone,
            piece: Piece::default(),
            span: Span::default(),
        }
    }

    /// The bucket that holds an instant.
    pub fn key(&mut self, timestamp: Timestamp) -> BucketKey {
        BucketKey(self.span(timestamp.as_millis()).key)
    }

    /// The bucket that holds all instants from one to another, both included; `None` if the edge
    /// of a bucket cuts them, or if they come in the wrong order.
    pub fn whole(&mut self, from: Timestamp, to: Timestamp) -> Option<BucketKey> {
        let (from, to) = (from.as_millis(), to.as_millis());
        if from > to {
            return None;
        }
        let mut span = self.span(from);
        let key = span.key;
        while span.until_ms <= to {
            span = self.span(span.until_ms);
            if span.key != key {
                return None;
            }
        }
        Some(BucketKey(key))
    }

    /// The first instant of the bucket that holds an instant; 1970 begins cut ones.
    pub fn start(&mut self, timestamp: Timestamp) -> Timestamp {
        let span = self.span(timestamp.as_millis());
        let start = match self.granularity.is_local() {
            true => self.first_at_local(self.label(timestamp).from_ms),
            false => span.from_ms,
        };
        Timestamp::clamped(start)
    }

    /// The start of the bucket that begins next after the one that holds an instant; `None` past
    /// the year 9999.
    pub fn next_start(&mut self, timestamp: Timestamp) -> Option<Timestamp> {
        let span = self.span(timestamp.as_millis());
        let next = match self.granularity.is_local() {
            true => self.first_at_local(self.label(timestamp).until_ms),
            false => span.until_ms,
        };
        Timestamp::from_millis(next).ok()
    }

    fn span(&mut self, millis: i64) -> Span {
        if !(self.span.from_ms <= millis && millis < self.span.until_ms) {
            self.span = self.find_span(millis);
        }
        self.span
    }

    fn find_span(&mut self, millis: i64) -> Span {
        if self.granularity == Granularity::None {
            return Span {
                from_ms: millis,
                until_ms: millis + 1,
                key: millis,
            };
        }
        if !self.piece.contains(millis) {
            self.piece = self.zone.piece(Timestamp::clamped(millis));
        }
        let Piece {
            from_ms,
            until_ms,
            offset_ms,
        } = self.piece;
        let label = label(self.granularity, millis + offset_ms);
        let from_ms = from_ms.max(label.from_ms - offset_ms);
        let key = if self.granularity.is_local() {
            label.from_ms
        } else {
            from_ms
        };
        Span {
            from_ms,
            until_ms: until_ms.min(label.until_ms - offset_ms),
            key,
        }
    }

    /// The label of an instant whose span was just looked up.
    fn label(&self, timestamp: Timestamp) -> Label {
        label(
            self.granularity,
            timestamp.as_millis() + self.piece.offset_ms,
        )
    }

    /// The first instant at which local clocks show this time or a later one.
    fn first_at_local(&self, local_ms: i64) -> i64 {
        let earliest = local_ms.saturating_sub(OFFSET_MAX_MS);
        let mut piece = self.piece;
        if piece.from_ms > earliest {
            piece = self.zone.piece(Timestamp::clamped(earliest));
        }
        loop {
            let first = piece.from_ms.max(local_ms - piece.offset_ms);
            if first < piece.until_ms {
                return first;
            }
            piece = self.zone.piece(Timestamp::clamped(piece.until_ms));
        }
    }
}

/// The label of a local time.
fn label(granularity: Granularity, local_ms: i64) -> Label {
    let every = |length_ms: i64| {
        let from_ms = local_ms.div_euclid(length_ms) * length_ms;
        Label {
            from_ms,
            until_ms: from_ms + length_ms,
        }
    };
    let days = |from: i64, until: i64| Label {
        from_ms: from * DAY_MS,
        until_ms: until * DAY_MS,
    };
    let day = local_ms.div_euclid(DAY_MS);
    match granularity {
        Granularity::None => every(1),
        Granularity::Minute => every(60_000),
        Granularity::Hour => every(HOUR_MS),
        Granularity::Day => days(day, day + 1),
        Granularity::Week => {
            // 1970-01-01 was a Thursday, three days after a Monday.
            let monday = (day + 3).div_euclid(7) * 7 - 3;
            days(monday, monday + 7)
        }
        Granularity::Month => {
            let (year, month, _) = civil::date_of(day);
            let next = if month == 12 {
                (year + 1, 1, 1)
            } else {
                (year, month + 1, 1)
            };
            days(civil::days_of((year, month, 1)), civil::days_of(next))
        }
        Granularity::Year => {
            let (year, _, _) = civil::date_of(day);
            days(
                civil::days_of((year, 1, 1)),
                civil::days_of((year + 1, 1, 1)),
            )
        }
    }
}

#[cfg(test)]
mod tests;

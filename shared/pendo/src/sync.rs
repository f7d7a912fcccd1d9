//! Reading single streams: each file one kind of them. Child streams are a [`pass`](crate::pass).

mod entities;
mod reports;
mod series;
mod single;
mod teller;

pub(crate) use entities::{Plan, traverse};
pub(crate) use reports::{tell_metadata, tell_reports};
pub(crate) use series::{Reader, Step, read_day, read_series};
pub(crate) use single::tell_series;
pub(crate) use teller::{Pace, Teller};

use crate::config::{Config, Period};
use crate::streams::{EventTime, Kind, StreamId};

const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// By how much our clock may be ahead of Pendo's.
const CLOCKS_MS: i64 = 5 * 60_000;

/// Where reading begins that goes on from a position: as much earlier as the configuration looks
/// back, before the start date, too. A history is not looked back in: what changes late has a late
/// time.
pub(crate) fn looking_back(config: &Config, stream: StreamId, position: i64) -> i64 {
    let lookback = match stream.kind() {
        Kind::Events(_) => i64::try_from(config.lookback.as_millis()).unwrap_or(i64::MAX),
        _ => 0,
    };
    position.saturating_sub(lookback)
}

/// The bookmark after a reading that has begun at `began` and met `greatest`.
///
/// Rows may have come since it began, with times in between; so it never goes beyond that moment, by
/// Pendo's clock.
/// A day or hour that was under way then grows on: it never goes beyond its begin.
pub(crate) fn bookmark_after(
    stream: StreamId,
    period: Period,
    before: Option<i64>,
    began: i64,
    greatest: Option<i64>,
) -> Option<i64> {
    let unit = match (stream.kind(), period) {
        (Kind::Events(kind), _) if kind.time == EventTime::Browser => 1,
        (Kind::Events(_), Period::Day) => DAY_MS,
        (Kind::Events(_), Period::Hour) => HOUR_MS,
        _ => 1,
    };
    let began = began.saturating_sub(CLOCKS_MS);
    let began = began - began.rem_euclid(unit);
    before.max(greatest.map(|greatest| greatest.min(began)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_never_goes_back_nor_beyond_the_begin_of_its_reading() {
        let began = 3 * DAY_MS + CLOCKS_MS + 5;
        let after =
            |stream, before, greatest| bookmark_after(stream, Period::Day, before, began, greatest);
        let events = StreamId::FeatureEvents;
        assert_eq!(after(events, None, None), None);
        assert_eq!(after(events, Some(7), None), Some(7));
        assert_eq!(
            after(events, Some(DAY_MS), Some(9 * DAY_MS)),
            Some(3 * DAY_MS)
        );
        assert_eq!(
            after(events, Some(4 * DAY_MS), Some(9 * DAY_MS)),
            Some(4 * DAY_MS)
        );
        assert_eq!(after(events, None, Some(2 * DAY_MS)), Some(2 * DAY_MS));
        let polls = StreamId::PollEvents;
        assert_eq!(after(polls, None, Some(9 * DAY_MS)), Some(3 * DAY_MS + 5));
        // A moment after midnight by our clock it may be the day before by Pendo's.
        let early = bookmark_after(events, Period::Day, None, 3 * DAY_MS + 5, Some(9 * DAY_MS));
        assert_eq!(early, Some(2 * DAY_MS));
    }
}

//! Time zones of the IANA database, as pieces of constant offset.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use thiserror::Error;

use crate::text::Shown;
use crate::timestamp::Timestamp;

/// A time zone of the IANA database that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is not a time zone: send a name of the IANA database, as UTC or Europe/Berlin", Shown(.0))]
pub struct ZoneError(pub String);

impl Zone {
    /// Finds a zone by its name, in whatever case.
    pub fn parse(name: &str) -> Result<Zone, ZoneError> {
        TimeZone::get(name)
            .ok()
            .filter(|zone| !zone.is_unknown())
            .map(Zone)
            .ok_or_else(|| ZoneError(name.to_owned()))
    }

    /// Universal time.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The zone's name, spelled as the database does.
    pub fn name(&self) -> &str {
        self.0
            .iana_name()
            .expect("every zone was found by its name")
    }

    /// What clocks of this zone show at an instant.
    pub(crate) fn local(&self, timestamp: Timestamp) -> DateTime {
        self.0.to_datetime(instant(timestamp))
    }

    /// The first instant at which clocks of this zone show a time; none if they leave it out.
    pub(crate) fn instant_of(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return None;
        }
        let instant = ambiguous.earlier().ok()?;
        Timestamp::from_millis(instant.as_millisecond()).ok()
    }

    /// The longest stretch around an instant in which the zone's offset does not change.
    pub(crate) fn piece(&self, timestamp: Timestamp) -> Piece {
        let instant = instant(timestamp);
        let offset = self.0.to_offset(instant);
        let is_other =
            |transition: &jiff::tz::TimeZoneTransition<'_>| transition.offset() != offset;
        let until = self.0.following(instant).find(is_other);
        Piece {
            from_ms: self.piece_start(instant),
            until_ms: until.map_or(i64::MAX, |change| change.timestamp().as_millisecond()),
            offset_ms: i64::from(offset.seconds()) * 1_000,
        }
    }

    /// The latest change of offset up to an instant. What lies before 1970 does not count.
    fn piece_start(&self, instant: jiff::Timestamp) -> i64 {
        let offset = self.0.to_offset(instant);
        // `preceding` means strictly before, but a piece owns the instant with which it begins.
        let after = instant.checked_add(NANOSECOND).unwrap_or(instant);
        for change in self.0.preceding(after) {
            let begins = change.timestamp();
            if begins <= jiff::Timestamp::UNIX_EPOCH {
                break;
            }
            let before = begins.checked_sub(NANOSECOND).expect("it lies after 1970");
            if self.0.to_offset(before) != offset {
                return begins.as_millisecond();
            }
        }
        i64::MIN
    }
}

const NANOSECOND: jiff::SignedDuration = jiff::SignedDuration::from_nanos(1);

/// No zone changes its offset in the last hours of the year 9999, which `jiff` leaves out.
fn instant(timestamp: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(timestamp.as_millis()).unwrap_or(jiff::Timestamp::MAX)
}

/// A stretch of constant offset; the first and the last one are open (`i64::MIN`, `i64::MAX`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Piece {
    pub(crate) from_ms: i64,
    /// Exclusive.
    pub(crate) until_ms: i64,
    /// Local time less UTC.
    pub(crate) offset_ms: i64,
}

impl Piece {
    pub(crate) fn contains(&self, millis: i64) -> bool {
        self.from_ms <= millis && millis < self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(zone: &str, time: &str) -> (i64, i64, i64) {
        let time = Timestamp::parse(time).expect("a time");
        let piece = Zone::parse(zone).expect("a zone").piece(time);
        assert!(piece.contains(time.as_millis()));
        (piece.from_ms, piece.until_ms, piece.offset_ms / 1_000)
    }

    fn millis(time: &str) -> i64 {
        Timestamp::parse(time).expect("a time").as_millis()
    }

    #[test]
    fn zones_are_found_by_name_only() {
        assert_eq!(
            Zone::parse("europe/berlin").expect("a zone").name(),
            "Europe/Berlin"
        );
        assert_eq!(Zone::utc(), Zone::parse("UTC").expect("a zone"));
        for name in [
            "",
            "Mars/Olympus",
            "Etc/Unknown",
            "CET-1CEST",
            "+01:00",
            "\0",
        ] {
            let error = Zone::parse(name).expect_err(name).to_string();
            assert!(error.contains("is not a time zone"), "{error}");
        }
    }

    #[test]
    fn a_piece_begins_and_ends_where_the_offset_changes() {
        let summer = (
            millis("2024-03-31T01:00:00Z"),
            millis("2024-10-27T01:00:00Z"),
            7_200,
        );
        assert_eq!(piece("Europe/Berlin", "2024-07-01"), summer);
        assert_eq!(piece("Europe/Berlin", "2024-03-31T01:00:00Z"), summer);
        assert_eq!(piece("Europe/Berlin", "2024-10-27T00:59:59.999Z"), summer);
    }

    #[test]
    fn zones_without_changes_are_one_piece() {
        assert_eq!(piece("UTC", "2024-07-01"), (i64::MIN, i64::MAX, 0));
        assert_eq!(
            piece("Etc/GMT+5", "9999-12-31T23:59:59Z"),
            (i64::MIN, i64::MAX, -18_000)
        );
    }

    #[test]
    fn historical_offsets_have_seconds() {
        let before_1972 = (i64::MIN, millis("1972-01-07T00:44:30Z"), -2_670);
        assert_eq!(piece("Africa/Monrovia", "1971-06-01"), before_1972);
        assert_eq!(piece("Africa/Monrovia", "1970-01-01"), before_1972);
    }
}

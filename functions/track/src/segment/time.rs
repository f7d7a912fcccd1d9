//! When a message happened, whatever the clock of its sender says.

use std::time::Duration;

use serde_json::value::RawValue;
use weir_model::Timestamp;

use crate::door::fault::Fault;
use crate::door::fields;

/// By so much a message may be sent before it happened, because clocks are set while programs run.
/// One that says more has a time of its own, which is not read from the sender's clock.
const SLACK: Duration = Duration::from_secs(60);

/// The times that come with a message, as they were sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent<'a> {
    pub(super) timestamp: Option<&'a RawValue>,
    pub(super) original: Option<&'a RawValue>,
    pub(super) sent: Option<&'a RawValue>,
}

/// The time of a message, and whether `timestamp` is where it was taken from.
///
/// Both `originalTimestamp` and `sentAt` are read from the sender's clock, so their difference is
/// right even if the clock is wrong, and is taken off the time of receipt. One that cannot be read
/// is passed over. SDKs that send no `originalTimestamp`, such as Python's, read `timestamp` from
/// that clock; the caller may have set it as well, so it is corrected only where the clock is
/// seen to be wrong. Without `sentAt` the time is `timestamp`, else `originalTimestamp`, else that
/// of receipt.
pub(super) fn of(times: Sent<'_>, received: Timestamp) -> Result<(Timestamp, bool), Fault> {
    let read =
        |field, value: Option<&RawValue>| value.and_then(|value| fields::time(field, value).ok());
    let original = read("originalTimestamp", times.original);
    let sent = read("sentAt", times.sent);
    match (original, sent, times.timestamp) {
        (Some(original), Some(sent), _) => Ok((corrected(original, sent, received)?, false)),
        (_, sent, Some(timestamp)) => {
            let timestamp = fields::time("timestamp", timestamp)?;
            match sent.filter(|sent| original.is_none() && is_far(*sent, received)) {
                Some(sent) => Ok((corrected(timestamp, sent, received)?, false)),
                None => Ok((timestamp, true)),
            }
        }
        (original, _, None) => Ok((original.unwrap_or(received), false)),
    }
}

/// Whether a clock that read so when the message was sent must be wrong.
fn is_far(sent: Timestamp, received: Timestamp) -> bool {
    sent > received.saturating_add(SLACK) || received > sent.saturating_add(SLACK)
}

fn corrected(
    original: Timestamp,
    sent: Timestamp,
    received: Timestamp,
) -> Result<Timestamp, Fault> {
    if original > sent.saturating_add(SLACK) {
        return Ok(original);
    }
    let ago = (sent.as_millis() - original.as_millis()).max(0);
    Timestamp::from_millis(received.as_millis() - ago).map_err(|error| {
        let detail = format!("{original} is {ago} ms before sentAt: {error}");
        Fault::new("invalid-time", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECEIVED: &str = "2026-11-21T12:00:00Z";

    fn time_of(
        timestamp: &str,
        original: &str,
        sent: &str,
    ) -> Result<(String, bool), &'static str> {
        let texts = [timestamp, original, sent].map(|text| format!("\"{text}\""));
        let raw = |index: usize| {
            let text: &RawValue = serde_json::from_str(&texts[index]).unwrap();
            Some(text).filter(|text| text.get() != "\"\"")
        };
        let times = Sent {
            timestamp: raw(0),
            original: raw(1),
            sent: raw(2),
        };
        let found = of(times, Timestamp::parse(RECEIVED).unwrap());
        found
            .map(|(time, is_sent)| (time.to_string(), is_sent))
            .map_err(|fault| fault.reason)
    }

    fn check(times: [&str; 3], expected: Result<(&str, bool), &str>) {
        let [timestamp, original, sent] = times;
        let expected = expected.map(|(time, is_sent)| (time.to_owned(), is_sent));
        assert_eq!(time_of(timestamp, original, sent), expected, "{times:?}");
    }

    #[test]
    fn a_clock_that_is_wrong_by_years_does_no_harm() {
        let (at, before) = ("1999-01-01T00:00:30Z", "1999-01-01T00:00:00Z");
        check(["", before, at], Ok(("2026-11-21T11:59:30Z", false)));
        check(
            ["2001-01-01", before, at],
            Ok(("2026-11-21T11:59:30Z", false)),
        );
        let ahead = ["", "2099-01-01T00:00:00Z", "2099-01-01T00:00:30Z"];
        check(ahead, Ok(("2026-11-21T11:59:30Z", false)));
    }

    #[test]
    fn a_timestamp_is_corrected_where_the_clock_is_seen_to_be_wrong() {
        check(
            ["1999-01-01T00:00:00Z", "", "1999-01-01T00:00:30Z"],
            Ok(("2026-11-21T11:59:30Z", false)),
        );
        check(
            ["2026-11-21T12:01:00Z", "", "2026-11-21T12:01:01Z"],
            Ok(("2026-11-21T11:59:59Z", false)),
        );
        // Its own word, whatever the clock says.
        check(
            ["2026-11-21T10:00:00Z", "", "2026-11-21T09:00:00Z"],
            Ok(("2026-11-21T10:00:00Z", false)),
        );
        check(
            ["2026-11-21T11:00:00Z", "", "2026-11-21T12:01:00Z"],
            Ok(("2026-11-21T11:00:00Z", true)),
        );
    }

    #[test]
    fn one_time_alone_is_taken_as_it_is() {
        check(
            ["2020-01-01T00:00:00.5Z", "", ""],
            Ok(("2020-01-01T00:00:00.500Z", true)),
        );
        check(
            ["2020-01-01", "", "2026-11-21T11:59:01Z"],
            Ok(("2020-01-01T00:00:00Z", true)),
        );
        check(
            ["2020-01-01", "2019-01-01", ""],
            Ok(("2020-01-01T00:00:00Z", true)),
        );
        check(["", "2019-01-01", ""], Ok(("2019-01-01T00:00:00Z", false)));
        check(["", "", ""], Ok((RECEIVED, false)));
        check(["", "", "2019-01-01"], Ok((RECEIVED, false)));
    }

    #[test]
    fn a_message_sent_before_it_happened_is_taken_at_its_word_or_as_just_now() {
        let sent = "2026-01-01T00:00:00Z";
        check(["", "2026-01-01T00:01:00Z", sent], Ok((RECEIVED, false)));
        check(
            ["", "2026-01-01T00:01:01Z", sent],
            Ok(("2026-01-01T00:01:01Z", false)),
        );
    }

    #[test]
    fn times_that_cannot_be_read_are_passed_over_unless_they_are_needed() {
        check(
            ["2020-01-01", "soon", "2026-11-21T12:00:59Z"],
            Ok(("2020-01-01T00:00:00Z", true)),
        );
        check(
            ["2020-01-01", "2019-01-01", "soon"],
            Ok(("2020-01-01T00:00:00Z", true)),
        );
        check(["soon", "2026-11-21", "2026-11-21"], Ok((RECEIVED, false)));
        check(["soon", "", ""], Err("invalid-time"));
        check(["0001-01-01T00:00:00Z", "", ""], Err("invalid-time"));
        check(["", "1971-01-01", "2099-01-01"], Err("invalid-time"));
    }

    proptest! {
        #[test]
        fn the_senders_clock_does_not_matter(
            ago in 0..1_000_000_000_i64,
            clock in 1_000_000_000_i64..200_000_000_000_000,
        ) {
            let at = |millis: i64| Timestamp::from_millis(millis).unwrap();
            let (original, sent) = (at(clock - ago).to_string(), at(clock).to_string());
            let received = Timestamp::parse(RECEIVED).unwrap().as_millis();
            prop_assert_eq!(
                time_of("", &original, &sent),
                Ok((at(received - ago).to_string(), false))
            );
        }
    }
}

//! How far a collector of reports has come, as its bookmark says it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use weir_collector::{Fault, State};

/// The start of the next period that is wanted.
const START: &str = "start";
/// The property's zone, which no question but a report answers.
const TIME_ZONE: &str = "time_zone";
/// That the data set was emptied for periods of which some are still to come.
const UNFINISHED: &str = "unfinished";

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// The start of the next period that is wanted.
    pub(crate) start: Date,
    /// The property's zone.
    pub(crate) zone: Option<TimeZone>,
    /// Whether what is in the data set is a part of what this run is to leave there.
    pub(crate) unfinished: bool,
}

impl Place {
    /// What a state says about a stream; nothing if it knows nothing of it.
    ///
    /// # Errors
    /// When it says something else than a date: to begin anew would leave a gap.
    pub(crate) fn read(state: Option<&State>, stream: &str) -> Result<Option<Self>, Fault> {
        let Some(State(whole)) = state else {
            return Ok(None);
        };
        let Some(said) = whole.get("bookmarks").and_then(|all| all.get(stream)) else {
            return Ok(None);
        };
        let start = said.get(START).and_then(Value::as_str);
        let start = start.and_then(|text| text.parse().ok()).ok_or_else(|| {
            Fault::new(format_args!(
                "the state has no date at bookmarks.{stream}.{START}, but {said}"
            ))
            .hint("give a date as \"2026-11-16\" there, or leave the stream out to begin anew")
        })?;
        let zone = said.get(TIME_ZONE).and_then(Value::as_str);
        Ok(Some(Self {
            start,
            zone: zone.and_then(|name| TimeZone::get(name).ok()),
            unfinished: said.get(UNFINISHED) == Some(&Value::Bool(true)),
        }))
    }

    /// The state that says so, and what an earlier one said about other streams.
    pub(crate) fn state(&self, before: Option<&State>, stream: &str) -> State {
        let mut said = Map::from_iter([(START.to_owned(), json!(self.start.to_string()))]);
        if let Some(name) = self.zone.as_ref().and_then(TimeZone::iana_name) {
            said.insert(TIME_ZONE.to_owned(), name.into());
        }
        if self.unfinished {
            said.insert(UNFINISHED.to_owned(), true.into());
        }
        let mut bookmarks = before
            .and_then(|State(whole)| whole.get("bookmarks")?.as_object().cloned())
            .unwrap_or_default();
        bookmarks.insert(stream.to_owned(), Value::Object(said));
        State(json!({"bookmarks": bookmarks}))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (zone, unfinished) in [(None, false), (Some(zone), true)] {
            let place = Place {
                start: date(2026, 11, 16),
                zone,
                unfinished,
            };
            let state = place.state(None, "visits");
            assert_eq!(Place::read(Some(&state), "visits"), Ok(Some(place)));
            assert_eq!(Place::read(Some(&state), "other"), Ok(None));
        }
    }

    #[test]
    fn other_streams_keep_their_bookmarks() {
        let place = Place {
            start: date(2026, 11, 16),
            zone: None,
            unfinished: false,
        };
        let before = State::of("other", "hour", "2026-01-01T00:00:00Z");
        let State(state) = place.state(Some(&before), "visits");
        let expected = json!({"bookmarks": {
            "other": {"hour": "2026-01-01T00:00:00Z"},
            "visits": {"start": "2026-11-16"},
        }});
        assert_eq!(state, expected);
    }

    #[test]
    fn a_bookmark_that_is_no_date_is_an_error() {
        for said in [
            json!({"start": "monday"}),
            json!({"begin": "2026-11-16"}),
            json!(7),
        ] {
            let state = State(json!({"bookmarks": {"visits": said}}));
            let fault = Place::read(Some(&state), "visits").unwrap_err();
            assert!(fault.message.contains("bookmarks.visits.start"), "{fault}");
        }
    }
}

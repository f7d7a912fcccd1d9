//! What could not be read while the rest was, for the end of the run.
//!
//! A run that goes on where another one was stopped ends with what that one could not read, too; so it
//! is part of the state while a run is under way. A stream that is read again begins anew: parents that
//! failed are tried again with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_collector::Fault;

use crate::api::FORBIDDEN;
use crate::streams::StreamId;

/// Those that are named.
const NAMED: usize = 5;

/// What could not be read, by stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    streams: BTreeMap<StreamId, Failed>,
}

/// What of a stream could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Failed {
    count: usize,
    named: Vec<String>,
    /// How many were refused because the key may not read them.
    forbidden: usize,
    given_up: Option<String>,
}

impl Failures {
    /// What a state says.
    pub(super) fn of(streams: BTreeMap<String, Failed>) -> Failures {
        let streams = streams.into_iter();
        let known = |(name, failed): (String, _)| Some((StreamId::of_name(&name)?, failed));
        Failures {
            streams: streams.filter_map(known).collect(),
        }
    }

    /// As a state says it; none, if there are none.
    pub(super) fn to_state(&self) -> Option<BTreeMap<&'static str, &Failed>> {
        let streams = self.streams.iter();
        let streams = streams.map(|(stream, failed)| (stream.name(), failed));
        (!self.streams.is_empty()).then(|| streams.collect())
    }

    /// A stream is read, from the beginning or going on.
    pub(crate) fn begin(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    /// Whether a stream was not read to its end.
    pub(crate) fn has(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// A stream.
    pub(crate) fn stream(&mut self, stream: StreamId, why: &Fault) {
        self.add(stream, &stream.to_string(), why);
    }

    /// One parent of a stream.
    pub(crate) fn parent(&mut self, stream: StreamId, id: &str, why: &Fault) {
        self.add(stream, &format!("{stream} of {id:?}"), why);
    }

    /// The rest of a stream, after so many parents in a row.
    pub(crate) fn given_up(&mut self, stream: StreamId, parents: usize) {
        let what = format!("{stream} was given up after {parents} of them in a row");
        tracing::warn!("{what}");
        self.streams.entry(stream).or_default().given_up = Some(what);
    }

    /// What the run ends with, if there is anything.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let text = self.text()?;
        let is_given_up = self
            .streams
            .values()
            .any(|failed| failed.given_up.is_some());
        let next = match is_given_up {
            true => "the next run tries these again, and goes on after them",
            false => "the rest was read, and the next run tries these again",
        };
        let is_forbidden = |failed: &Failed| failed.forbidden == failed.count;
        let hint = match self.streams.values().all(is_forbidden) {
            true => format!("{FORBIDDEN}; {next}"),
            false => next.to_owned(),
        };
        Some(Fault::new(text).hint(hint))
    }

    /// An error that ends the run before its end, with what could not be read until then.
    pub(crate) fn added_to(&self, fault: Fault) -> Fault {
        match self.text() {
            Some(text) => Fault {
                message: format!("{}; before that, {text}", fault.message),
                ..fault
            },
            None => fault,
        }
    }

    fn text(&self) -> Option<String> {
        let streams = || self.streams.values();
        let named = streams().flat_map(|failed| &failed.named).take(NAMED);
        let named: Vec<&str> = named.map(String::as_str).collect();
        let count: usize = streams().map(|failed| failed.count).sum();
        let more = count.saturating_sub(named.len());
        let more = (more > 0).then(|| format!("and {more} more"));
        let given_up = streams().filter_map(|failed| failed.given_up.as_deref());
        let all = named.into_iter().chain(more.as_deref()).chain(given_up);
        let all: Vec<&str> = all.collect();
        (count > 0).then(|| format!("not everything could be read: {}", all.join("; ")))
    }

    fn add(&mut self, stream: StreamId, what: &str, why: &Fault) {
        tracing::warn!("{what}: {why}");
        let is_forbidden = why.hint.as_deref() == Some(FORBIDDEN);
        let failed = self.streams.entry(stream).or_default();
        failed.count += 1;
        failed.forbidden += usize::from(is_forbidden);
        if failed.named.len() < NAMED {
            failed.named.push(match is_forbidden {
                true => format!("{what}: {}", why.message),
                false => format!("{what}: {why}"),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_five_are_named_and_the_others_counted() {
        let mut failures = Failures::default();
        assert_eq!(failures.fault(), None);
        for number in 0..7 {
            let id = format!("f{number}");
            failures.parent(StreamId::FeatureEvents, &id, &Fault::new("404"));
        }
        let text = failures.fault().unwrap().to_string();
        assert!(
            text.contains("feature_events of \"f4\": 404; and 2 more"),
            "{text}"
        );
        assert!(!text.contains("f5"), "{text}");
        let later = failures.added_to(Fault::new("not there").hint("wait"));
        assert_eq!(
            later
                .to_string()
                .find("not there; before that, not everything"),
            Some(0)
        );
        assert_eq!(later.hint.as_deref(), Some("wait"));
        failures.begin(StreamId::FeatureEvents);
        assert_eq!(failures.fault(), None);
    }

    #[test]
    fn the_key_is_looked_at_where_all_that_failed_is_forbidden() {
        let mut failures = Failures::default();
        let forbidden = Fault::new("403").hint(FORBIDDEN);
        failures.stream(StreamId::Events, &forbidden);
        failures.stream(StreamId::Pages, &forbidden);
        let text = failures.fault().unwrap().to_string();
        assert_eq!(text.matches(FORBIDDEN).count(), 1, "{text}");
        failures.stream(StreamId::Guides, &Fault::new("404"));
        let text = failures.fault().unwrap().to_string();
        assert!(!text.contains(FORBIDDEN), "{text}");
    }
}

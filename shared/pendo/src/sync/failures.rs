//! What could not be read while the rest was, for the end of the run.

use weir_collector::Fault;

use crate::streams::StreamId;

/// Those that are named.
const NAMED: usize = 5;

/// What could not be read.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    named: Vec<String>,
    count: usize,
    given_up: Vec<String>,
}

impl Failures {
    /// A stream.
    pub(crate) fn stream(&mut self, stream: StreamId, why: &Fault) {
        self.add(format!("{stream}: {why}"));
    }

    /// One parent of a stream.
    pub(crate) fn parent(&mut self, stream: StreamId, id: &str, why: &Fault) {
        self.add(format!("{stream} of {id:?}: {why}"));
    }

    /// The rest of a stream, after so many parents in a row.
    pub(crate) fn given_up(&mut self, stream: StreamId, parents: usize) {
        let what = format!("{stream} was given up after {parents} of them in a row");
        tracing::warn!("{what}");
        self.given_up.push(what);
    }

    /// What the run ends with, if there is anything.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let more = self.count.saturating_sub(self.named.len());
        let more = (more > 0).then(|| format!("and {more} more"));
        let all = self.named.iter().chain(&more).chain(&self.given_up);
        let all: Vec<&str> = all.map(String::as_str).collect();
        let fault = Fault::new(format_args!(
            "not everything could be read: {}",
            all.join("; ")
        ));
        let fault = fault.hint(match self.given_up.is_empty() {
            true => "the rest was read, and the next run tries these again",
            false => "the next run tries these again, and goes on after them",
        });
        (self.count > 0).then_some(fault)
    }

    fn add(&mut self, failure: String) {
        tracing::warn!("{failure}");
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(failure);
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
    }
}

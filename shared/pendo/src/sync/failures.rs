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

    /// What the run ends with, if there is anything.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let more = match self.count.saturating_sub(self.named.len()) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let named = self.named.join("; ");
        let fault = Fault::new(format_args!("not everything could be read: {named}{more}"));
        let fault = fault.hint("the rest was read, and the next run tries these again");
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

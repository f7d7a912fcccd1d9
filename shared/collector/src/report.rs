//! What a run has come to.

use std::fmt;
use std::time::Duration;

use crate::fault::Fault;
use crate::message::State;

/// Skipped things that a report names; of the others it has the number.
const SKIPS_NAMED: usize = 100;

/// What a run has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How it ended.
    pub ended: Ended,
    /// Records that the sink has made durable.
    pub records: u64,
    /// What was left out.
    pub skips: Skips,
    /// The last state before which everything is delivered: the one saved, where the run keeps a
    /// bookmark. What the run began with, if it came no further.
    pub bookmark: Option<State>,
    /// Whether the bookmark is another than the one that the run began with.
    pub progressed: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The source has no more for now, and everything is delivered.
    Complete,
    /// It was stopped, or its time was up. The next run goes on from the bookmark.
    Stopped,
    /// The third party or the sink wants us later.
    Later {
        /// What is the matter.
        fault: Fault,
        /// When it is worth coming back, if somebody said so.
        after: Option<Duration>,
    },
    /// Nothing but a person mends it.
    Failed(Fault),
    /// Another run has the job's lease.
    LeaseLost,
}

/// What a run left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skips {
    /// How many.
    pub count: u64,
    /// The first hundred.
    pub first: Vec<Skip>,
}

/// One thing that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Skips {
    pub(crate) fn note(&mut self, what: String, why: String) {
        self.count += 1;
        if self.first.len() < SKIPS_NAMED {
            self.first.push(Skip { what, why });
        }
    }

    /// Adds what was left out elsewhere.
    pub(crate) fn add(&mut self, other: Skips) {
        self.count += other.count;
        let room = SKIPS_NAMED.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
    }
}

impl Report {
    /// Whether everything that was there is delivered.
    pub fn is_complete(&self) -> bool {
        self.ended == Ended::Complete
    }
}

impl Ended {
    /// What went wrong, if something did.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Ended::Later { fault, .. } | Ended::Failed(fault) => Some(fault),
            Ended::Complete | Ended::Stopped | Ended::LeaseLost => None,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Complete => f.write_str("complete"),
            Ended::Stopped => f.write_str("stopped; the next run goes on from the bookmark"),
            Ended::Later { fault, .. } => write!(f, "to be continued later: {fault}"),
            Ended::Failed(fault) => write!(f, "failed: {fault}"),
            Ended::LeaseLost => f.write_str("another run of the job took over"),
        }
    }
}

//! A process that is killed at one of its calls.

use std::future::{Future, pending};
use std::sync::Arc;

use weir_tests::chaos::{Gate, When};
use weir_tests::lambda::{Function, Instance};

use crate::cloud::Cloud;

/// What becomes of the call at which a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never arrives.
    Lost,
    /// It has taken effect.
    Done,
    /// It arrives after everything else.
    Late,
}

pub(crate) const FATES: [Fate; 3] = [Fate::Lost, Fate::Done, Fate::Late];

/// An instance that gets its function's next event and does not survive it, if it makes enough
/// calls.
pub(crate) struct Doomed {
    instance: Arc<Instance>,
    gate: Gate,
    fate: Fate,
}

impl Doomed {
    /// Starts one that dies at its call number `nth`, counted from 0 once it is ready.
    pub(crate) async fn start(cloud: &Cloud, function: &Function, nth: usize, fate: Fate) -> Self {
        let instance = function.start().await;
        instance.ready().await;
        let when = match fate {
            Fate::Lost | Fate::Late => When::Before,
            Fate::Done => When::After,
        };
        let gate = cloud.chaos.freeze(instance.name(), nth, when);
        Self {
            instance,
            gate,
            fate,
        }
    }

    /// Sees an event through to the end of the process, or to its answer.
    pub(crate) async fn during<T>(&self, event: impl Future<Output = T>) -> T {
        let killed = async {
            self.gate.reached().await;
            self.instance.kill();
            // The invocation ends only now.
            pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = event => outcome,
            () = killed => unreachable!("it waits for ever"),
        };
        if !self.was_killed() {
            self.gate.release();
        }
        outcome
    }

    /// Whether it made enough calls.
    pub(crate) fn was_killed(&self) -> bool {
        self.gate.held() > 0
    }

    /// If its last call is to arrive late: now.
    pub(crate) async fn last_call(&self, cloud: &Cloud) {
        if self.fate == Fate::Late {
            self.gate.release();
            cloud.chaos.quiet().await;
        }
    }
}

//! What is done when the sender ends otherwise than by being closed: its runtime is gone, or it
//! panicked.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;

use super::Sender;
use crate::buffer::Buffer;
use crate::notice::{Notices, codes};
use crate::statistics::{Counters, Loss};

/// Goes with the sender; when it is dropped, nobody reports into nothing.
pub(crate) struct Guard {
    buffer: Arc<Buffer>,
    counters: Arc<Counters>,
    notices: Notices,
    /// Why the sender stopped, unless it was closed.
    why: Option<&'static str>,
}

impl Guard {
    pub(crate) fn new(buffer: &Arc<Buffer>, counters: &Arc<Counters>, notices: &Notices) -> Self {
        Self {
            buffer: Arc::clone(buffer),
            counters: Arc::clone(counters),
            notices: notices.clone(),
            why: Some("its runtime ended"),
        }
    }

    /// Runs a sender. Whoever drops this before it is through has ended the sender, even if it has
    /// never begun.
    pub(crate) async fn watch(mut self, sender: Sender) {
        let run = AssertUnwindSafe(Box::pin(sender.run()));
        self.why = match run.catch_unwind().await {
            Ok(()) => None,
            Err(_) => Some("it panicked"),
        };
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.buffer.close();
        let Some(why) = self.why else {
            return;
        };
        let held = self.buffer.view().held;
        self.counters.dropped(held.events as u64, Loss::Left);
        self.buffer.release(held);
        let lost = held.events;
        let text = format!("the sender stopped, because {why}: {lost} events in memory are lost");
        self.notices.error(codes::STOPPED, text);
    }
}

//! Drives a source into a sink and keeps the bookmark.
//!
//! The order of steps, and why a run may die between any two of them:
//!
//! 1. What a run that died had planned (names that stand beside the bookmark) is discarded. It is
//!    not covered by the bookmark, so this run delivers it again.
//! 2. The source reads from the bookmark; its batches go to the sink as they come. Nothing that
//!    is written counts yet.
//! 3. At a state, when the sink's patience is used up, when the time is up, and at the end:
//!    the sink names the outputs it is about to bring into being, and these names are put beside the
//!    unchanged bookmark. Dying after this costs nothing: step 1 of the next run.
//! 4. The sink flushes: all that was written is durable. Dying after this delivers a little
//!    again; it replaces what is there, or is discarded by name first.
//! 5. The bookmark is saved and the names are dropped, in one conditional put. Only now do the
//!    records count. So a bookmark never names what was not delivered.
//!
//! A range leaves the bookmark where it is: of steps 3 and 5 it does what is about the names.
//!
//! Two runs of a job do not meet: each write of the bookmark is conditional on the lease's fencing
//! number and on what its holder last wrote. The lease is renewed while the source or the sink is
//! slow, and each step of a sink's work is taken only while the lease is sure to be held: a run
//! that was frozen finds out before the next one. What is left is a call that was on its way
//! already. A data set refuses it, or its records are replaced by the run that took over; of a
//! file, the names that a run inherits are discarded again at its end, because one of them may
//! have come into being late; a Backdrop elsewhere takes it. Whoever has lost the lease discards
//! nothing: its last save may have landed, and only the one who holds the lease knows.
//!
//! Records after the last state are covered by no bookmark. Where a repeat replaces they are
//! flushed all the same; where it doubles they are abandoned, unless the source has said that it is
//! at its end.
//!
//! Nothing goes on after [`run`] has returned: source, sink and renewal are one future, and
//! dropping it ends them all.

mod guard;
mod ledger;

use std::convert::Infallible;

use weir_store::{Lease, Store};

use crate::limits::Limits;
use crate::message::State;
use crate::output::{Batch, Handed, Incoming, Output};
use crate::report::{Ended, Report};
use crate::sink::{Repeats, Sink};
use crate::source::{Source, SourceError};
use guard::{Guard, Halt};
use ledger::Ledger;

/// What a run keeps of how far it has come.
#[derive(Debug)]
pub enum Keep<'a> {
    /// The job's bookmark, under its lease. The caller releases the lease.
    Bookmark {
        /// Where the job's item is.
        store: &'a Store,
        /// The right to move the bookmark.
        lease: &'a mut Lease,
    },
    /// The job's lease beside the bookmark as it is: a range that somebody asked for. Nobody else
    /// runs the job meanwhile, and what a run that died has left is discarded. The caller releases
    /// the lease.
    Range {
        /// Where the job's item is.
        store: &'a Store,
        /// The right to run the job.
        lease: &'a mut Lease,
        /// Where the source resumes.
        state: Option<State>,
    },
    /// Nothing: a command's range, or a tap.
    Nothing {
        /// Where the source resumes.
        state: Option<State>,
    },
}

/// Drives a source into a sink until the source ends, a limit is reached, or something fails.
/// The report says what has come of it; nothing is left running.
pub async fn run<S: Source, K: Sink>(
    source: &mut S,
    sink: &mut K,
    keep: Keep<'_>,
    limits: Limits,
) -> Report {
    let (mut output, incoming) = Output::new(limits.clock.clone());
    let mut run = Run::new(sink, keep, limits, &incoming);
    let state = run.ledger.bookmark().cloned();
    // Both are large, and callers keep what they wait for.
    let driving = Box::pin(run.drive(incoming));
    let reading = Box::pin(read(source, state.as_ref(), &mut output));
    let ended = tokio::select! {
        biased;
        ended = driving => ended,
        never = reading => match never {},
    };
    run.report(ended)
}

/// Reads the source to its end. The queue tells of it; this never returns.
async fn read<S: Source>(source: &mut S, state: Option<&State>, output: &mut Output) -> Infallible {
    let ended = source.read(state, output).await;
    output.finish(ended).await;
    std::future::pending().await
}

/// A run under way.
struct Run<'a, K> {
    sink: &'a mut K,
    guard: Guard<'a>,
    ledger: Ledger,
}

impl<'a, K: Sink> Run<'a, K> {
    fn new(sink: &'a mut K, keep: Keep<'a>, limits: Limits, incoming: &Incoming) -> Self {
        let ledger = Ledger::new(keep.state(), sink.patience());
        let guard = Guard::new(keep, limits, incoming.shared.clone());
        Self {
            sink,
            guard,
            ledger,
        }
    }

    async fn drive(&mut self, incoming: Incoming) -> Ended {
        let ended = match self.deliver(incoming).await {
            Ok(ended) => return ended,
            Err(halt) => halt.into_ended(),
        };
        self.sink.abandon().await;
        ended
    }

    async fn deliver(&mut self, mut incoming: Incoming) -> Result<Ended, Halt> {
        self.discard_inherited().await?;
        loop {
            match self.guard.next(&mut incoming).await? {
                Some(Handed::Batch(batch)) => self.take(batch).await?,
                Some(Handed::End(Ok(()))) => return self.complete().await,
                Some(Handed::End(Err(error))) => return self.end_early(error).await,
                None => return self.end_early(SourceError::Stopped).await,
            }
        }
    }

    /// Step 2, and the others where the sink's patience is used up.
    async fn take(&mut self, batch: Batch) -> Result<(), Halt> {
        self.ledger.write(&batch);
        self.guard.attend(self.sink.write(batch.messages)).await??;
        if self.ledger.is_save_due() {
            self.save().await?;
        }
        Ok(())
    }

    /// The source is at its end: all it told counts, and so does what came after its last state.
    async fn complete(&mut self) -> Result<Ended, Halt> {
        self.discard_inherited().await?;
        self.guard.forget_inherited();
        self.save().await?;
        Ok(Ended::Complete)
    }

    /// The source has ended before its end, or was cut off.
    async fn end_early(&mut self, error: SourceError) -> Result<Ended, Halt> {
        let error = match error {
            // Its requests have ended with its time.
            SourceError::Later { .. } if self.guard.is_stopping() => SourceError::Stopped,
            error => error,
        };
        let kept = self.keep_what_counts().await;
        let (ended, halt) = match (error, kept) {
            (SourceError::Stopped, Ok(())) => return Ok(Ended::Stopped),
            (SourceError::Stopped, Err(halt)) | (_, Err(halt @ Halt::LeaseLost)) => {
                return Err(halt);
            }
            (SourceError::Final(fault), kept) => (Ended::Failed(fault), kept.err()),
            (SourceError::Later { fault, after }, kept) => {
                (Ended::Later { fault, after }, kept.err())
            }
        };
        if let Some(halt) = halt {
            // The run's own end says more; the next run delivers again.
            tracing::warn!(
                "what came before the end was not saved: {}",
                halt.into_ended()
            );
            self.sink.abandon().await;
        }
        Ok(ended)
    }

    async fn keep_what_counts(&mut self) -> Result<(), Halt> {
        if self.ledger.is_beyond_state() && self.sink.repeats() == Repeats::Double {
            self.sink.abandon().await;
            return Ok(());
        }
        self.save().await
    }

    /// Steps 3 to 5.
    async fn save(&mut self) -> Result<(), Halt> {
        let planned = self.sink.plan();
        if !planned.is_empty() {
            self.guard.intend(&planned).await?;
        }
        self.guard.attend(self.sink.flush()).await??;
        match self.ledger.flush() {
            Some(state) => {
                self.guard.save(&state).await?;
                self.ledger.save(state);
            }
            None if !planned.is_empty() => self.guard.intend(&[]).await?,
            None => {}
        }
        Ok(())
    }

    /// Step 1.
    async fn discard_inherited(&mut self) -> Result<(), Halt> {
        let names = self.guard.inherited().to_vec();
        if !names.is_empty() {
            self.guard.attend(self.sink.discard(&names)).await??;
        }
        Ok(())
    }

    fn report(self, ended: Ended) -> Report {
        let skips = self.guard.skips();
        self.ledger.report(ended, skips, self.sink.skips())
    }
}

#[cfg(test)]
mod tests;

//! Sends batches, several at a time, and writes down what became of each.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use weir_store::{Clock as _, SystemClock};

use super::batch::{Batch, Cutter, Passed, Piece, bad_line};
use super::journal::{Journal, Journals, Stored};
use super::source::{Head, Source};
use crate::api::{Answer, Api, ApiError, Call};
use crate::failure::Failure;

/// Batches under way at once.
const IN_FLIGHT: usize = 4;

/// For how long a batch is sent again and again: longer than a server takes to be started anew.
const PATIENCE: Duration = Duration::from_secs(300);

/// An import on its way.
pub(crate) struct Import<'a> {
    api: &'a Api,
    journals: Journals,
    journal: Option<Journal>,
    identity: String,
    name: String,
    head: Head,
    bar: ProgressBar,
    outcome: Outcome,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What this run stored.
    pub(crate) stored: Stored,
    /// Batches that it sent.
    pub(crate) batches: u64,
    /// What it passed over.
    pub(crate) passed: Passed,
}

/// What the thread that cuts says.
enum Told {
    Piece(Piece),
    End(Result<Passed>),
}

struct Settled {
    batch: Batch,
    answer: Result<Answer, ApiError>,
}

type Flight<'a> = FuturesUnordered<BoxFuture<'a, Settled>>;

impl<'a> Import<'a> {
    /// An import that goes on from a journal, or begins one.
    pub(crate) fn new(
        api: &'a Api,
        journals: Journals,
        journal: Option<Journal>,
        identity: &str,
        source: &Source,
    ) -> Import<'a> {
        Import {
            api,
            journals,
            journal,
            identity: identity.into(),
            name: source.name.clone(),
            head: source.head(),
            bar: progress_bar(source.bytes),
            outcome: Outcome::default(),
        }
    }

    /// Sends everything. After a failure, or Ctrl-C, it waits for what is under way.
    pub(crate) async fn run(mut self, cutter: Cutter) -> Result<Outcome> {
        let mut pieces = cut_in_a_thread(cutter);
        let mut flight = Flight::new();
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut end = None;
        while end.is_none() || !flight.is_empty() {
            tokio::select! {
                Some(settled) = flight.next(), if !flight.is_empty() => {
                    match self.settle(settled) {
                        // The first failure is the one to tell.
                        Err(error) if !matches!(end, Some(Err(_))) => end = Some(Err(error)),
                        _ => {}
                    }
                }
                told = pieces.recv(), if end.is_none() && flight.len() < self.width() => {
                    end = self.take(told, &mut flight).unwrap_or_else(|error| Some(Err(error)));
                }
                _ = interrupts.recv() => match end {
                    Some(Err(_)) => break,
                    _ => end = Some(Err(interrupted().into())),
                },
            }
        }
        self.bar.finish_and_clear();
        self.outcome.passed = end.unwrap_or_else(|| Err(interrupted().into()))?;
        if let Some(journal) = &mut self.journal {
            journal.finish(SystemClock.now())?;
        }
        Ok(self.outcome)
    }

    /// An input is recognised by its first batch, so nothing else goes out before that is stored.
    fn width(&self) -> usize {
        let known = self
            .journal
            .as_ref()
            .is_some_and(|journal| journal.has_stored());
        if known { IN_FLIGHT } else { 1 }
    }

    /// Takes what the cutting thread says; gives how the input ended, if it did.
    fn take(
        &mut self,
        told: Option<Told>,
        flight: &mut Flight<'a>,
    ) -> Result<Option<Result<Passed>>> {
        match told {
            Some(Told::Piece(Piece::Batch(batch))) => {
                self.write_down(&batch)?;
                flight.push(send(self.api, batch));
                Ok(None)
            }
            Some(Told::Piece(Piece::Stored { to })) => {
                self.bar.set_position(self.bar.position().max(to));
                Ok(None)
            }
            Some(Told::End(end)) => Ok(Some(end)),
            None => Err(anyhow!("the thread that reads the input has gone")),
        }
    }

    /// Writes a batch into the journal before it is sent.
    fn write_down(&mut self, batch: &Batch) -> Result<()> {
        let now = SystemClock.now();
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => {
                let first = self.head.beginning(batch.to);
                none.insert(
                    self.journals
                        .create(&self.identity, &self.name, first, now)?,
                )
            }
        };
        journal.sending(batch, now)
    }

    fn settle(&mut self, settled: Settled) -> Result<()> {
        let Settled { batch, answer } = settled;
        let journal = self
            .journal
            .as_mut()
            .expect("a batch was written down before it was sent");
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if error.says_nothing_was_stored() {
                    journal.refused(batch.from)?;
                }
                return Err(failure(&batch, &error).into());
            }
        };
        let stored = read_counts(&answer, &batch)?;
        journal.stored_batch(batch.from, stored)?;
        self.outcome.stored += stored;
        self.outcome.batches += 1;
        self.bar.set_position(self.bar.position().max(batch.to));
        tracing::info!(
            from = batch.from,
            to = batch.to,
            "stored bytes {} to {}",
            batch.from,
            batch.to
        );
        Ok(())
    }
}

fn send(api: &Api, batch: Batch) -> BoxFuture<'_, Settled> {
    Box::pin(async move {
        let call = Call::track(batch.body.clone(), batch.key.clone());
        let answer = api.persist(&call, PATIENCE).await;
        Settled { batch, answer }
    })
}

/// Reading and checking the input keeps a thread of its own busy. It is not waited for in the
/// end: it may hang on a terminal.
fn cut_in_a_thread(mut cutter: Cutter) -> mpsc::Receiver<Told> {
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    thread::spawn(move || {
        loop {
            let told = match cutter.next_piece() {
                Ok(Some(piece)) => Told::Piece(piece),
                Ok(None) => Told::End(Ok(cutter.passed().clone())),
                Err(error) => Told::End(Err(error)),
            };
            let ended = matches!(told, Told::End(_));
            if sender.blocking_send(told).is_err() || ended {
                return;
            }
        }
    });
    receiver
}

/// A batch of one event is answered with the event, others with counts.
fn read_counts(answer: &Answer, batch: &Batch) -> Result<Stored> {
    #[derive(Deserialize)]
    struct Counts {
        accepted: Option<u64>,
        duplicates: Option<u64>,
    }
    let counts: Counts = answer.json()?;
    Ok(Stored {
        accepted: counts.accepted.unwrap_or(batch.lines.len() as u64),
        duplicates: counts.duplicates.unwrap_or(0),
    })
}

fn failure(batch: &Batch, error: &ApiError) -> Failure {
    if let ApiError::Refused(refusal) = error {
        let first = refusal.errors.iter().find_map(|error| {
            let line = batch.lines.get(error.index.unwrap_or(0))?;
            Some(bad_line(
                *line,
                &format!("{}: {}", error.field, error.reason),
            ))
        });
        if let Some(failure) = first {
            return failure;
        }
    }
    let (first, last) = (batch.lines.first(), batch.lines.last());
    let lines = format!("{}-{}", first.unwrap_or(&0), last.unwrap_or(&0));
    Failure::new(format!("lines {lines}: {error}"))
        .hint("what is stored is remembered: import again to go on")
}

fn interrupted() -> Failure {
    Failure::new("interrupted").hint("what is stored is remembered: import again to go on")
}

/// Shown on a terminal only.
fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:40} {percent}% {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {binary_bytes}, {binary_bytes_per_sec}",
        ),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
}

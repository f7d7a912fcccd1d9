//! A pass: one reading of a child stream, for all its parents in the order in which they were met.
//!
//! Tasks (a parent's events, a day of a visitor) run side by side, and their rows come out as if they
//! ran one after another. Each parent is read from a place of its own: where it was interrupted, or
//! from its own position if it could not be read before; from the stream's bookmark if its past was
//! read; from the start date if it is new. A parent that cannot be read keeps its position, and the
//! others go on.
//!
//! A pass goes on after the last parent that was done. Those before it are passed over, but for the
//! ones that were not read in this pass: they failed, or have appeared since.

mod agenda;
mod entry;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use weir_collector::{Fault, SourceError};

use crate::api::Trouble;
use crate::ordered::{Ordered, Out, Spill, in_order};
use crate::parents::ReadParents;
use crate::state::{Book, Pass};
use crate::streams::{Kind, StreamId};
use crate::sync::{DAY_MS, Reader, Step, Teller, bookmark_after, read_day, read_series};
use agenda::{Agenda, Places};
use entry::{Entry, Task};

/// So many tasks in a row without an answer, and Pendo is not there: the run ends, and the next one
/// goes on behind them, so that parents that never have an answer hold up nobody for ever.
const UNAVAILABLE_IN_A_ROW: u32 = 3;

/// So many parents in a row that cannot be read, and the stream is given up until the next run. Those
/// that could not be read before do not count: a pass would never come past them.
const FAILED_IN_A_ROW: usize = 100;

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All parents had their turn.
    Complete,
    /// Too many of them in a row could not be read.
    GivenUp,
}

/// Reads a child stream for its parents, up to where `pass` comes to. `pass` says how far that is,
/// also after a failure.
pub(crate) async fn read_pass(
    reader: Arc<Reader>,
    parents: ReadParents,
    bookmark: Option<i64>,
    pass: &mut Pass,
    teller: &mut Teller<'_>,
) -> Result<Ended, SourceError> {
    let stream = reader.stream.id;
    let places = Places::new(stream, &reader.config, reader.api.now(), bookmark);
    let concurrency = reader.config.concurrency;
    let mut run = Run {
        stream,
        tasks: in_order(concurrency, Spill::default(), move |task, to| {
            work(Arc::clone(&reader), task, to)
        }),
        agenda: Agenda::new(stream, places, parents),
        entries: VecDeque::new(),
        failed_before: pass.own.keys().cloned().collect(),
        pass,
        failed: HashSet::new(),
        failed_in_a_row: 0,
        unavailable: 0,
        gone: None,
    };
    let ended = run.drive(teller).await;
    if ended.is_err() {
        let pass = &*run.pass;
        teller.last_word(|book| book.set_pass(stream, pass)).await;
    }
    ended
}

/// Ends a pass: its bookmark after it.
pub(crate) fn end_pass(reader: &Reader, bookmark: Option<i64>, pass: &mut Pass, book: &mut Book) {
    let (stream, period) = (reader.stream.id, reader.config.period);
    let began = pass.began.unwrap_or_default();
    let after = bookmark_after(stream, period, bookmark, began, pass.greatest);
    pass.end();
    book.set_pass(stream, pass);
    book.set_bookmark(stream, after);
}

async fn work(
    reader: Arc<Reader>,
    task: Task,
    mut to: crate::ordered::Sender<Step>,
) -> Result<(), Trouble> {
    match (task, reader.stream.id.kind()) {
        (
            Task::Events {
                parent,
                since,
                from,
            },
            Kind::Events(kind),
        ) => read_series(&reader, &kind, Some(&parent), (since, from), &mut to).await,
        (
            Task::Day {
                visitor,
                day,
                since,
            },
            _,
        ) => read_day(&reader, &visitor, (day, since), &mut to).await,
        (Task::Events { .. }, _) => Ok(()),
    }
}

/// A pass under way.
struct Run<'a> {
    stream: StreamId,
    tasks: Ordered<Task, Step, Trouble>,
    agenda: Agenda,
    /// The parents under way, in order.
    entries: VecDeque<Entry>,
    pass: &'a mut Pass,
    /// Parents that had failed before this run.
    failed_before: HashSet<String>,
    /// Parents that failed in this run.
    failed: HashSet<String>,
    /// How many others did since something could be read.
    failed_in_a_row: usize,
    unavailable: u32,
    /// Why Pendo is taken not to be there.
    gone: Option<Fault>,
}

impl Run<'_> {
    async fn drive(&mut self, teller: &mut Teller<'_>) -> Result<Ended, SourceError> {
        loop {
            self.fill()?;
            let Some(first) = self.entries.front() else {
                break;
            };
            if first.is_done() {
                self.finish(teller).await?;
                if let Some(fault) = self.gone.take() {
                    return Err(SourceError::Later { fault, after: None });
                }
                if self.failed_in_a_row >= FAILED_IN_A_ROW {
                    let failures = &mut teller.book.failures;
                    failures.given_up(self.stream, self.failed_in_a_row);
                    return Ok(Ended::GivenUp);
                }
                continue;
            }
            match self.tasks.next().await {
                Some(Out::Item(step)) => self.tell(step, teller).await?,
                Some(Out::End(Ok(()))) => self.end_task(teller).await?,
                Some(Out::End(Err(trouble))) => self.fail(trouble, teller)?,
                None => return Err(SourceError::failed("a task has got lost")),
            }
        }
        // Parents that are gone need no positions.
        self.pass.own.retain(|id, _| self.failed.contains(id));
        Ok(Ended::Complete)
    }

    /// Begins as many tasks as are of use.
    fn fill(&mut self) -> Result<(), SourceError> {
        while self.tasks.has_room() {
            let next = self.agenda.next(self.pass, &mut self.entries);
            match next.map_err(no_file)? {
                Some(task) => self.tasks.push(task),
                None => break,
            }
        }
        Ok(())
    }

    async fn tell(&mut self, step: Step, teller: &mut Teller<'_>) -> Result<(), SourceError> {
        let Some(entry) = self.entries.front_mut().filter(|entry| !entry.has_failed()) else {
            // What follows on a gap is told with it, by the next run.
            return Ok(());
        };
        for (time, record) in step.rows {
            self.pass.greatest = self.pass.greatest.max(time);
            teller.record(record).await?;
        }
        match step.at {
            Some(at) => {
                entry.move_to(at);
                self.border(teller).await
            }
            None => Ok(()),
        }
    }

    async fn end_task(&mut self, teller: &mut Teller<'_>) -> Result<(), SourceError> {
        self.unavailable = 0;
        self.failed_in_a_row = 0;
        let Some(entry) = self.entries.front_mut() else {
            return Ok(());
        };
        entry.end_task();
        match entry.is_done() || entry.has_failed() {
            true => Ok(()),
            // A day of a history is over.
            false => {
                let next = entry.at + DAY_MS;
                entry.move_to(next);
                self.border(teller).await
            }
        }
    }

    fn fail(&mut self, trouble: Trouble, teller: &Teller<'_>) -> Result<(), SourceError> {
        let Some(entry) = self.entries.front_mut() else {
            return trouble.of_stream().map(drop);
        };
        let fault = match trouble {
            Trouble::End(error) => return Err(error),
            Trouble::Refused(fault) => fault,
            Trouble::Unavailable(fault) if teller.is_stopping() => {
                return Err(SourceError::Later { fault, after: None });
            }
            Trouble::Unavailable(fault) => {
                self.unavailable += u32::from(!self.failed_before.contains(&entry.id));
                if self.unavailable >= UNAVAILABLE_IN_A_ROW {
                    let what = format!("{} of {:?}: {fault}", self.stream, entry.id);
                    self.gone = Some(Fault::new(what));
                }
                fault
            }
        };
        entry.end_task();
        entry.fail(fault);
        // The days that were not begun would be told after a gap.
        entry.drop_tasks(self.agenda.abandon(&entry.id));
        Ok(())
    }

    /// The first parent is done, or has failed.
    async fn finish(&mut self, teller: &mut Teller<'_>) -> Result<(), SourceError> {
        let Some(entry) = self.entries.pop_front() else {
            return Ok(());
        };
        match &entry.failed {
            Some(fault) => {
                teller.book.failures.parent(self.stream, &entry.id, fault);
                let position = entry.position(self.stream);
                self.pass.own.insert(entry.id.clone(), position);
                self.failed_in_a_row += usize::from(!self.failed_before.contains(&entry.id));
                self.failed.insert(entry.id.clone());
            }
            None => {
                self.pass.own.remove(&entry.id);
                if entry.counts_as_read {
                    self.pass.known.read(&entry.id);
                }
            }
        }
        self.pass.current.remove(&entry.id);
        if !entry.is_passed {
            self.pass.after = Some(entry.id);
        }
        let (stream, pass) = (self.stream, &*self.pass);
        teller.border(|book| book.set_pass(stream, pass)).await
    }

    /// Within the first parent.
    async fn border(&mut self, teller: &mut Teller<'_>) -> Result<(), SourceError> {
        if let Some(entry) = self.entries.front() {
            match self.pass.current.get_mut(&entry.id) {
                Some(at) => *at = entry.at,
                None => {
                    self.pass.current.insert(entry.id.clone(), entry.at);
                }
            }
        }
        let (stream, pass) = (self.stream, &*self.pass);
        teller.border(|book| book.set_pass(stream, pass)).await
    }
}

fn no_file(error: std::io::Error) -> SourceError {
    SourceError::failed(format!("a temporary file for ids: {error}"))
}

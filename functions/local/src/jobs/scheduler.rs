//! Starts each job of a directory when it is due, until the process stops.
//!
//! A job never runs twice at a time here; that it runs nowhere else is its lease's business. When
//! the process was down, what was missed is made up for by one run: a job's bookmark says where to
//! go on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::sleep;
use weir_model::Timestamp;
use weir_store::{Clock, Deadline, JobName, JobOutcome, Store};

use super::files::{Found, Job, JobFiles, Stamp};
use super::timetable::{Past, Timetable};

/// How often the directory is looked at, and the clock, in case somebody has set it.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Jobs at once. Each holds some batches of records in memory, and third parties do not like to
/// be asked by many at a time.
const AT_ONCE: usize = 8;

/// How long to ask the store for the past of a job.
const ASK_TIME: Duration = Duration::from_secs(10);

/// What has come of starting a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It has run, well or not.
    Ended,
    /// Another process has it, until then if it does not go on.
    Busy {
        /// When its lease ends.
        until: Timestamp,
    },
}

/// The jobs of a directory and when they are due, for all who ask. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    files: JobFiles,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    found: Found,
    stamp: Option<Stamp>,
    /// Whether the timetable does not know yet what was found: others look, too.
    is_news: bool,
    timetable: Timetable,
}

impl Board {
    /// A board that has read the directory.
    pub(crate) fn open(files: JobFiles) -> std::io::Result<Board> {
        let board = Board {
            files,
            state: Arc::default(),
        };
        board.look()?;
        Ok(board)
    }

    /// Reads the directory if anything in it has changed.
    pub(crate) fn look(&self) -> std::io::Result<()> {
        let stamp = self.files.stamp()?;
        if self.state().stamp.as_ref() == Some(&stamp) {
            return Ok(());
        }
        let found = self.files.read()?;
        for why in found.broken.values() {
            tracing::error!("a job's file is wrong, and the job does not run: {why}");
        }
        for job in found.jobs.values() {
            for note in &job.definition.notes {
                tracing::warn!(job = %job.name, "{note}");
            }
        }
        let mut state = self.state();
        state.found = found;
        state.stamp = Some(stamp);
        state.is_news = true;
        Ok(())
    }

    /// All jobs, if anybody has read the directory since this was asked.
    fn news(&self) -> Option<Vec<Job>> {
        let mut state = self.state();
        let is_news = std::mem::take(&mut state.is_news);
        is_news.then(|| state.found.jobs.values().cloned().collect())
    }

    /// The directory.
    pub(crate) fn files(&self) -> &JobFiles {
        &self.files
    }

    /// A job by its name.
    pub(crate) fn job(&self, name: &JobName) -> Option<Job> {
        self.state().found.jobs.get(name).cloned()
    }

    /// All jobs.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.state().found.jobs.values().cloned().collect()
    }

    /// What is wrong with the other files, by file.
    pub(crate) fn broken(&self) -> BTreeMap<String, String> {
        self.state().found.broken.clone()
    }

    /// When a job is due, if its schedule is kept here.
    pub(crate) fn due(&self, name: &JobName) -> Option<Timestamp> {
        self.state().timetable.due(name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the jobs of a board on time.
pub(crate) struct Scheduler<F> {
    pub(crate) board: Board,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    /// Runs a job to its end.
    pub(crate) start: F,
}

impl<F, R> Scheduler<F>
where
    F: Fn(Job) -> R,
    R: Future<Output = Came> + Send + 'static,
{
    /// Works until `stop` changes or its sender is gone, and then waits for what is running, which
    /// hears of the end by itself.
    pub(crate) async fn work(self, mut stop: watch::Receiver<()>) {
        let mut running = Running::new();
        self.take_in_news().await;
        loop {
            self.start_due(&mut running);
            tokio::select! {
                () = sleep(self.pause()) => self.look().await,
                Some(ended) = running.next() => self.note(ended),
                _ = stop.changed() => break,
            }
        }
        running.places.close();
        while let Some(ended) = running.next().await {
            self.note(ended);
        }
    }

    fn start_due(&self, running: &mut Running) {
        let due = self.board.state().timetable.take(self.clock.now());
        for name in due.overrun {
            tracing::warn!(job = %name, "{name} is due and still runs: this time is left out");
        }
        for name in due.start {
            match self.board.job(&name) {
                Some(job) => running.start(name, (self.start)(job)),
                None => self.board.state().timetable.ended(&name, None),
            }
        }
    }

    /// Until something is due, but not long, because a clock may be set and a file changed.
    fn pause(&self) -> Duration {
        let next = self.board.state().timetable.next();
        next.map_or(LOOK_EVERY, |next| {
            until(self.clock.now(), next).min(LOOK_EVERY)
        })
    }

    fn note(&self, (name, came): (JobName, Came)) {
        let again = match came {
            Came::Ended => None,
            Came::Busy { until } => {
                tracing::info!(job = %name, %until, "{name} runs elsewhere, until {until} at least");
                Some(until)
            }
        };
        self.board.state().timetable.ended(&name, again);
    }

    /// Takes in what has changed in the directory.
    async fn look(&self) {
        if let Err(error) = self.board.look() {
            let directory = self.board.files().directory().display();
            tracing::error!(%error, "cannot read the jobs in {directory}: {error}");
        }
        self.take_in_news().await;
    }

    async fn take_in_news(&self) {
        if let Some(jobs) = self.board.news() {
            self.take_in(&jobs).await;
        }
    }

    async fn take_in(&self, jobs: &[Job]) {
        let scheduled = jobs
            .iter()
            .filter_map(|job| Some((job, job.when.as_ref()?)));
        let names: BTreeSet<&JobName> = scheduled.clone().map(|(job, _)| &job.name).collect();
        self.board.state().timetable.keep_only(&names);
        for (job, when) in scheduled {
            let known = self.board.state().timetable.due(&job.name).is_some();
            if self.board.state().timetable.has(&job.name, when) {
                continue;
            }
            let now = self.clock.now();
            let (name, when) = (job.name.clone(), when.clone());
            match known {
                true => self.board.state().timetable.change(name, when, now),
                false => {
                    let past = self.past(job).await;
                    self.board.state().timetable.begin(name, when, past, now);
                }
            }
        }
    }

    /// How far a job had come before this process.
    async fn past(&self, job: &Job) -> Past {
        let deadline = Deadline::at(self.clock.now().saturating_add(ASK_TIME));
        let runs = self.store.job_runs(&job.name, 1, deadline).await;
        let runs = runs.unwrap_or_else(|error| {
            let name = &job.name;
            tracing::warn!(job = %name, %error, "the last run of {name} is not known: {error}");
            Vec::new()
        });
        match runs.first() {
            None => Past::Never {
                written: job.written,
            },
            Some(run) => match run.outcome {
                JobOutcome::Running | JobOutcome::Stopped => Past::Unfinished,
                _ => Past::Ended {
                    started: run.started,
                },
            },
        }
    }
}

/// The jobs under way.
struct Running {
    tasks: JoinSet<Came>,
    names: HashMap<Id, JobName>,
    places: Arc<Semaphore>,
}

impl Running {
    fn new() -> Running {
        Running {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Starts a job as soon as there is a place for it.
    fn start(&mut self, name: JobName, run: impl Future<Output = Came> + Send + 'static) {
        let places = Arc::clone(&self.places);
        let task = self.tasks.spawn(async move {
            // When the process stops, nobody gets a place any more.
            match places.acquire().await {
                Ok(_place) => run.await,
                Err(_) => Came::Ended,
            }
        });
        self.names.insert(task.id(), name);
    }

    /// The next one that has ended; none if none is under way.
    async fn next(&mut self) -> Option<(JobName, Came)> {
        let (id, came) = match self.tasks.join_next_with_id().await? {
            Ok((id, came)) => (id, came),
            Err(error) => {
                tracing::error!("a job has come to a defect: {error}");
                (error.id(), Came::Ended)
            }
        };
        Some((self.names.remove(&id)?, came))
    }
}

fn until(now: Timestamp, due: Timestamp) -> Duration {
    let millis = due.as_millis().saturating_sub(now.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

#[cfg(test)]
mod tests;

//! Tasks that run side by side, and what they make in the order of the tasks.
//!
//! The first task in order hands its items straight to the reader. The others keep theirs in their
//! [`Lane`](lane::Lane) until it is their turn: in memory, then in a file, then by waiting. So the
//! reader sees what it would see if the tasks ran one after another, and memory is bounded however
//! far the others are ahead. How many tasks wait to be read is bounded, too ([`Ordered::has_room`]).

mod lane;
mod pool;
mod sender;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::spool::Spillable;
use lane::{Lane, Taken};
use pool::Pool;
pub use sender::{Gone, Sender};

/// How many tasks there are at once for each that runs: so far are those ahead that are done before
/// the first one.
const AHEAD: usize = 4;

/// How much may wait, of all tasks together.
#[derive(Debug, Clone, Copy)]
pub struct Spill {
    /// In memory, as [`Spillable::bytes`] counts it.
    pub memory_bytes: usize,
    /// In files, as it is written.
    pub file_bytes: usize,
}

/// 256 KB and 64 MB for each of four tasks.
impl Default for Spill {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 20,
            file_bytes: 256 << 20,
        }
    }
}

/// Why the items of a task are not whole, whatever the task says.
#[derive(Debug, Error)]
pub enum Broken {
    /// Items could not wait in a file.
    #[error("a temporary file for answers that wait: {0}")]
    Spill(#[from] io::Error),
    /// The task has panicked.
    #[error("a fault of the program: {0}")]
    Panicked(String),
}

/// What the tasks make, in their order.
#[derive(Debug, PartialEq, Eq)]
pub enum Out<O, E> {
    /// The next item of the first task.
    Item(O),
    /// The end of the first task; what follows is the next one's.
    End(Result<(), E>),
}

/// How a task is run.
type Run<T, O, E> = Box<dyn Fn(T, Sender<O>) -> BoxFuture<'static, Result<(), E>> + Send>;

/// Tasks that run side by side. Dropping it ends them all.
pub struct Ordered<T, O, E> {
    concurrency: usize,
    run: Run<T, O, E>,
    /// Those whose end was not told, in order.
    tasks: VecDeque<Task<O, E>>,
    /// What was taken of the first lane.
    ready: VecDeque<O>,
    pools: Arc<Spilled>,
    pushed: usize,
    ended: watch::Sender<usize>,
    running: JoinSet<()>,
}

/// A task: what it has made, and how it has ended.
struct Task<O, E> {
    lane: Arc<Lane<O>>,
    end: oneshot::Receiver<Result<(), E>>,
}

/// What is left of a [`Spill`].
#[derive(Debug)]
struct Spilled {
    memory: Pool,
    files: Pool,
}

/// Runs tasks side by side, at most so many at once, and gives what they make in their order.
pub fn in_order<T, O, E, F>(
    concurrency: usize,
    spill: Spill,
    run: impl Fn(T, Sender<O>) -> F + Send + 'static,
) -> Ordered<T, O, E>
where
    O: Spillable + Send + 'static,
    E: From<Broken> + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    Ordered {
        concurrency: concurrency.max(1),
        run: Box::new(move |task, sender| run(task, sender).boxed()),
        tasks: VecDeque::new(),
        ready: VecDeque::new(),
        pools: Arc::new(Spilled {
            memory: Pool::new(spill.memory_bytes),
            files: Pool::new(spill.file_bytes),
        }),
        pushed: 0,
        ended: watch::Sender::new(0),
        running: JoinSet::new(),
    }
}

impl<T, O, E> Ordered<T, O, E>
where
    O: Spillable + Send + 'static,
    E: From<Broken> + Send + 'static,
{
    /// Whether another task is of use: those that run and those that are done and wait to be read
    /// are not too many. It changes with [`next`](Ordered::next) alone.
    pub fn has_room(&self) -> bool {
        self.tasks.len() < self.concurrency * AHEAD
    }

    /// Whether there is no task whose end was not told.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Adds a task, which begins when fewer than `concurrency` of those before it run.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    pub fn push(&mut self, task: T) {
        let lane = Arc::new(Lane::new(Arc::clone(&self.pools)));
        if self.tasks.is_empty() {
            lane.is_next();
        }
        let (told, end) = oneshot::channel();
        let work = (self.run)(task, Sender::new(Arc::clone(&lane)));
        self.tasks.push_back(Task {
            lane: Arc::clone(&lane),
            end,
        });
        let turn = turn(self.ended.subscribe(), self.pushed, self.concurrency);
        let ended = self.ended.clone();
        self.pushed += 1;
        // Those that are done leave nothing behind.
        while self.running.try_join_next().is_some() {}
        self.running.spawn(async move {
            turn.await;
            let end = AssertUnwindSafe(work).catch_unwind().await;
            // Who does not hear of it is gone.
            let _ = told.send(end.unwrap_or_else(|panic| Err(panicked(&*panic).into())));
            lane.end();
            ended.send_modify(|ended| *ended += 1);
        });
    }

    /// The next item or end, in the order of the tasks; nothing if there are no tasks. Nothing is
    /// lost when it is dropped before it is done.
    pub async fn next(&mut self) -> Option<Out<O, E>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Out::Item(item));
            }
            let first = &self.tasks.front()?.lane;
            match first.take() {
                Taken::Items(items) => self.ready = items,
                Taken::Nothing => first.filled().await,
                Taken::End => return self.end(None),
                Taken::Broken(error) => return self.end(Some(Broken::Spill(error))),
            }
        }
    }

    fn end(&mut self, broken: Option<Broken>) -> Option<Out<O, E>> {
        let mut task = self.tasks.pop_front()?;
        if let Some(next) = self.tasks.front() {
            next.lane.is_next();
        }
        let end = match broken {
            Some(broken) => Err(broken.into()),
            None => task.end.try_recv().expect("a task tells its end first"),
        };
        Some(Out::End(end))
    }
}

/// The tasks end with their set. Whatever they have given their senders to hears of it.
impl<T, O, E> Drop for Ordered<T, O, E> {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.lane.leave();
        }
    }
}

/// Waits until fewer than `concurrency` of the tasks before this one run. They begin in order, so
/// those are all that do.
async fn turn(mut ended: watch::Receiver<usize>, number: usize, concurrency: usize) {
    let enough = ended.wait_for(|&ended| number < ended + concurrency).await;
    // It holds the other end itself.
    enough.expect("somebody counts");
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Broken {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Broken::Panicked(text.unwrap_or("it panicked").to_owned())
}

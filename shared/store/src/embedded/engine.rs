//! The engine: one call at a time, and none that was signed too long ago.
//!
//! An engine on a file works on a thread of its own, because each of its writes waits for the
//! disk. One in memory works in the task that calls: it never waits, and under tokio's paused
//! time a task that waited for another thread would see its time-outs pass at once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::{fmt, thread};

use dynoxide::Database;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::oneshot;
use weir_model::Timestamp;

use super::dispatch::{self, Work};
use super::kept::{Kept, Wanted};
use super::readers::Readers;
use super::sweep::Positions;
use super::transport::{Answer, Call, Cut, Transport};
use crate::clock::Clock;

/// How old a signature may be: what DynamoDB allows (IAM user guide, "Signature Version 4",
/// on the time stamp of a request).
const SIGNATURE_LASTS_MS: i64 = 15 * 60 * 1000;

/// Why an engine could not be started.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The file cannot be opened, or is no database of this engine.
    #[error("cannot open {}: {cause}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// No memory database, or no thread, could be had.
    #[error("cannot start the engine: {0}")]
    Start(String),
}

/// A DynamoDB on SQLite.
pub struct Engine {
    seat: Seat,
    kept: Arc<Kept>,
    /// Of a database in a file.
    readers: Option<Arc<Readers>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) positions: Positions,
}

enum Seat {
    Here(Mutex<Core>),
    Thread {
        queue: Option<mpsc::Sender<Job>>,
        thread: Option<JoinHandle<()>>,
    },
}

struct Core {
    database: Database,
    kept: Arc<Kept>,
    clock: Arc<dyn Clock>,
}

struct Job {
    signed_at: Timestamp,
    work: Work,
    answer: oneshot::Sender<Answer>,
}

impl Engine {
    /// Opens a database file, or makes it. Each write is on the disk before it is answered:
    /// SQLite's write-ahead log with `synchronous=FULL`, which is its default.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let failed = |cause: String| EngineError::Open {
            path: path.to_owned(),
            cause,
        };
        let text = path
            .to_str()
            .ok_or_else(|| failed("the path is not UTF-8".to_owned()))?;
        let database = Database::new(text).map_err(|error| failed(error.to_string()))?;
        let (queue, jobs) = mpsc::channel();
        let kept = Arc::<Kept>::default();
        let core = Core {
            database,
            kept: Arc::clone(&kept),
            clock: Arc::clone(&clock),
        };
        let thread = thread::Builder::new().name("weir-engine".to_owned());
        let thread = thread.spawn(move || core.work(jobs));
        let thread = thread.map_err(|error| EngineError::Start(error.to_string()))?;
        let seat = Seat::Thread {
            queue: Some(queue),
            thread: Some(thread),
        };
        Ok(Self {
            seat,
            kept,
            readers: Some(Arc::new(Readers::of(path))),
            clock,
            positions: Positions::default(),
        })
    }

    /// A database in memory, which is gone when the engine is dropped.
    pub fn memory(clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let database = Database::memory().map_err(|error| EngineError::Start(error.to_string()))?;
        let kept = Arc::<Kept>::default();
        let core = Core {
            database,
            kept: Arc::clone(&kept),
            clock: Arc::clone(&clock),
        };
        Ok(Self {
            seat: Seat::Here(Mutex::new(core)),
            kept,
            readers: None,
            clock,
            positions: Positions::default(),
        })
    }
}

impl Engine {
    /// Writes a database in memory to a file, in the place of one that is there.
    pub(super) fn write_to(&self, path: &Path) -> Result<(), String> {
        let Seat::Here(core) = &self.seat else {
            return Err("it has a file already".to_owned());
        };
        let core = core.lock().map_err(|error| error.to_string())?;
        // SQLite writes to no file that is there.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error.to_string());
            }
            _ => {}
        }
        let path = path.to_str().ok_or("the path is not UTF-8")?;
        core.database
            .vacuum_into(path)
            .map_err(|error| error.to_string())
    }
}

impl Core {
    fn work(self, jobs: mpsc::Receiver<Job>) {
        for job in jobs {
            let answer = self.carry_out(job.signed_at, job.work);
            // Whoever asked may have given up; the call counts all the same.
            let _ = job.answer.send(answer);
        }
    }

    /// Looks at the signature's age here, right before the call takes effect: a call may have
    /// stood in the queue.
    fn carry_out(&self, signed_at: Timestamp, work: Work) -> Answer {
        too_old(&*self.clock, signed_at).unwrap_or_else(|| work(&self.database, &self.kept))
    }
}

/// How a call whose signature is too old is refused.
fn too_old(clock: &dyn Clock, signed_at: Timestamp) -> Option<Answer> {
    let age_ms = clock.now().as_millis() - signed_at.as_millis();
    (age_ms > SIGNATURE_LASTS_MS).then(|| {
        let message = format!("Signature expired: {signed_at} is too old");
        Answer::error(400, "InvalidSignatureException", &message)
    })
}

impl Engine {
    /// Answers a query of a partition that is kept, or of records, without waiting for the writes
    /// in the queue: nobody has been told of those yet.
    async fn answer_beside(&self, call: &Call) -> Option<Answer> {
        if call.operation != "Query" {
            return None;
        }
        let wanted = Wanted::read(&call.body)?;
        if let Some(refusal) = too_old(&*self.clock, call.signed_at) {
            return Some(refusal);
        }
        if let Some(answer) = self.kept.answer(&wanted) {
            return Some(answer);
        }
        self.readers.as_ref()?.answer(wanted).await
    }
}

impl Transport for Engine {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        Box::pin(async move {
            let stopped = || Cut("the engine has stopped".to_owned());
            if let Some(answer) = self.answer_beside(&call).await {
                return Ok(answer);
            }
            let signed_at = call.signed_at;
            let work = dispatch::read(&call.operation, call.body);
            match &self.seat {
                Seat::Here(core) => {
                    let core = core.lock().map_err(|_| stopped())?;
                    Ok(core.carry_out(signed_at, work))
                }
                Seat::Thread { queue, .. } => {
                    let (answer, answered) = oneshot::channel();
                    let queue = queue.as_ref().ok_or_else(stopped)?;
                    let job = Job {
                        signed_at,
                        work,
                        answer,
                    };
                    queue.send(job).map_err(|_| stopped())?;
                    answered.await.map_err(|_| stopped())
                }
            }
        })
    }
}

impl Drop for Engine {
    /// Ends the thread and waits for it, so that the file can be opened again.
    fn drop(&mut self) {
        if let Seat::Thread { queue, thread } = &mut self.seat {
            drop(queue.take());
            if let Some(thread) = thread.take() {
                // It has ended already if it panicked.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

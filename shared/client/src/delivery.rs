//! A batch from where it waits to where it ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use weir_model::Timestamp;

use crate::batch::{Batch, Home, InMemory};
use crate::buffer::Load;
use crate::courier::{Attempts, Courier, Verdict};
use crate::key::Key;
use crate::notice::codes;
use crate::pauses::Pause;
use crate::spool::{BatchFile, Opened, Sealed, Spooled};
use crate::statistics::Loss;

/// How long to wait before the disk is tried again.
const DISK_PAUSE: Duration = Duration::from_secs(10);

/// What is left of a batch that is through.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The number of its first event.
    pub(crate) first: u64,
    /// What it no longer holds of the buffer.
    pub(crate) released: Load,
    /// The smaller batches it has become.
    pub(crate) next: Vec<Batch>,
    /// The batch itself, if it is not through after all.
    pub(crate) later: Option<Deferred>,
}

/// A batch that lets others go first.
#[derive(Debug)]
pub(crate) struct Deferred {
    pub(crate) batch: Batch,
    pub(crate) pause: Pause,
}

/// What comes of a delivery: it is over, or goes on later.
enum Delivery {
    Over(Vec<Home>, Load),
    Later(Home, Pause),
}

/// Brings a batch to the server and does with it what comes of that.
pub(crate) async fn deliver(courier: Arc<Courier>, batch: Batch) -> Settled {
    let (first, mut attempts) = (batch.first, batch.attempts);
    let delivery = match batch.home {
        Home::Memory(batch) => from_memory(&courier, batch, &mut attempts).await,
        Home::Spool(spooled) => from_spool(&courier, spooled, &mut attempts).await,
    };
    let settled = Settled {
        first,
        ..Settled::default()
    };
    match delivery {
        Delivery::Over(homes, released) => {
            let next = homes.into_iter().map(|home| Batch::new(first, home));
            Settled {
                released,
                next: next.collect(),
                ..settled
            }
        }
        Delivery::Later(home, pause) => {
            let batch = Batch {
                first,
                home,
                attempts,
            };
            Settled {
                later: Some(Deferred { batch, pause }),
                ..settled
            }
        }
    }
}

async fn from_memory(
    courier: &Courier,
    batch: InMemory,
    attempts: &mut Option<Attempts>,
) -> Delivery {
    let begin = || Attempts::begin(courier.clock.now(), courier.pauses);
    let attempts = attempts.get_or_insert_with(begin);
    let lines = batch.lines.clone();
    let verdict = courier
        .bring(&batch.key, lines, batch.events, attempts)
        .await;
    let pieces = match verdict {
        Verdict::Delivered => Vec::new(),
        Verdict::Cut(pieces) => pieces,
        Verdict::Stale => {
            courier.counters.dropped(batch.events as u64, Loss::Stale);
            Vec::new()
        }
        Verdict::Later(pause) => return Delivery::Later(Home::Memory(batch), pause),
    };
    let (parts, released) = batch.replace(&pieces);
    Delivery::Over(parts.into_iter().map(Home::Memory).collect(), released)
}

async fn from_spool(
    courier: &Courier,
    spooled: Spooled,
    attempts: &mut Option<Attempts>,
) -> Delivery {
    let (file, key) = (&spooled.file, &spooled.part.key);
    let events = spooled.part.events();
    let verdict = match open(courier, &spooled).await {
        Err(None) => return Delivery::Over(Vec::new(), Load::default()),
        Err(Some(pause)) => Verdict::Later(pause),
        Ok(opened) if opened.attempted.by != courier.identity => {
            let text = format!("{events} events were first sent by another client");
            courier.notices.error(codes::STALE, text);
            Verdict::Stale
        }
        Ok(opened) => {
            let attempts = attempts.get_or_insert_with(|| begin(courier, &spooled, &opened));
            courier.bring(key, opened.lines, events, attempts).await
        }
    };
    let parts = match verdict {
        Verdict::Delivered => end(courier, file, key).await,
        Verdict::Cut(pieces) => cut(courier, file, key, pieces).await,
        Verdict::Stale => set_aside(courier, file, key, events).await,
        Verdict::Later(pause) => return Delivery::Later(Home::Spool(spooled), pause),
    };
    Delivery::Over(parts, Load::default())
}

fn begin(courier: &Courier, spooled: &Spooled, opened: &Opened) -> Attempts {
    // What was written down was a time.
    let first = Timestamp::from_millis(opened.attempted.at_ms).unwrap_or(Timestamp::MIN);
    match spooled.part.attempted {
        Some(_) => Attempts::resume(first, courier.pauses),
        None => Attempts::begin(first, courier.pauses),
    }
}

/// Reads a batch, and notes that it will be attempted. If the disk does not let it, others go first:
/// those in memory need no disk. Without a pause, it will never be possible.
async fn open(courier: &Courier, spooled: &Spooled) -> Result<Opened, Option<Pause>> {
    let (file, key) = (&spooled.file, spooled.part.key.clone());
    let (now, by) = (courier.clock.now(), courier.identity.clone());
    match work(file, move |file| file.begin(&key, now, &by)).await {
        Ok(opened) => Ok(opened),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            give_up(courier, file, &error).await;
            Err(None)
        }
        Err(error) => {
            let what = "a batch cannot be read, or its attempt not be noted";
            tell(courier, what, &error);
            let until = Instant::now() + DISK_PAUSE;
            Err(Some(Pause {
                least: until,
                until,
                is_own: true,
            }))
        }
    }
}

async fn give_up(courier: &Courier, file: &Arc<Sealed>, error: &io::Error) {
    let (events, moved) = work(file, |file| (file.events(), file.give_up())).await;
    courier.counters.dropped(events as u64, Loss::Stale);
    let what = match moved {
        Ok(path) => format!("{} is kept, and not sent", path.display()),
        Err(error) => format!("a damaged file cannot be moved away ({error})"),
    };
    tell(courier, &what, error);
}

async fn end(courier: &Courier, file: &Arc<Sealed>, key: &Key) -> Vec<Home> {
    let key = key.clone();
    if let Err(error) = work(file, move |file| file.replace(&key, &[])).await {
        tell(
            courier,
            "a delivered batch cannot be taken out of the spool",
            &error,
        );
    }
    Vec::new()
}

/// Smaller batches have new keys, which must be on the disk before they are used.
async fn cut(
    courier: &Courier,
    file: &Arc<Sealed>,
    key: &Key,
    pieces: Vec<Vec<usize>>,
) -> Vec<Home> {
    let pieces = Arc::new(pieces);
    loop {
        let (key, by) = (key.clone(), Arc::clone(&pieces));
        match work(file, move |file| file.replace(&key, &by)).await {
            Ok(parts) => {
                let spooled = |part| Spooled {
                    file: Arc::clone(file),
                    part,
                };
                return parts.into_iter().map(spooled).map(Home::Spool).collect();
            }
            Err(error) => tell(courier, "a plan cannot be written", &error),
        }
        sleep(DISK_PAUSE).await;
    }
}

async fn set_aside(courier: &Courier, file: &Arc<Sealed>, key: &Key, events: usize) -> Vec<Home> {
    courier.counters.dropped(events as u64, Loss::Stale);
    let key = key.clone();
    match work(file, move |file| file.set_aside(&key)).await {
        Ok(path) => {
            let text = format!("{events} events are kept in {}", path.display());
            courier.notices.error(codes::STALE, text);
        }
        Err(error) => tell(courier, "a stale batch cannot be set aside", &error),
    }
    Vec::new()
}

fn tell(courier: &Courier, what: &str, error: &io::Error) {
    courier
        .notices
        .error(codes::SPOOL_BROKEN, format!("{what}: {error}"));
}

/// The disk may be slow, and the sender has events to take in.
async fn work<T: Send + 'static>(
    file: &Arc<Sealed>,
    work: impl FnOnce(&mut BatchFile) -> T + Send + 'static,
) -> T {
    let file = Arc::clone(file);
    let done = tokio::task::spawn_blocking(move || file.work(work)).await;
    done.expect("it does not panic, and the runtime outlives it")
}

//! What the client tells the program it lives in: notices, each also a `tracing` event.
//!
//! The program's callback is called on whichever thread has something to say, never while a lock
//! is held. If it panics, the panic ends there.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// No more of a text that comes from elsewhere is told.
const TEXT_CHARS: usize = 500;

/// So many notices of refused events in a second, each of which is a call of the program's.
const REFUSED_A_SECOND: u64 = 10;

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is delayed, and goes on by itself.
    Warning,
    /// Events were lost, or someone must act.
    Error,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// A stable name for what happened; [`codes`](crate::codes) lists them.
    pub code: &'static str,
    /// The same for people.
    pub text: String,
}

/// The codes of notices.
pub mod codes {
    /// An event was refused when it was reported. Ten in a second are told; the next notice has
    /// the number of the others.
    pub const REFUSED: &str = "refused";
    /// Events were dropped because the buffer is full.
    pub const BUFFER_FULL: &str = "buffer-full";
    /// An event could not be sent as it is, and was dropped.
    pub const UNSENDABLE: &str = "unsendable";
    /// The server refused events of a batch; they were dropped, and the others go again.
    pub const REJECTED: &str = "rejected";
    /// A batch was too large for the server and goes again in halves.
    pub const HALVED: &str = "halved";
    /// An attempt failed; the batch goes again.
    pub const RETRY: &str = "retry";
    /// The server does not let the client in; the batch goes again, slowly.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// Whatever answered is not a Weir, or its address is wrong; the batch goes again, slowly.
    pub const NOT_WEIR: &str = "not-weir";
    /// A batch succeeded after failures.
    pub const RECOVERED: &str = "recovered";
    /// A batch was attempted so long ago that the server may have forgotten its key.
    pub const STALE: &str = "stale";
    /// The server knows a batch's key with another body.
    pub const KEY_REUSED: &str = "key-reused";
    /// Events of an earlier run of the program were found and will be sent.
    pub const SPOOL_FOUND: &str = "spool-found";
    /// The end of a spool file was not whole, and was cut.
    pub const SPOOL_CUT: &str = "spool-cut";
    /// The spool has no room; events wait in memory.
    pub const SPOOL_FULL: &str = "spool-full";
    /// The spool cannot be read or written.
    pub const SPOOL_BROKEN: &str = "spool-broken";
    /// The client was closed, and events were left.
    pub const LEFT: &str = "left";
    /// The client's sender has stopped for a reason that should not be.
    pub const STOPPED: &str = "stopped";
}

type Callback = dyn Fn(&Notice) + Send + Sync;

/// Where notices go.
#[derive(Clone, Default)]
pub(crate) struct Notices {
    callback: Option<Arc<Callback>>,
    refused: Arc<Mutex<Rate>>,
}

/// How many notices there were in a second, and how many were not told since the last.
#[derive(Debug, Default)]
struct Rate {
    second: Option<Instant>,
    told: u64,
    untold: u64,
}

impl Rate {
    /// How many were not told since the last that was; nothing if this one is not told either.
    fn tell(&mut self, now: Instant) -> Option<u64> {
        let is_over = |begun: Instant| now.duration_since(begun) >= Duration::from_secs(1);
        if self.second.is_none_or(is_over) {
            (self.second, self.told) = (Some(now), 0);
        }
        if self.told == REFUSED_A_SECOND {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

impl Notices {
    pub(crate) fn to(callback: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self {
            callback: Some(Arc::new(callback)),
            ..Self::default()
        }
    }

    pub(crate) fn info(&self, code: &'static str, text: impl Into<String>) {
        self.tell(Level::Info, code, text.into());
    }

    pub(crate) fn warn(&self, code: &'static str, text: impl Into<String>) {
        self.tell(Level::Warning, code, text.into());
    }

    /// Tells of an event that was refused, unless many were.
    pub(crate) fn refused(&self, why: &str) {
        let mut rate = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let told = rate.tell(Instant::now());
        drop(rate);
        match told {
            None => {}
            Some(0) => self.warn(codes::REFUSED, format!("an event was refused: {why}")),
            Some(others) => {
                let text = format!("an event was refused: {why} ({others} others before it)");
                self.warn(codes::REFUSED, text);
            }
        }
    }

    pub(crate) fn error(&self, code: &'static str, text: impl Into<String>) {
        self.tell(Level::Error, code, text.into());
    }

    fn tell(&self, level: Level, code: &'static str, text: String) {
        match level {
            Level::Info => tracing::info!(code, "{text}"),
            Level::Warning => tracing::warn!(code, "{text}"),
            Level::Error => tracing::error!(code, "{text}"),
        }
        if let Some(callback) = &self.callback {
            let notice = Notice { level, code, text };
            guarded("the callback for notices", || callback(&notice));
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.callback.is_some() {
            "callback"
        } else {
            "none"
        })
    }
}

/// The beginning of a text that comes from elsewhere and may be of any length.
pub(crate) fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Calls what the program gave us; nothing comes back if it panics.
pub(crate) fn guarded<T>(what: &str, call: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(call));
    if result.is_err() {
        tracing::error!("{what} panicked");
    }
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_that_panics_harms_nobody() {
        let notices = Notices::to(|_| panic!("on purpose"));
        notices.warn(codes::RETRY, "a text");
        assert_eq!(guarded("a call", || 7), Some(7));
    }

    #[test]
    fn of_many_refusals_ten_a_second_are_told_and_the_others_are_numbered() {
        let mut rate = Rate::default();
        let now = Instant::now();
        let told = (0..1000).filter_map(|_| rate.tell(now)).collect::<Vec<_>>();
        assert_eq!(told, [0; 10]);
        let later = now + Duration::from_secs(1);
        assert_eq!((rate.tell(later), rate.tell(later)), (Some(990), Some(0)));
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(brief("short"), "short");
        let cut = brief(&"ä".repeat(10_000)).chars().count();
        assert_eq!(cut, TEXT_CHARS + 1);
    }
}

//! Where a run goes on, and what it says of how far it has come.
//!
//! A state keeps everything that the reference wrote, fields that nobody knows included, so that it
//! can be used again. What is finer than a bookmark stands beside it, under `weir`:
//!
//! ```json
//! {"currently_syncing": "feature_events", "weir": {"failures": {…}}, "bookmarks": {
//!   "accounts":  {"lastupdated": T, "weir": {"began": T, "greatest": T, "after": "id"}},
//!   "events":    {"day": T, "weir": {"period": "day", "began": T, "greatest": T, "at": T}},
//!   "feature_events": {"day": T, "previous_sync_completed_ts": T, "last_processed": "id",
//!     "weir": {"period": "day", "began": T, "greatest": T, "after": "id",
//!              "current": {"id": T}, "parents": {"id": T}, "known": "1:…"}}}}
//! ```
//!
//! A bookmark stays where it was until the traversal or the pass has ended; `began` says that one is
//! under way. Positions that another tap has overtaken count for nothing: a `last_processed` that is
//! not `after` is the reference's, which moves `day` on before it is there, so its pass is read again
//! from `previous_sync_completed_ts`.

mod book;
mod failures;
mod fields;
mod progress;

pub(crate) use book::Book;
pub(crate) use failures::Failures;
pub(crate) use progress::{Pass, Series, Traversal};

//! A parent under way.

use weir_collector::Fault;

use crate::streams::{EventTime, Kind, StreamId};

/// What one request series is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// A parent's events from a time on.
    Events {
        /// The parent's id.
        parent: String,
        /// Where its reading had begun.
        since: i64,
        /// The time.
        from: i64,
    },
    /// A day of a visitor's history.
    Day {
        /// The visitor's id.
        visitor: String,
        /// When the day begins.
        day: i64,
        /// What was changed before is not told.
        since: i64,
    },
}

/// A parent under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    /// Where it goes on: events of this time, or the day that begins then.
    pub(super) at: i64,
    /// Where its reading would begin again.
    pub(super) base: i64,
    /// Whether it has come further than that, all before it told.
    pub(super) has_moved: bool,
    /// Tasks whose end was not told.
    pub(super) tasks: u32,
    /// Whether it comes before the place where the pass went on.
    pub(super) is_passed: bool,
    /// Whether its past is read with its end: one that must not be asked for has none.
    pub(super) counts_as_read: bool,
    pub(super) failed: Option<Fault>,
}

impl Entry {
    pub(super) fn is_done(&self) -> bool {
        self.tasks == 0
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// It has come to a border.
    pub(super) fn move_to(&mut self, at: i64) {
        self.at = at;
        self.has_moved = true;
    }

    pub(super) fn end_task(&mut self) {
        self.tasks = self.tasks.saturating_sub(1);
    }

    /// Notes why it failed; the first reason stays.
    pub(super) fn fail(&mut self, why: Fault) {
        self.failed.get_or_insert(why);
    }

    /// So many of its tasks will never be.
    pub(super) fn drop_tasks(&mut self, count: u32) {
        self.tasks = self.tasks.saturating_sub(count);
    }

    /// Its position for the next pass, if it cannot be read to its end.
    pub(super) fn position(&self, stream: StreamId) -> i64 {
        // What browsers say of the time is in another order than events arrive: those that arrived
        // before this place may be told after it.
        let is_in_order = !matches!(
            stream.kind(),
            Kind::Events(kind) if kind.time == EventTime::Browser
        );
        match self.has_moved && is_in_order {
            true => self.at,
            false => self.base,
        }
    }
}

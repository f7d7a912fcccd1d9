//! What is to be read of which parent, and from where.

use std::collections::VecDeque;
use std::io;

use crate::config::Config;
use crate::parents::{Parent, ReadParents};
use crate::pass::entry::{Entry, Task};
use crate::state::Pass;
use crate::streams::{Kind, StreamId};
use crate::sync::{DAY_MS, looking_back};

/// Pendo keeps a visitor's history for this long.
const HISTORY_DAYS: i64 = 180;

/// Parents under way at most: those without anything to be read cost no task.
const ENTRIES: usize = 1024;

/// The parents that are left.
pub(super) struct Agenda {
    stream: StreamId,
    places: Places,
    parents: ReadParents,
    days: Option<Days>,
}

/// From where parents are read.
#[derive(Debug)]
pub(super) struct Places {
    stream: StreamId,
    config: Config,
    now: i64,
    bookmark: Option<i64>,
}

/// From where one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Its position.
    base: i64,
    /// As much earlier as is looked back.
    from: i64,
    /// Where it was interrupted.
    exact: Option<i64>,
}

/// The days of a visitor that are left.
#[derive(Debug)]
struct Days {
    visitor: String,
    next: i64,
    last: i64,
    since: i64,
}

impl Agenda {
    pub(super) fn new(stream: StreamId, places: Places, parents: ReadParents) -> Agenda {
        Agenda {
            stream,
            places,
            parents,
            days: None,
        }
    }

    /// The next task, whose parent is the last of the entries. None, if there is none for now.
    pub(super) fn next(
        &mut self,
        pass: &Pass,
        entries: &mut VecDeque<Entry>,
    ) -> io::Result<Option<Task>> {
        loop {
            if let Some(day) = self.next_day() {
                return Ok(Some(day));
            }
            if entries.len() >= ENTRIES {
                return Ok(None);
            }
            let Some(parent) = self.parents.next()? else {
                return Ok(None);
            };
            if is_behind(&parent, pass) {
                continue;
            }
            let place = self.places.of(&parent.id, pass);
            if self.stream.kind() != Kind::History {
                let from = place.exact.unwrap_or(place.from);
                entries.push_back(entry(&parent, place, from, 1));
                return Ok(Some(Task::Events {
                    parent: parent.id,
                    since: place.from,
                    from,
                }));
            }
            entries.push_back(self.visitor(parent, place));
        }
    }

    /// Takes back the days of a visitor that were not begun; says how many.
    pub(super) fn abandon(&mut self, visitor: &str) -> u32 {
        match self.days.take_if(|days| days.visitor == visitor) {
            Some(days) => count(days.next, days.last),
            None => 0,
        }
    }

    fn next_day(&mut self) -> Option<Task> {
        let days = self.days.as_mut()?;
        let task = Task::Day {
            visitor: days.visitor.clone(),
            day: days.next,
            since: days.since,
        };
        days.next += DAY_MS;
        if days.next > days.last {
            self.days = None;
        }
        Some(task)
    }

    fn visitor(&mut self, parent: Parent, place: Place) -> Entry {
        let (first, last) = self.places.days(&parent, place);
        let tasks = match parent.do_not_process {
            true => 0,
            false => count(first, last),
        };
        let entry = entry(&parent, place, first, tasks);
        if tasks > 0 {
            self.days = Some(Days {
                visitor: parent.id,
                next: first,
                last,
                since: place.from,
            });
        }
        entry
    }
}

impl Places {
    pub(super) fn new(
        stream: StreamId,
        config: &Config,
        now: i64,
        bookmark: Option<i64>,
    ) -> Places {
        Places {
            stream,
            config: config.clone(),
            now,
            bookmark,
        }
    }

    fn of(&self, id: &str, pass: &Pass) -> Place {
        let bookmark = self.bookmark.filter(|_| pass.known.has(id));
        let own = pass.own.get(id).copied();
        let start = self.config.start_date.as_millis();
        let base = own.or(bookmark).unwrap_or(start);
        Place {
            base,
            from: looking_back(&self.config, self.stream, base),
            exact: pass.current.get(id).copied(),
        }
    }

    /// The first and the last day that are asked for: from the day before the position, because a
    /// visit that lasts over midnight is told with the day of its begin, to the day after the
    /// visitor was last changed or seen.
    fn days(&self, parent: &Parent, place: Place) -> (i64, i64) {
        let today = day_of(self.now);
        let first = place.exact.unwrap_or(day_of(place.from) - DAY_MS);
        let last = parent
            .last_seen
            .map(|seen| day_of(seen).saturating_add(DAY_MS));
        (
            first.max(today - HISTORY_DAYS * DAY_MS),
            last.unwrap_or(today).min(today),
        )
    }
}

/// Whether a parent has its turn behind it: it comes before the place where the pass goes on, and
/// was read in it.
fn is_behind(parent: &Parent, pass: &Pass) -> bool {
    let id = &parent.id;
    let is_open = pass.own.contains_key(id) || pass.current.contains_key(id);
    parent.is_passed && pass.known.was_read(id) && !is_open
}

fn entry(parent: &Parent, place: Place, at: i64, tasks: u32) -> Entry {
    Entry {
        id: parent.id.clone(),
        at,
        base: place.base,
        has_moved: place.exact.is_some(),
        tasks,
        is_passed: parent.is_passed,
        counts_as_read: !parent.do_not_process,
        failed: None,
    }
}

fn day_of(time: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(DAY_MS))
}

fn count(first: i64, last: i64) -> u32 {
    match last >= first {
        true => u32::try_from((last - first) / DAY_MS + 1).unwrap_or(u32::MAX),
        false => 0,
    }
}

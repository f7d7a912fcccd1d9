//! Which job is due when. Pure: the time comes in, so that a test plays a year in a moment.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::Timestamp;
use weir_store::JobName;

use super::files::When;

/// The jobs that have a schedule.
#[derive(Debug, Default)]
pub(crate) struct Timetable {
    entries: BTreeMap<JobName, Entry>,
    running: BTreeSet<JobName>,
}

#[derive(Debug)]
struct Entry {
    when: When,
    /// None: never again.
    due: Option<Timestamp>,
}

/// How far a job has come before this process, or since when there is such a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// It never ran; its file is from then.
    Never {
        /// When the file was written.
        written: Timestamp,
    },
    /// It began then, and came to its end, good or bad.
    Ended {
        /// When it began.
        started: Timestamp,
    },
    /// It was stopped, or killed, before its end.
    Unfinished,
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// Jobs to start.
    pub(crate) start: Vec<JobName>,
    /// Jobs whose time has come while they still run: this time is left out.
    pub(crate) overrun: Vec<JobName>,
}

impl Timetable {
    /// Whether a job is here with this schedule.
    pub(crate) fn has(&self, name: &JobName, when: &When) -> bool {
        self.entries
            .get(name)
            .is_some_and(|entry| entry.when == *when)
    }

    /// Takes a job in. What it missed, however often, is made up for by one run.
    pub(crate) fn begin(&mut self, name: JobName, when: When, past: Past, now: Timestamp) {
        let due = first_due(&when, past, now);
        self.entries.insert(name, Entry { when, due });
    }

    /// Gives a job another schedule, which counts from now.
    pub(crate) fn change(&mut self, name: JobName, when: When, now: Timestamp) {
        let due = when.next(now);
        self.entries.insert(name, Entry { when, due });
    }

    /// Forgets all jobs but these.
    pub(crate) fn keep_only(&mut self, names: &BTreeSet<&JobName>) {
        self.entries.retain(|name, _| names.contains(name));
    }

    /// Takes what is due; those to start count as running until they have ended.
    pub(crate) fn take(&mut self, now: Timestamp) -> Due {
        let mut taken = Due::default();
        for (name, entry) in &mut self.entries {
            let Some(due) = entry.due.filter(|due| *due <= now) else {
                continue;
            };
            entry.due = after(&entry.when, due, now);
            match self.running.insert(name.clone()) {
                true => taken.start.push(name.clone()),
                false => taken.overrun.push(name.clone()),
            }
        }
        taken
    }

    /// A job has ended. One that could not begin, because another process has it until `again`,
    /// is due then.
    pub(crate) fn ended(&mut self, name: &JobName, again: Option<Timestamp>) {
        self.running.remove(name);
        if let (Some(entry), Some(again)) = (self.entries.get_mut(name), again) {
            entry.due = Some(entry.due.map_or(again, |due| due.min(again)));
        }
    }

    /// The first time at which something is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.values().filter_map(|entry| entry.due).min()
    }

    /// When a job is due.
    pub(crate) fn due(&self, name: &JobName) -> Option<Timestamp> {
        self.entries.get(name)?.due
    }
}

fn first_due(when: &When, past: Past, now: Timestamp) -> Option<Timestamp> {
    match past {
        Past::Unfinished => Some(now),
        Past::Ended { started } => when.next(started.min(now)),
        // EventBridge Scheduler, too, begins with a rate at once.
        Past::Never { .. } if when.schedule.rate().is_some() => Some(now),
        Past::Never { written } => when.next(written.min(now)),
    }
}

/// A rate keeps its beat, unless it has lost it.
fn after(when: &When, due: Timestamp, now: Timestamp) -> Option<Timestamp> {
    match when.next(due)? {
        next if next > now => Some(next),
        _ => when.next(now),
    }
}

#[cfg(test)]
mod tests {
    use weir_model::{Schedule, Zone};

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn when(schedule: &str) -> When {
        When {
            schedule: Schedule::parse(schedule).unwrap(),
            zone: Zone::utc(),
        }
    }

    fn name() -> JobName {
        "a".parse().unwrap()
    }

    fn table(schedule: &str, past: Past, now: &str) -> Timetable {
        let mut table = Timetable::default();
        table.begin(name(), when(schedule), past, at(now));
        table
    }

    #[test]
    fn the_first_time_depends_on_the_past() {
        let check = |schedule: &str, past: Past, expected: Option<&str>| {
            let table = table(schedule, past, "2026-09-08T12:00Z");
            assert_eq!(table.due(&name()), expected.map(at), "{schedule} {past:?}");
        };
        let written = |time| Past::Never { written: at(time) };
        let ended = |time| Past::Ended { started: at(time) };
        let daily = "cron(0 10 * * ? *)";
        check(
            daily,
            written("2026-09-08T11:00Z"),
            Some("2026-09-09T10:00Z"),
        );
        // Its time came while nothing was running.
        check(
            daily,
            written("2026-09-08T09:00Z"),
            Some("2026-09-08T10:00Z"),
        );
        check(
            daily,
            ended("2026-09-08T10:00:02Z"),
            Some("2026-09-09T10:00Z"),
        );
        check(
            daily,
            ended("2026-09-01T10:00:02Z"),
            Some("2026-09-02T10:00Z"),
        );
        check(daily, Past::Unfinished, Some("2026-09-08T12:00Z"));
        check(
            "rate(1 hour)",
            written("2026-09-08T11:59Z"),
            Some("2026-09-08T12:00Z"),
        );
        check(
            "rate(1 hour)",
            ended("2026-09-08T11:30Z"),
            Some("2026-09-08T12:30Z"),
        );
        check(
            "at(2026-09-08T11:00:00)",
            written("2026-09-01"),
            Some("2026-09-08T11:00Z"),
        );
        check(
            "at(2026-09-08T11:00:00)",
            ended("2026-09-08T11:00:01Z"),
            None,
        );
        // A clock that was ahead does not put a job off.
        check(
            "rate(1 hour)",
            ended("2027-01-01"),
            Some("2026-09-08T13:00Z"),
        );
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        let past = Past::Ended {
            started: at("2026-09-01T10:00Z"),
        };
        let mut table = table("cron(0 10 * * ? *)", past, "2026-09-08T12:00Z");
        let taken = table.take(at("2026-09-08T12:00Z"));
        assert_eq!(taken.start, [name()]);
        assert_eq!(table.due(&name()), Some(at("2026-09-09T10:00Z")));
        table.ended(&name(), None);
        assert_eq!(table.take(at("2026-09-08T12:01Z")), Due::default());
    }

    #[test]
    fn a_job_that_still_runs_is_not_started_again() {
        let never = Past::Never {
            written: Timestamp::MIN,
        };
        let mut table = table("rate(5 minutes)", never, "2026-09-08T12:00Z");
        assert_eq!(table.take(at("2026-09-08T12:00Z")).start, [name()]);
        let taken = table.take(at("2026-09-08T12:05:01Z"));
        assert_eq!((taken.start.len(), taken.overrun), (0, vec![name()]));
        table.ended(&name(), None);
        assert_eq!(table.take(at("2026-09-08T12:06Z")), Due::default());
        // The beat is that of the first run.
        assert_eq!(table.next(), Some(at("2026-09-08T12:10Z")));
        assert_eq!(table.take(at("2026-09-08T12:10:00.5Z")).start, [name()]);
    }

    #[test]
    fn a_job_that_another_process_has_comes_when_that_one_may_be_gone() {
        let past = Past::Unfinished;
        let mut table = table("cron(0 10 * * ? *)", past, "2026-09-08T12:00Z");
        table.take(at("2026-09-08T12:00Z"));
        table.ended(&name(), Some(at("2026-09-08T12:02Z")));
        assert_eq!(table.next(), Some(at("2026-09-08T12:02Z")));
        assert_eq!(table.take(at("2026-09-08T12:02Z")).start, [name()]);
        assert_eq!(table.next(), Some(at("2026-09-09T10:00Z")));
    }

    #[test]
    fn another_schedule_counts_from_when_it_was_given() {
        let ended = Past::Ended {
            started: at("2026-09-08T10:00Z"),
        };
        let mut table = table("cron(0 10 * * ? *)", ended, "2026-09-08T12:00Z");
        assert!(table.has(&name(), &when("cron(0 10 * * ? *)")));
        assert!(!table.has(&name(), &when("cron(0 11 * * ? *)")));
        table.change(name(), when("cron(0 11 * * ? *)"), at("2026-09-08T12:00Z"));
        assert_eq!(table.next(), Some(at("2026-09-09T11:00Z")));
        table.keep_only(&BTreeSet::new());
        assert_eq!(table.next(), None);
    }

    #[test]
    fn a_year_of_a_daily_job_is_365_runs() {
        let past = Past::Ended {
            started: at("2026-01-01T00:00Z"),
        };
        let mut table = table("cron(30 6 * * ? *)", past, "2026-01-01T00:00Z");
        let mut runs = 0;
        while let Some(due) = table.next().filter(|due| *due < at("2027-01-01")) {
            runs += table.take(due).start.len();
            table.ended(&name(), None);
        }
        assert_eq!(runs, 365);
    }
}

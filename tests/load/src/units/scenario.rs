//! A day of requests of one kind.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use weir_model::{Event, Series, Timestamp};
use weir_store::db::Units;

use super::price;
use crate::report::Row;
use crate::timeline::{PAUSE, Timeline, days_ago};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// What the figures are quoted from.
    Full,
    /// A tenth of it, to see that it works.
    Short,
}

impl Size {
    /// A tenth when short.
    pub(super) fn of(self, full: u64) -> u64 {
        match self {
            Self::Full => full,
            Self::Short => full / 10,
        }
    }
}

/// What tells a repeat from something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Once {
    No,
    Key,
    Ids,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    name: &'static str,
    /// In the day, evenly.
    requests: u64,
    /// Of each request.
    events: u64,
    /// Over which the events of a request are spread.
    series: u64,
    once: Once,
}

const ALL: [Scenario; 9] = [
    Scenario::new("alone", 10_000, 1, 1, Once::No),
    Scenario::new("alone, seldom", 100, 1, 1, Once::No),
    Scenario::new("alone, with a key", 10_000, 1, 1, Once::Key),
    Scenario::new("alone, with an id", 10_000, 1, 1, Once::Ids),
    Scenario::new("batches of 100", 2_000, 100, 1, Once::No),
    Scenario::new("batches of 100, seldom", 100, 100, 1, Once::No),
    Scenario::new("batches of 100, with a key", 2_000, 100, 1, Once::Key),
    Scenario::new("batches of 100 over 10 series", 2_000, 100, 10, Once::No),
    Scenario::new("batches of 100, with ids", 2_000, 100, 1, Once::Ids),
];

/// What a scenario has cost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cost {
    pub(super) case: String,
    pub(super) requests_a_day: u64,
    pub(super) events: u64,
    pub(super) series: u64,
    /// Write units per event, of accepting and of upkeep.
    pub(super) accepting_writes: f64,
    pub(super) upkeep_writes: f64,
    /// Read units per event, of accepting and of upkeep.
    pub(super) accepting_reads: f64,
    pub(super) upkeep_reads: f64,
    /// Dollars for a million events: DynamoDB, and the way in.
    pub(super) dynamodb_dollars: f64,
    pub(super) way_in_dollars: f64,
}

impl Row for Cost {
    const COLUMNS: &[&str] = &[
        "case",
        "requests/day",
        "events",
        "series",
        "W accepting",
        "W upkeep",
        "W in all",
        "R accepting",
        "R upkeep",
        "R in all",
        "$/million: DynamoDB",
        "way in",
    ];

    fn cells(&self) -> Vec<String> {
        let units = |units: f64| format!("{units:.3}");
        vec![
            self.case.clone(),
            self.requests_a_day.to_string(),
            self.events.to_string(),
            self.series.to_string(),
            units(self.accepting_writes),
            units(self.upkeep_writes),
            units(self.accepting_writes + self.upkeep_writes),
            units(self.accepting_reads),
            units(self.upkeep_reads),
            units(self.accepting_reads + self.upkeep_reads),
            format!("{:.3}", self.dynamodb_dollars),
            format!("{:.3}", self.way_in_dollars),
        ]
    }
}

/// How the figures are to be read.
pub(super) fn notes() -> Vec<String> {
    vec![
        "W and R: write and read units per event. Requests come evenly over one day, one after the \
         other; a compaction runs every five minutes, and until all upkeep is done"
            .to_owned(),
        "an event has a time, a value and nothing else, ids are 20 characters; upkeep of the days \
         that follow is in 'idle'"
            .to_owned(),
    ]
}

pub(super) async fn measure_all(size: Size) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    for scenario in ALL {
        let requests = size.of(scenario.requests);
        let scenario = Scenario {
            requests,
            ..scenario
        };
        costs.push(scenario.measure().await?);
    }
    Ok(costs)
}

impl Scenario {
    const fn new(name: &'static str, requests: u64, events: u64, series: u64, once: Once) -> Self {
        Self {
            name,
            requests,
            events,
            series,
            once,
        }
    }

    async fn measure(&self) -> Result<Cost> {
        let start = days_ago(3).start();
        let mut timeline = Timeline::in_memory(start).await?;
        let mut accepting = Units::default();
        let mut compaction = start.saturating_add(PAUSE);
        for number in 0..self.requests {
            let at = self.time_of(start, number);
            while compaction <= at {
                timeline.set(compaction);
                timeline.compact().await?;
                compaction = compaction.saturating_add(PAUSE);
            }
            timeline.set(at);
            let before = timeline.units();
            let key = (self.once == Once::Key).then(|| format!("{number:020}"));
            timeline.accept(self.request(start, number)?, key).await?;
            accepting = plus(accepting, minus(timeline.units(), before));
        }
        timeline.settle().await?;
        Ok(self.cost(accepting, timeline.units()))
    }

    fn time_of(&self, start: Timestamp, number: u64) -> Timestamp {
        let into = DAY.as_millis() as u64 * number / self.requests;
        start.saturating_add(Duration::from_millis(into))
    }

    /// The events of a request are what has happened until the next one, so that all of them are
    /// of the same day.
    fn request(&self, start: Timestamp, number: u64) -> Result<Vec<Event>> {
        let gap = DAY.as_millis() as u64 / self.requests;
        let event = |index: u64| {
            let into = Duration::from_millis(gap * index / self.events);
            let id = format!("{:020}", number * self.events + index);
            Ok(Event {
                series: Series::parse("units", &format!("series-{}", index % self.series))?,
                timestamp: Some(self.time_of(start, number).saturating_add(into)),
                value: (index % 10) as f64,
                id: (self.once == Once::Ids).then(|| id.into()),
                actor: None,
                properties: None,
                expires: None,
            })
        };
        (0..self.events).map(event).collect()
    }

    fn cost(&self, accepting: Units, all: Units) -> Cost {
        let events = self.requests * self.events;
        let per_event = |units: f64| units / events as f64;
        let upkeep = minus(all, accepting);
        let million = 1e6 / events as f64;
        Cost {
            case: self.name.to_owned(),
            requests_a_day: self.requests,
            events,
            series: self.series,
            accepting_writes: per_event(accepting.write),
            upkeep_writes: per_event(upkeep.write),
            accepting_reads: per_event(accepting.read),
            upkeep_reads: per_event(upkeep.read),
            dynamodb_dollars: price::of_units(all) * million,
            way_in_dollars: price::of_requests(1e6 / self.events as f64, self.events as f64),
        }
    }
}

fn plus(one: Units, other: Units) -> Units {
    Units {
        read: one.read + other.read,
        write: one.write + other.write,
    }
}

/// What was spent between two looks.
pub(super) fn minus(later: Units, earlier: Units) -> Units {
    Units {
        read: later.read - earlier.read,
        write: later.write - earlier.write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(events: u64, series: u64, once: Once) -> Scenario {
        Scenario::new("a test", 96, events, series, once)
    }

    #[test]
    fn all_events_of_a_scenario_are_of_one_day() {
        let day = days_ago(3);
        for scenario in ALL {
            for number in [0, scenario.requests - 1] {
                let events = scenario.request(day.start(), number).unwrap();
                assert_eq!(events.len() as u64, scenario.events);
                let is_of_it = |event: &Event| event.timestamp.is_some_and(|at| at.day() == day);
                assert!(events.iter().all(is_of_it), "{}", scenario.name);
            }
        }
    }

    #[test]
    fn costs_are_per_event_and_prices_per_million() {
        let scenario = small(10, 1, Once::No);
        let (accepting, all) = (
            Units {
                read: 96.0,
                write: 960.0,
            },
            Units {
                read: 192.0,
                write: 1_920.0,
            },
        );
        let cost = scenario.cost(accepting, all);
        assert_eq!((cost.accepting_writes, cost.upkeep_writes), (1.0, 1.0));
        assert_eq!((cost.accepting_reads, cost.upkeep_reads), (0.1, 0.1));
        assert!((cost.dynamodb_dollars - (2.0 * 0.625 + 0.2 * 0.125)).abs() < 1e-9);
    }

    /// A put is a unit; in a transaction two, for the block and for what tells a repeat.
    #[tokio::test]
    async fn accepting_costs_what_the_design_says() {
        let check = async |scenario: Scenario, wanted: f64| {
            let cost = scenario.measure().await.unwrap();
            let per_request = cost.accepting_writes * scenario.events as f64;
            // The first request also lists the series and its year.
            let catalogue = 2.0 * scenario.series as f64 / scenario.requests as f64;
            assert!(
                (wanted..=wanted + catalogue).contains(&per_request),
                "{scenario:?}: {per_request}"
            );
            assert!(cost.upkeep_writes > 0.0, "{cost:?}");
        };
        check(small(1, 1, Once::No), 1.0).await;
        check(small(1, 1, Once::Key), 4.0).await;
        check(small(1, 1, Once::Ids), 4.0).await;
        check(small(20, 2, Once::No), 4.0).await;
    }
}

//! A plain recount: what the answer must be, worked out from the events alone.
//!
//! It shares no code with what it checks: labels come from the time zone library one instant at a
//! time, and sums are added up anew for each group.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// A point: the earliest instant of a group, in milliseconds, and its value.
pub type Point = (i64, f64);

/// Groups events by the granularity in the zone and aggregates each group.
pub fn recount(
    events: &[(i64, f64)],
    granularity: &str,
    aggregation: &str,
    zone: &str,
) -> Vec<Point> {
    let zone = TimeZone::get(zone).expect("a known zone");
    let mut groups: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for event in events {
        groups
            .entry(label(event.0, granularity, &zone))
            .or_default()
            .push(*event);
    }
    let mut points: Vec<Point> = groups
        .into_values()
        .map(|group| {
            let earliest = group
                .iter()
                .map(|event| event.0)
                .min()
                .expect("a group has events");
            (earliest, aggregate(&group, aggregation))
        })
        .collect();
    points.sort_by_key(|point| point.0);
    points
}

fn label(millis: i64, granularity: &str, zone: &TimeZone) -> String {
    let local = Timestamp::from_millisecond(millis)
        .expect("in range")
        .to_zoned(zone.clone());
    let offset = local.offset().seconds();
    match granularity {
        "none" => millis.to_string(),
        // A real minute or hour: one that the clock shows twice is two.
        "minute" => format!("{} {offset}", local.strftime("%Y-%m-%d %H:%M")),
        "hour" => format!("{} {offset}", local.strftime("%Y-%m-%d %H")),
        "day" => local.date().to_string(),
        "week" => {
            let back = i64::from(local.weekday().to_monday_zero_offset());
            (local.date() - back.days()).to_string()
        }
        "month" => local.strftime("%Y-%m").to_string(),
        "year" => local.year().to_string(),
        other => panic!("no such granularity: {other}"),
    }
}

fn aggregate(group: &[(i64, f64)], aggregation: &str) -> f64 {
    let values = || group.iter().map(|event| event.1);
    let count = group.len() as f64;
    match aggregation {
        "count" => count,
        "sum" => sum(values()),
        "avg" => sum(values()) / count,
        "min" => values().fold(f64::INFINITY, f64::min),
        "max" => values().fold(f64::NEG_INFINITY, f64::max),
        "first" => at_edge(group, |a, b| {
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).is_lt()
        }),
        "last" => at_edge(group, |a, b| {
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).is_gt()
        }),
        "stddev" => {
            let mean = sum(values()) / count;
            (sum(values().map(|value| (value - mean).powi(2))) / count).sqrt()
        }
        other => panic!("no such aggregation: {other}"),
    }
}

fn at_edge(group: &[(i64, f64)], is_better: impl Fn(&(i64, f64), &(i64, f64)) -> bool) -> f64 {
    let mut best = group[0];
    for event in group {
        if is_better(event, &best) {
            best = *event;
        }
    }
    best.1
}

/// Neumaier's sum: exact for the integers of the tests, and within a rounding for the rest.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() {
            (sum - next) + value
        } else {
            (value - next) + sum
        };
        sum = next;
    }
    sum + lost
}

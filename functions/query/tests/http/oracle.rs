//! A plain recount, event by event, with local time from `jiff` alone.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use weir_model::{Aggregation, Granularity, Timestamp, Window};

/// What a group goes by. Groups of equal labels are one.
type Label = (i32, i32, i32, i32, i32, i64);

pub(crate) fn label(granularity: Granularity, zone: &TimeZone, time: Timestamp) -> Label {
    let instant = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap();
    let local = instant.to_zoned(zone.clone());
    let offset = i64::from(local.offset().seconds());
    let (year, month, day) = (
        local.year().into(),
        local.month().into(),
        local.day().into(),
    );
    let (hour, minute) = (local.hour().into(), local.minute().into());
    match granularity {
        Granularity::None => (0, 0, 0, 0, 0, time.as_millis()),
        Granularity::Minute => (year, month, day, hour, minute, offset),
        Granularity::Hour => (year, month, day, hour, 0, offset),
        Granularity::Day => (year, month, day, 0, 0, 0),
        Granularity::Week => {
            let week = local.date().iso_week_date();
            (week.year().into(), week.week().into(), 0, 0, 0, 0)
        }
        Granularity::Month => (year, month, 0, 0, 0, 0),
        Granularity::Year => (year, 0, 0, 0, 0, 0),
    }
}

/// The points of some events as JSON numbers, in time order.
pub(crate) fn recount(
    events: &[(Timestamp, f64)],
    window: Window,
    granularity: Granularity,
    zone: &TimeZone,
    aggregation: Aggregation,
) -> Vec<(Timestamp, f64)> {
    let mut groups: BTreeMap<Label, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for (time, value) in events.iter().filter(|(time, _)| window.contains(*time)) {
        let label = label(granularity, zone, *time);
        groups.entry(label).or_default().push((*time, *value));
    }
    let mut points: Vec<_> = groups
        .into_values()
        .map(|group| tell(aggregation, group))
        .collect();
    points.sort_by_key(|(time, _)| *time);
    points
}

fn tell(aggregation: Aggregation, mut group: Vec<(Timestamp, f64)>) -> (Timestamp, f64) {
    group.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let count = group.len() as f64;
    let values = || group.iter().map(|(_, value)| *value);
    let mean = values().sum::<f64>() / count;
    let value = match aggregation {
        Aggregation::Max => values().fold(f64::MIN, f64::max),
        Aggregation::Min => values().fold(f64::MAX, f64::min),
        Aggregation::Avg => mean,
        Aggregation::Sum => values().sum(),
        Aggregation::Count => count,
        Aggregation::First => group[0].1,
        Aggregation::Last => group[group.len() - 1].1,
        Aggregation::Stddev => {
            (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
        }
    };
    (group[0].0, value)
}

/// The groups that touch a window, each with its first instant in it, found by looking at every
/// half minute: no group of these zones begins at another time.
pub(crate) fn touched(
    window: Window,
    granularity: Granularity,
    zone: &TimeZone,
) -> BTreeMap<Label, Timestamp> {
    let mut first = BTreeMap::new();
    let mut millis = window.min.as_millis();
    while millis <= window.max.as_millis() {
        let time = Timestamp::from_millis(millis).unwrap();
        first.entry(label(granularity, zone, time)).or_insert(time);
        millis = (millis / 30_000 + 1) * 30_000;
    }
    first
}

/// Whether an answer has these points: sums and means of integers exactly, spreads up to rounding.
pub(crate) fn agree(answer: &Value, expected: &[(Timestamp, Option<f64>)]) -> Result<(), String> {
    let points = answer.as_array().ok_or("no list")?;
    for (place, (point, (time, value))) in points.iter().zip(expected).enumerate() {
        let told = &point["value"];
        let near = match (told.as_f64(), value) {
            (Some(told), Some(value)) => {
                told == *value || (told - value).abs() <= 1e-9 * value.abs().max(1.0)
            }
            (None, None) => told.is_null(),
            _ => false,
        };
        if point["aggregatedTimestamp"] != json!(time.to_string()) || !near {
            return Err(format!("point {place} is {point}, not {time} {value:?}"));
        }
    }
    match points.len() == expected.len() {
        true => Ok(()),
        false => Err(format!("{} points, not {}", points.len(), expected.len())),
    }
}

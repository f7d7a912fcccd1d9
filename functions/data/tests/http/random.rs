//! Random questions about random records, against a count that is made in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use jiff::{Span, Timestamp, ToSpan as _};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::world::{World, encoded};

/// The first day on which random records are.
const FIRST: Date = date(2012, 11, 1);

/// A value as it is ordered, and as it is shown.
type Ordered = (u8, i64, String);

fn ordered(value: &Value) -> Ordered {
    match value {
        Value::Null => (0, 0, String::new()),
        Value::Bool(truth) => (1, i64::from(*truth), String::new()),
        Value::Number(number) => {
            // All numbers here are multiples of a quarter.
            let quarters = number.as_f64().unwrap() * 4.0;
            (2, quarters as i64, String::new())
        }
        other => (3, 0, other.as_str().unwrap().to_owned()),
    }
}

fn number(quarters: i64) -> Value {
    match quarters % 4 {
        0 => json!(quarters / 4),
        _ => json!(quarters as f64 / 4.0),
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        3 => (-6..6_i64).prop_map(number),
        3 => "[aAé]{0,2}".prop_map(Value::from),
    ]
}

fn record() -> impl Strategy<Value = Value> {
    let minutes = prop_oneof![4 => (0..100_000_i64).prop_map(Some), 1 => Just(None)];
    let numbers = prop_oneof![4 => (-40..40_i64).prop_map(number), 1 => Just(Value::Null)];
    (minutes, value(), "[xy]", numbers).prop_map(|(minutes, any, letter, sum)| {
        let mut record = json!({"any": any, "letter": letter, "sum": sum});
        if let Some(minutes) = minutes {
            let time = FIRST.at(0, 0, 0, 0) + minutes.minutes();
            record["_timestamp"] = format!("{time}Z").into();
        }
        record
    })
}

#[derive(Debug, Clone)]
struct Ask {
    keys: Vec<&'static str>,
    /// The period, the first day, the days of the span.
    period: Option<(&'static str, i64, i64)>,
    collects: Vec<&'static str>,
    sort: Option<(&'static str, bool)>,
    limit: Option<usize>,
    letter: Option<&'static str>,
}

fn ask() -> impl Strategy<Value = Ask> {
    let keys = prop_oneof![Just(vec![]), Just(vec!["any"]), Just(vec!["any", "letter"]),];
    let period = proptest::option::of((
        prop_oneof![
            Just("day"),
            Just("week"),
            Just("month"),
            Just("quarter"),
            Just("year")
        ],
        -40..90_i64,
        0..120_i64,
    ));
    let collects = proptest::sample::subsequence(
        vec!["sum:sum", "sum:mean", "sum:count", "sum", "sum:set"],
        0..4,
    );
    let sort = proptest::option::of((
        prop_oneof![Just("_count"), Just("any"), Just("sum:sum")],
        any::<bool>(),
    ));
    let limit = proptest::option::of(1..5_usize);
    let letter = proptest::option::weighted(0.3, prop_oneof![Just("x"), Just("y")]);
    (keys, period, collects, sort, limit, letter).prop_map(
        |(keys, period, collects, sort, limit, letter)| {
            let is_shown = |(name, _): &(&str, bool)| match *name {
                "sum:sum" => collects.contains(&"sum:sum"),
                _ => true,
            };
            let is_grouped = !keys.is_empty();
            Ask {
                sort: sort.filter(is_shown).filter(|_| is_grouped),
                limit: limit.filter(|_| is_grouped),
                keys,
                period,
                collects,
                letter,
            }
        },
    )
}

fn day(days: i64) -> Date {
    FIRST + days.days()
}

fn written(date: Date) -> String {
    format!("{date}T00:00:00+00:00")
}

impl Ask {
    fn query(&self) -> String {
        let mut query = Vec::new();
        let mut add = |name: &str, value: &str| query.push(format!("{name}={}", encoded(value)));
        self.keys.iter().for_each(|key| add("group_by", key));
        if let Some((period, from, days)) = self.period {
            add("period", period);
            add("start_at", &written(day(from)));
            add("end_at", &written(day(from + days)));
        }
        self.collects.iter().for_each(|name| add("collect", name));
        if let Some((name, ascending)) = self.sort {
            let direction = if ascending { "ascending" } else { "descending" };
            add("sort_by", &format!("{name}:{direction}"));
        }
        if let Some(limit) = self.limit {
            add("limit", &limit.to_string());
        }
        if let Some(letter) = self.letter {
            add("filter_by", &format!("letter:{letter}"));
        }
        query.join("&")
    }

    /// Every period of the span with its end, by going through the calendar from its first day.
    fn periods(&self) -> Vec<(Date, Date)> {
        let Some((period, from, days)) = self.period else {
            return Vec::new();
        };
        let length: Span = match period {
            "day" => 1.day(),
            "week" => 7.days(),
            "month" => 1.month(),
            "quarter" => 3.months(),
            _ => 1.year(),
        };
        // The first Monday of 2012, whose first day begins all the others.
        let mut start = date(2012, 1, if period == "week" { 2 } else { 1 });
        let mut periods = Vec::new();
        while start < day(from + days) {
            let end = start + length;
            if end > day(from) {
                periods.push((start, end));
            }
            start = end;
        }
        periods
    }

    fn admits(&self, record: &Value) -> bool {
        let in_span = match (self.period, &record["_timestamp"]) {
            (None, _) => true,
            (Some(_), Value::Null) => false,
            (Some((_, from, days)), time) => (day(from)..day(from + days)).contains(&date_of(time)),
        };
        let has_keys = self.keys.iter().all(|key| !record[key].is_null());
        let has_letter = self.letter.is_none_or(|letter| record["letter"] == letter);
        in_span && has_keys && has_letter
    }

    /// What is shown of some records: their number and what is collected.
    fn shown(&self, records: &[&Value], is_filled: bool) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("_count".to_owned(), records.len().into());
        let values: Vec<&Value> = records
            .iter()
            .map(|record| &record["sum"])
            .filter(|value| !value.is_null())
            .collect();
        let quarters: i64 = values.iter().map(|value| ordered(value).1).sum();
        for name in &self.collects {
            let full = if *name == "sum" { "sum:set" } else { name };
            let set: BTreeSet<i64> = values.iter().map(|value| ordered(value).1).collect();
            let value = match full {
                _ if is_filled => Value::Null,
                "sum:sum" => number(quarters),
                "sum:count" => values.len().into(),
                "sum:mean" if values.is_empty() => Value::Null,
                "sum:mean" => json!(quarters as f64 / 4.0 / values.len() as f64),
                _ => set.into_iter().map(number).collect(),
            };
            if *name == "sum" && !is_filled {
                row.insert("sum".to_owned(), value.clone());
            }
            row.insert(full.to_owned(), value);
        }
        row
    }

    fn in_periods(&self, records: &[&Value]) -> Vec<Value> {
        let rows = self.periods().into_iter().map(|(start, end)| {
            let within: Vec<&Value> = records
                .iter()
                .copied()
                .filter(|record| (start..end).contains(&date_of(&record["_timestamp"])))
                .collect();
            let mut row = self.shown(&within, within.is_empty());
            row.insert("_start_at".to_owned(), written(start).into());
            row.insert("_end_at".to_owned(), written(end).into());
            Value::Object(row)
        });
        rows.collect()
    }

    fn expected(&self, records: &[Value]) -> Value {
        let records: Vec<&Value> = records.iter().filter(|r| self.admits(r)).collect();
        if self.keys.is_empty() {
            return self.in_periods(&records).into();
        }
        let mut groups: BTreeMap<Vec<Ordered>, Vec<&Value>> = BTreeMap::new();
        for record in records {
            let key = self.keys.iter().map(|key| ordered(&record[key])).collect();
            groups.entry(key).or_default().push(record);
        }
        let rows = groups.values().map(|records| {
            let mut row = self.shown(records, false);
            for key in &self.keys {
                row.insert((*key).to_owned(), records[0][key].clone());
            }
            if self.period.is_some() {
                let values = self.in_periods(records);
                let filled = values.iter().filter(|row| row["_count"] != 0).count();
                row.insert("_group_count".to_owned(), filled.into());
                row.insert("values".to_owned(), values.into());
            }
            Value::Object(row)
        });
        let mut rows: Vec<Value> = rows.collect();
        if let Some((name, ascending)) = self.sort {
            rows.sort_by(|one, other| {
                let order = ordered(&one[name]).cmp(&ordered(&other[name]));
                if ascending { order } else { order.reverse() }
            });
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows.into()
    }
}

fn date_of(time: &Value) -> Date {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Numbers of two documents are the same if they are nearly so.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < 1e-9
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_alike(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let alike = |(name, value)| other.get(name).is_some_and(|o| is_alike(value, o));
            one.len() == other.len() && one.iter().all(alike)
        }
        _ => one == other,
    }
}

#[test]
fn every_answer_is_what_a_plain_count_gives() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let questions = proptest::collection::vec(ask(), 12);
    let records = proptest::collection::vec(record(), 0..60);
    let config = Config {
        cases: 40,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&(records, questions), |(records, questions)| {
        runtime.block_on(async {
            let world = World::with(json!(records)).await;
            for ask in questions {
                if ask.keys.is_empty() && ask.period.is_none() {
                    continue;
                }
                let query = ask.query();
                let (found, expected) = (world.get(&query).await.data(), ask.expected(&records));
                prop_assert!(
                    is_alike(&found, &expected),
                    "{query}\n{found:#}\n{expected:#}"
                );
            }
            Ok(())
        })
    });
    run.unwrap();
}

#[test]
fn random_pages_of_sorted_and_filtered_records_are_those_of_a_plain_list() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let records = proptest::collection::vec(record(), 0..40);
    let limits = (1..10_usize, any::<bool>());
    let config = Config {
        cases: 30,
        ..Config::default()
    };
    let run =
        TestRunner::new(config).run(&(records, limits), |(mut records, (limit, ascending))| {
            for (position, record) in records.iter_mut().enumerate() {
                record["_id"] = format!("{position:03}").into();
            }
            let direction = if ascending { "ascending" } else { "descending" };
            let order = |name: &'static str| {
                move |one: &&Value, other: &&Value| {
                    let order = ordered(&one[name]).cmp(&ordered(&other[name]));
                    if ascending { order } else { order.reverse() }
                }
            };
            let ids = |records: &[&Value]| -> Vec<String> {
                let ids = records.iter().map(|record| record["_id"].as_str().unwrap());
                ids.map(str::to_owned).collect()
            };
            runtime.block_on(async {
                let world = World::with(json!(records)).await;
                // By a field: alike ones by time and id, which a stable sort of that order keeps.
                let mut by_time: Vec<&Value> = records.iter().collect();
                by_time.sort_by(|one, other| {
                    let key = |r: &Value| {
                        (
                            ordered(&r["_timestamp"]),
                            r["_id"].as_str().unwrap().to_owned(),
                        )
                    };
                    key(one).cmp(&key(other))
                });
                let mut by_any = by_time.clone();
                by_any.sort_by(|one, other| order("any")(one, other));
                by_any.truncate(limit);
                let query = format!("sort_by=any:{direction}&limit={limit}");
                let data = world.get(&query).await.data();
                let found: Vec<&Value> = data.as_array().unwrap().iter().collect();
                prop_assert_eq!(ids(&found), ids(&by_any), "{}", query);

                // By time, page by page, of one letter.
                let mut expected: Vec<&Value> = by_time
                    .iter()
                    .copied()
                    .filter(|r| r["letter"] == "x")
                    .collect();
                if !ascending {
                    expected.reverse();
                }
                let mut query =
                    format!("sort_by=_timestamp:{direction}&limit={limit}&filter_by=letter:x");
                let mut found = Vec::new();
                loop {
                    let answer = world.get(&query).await;
                    let data = answer.data();
                    let page: Vec<&Value> = data.as_array().unwrap().iter().collect();
                    prop_assert!(page.len() == limit || answer.next().is_none());
                    found.extend(ids(&page));
                    match answer.next() {
                        Some(next) => query = next.to_owned(),
                        None => break,
                    }
                }
                prop_assert_eq!(found, ids(&expected));
                Ok(())
            })
        });
    run.unwrap();
}

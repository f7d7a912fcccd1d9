//! Groups as the rows of an answer: sorted, limited, their missing periods filled in.
//!
//! Rows are made one at a time, so that an answer which is too large ends where it is, and not
//! when all of it is in memory.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::collect::Made;
use crate::groups::{Cell, Collect, Group, Grouping, Moves, Periods, SortBy};
use crate::period::{Millis, written};
use crate::question::Direction;
use crate::scalar::{Number, Scalar};

/// A row of an answer: names and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row<'a>(pub(crate) Vec<(Cow<'a, str>, Value<'a>)>);

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    One(Cow<'a, Scalar<'static>>),
    Time(Millis),
    List(Vec<&'a Scalar<'static>>),
    Rows(Vec<Row<'a>>),
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::One(scalar) => scalar.serialize(serializer),
            Value::Time(at) => serializer.serialize_str(&written(*at)),
            Value::List(values) => values.serialize(serializer),
            Value::Rows(rows) => rows.serialize(serializer),
        }
    }
}

/// The groups that an answer shows, in its order.
#[derive(Debug)]
pub(crate) struct Table<'q> {
    grouping: &'q Grouping,
    groups: Vec<Shown>,
}

#[derive(Debug)]
struct Shown {
    group: Group,
    whole: Cell,
}

impl<'q> Table<'q> {
    /// Sorts groups that come in the order of their keys, and takes the first.
    pub(crate) fn new(grouping: &'q Grouping, groups: Vec<Group>) -> Table<'q> {
        let shown = groups.into_iter().map(|group| Shown {
            whole: group.whole(grouping),
            group,
        });
        let mut groups: Vec<Shown> = shown.collect();
        if let Some((by, direction)) = grouping.sort {
            groups.sort_by(|one, other| {
                let order = compare(grouping, by, one, other);
                match direction {
                    Direction::Ascending => order,
                    Direction::Descending => order.reverse(),
                }
            });
        }
        groups.truncate(grouping.limit.unwrap_or(usize::MAX));
        Table { grouping, groups }
    }

    /// By how many periods the range moves, so that the period at its end has records: as few as
    /// give one group that.
    pub(crate) fn shift(&self) -> i64 {
        let Some(periods) = self.grouping.periods else {
            return 0;
        };
        let starts: Vec<Millis> = periods.iter().map(|(start, _)| start).collect();
        let empty_at_end = |shown: &Shown| -> i64 {
            // A group's own first or last period, and not each of the range: there may be many.
            let place = |start: &Millis| starts.binary_search(start).ok();
            let mut used = shown.group.cells.keys();
            let empty = match periods.moves {
                Moves::Never => None,
                Moves::Later => used.find_map(place),
                Moves::Earlier => used
                    .rev()
                    .find_map(place)
                    .map(|last| starts.len() - 1 - last),
            };
            empty.map_or(0, |empty| i64::try_from(empty).unwrap_or(i64::MAX))
        };
        let by = self.groups.iter().map(empty_at_end).min().unwrap_or(0);
        match periods.moves {
            Moves::Earlier => -by,
            _ => by,
        }
    }

    /// The names of flat rows, in their order.
    pub(crate) fn names(&self) -> Vec<String> {
        let grouping = self.grouping;
        let keys = grouping.keys.iter().map(|(name, _)| name.clone());
        let times = grouping
            .periods
            .map(|_| ["_start_at", "_end_at"].map(str::to_owned));
        let collects = grouping.collects.iter().flat_map(|collect| {
            let bare = collect.is_bare.then(|| collect.field.clone());
            [Some(collect.name.clone()), bare].into_iter().flatten()
        });
        keys.chain(times.into_iter().flatten())
            .chain(["_count".to_owned()])
            .chain(collects)
            .collect()
    }

    /// The rows, each group with its periods in it.
    pub(crate) fn rows(&self) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        match self.grouping.periods {
            None => Box::new(self.groups.iter().map(|shown| self.group_row(shown))),
            Some(periods) if self.grouping.keys.is_empty() || self.grouping.flat => {
                Box::new(self.flat_rows_of(periods))
            }
            Some(periods) => Box::new(
                self.groups
                    .iter()
                    .map(move |shown| self.nested_row(shown, periods)),
            ),
        }
    }

    /// The rows without lists of rows in them.
    pub(crate) fn flat_rows(&self) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        match self.grouping.periods {
            None => self.rows(),
            Some(periods) => Box::new(self.flat_rows_of(periods)),
        }
    }

    /// One row for each period and group, or for each period where nothing was grouped.
    fn flat_rows_of(&self, periods: Periods) -> impl Iterator<Item = Row<'_>> {
        let is_grouped = !self.grouping.keys.is_empty();
        let groups = move || {
            let shown = self.groups.iter().map(Some);
            let nobody = (!is_grouped && self.groups.is_empty()).then_some(None);
            shown.chain(nobody)
        };
        periods.iter().flat_map(move |(start, end)| {
            groups().map(move |shown| {
                let mut row = shown.map_or_else(Vec::new, |shown| self.keys(shown));
                let cell = shown.and_then(|shown| shown.group.cells.get(&start));
                row.extend(self.period_entries(start, end, cell));
                Row(row)
            })
        })
    }

    fn group_row<'a>(&'a self, shown: &'a Shown) -> Row<'a> {
        let mut row = self.keys(shown);
        row.push(("_count".into(), count(shown.whole.count)));
        row.extend(self.collected(&shown.whole));
        Row(row)
    }

    fn nested_row<'a>(&'a self, shown: &'a Shown, periods: Periods) -> Row<'a> {
        let Row(mut row) = self.group_row(shown);
        let group_count = shown.group.cells.len() as u64;
        row.push(("_group_count".into(), count(group_count)));
        let values = periods.iter().map(|(start, end)| {
            let cell = shown.group.cells.get(&start);
            Row(self.period_entries(start, end, cell))
        });
        row.push(("values".into(), Value::Rows(values.collect())));
        Row(row)
    }

    fn keys<'a>(&'a self, shown: &'a Shown) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let names = self.grouping.keys.iter().map(|(name, _)| name.as_str());
        let values = shown.group.keys.iter();
        names
            .zip(values)
            .map(|(name, value)| (name.into(), Value::One(Cow::Borrowed(value))))
            .collect()
    }

    fn period_entries<'a>(
        &'a self,
        start: Millis,
        end: Millis,
        cell: Option<&'a Cell>,
    ) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let mut entries = vec![
            ("_start_at".into(), Value::Time(start)),
            ("_end_at".into(), Value::Time(end)),
            ("_count".into(), count(cell.map_or(0, |cell| cell.count))),
        ];
        match cell {
            Some(cell) => entries.extend(self.collected(cell)),
            // The original fills in the full names alone.
            None => {
                let names = self.grouping.collects.iter().map(|c| c.name.as_str());
                entries.extend(names.map(|name| (name.into(), nothing())));
            }
        }
        entries
    }

    fn collected<'a>(&'a self, cell: &'a Cell) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let mut entries = Vec::new();
        for collect in &self.grouping.collects {
            let value = shown_value(cell, collect);
            if collect.is_bare {
                entries.push((collect.field.as_str().into(), value.clone()));
            }
            entries.push((collect.name.as_str().into(), value));
        }
        entries
    }
}

fn shown_value<'a>(cell: &'a Cell, collect: &Collect) -> Value<'a> {
    match cell.gathered[collect.place].made(collect.method) {
        Made::Value(Some(number)) => Value::One(Cow::Owned(Scalar::Number(number))),
        Made::Value(None) => nothing(),
        Made::Set(values) => Value::List(values.iter().collect()),
    }
}

fn nothing() -> Value<'static> {
    Value::One(Cow::Owned(Scalar::Nothing))
}

fn count(count: u64) -> Value<'static> {
    Value::One(Cow::Owned(Scalar::Number(Number::Whole(count.into()))))
}

fn compare(grouping: &Grouping, by: SortBy, one: &Shown, other: &Shown) -> Ordering {
    match by {
        SortBy::Key(place) => one.group.keys[place].cmp(&other.group.keys[place]),
        SortBy::Count => one.whole.count.cmp(&other.whole.count),
        SortBy::GroupCount => one.group.cells.len().cmp(&other.group.cells.len()),
        SortBy::Collect(place) => {
            let Collect { method, place, .. } = &grouping.collects[place];
            let made = |shown: &Shown| shown.whole.gathered[*place].made(*method).into_sortable();
            made(one).cmp(&made(other))
        }
    }
}

impl Made<'_> {
    /// As a list, by which lists and single values are ordered alike.
    fn into_sortable(self) -> Vec<Scalar<'static>> {
        match self {
            Made::Value(None) => vec![Scalar::Nothing],
            Made::Value(Some(number)) => vec![Scalar::Number(number)],
            Made::Set(values) => values.iter().cloned().collect(),
        }
    }
}

//! Records gathered into groups, and groups into periods: each record is looked at once and
//! forgotten.
//!
//! What is kept grows with the groups and not with the records, and has a bound. Lots of groups
//! that were made of different records side by side merge into what all of them would have made.

use std::collections::{BTreeMap, HashMap};

use crate::collect::{Gathered, Method, NotANumber};
use crate::period::{Millis, Period};
use crate::question::Direction;
use crate::scalar::Scalar;

/// Bytes of memory that the groups of one answer may take, by a careful guess.
const ROOM_BYTES: usize = 64 * 1024 * 1024;

/// What a group and a period of it take beside their texts.
const GROUP_BYTES: usize = 256;
const CELL_BYTES: usize = 128;

/// Where records are counted that belong to no period, because none was asked for.
const WHOLE: Millis = 0;

/// What is gathered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Grouping {
    /// The fields whose values make a group, each with its place among a record's values.
    pub(crate) keys: Vec<(String, usize)>,
    pub(crate) periods: Option<Periods>,
    /// What is shown of other fields.
    pub(crate) collects: Vec<Collect>,
    /// What has to be gathered for that: places, and one of the methods that need the same.
    pub(crate) gathered: Vec<(usize, Method)>,
    pub(crate) sort: Option<(SortBy, Direction)>,
    pub(crate) limit: Option<usize>,
    /// Whether each group and period has a row of its own.
    pub(crate) flat: bool,
}

/// Something that is made of a field's values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Collect {
    pub(crate) field: String,
    /// As which it is shown: `field:method`.
    pub(crate) name: String,
    pub(crate) method: Method,
    /// Whether it is shown under the field's own name as well.
    pub(crate) is_bare: bool,
    /// Its place among what is gathered.
    pub(crate) place: usize,
}

/// Consecutive periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Periods {
    pub(crate) kind: Period,
    /// The start of the first one.
    pub(crate) first: Millis,
    /// The end of the last one.
    pub(crate) end: Millis,
    pub(crate) moves: Moves,
}

/// Whether periods without records at one end make the whole range move until that end has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    Never,
    /// Later, as long as the first are empty.
    Later,
    /// Earlier, as long as the last are empty.
    Earlier,
}

/// What groups are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Key(usize),
    Count,
    /// How many periods with records a group has.
    GroupCount,
    Collect(usize),
}

impl Periods {
    /// Each with its end.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Millis, Millis)> {
        let next = move |start: &Millis| Some(self.kind.shift(*start, 1));
        let starts = std::iter::successors(Some(self.first), next);
        let within = starts.take_while(move |start| *start < self.end);
        within.map(move |start| (start, self.kind.shift(start, 1)))
    }

    /// The same number of periods, so many later.
    pub(crate) fn moved(self, by: i64) -> Periods {
        Periods {
            first: self.kind.shift(self.first, by),
            end: self.kind.shift(self.end, by),
            moves: Moves::Never,
            ..self
        }
    }
}

/// Why records cannot be gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    NotANumber,
    TooMany,
}

impl From<NotANumber> for Failure {
    fn from(_: NotANumber) -> Failure {
        Failure::NotANumber
    }
}

/// The records of a period, or of all time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) count: u64,
    pub(crate) gathered: Vec<Gathered>,
}

/// The records whose keys have the same values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) keys: Vec<Scalar<'static>>,
    /// By the start of the period; those without records are missing.
    pub(crate) cells: BTreeMap<Millis, Cell>,
}

/// All groups so far.
#[derive(Debug)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    places: HashMap<Box<[u8]>, usize>,
    room: usize,
    /// The bytes of the keys that are looked for, kept for the next.
    key: Vec<u8>,
}

impl Default for Groups {
    fn default() -> Groups {
        Groups {
            groups: Vec::new(),
            places: HashMap::new(),
            room: ROOM_BYTES,
            key: Vec::new(),
        }
    }
}

impl Grouping {
    /// Which cell of its group a record belongs to; none if it has no time and needs one.
    fn cell_of(&self, at: Option<Millis>) -> Option<Millis> {
        match self.periods {
            Some(periods) => at.map(|at| periods.kind.start(at)),
            None => Some(WHOLE),
        }
    }

    fn empty_cell(&self) -> Cell {
        let methods = self.gathered.iter();
        let gathered = methods.map(|(_, method)| Gathered::nothing_yet(*method));
        Cell {
            count: 0,
            gathered: gathered.collect(),
        }
    }
}

impl Groups {
    /// Takes a record in: its time and its fields. One that lacks a key, or the time that a period
    /// needs, belongs to no group.
    pub(crate) fn take(
        &mut self,
        grouping: &Grouping,
        at: Option<Millis>,
        values: &[Scalar],
    ) -> Result<(), Failure> {
        let keys = grouping.keys.iter().map(|(_, place)| &values[*place]);
        if keys.clone().any(|value| *value == Scalar::Nothing) {
            return Ok(());
        }
        let Some(start) = grouping.cell_of(at) else {
            return Ok(());
        };
        let group = self.place_of(keys)?;
        let taken = self.groups[group].take(grouping, start, values)?;
        self.use_up(taken)
    }

    fn place_of<'a, 'v: 'a>(
        &mut self,
        keys: impl Iterator<Item = &'a Scalar<'v>> + Clone,
    ) -> Result<usize, Failure> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        keys.clone().for_each(|value| value.append_key(&mut key));
        let known = self.places.get(key.as_slice()).copied();
        let place = match known {
            Some(place) => place,
            None => {
                self.use_up(GROUP_BYTES + 2 * key.len())?;
                self.places.insert(key.as_slice().into(), self.groups.len());
                self.groups.push(Group {
                    keys: keys.map(|value| value.clone().into_owned()).collect(),
                    cells: BTreeMap::new(),
                });
                self.groups.len() - 1
            }
        };
        self.key = key;
        Ok(place)
    }

    fn use_up(&mut self, bytes: usize) -> Result<(), Failure> {
        self.room = self.room.checked_sub(bytes).ok_or(Failure::TooMany)?;
        Ok(())
    }

    /// Takes in the groups that others were gathered into.
    pub(crate) fn merge(&mut self, others: Groups) -> Result<(), Failure> {
        if self.groups.is_empty() {
            *self = others;
            return Ok(());
        }
        for other in others.groups {
            let place = self.place_of(other.keys.iter())?;
            let taken = self.groups[place].merge(other);
            self.use_up(taken)?;
        }
        Ok(())
    }

    /// The groups, in the order of their keys.
    pub(crate) fn into_sorted(self) -> Vec<Group> {
        let mut groups = self.groups;
        groups.sort_by(|one, other| one.keys.cmp(&other.keys));
        groups
    }
}

impl Group {
    /// Takes a record in, and says how many bytes of memory it now takes besides.
    fn take(
        &mut self,
        grouping: &Grouping,
        start: Millis,
        values: &[Scalar],
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        let cell = self.cells.entry(start).or_insert_with(|| {
            let cell = grouping.empty_cell();
            taken += cell.bytes();
            cell
        });
        cell.count += 1;
        for (gathered, (place, _)) in cell.gathered.iter_mut().zip(&grouping.gathered) {
            taken += gathered.take(&values[*place])?;
        }
        Ok(taken)
    }

    /// Takes in the records of another, and says how many bytes of memory it now takes besides.
    fn merge(&mut self, other: Group) -> usize {
        let mut taken = 0;
        for (start, cell) in other.cells {
            match self.cells.get_mut(&start) {
                Some(known) => taken += known.merge(cell),
                None => {
                    taken += cell.bytes();
                    self.cells.insert(start, cell);
                }
            }
        }
        taken
    }

    /// All its records, whatever their periods.
    pub(crate) fn whole(&self, grouping: &Grouping) -> Cell {
        let mut cells = self.cells.values().cloned();
        let first = cells.next().unwrap_or_else(|| grouping.empty_cell());
        cells.fold(first, |mut whole, cell| {
            whole.merge(cell);
            whole
        })
    }
}

impl Cell {
    fn merge(&mut self, other: Cell) -> usize {
        self.count += other.count;
        let both = self.gathered.iter_mut().zip(other.gathered);
        both.map(|(gathered, more)| gathered.merge(more)).sum()
    }

    fn bytes(&self) -> usize {
        let values: usize = self.gathered.iter().map(Gathered::bytes).sum();
        CELL_BYTES + self.gathered.len() * size_of::<Gathered>() + values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_one_key() -> Grouping {
        Grouping {
            keys: vec![("aa".to_owned(), 0)],
            ..Grouping::default()
        }
    }

    fn text(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn a_record_without_the_key_or_the_time_belongs_to_no_group() {
        let mut groups = Groups::default();
        let plain = by_one_key();
        groups.take(&plain, None, &[Scalar::Nothing]).unwrap();
        groups.take(&plain, None, &[text("x")]).unwrap();
        let periods = Periods {
            kind: Period::Day,
            first: 0,
            end: 1,
            moves: Moves::Never,
        };
        let by_day = Grouping {
            periods: Some(periods),
            ..by_one_key()
        };
        groups.take(&by_day, None, &[text("y")]).unwrap();
        let groups = groups.into_sorted();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].whole(&plain).count, 1);
    }

    #[test]
    fn there_is_a_bound_on_groups_and_on_what_they_gather() {
        let long = "x".repeat(1_000_000);
        let mut groups = Groups::default();
        let fills = (0..100)
            .map(|number| groups.take(&by_one_key(), None, &[text(&format!("{number}{long}"))]));
        let taken: Result<(), Failure> = fills.collect();
        assert_eq!(taken, Err(Failure::TooMany));

        let sets = Grouping {
            gathered: vec![(0, Method::Set)],
            ..Grouping::default()
        };
        let mut groups = Groups::default();
        let fills =
            (0..100).map(|number| groups.take(&sets, None, &[text(&format!("{number}{long}"))]));
        let taken: Result<(), Failure> = fills.collect();
        assert_eq!(taken, Err(Failure::TooMany));
    }

    #[test]
    fn merged_groups_keep_to_the_bound_as_well() {
        let long = "x".repeat(1_000_000);
        let half = |from: usize| {
            let mut groups = Groups::default();
            for number in from..from + 25 {
                let key = format!("{number}{long}");
                groups.take(&by_one_key(), None, &[text(&key)]).unwrap();
            }
            groups
        };
        let mut groups = half(0);
        assert_eq!(groups.merge(half(100)), Err(Failure::TooMany));
    }

    #[test]
    fn merging_what_is_there_already_takes_no_room() {
        let sets = Grouping {
            gathered: vec![(0, Method::Set)],
            ..by_one_key()
        };
        let page = || {
            let mut groups = Groups::default();
            for number in 0..3 {
                let key = format!("{number}{}", "x".repeat(1_000));
                groups.take(&sets, None, &[text(&key)]).unwrap();
            }
            groups
        };
        let mut groups = page();
        let room = groups.room;
        for _ in 0..10_000 {
            groups.merge(page()).unwrap();
        }
        assert_eq!(groups.room, room);
        let counts = groups.into_sorted();
        assert!(
            counts
                .iter()
                .all(|group| group.whole(&sets).count == 10_001)
        );
    }

    #[test]
    fn what_is_merged_takes_the_room_that_it_would_have_taken() {
        let sets = Grouping {
            gathered: vec![(1, Method::Set)],
            ..by_one_key()
        };
        let taken = |lots: &[&[(&str, &str)]]| {
            let mut merged = Groups::default();
            for lot in lots {
                let mut groups = Groups::default();
                for (key, value) in *lot {
                    groups.take(&sets, None, &[text(key), text(value)]).unwrap();
                }
                merged.merge(groups).unwrap();
            }
            ROOM_BYTES - merged.room
        };
        let (one, other) = ([("a", "long"), ("b", "x")], [("a", "longer"), ("c", "x")]);
        let all = [&one[..], &other].concat();
        assert_eq!(taken(&[&one, &other]), taken(&[&all]));
    }
}

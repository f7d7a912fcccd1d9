//! Which rows of an answer were told already, when it is asked for again.
//!
//! Rows are known by their content: an answer may come in another order, and a row that has changed
//! meanwhile is to be told again. Equal rows are counted, because events may well be equal in all
//! selected fields. A row takes 16 bytes and the space that the table keeps free.
//!
//! There may be millions of them, and memory is bounded. Beyond so many rows only their number is kept,
//! and one hash of all in their order. When they come again, as many are passed over; if their hash is
//! another one, they came in another order, and all have to be told again: a repeat, and no loss.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value};

/// Rows that are known one by one: two megabytes of them.
const KNOWN_ROWS: usize = 100_000;

/// A table for so many is used again.
const SMALL: usize = 1024;

/// The content of a row, in 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Print(u64);

/// Which rows were told.
#[derive(Debug)]
pub(crate) struct Told {
    /// Those that are known one by one, as long as they are few enough.
    rows: Option<HashMap<Print, Count>>,
    most: usize,
    /// What has come since the answer was asked for.
    met: Run,
    /// With what it must begin, if its rows are too many: all that is told.
    expected: Run,
    /// How many rows have ever come.
    furthest: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// How often such a row was told.
    told: u32,
    /// How often it was met since the answer was asked for again.
    met: u32,
}

/// Rows in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Run {
    rows: u64,
    hash: u64,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is told, and further than ever.
    New,
    /// It is told, and may have been before.
    Again,
    /// It was told.
    Known,
    /// Rows that were passed over were others than those that were told: the answer is to be asked
    /// for once more, and all of it is told again.
    Astray,
}

impl Print {
    /// Of a record.
    pub(crate) fn of(record: &Map<String, Value>) -> Print {
        let mut hasher = DefaultHasher::new();
        add_map(record, &mut hasher);
        Print(hasher.finish())
    }
}

// A map's own hash sorts its keys first. The same row has its keys in the same order.
fn add_map(map: &Map<String, Value>, hasher: &mut DefaultHasher) {
    map.len().hash(hasher);
    for (key, value) in map {
        key.hash(hasher);
        add(value, hasher);
    }
}

fn add(value: &Value, hasher: &mut DefaultHasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(truth) => truth.hash(hasher),
        Value::Number(number) => number.hash(hasher),
        Value::String(text) => text.hash(hasher),
        Value::Array(values) => {
            values.len().hash(hasher);
            values.iter().for_each(|value| add(value, hasher));
        }
        Value::Object(map) => add_map(map, hasher),
    }
}

impl Default for Told {
    fn default() -> Told {
        Told::of_most(KNOWN_ROWS)
    }
}

impl Told {
    /// So many rows at most are known one by one.
    pub(crate) fn of_most(rows: usize) -> Told {
        Told {
            rows: Some(HashMap::new()),
            most: rows,
            met: Run::default(),
            expected: Run::default(),
            furthest: 0,
        }
    }

    /// Takes a row.
    pub(crate) fn take(&mut self, print: Print) -> Fate {
        self.met.add(print);
        let is_further = self.met.rows > self.furthest;
        self.furthest = self.furthest.max(self.met.rows);
        let Some(rows) = &mut self.rows else {
            return self.beyond(is_further);
        };
        let count = rows.entry(print).or_default();
        count.met += 1;
        let is_new = count.met > count.told;
        count.told = count.told.max(count.met);
        if rows.len() > self.most {
            // With what has come, the answer begins with rows that are all told.
            self.rows = None;
        }
        match is_new {
            true => Fate::New,
            false => Fate::Known,
        }
    }

    /// One of rows that are too many.
    fn beyond(&mut self, is_further: bool) -> Fate {
        if self.met.rows > self.expected.rows {
            return if is_further { Fate::New } else { Fate::Again };
        }
        match self.met.rows == self.expected.rows && self.met.hash != self.expected.hash {
            true => self.astray(),
            false => Fate::Known,
        }
    }

    /// There are no more rows: whether those that were told were all among them. If not, the answer
    /// is to be asked for once more.
    pub(crate) fn is_whole(&mut self) -> bool {
        let is_whole = self.rows.is_some() || self.met.rows >= self.expected.rows;
        if !is_whole {
            self.astray();
        }
        is_whole
    }

    /// The rows come again.
    pub(crate) fn again(&mut self) {
        match &mut self.rows {
            Some(rows) => rows.values_mut().for_each(|count| count.met = 0),
            None if self.met.rows > self.expected.rows => self.expected = self.met,
            None => {}
        }
        self.met = Run::default();
    }

    /// Other rows come.
    pub(crate) fn clear(&mut self) {
        match &mut self.rows {
            // A large table takes long to clear, and the next rows may be few.
            Some(rows) if rows.capacity() <= SMALL => rows.clear(),
            _ => self.rows = Some(HashMap::new()),
        }
        self.met = Run::default();
        self.expected = Run::default();
        self.furthest = 0;
    }

    /// All rows are told again.
    fn astray(&mut self) -> Fate {
        tracing::warn!(
            "{} rows of one time came in another order when they were asked for again: all of that \
             time are told again",
            self.expected.rows
        );
        self.met = Run::default();
        self.expected = Run::default();
        Fate::Astray
    }
}

impl Run {
    fn add(&mut self, print: Print) {
        self.rows += 1;
        let mixed = self.hash.rotate_left(5) ^ print.0;
        // An odd number with many bits: the hash depends on the order.
        self.hash = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn print(value: Value) -> Print {
        match value {
            Value::Object(record) => Print::of(&record),
            _ => unreachable!("it is an object"),
        }
    }

    #[test]
    fn rows_are_known_by_their_content() {
        let row = || print(json!({"a": {"b": [1, null, "x"]}, "n": 1.5}));
        assert_eq!(row(), row());
        for other in [
            json!({"a": {"b": [1, null, "y"]}, "n": 1.5}),
            json!({"a": {"b": [1, null, "x"]}, "n": 1.25}),
            json!({"a": {"b": [1, "x"]}, "n": 1.5}),
            json!({"n": 1.5}),
        ] {
            assert_ne!(row(), print(other));
        }
    }

    #[test]
    fn equal_rows_are_told_as_often_as_there_are() {
        let mut told = Told::default();
        let row = print(json!({"a": 1}));
        let two = |told: &mut Told| [told.take(row), told.take(row)];
        assert_eq!(two(&mut told), [Fate::New; 2]);
        told.again();
        assert_eq!(two(&mut told), [Fate::Known; 2]);
        assert_eq!(told.take(row), Fate::New);
        told.again();
        told.again();
        assert_eq!(told.take(row), Fate::Known);
        told.clear();
        assert_eq!(told.take(row), Fate::New);
    }

    fn fates(told: &mut Told, rows: impl IntoIterator<Item = u64>) -> Vec<Fate> {
        told.again();
        let rows = rows.into_iter();
        rows.map(|number| told.take(Print(number))).collect()
    }

    #[test]
    fn of_many_rows_those_that_come_again_in_their_order_are_known() {
        let mut told = Told::of_most(2);
        assert_eq!(fates(&mut told, 0..5), [Fate::New; 5]);
        assert!(told.rows.is_none(), "they are too many to be kept");
        assert_eq!(fates(&mut told, 0..3), [Fate::Known; 3]);
        let mut expected = vec![Fate::Known; 5];
        expected.extend([Fate::New; 4]);
        assert_eq!(fates(&mut told, 0..9), expected);
        assert!(told.is_whole());
        assert_eq!(fates(&mut told, 0..9), [Fate::Known; 9]);
    }

    #[test]
    fn of_many_rows_in_another_order_all_are_told_again() {
        let mut told = Told::of_most(2);
        fates(&mut told, 0..5);
        let again = fates(&mut told, [1, 0, 2, 3, 4]);
        assert_eq!(again[..4], [Fate::Known; 4]);
        assert_eq!(again[4], Fate::Astray);
        let again = fates(&mut told, [1, 0, 2, 3, 4, 5]);
        assert_eq!(again[..5], [Fate::Again; 5]);
        assert_eq!(again[5], Fate::New);
    }

    #[test]
    fn rows_that_are_missing_when_they_come_again_are_another_order() {
        let mut told = Told::of_most(2);
        fates(&mut told, 0..5);
        fates(&mut told, 1..5);
        assert!(!told.is_whole());
        assert_eq!(fates(&mut told, 1..5), [Fate::Again; 4]);
        assert!(told.is_whole());
    }
}

//! Reads events from comma-separated values with a header.
//!
//! `namespace`, `name`, `timestamp` and `value` must be there, in any order; `id`, `actor` and
//! `expires` are recognised; all other columns become properties, as text. An empty cell is as
//! good as none.

use std::cell::Cell;
use std::io::{self, Read};

use anyhow::Context as _;
use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::entry::{ENTRY_BYTES, Entry, Fault, Found};
use crate::failure::Failure;

const REQUIRED: [&str; 4] = ["namespace", "name", "timestamp", "value"];
const RECOGNISED: [&str; 3] = ["id", "actor", "expires"];

/// Rows of an input.
pub(crate) struct Rows<R> {
    reader: Reader<Leash<R>>,
    columns: Vec<Column>,
    record: ByteRecord,
}

#[derive(Debug, Clone, PartialEq)]
enum Column {
    Field(&'static str),
    Property(String),
}

impl Column {
    fn of(header: &str) -> Column {
        let name = header.trim();
        let field = REQUIRED
            .into_iter()
            .chain(RECOGNISED)
            .find(|field| name.eq_ignore_ascii_case(field));
        field.map_or_else(|| Column::Property(name.into()), Column::Field)
    }

    fn name(&self) -> &str {
        match self {
            Column::Field(name) => name,
            Column::Property(name) => name,
        }
    }
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    pub(crate) fn new(input: R) -> anyhow::Result<Rows<R>> {
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .from_reader(Leash::new(input));
        let header = reader.byte_headers().context("cannot read the header")?;
        let names = header.iter().map(|name| String::from_utf8_lossy(name));
        let columns: Vec<_> = names.map(|name| Column::of(&name)).collect();
        check_header(&columns)?;
        Ok(Rows {
            reader,
            columns,
            record: ByteRecord::new(),
        })
    }

    fn advance(&mut self) -> io::Result<Option<Entry>> {
        self.reader.get_ref().allow_more();
        if !self.reader.read_byte_record(&mut self.record)? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let found = self.found();
        Ok(Some(Entry {
            line,
            to: self.reader.position().byte(),
            found,
        }))
    }

    fn found(&self) -> Found {
        let (has, wanted) = (self.record.len(), self.columns.len());
        if has != wanted {
            return Found::unreadable(format!("it has {has} columns, and the header has {wanted}"));
        }
        if self.record.as_slice().len() > ENTRY_BYTES {
            return Found::too_long();
        }
        let mut event = Map::new();
        let mut properties = Map::new();
        for (column, cell) in self.columns.iter().zip(&self.record) {
            let Ok(cell) = std::str::from_utf8(cell) else {
                let reason = "it is not UTF-8".into();
                return Found::Bad(vec![Fault {
                    field: column.name().into(),
                    reason,
                }]);
            };
            match column {
                _ if cell.is_empty() => None,
                Column::Field(name) => event.insert((*name).into(), cell.trim().into()),
                Column::Property(name) => properties.insert(name.clone(), cell.into()),
            };
        }
        if !properties.is_empty() {
            event.insert("properties".into(), properties.into());
        }
        Found::event(Value::Object(event).to_string())
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        self.advance().transpose()
    }
}

fn check_header(columns: &[Column]) -> anyhow::Result<()> {
    let names: Vec<_> = columns.iter().map(Column::name).collect();
    let missing: Vec<_> = REQUIRED
        .into_iter()
        .filter(|name| !names.contains(name))
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "the header lacks {}: it has {}",
            missing.join(", "),
            names.join(", ")
        );
        let hint =
            "the first line of a CSV file names its columns: namespace, name, timestamp, value";
        return Err(Failure::new(message).hint(hint).into());
    }
    let twice = names
        .iter()
        .enumerate()
        .find(|(at, name)| names[..*at].contains(name));
    match twice {
        Some((_, name)) => Err(Failure::new(format!("the header has {name:?} twice")).into()),
        None => Ok(()),
    }
}

/// Keeps a row from growing without end: a quote that is never closed makes one of the rest of
/// the input.
struct Leash<R> {
    input: R,
    left: Cell<usize>,
}

impl<R: Read> Leash<R> {
    fn new(input: R) -> Leash<R> {
        Leash {
            input,
            left: Cell::new(Self::LENGTH),
        }
    }

    /// A row that is too long, and what the reader above has read ahead.
    const LENGTH: usize = 4 * ENTRY_BYTES;

    fn allow_more(&self) {
        self.left.set(Self::LENGTH);
    }
}

impl<R: Read> Read for Leash<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            let text = "a row does not end: is a quote missing?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let room = into.len().min(self.left.get());
        let count = self.input.read(&mut into[..room])?;
        self.left.set(self.left.get() - count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::describe;
    use super::*;

    fn read(text: &str) -> Vec<Entry> {
        let rows = Rows::new(io::Cursor::new(text.to_owned())).unwrap();
        rows.collect::<io::Result<_>>().unwrap()
    }

    fn event(text: &str) -> Found {
        Found::Event(text.into())
    }

    #[test]
    fn a_row_is_an_event_and_other_columns_are_its_properties() {
        let text = "\u{feff}Name,namespace,timestamp,value,id,shop\nsale,eu,2024-01-01,19.90,s1,\"Bonn, \"\"Mitte\"\"\"\nsale,eu,,-5,,\n";
        let entries = read(text);
        assert_eq!(
            entries[0].found,
            event(
                r#"{"name":"sale","namespace":"eu","timestamp":"2024-01-01","value":"19.90","id":"s1","properties":{"shop":"Bonn, \"Mitte\""}}"#
            )
        );
        assert_eq!(
            entries[1].found,
            event(r#"{"name":"sale","namespace":"eu","value":"-5"}"#)
        );
        assert_eq!((entries[0].line, entries[1].line), (2, 3));
        assert_eq!(entries[1].to, text.len() as u64);
        assert!(text.as_bytes()[entries[0].to as usize..].starts_with(b"sale,eu,,"));
    }

    #[test]
    fn a_bad_row_says_what_is_wrong() {
        let check = |row: &str, expected: &str| {
            let entries = read(&format!("namespace,name,timestamp,value\n{row}\n"));
            let [
                Entry {
                    line: 2,
                    found: Found::Bad(faults),
                    ..
                },
            ] = entries.as_slice()
            else {
                panic!("{entries:?}");
            };
            assert!(describe(faults).contains(expected), "{}", describe(faults));
        };
        check("a,b,2024-01-01", "3 columns, and the header has 4");
        check("a,b,2024-01-01,many", "value: ");
        check("a,b,2024-01-01,", "value: ");
        check("a,b,yesterday,1", "timestamp: ");
    }

    #[test]
    fn a_header_names_the_four_columns_once() {
        let error = |header: &'static str| Rows::new(header.as_bytes()).err().unwrap().to_string();
        assert_eq!(
            error("name,value\n"),
            "the header lacks namespace, timestamp: it has name, value"
        );
        assert_eq!(
            error("namespace,name,timestamp,value,x,x\n"),
            "the header has \"x\" twice"
        );
        assert!(error("").contains("the header lacks"));
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_the_import() {
        let mut text = "namespace,name,timestamp,value\na,\"b,2024-01-01,1\n".to_owned();
        text.push_str(&"a,b,2024-01-01,1\n".repeat(1_000_000));
        let mut rows = Rows::new(io::Cursor::new(text)).unwrap();
        let error = rows.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("is a quote missing?"), "{error}");
    }
}

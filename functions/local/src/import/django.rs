//! Reads events from a JSON list, as Django's `dumpdata` writes it: a list of
//! `{"model", "pk", "fields"}`, on one line or indented over many.
//!
//! Elements are found by counting brackets, so a list of any length is read in little memory;
//! what stands between its brackets is left to the JSON parser. A list of plain events is taken
//! as well.

use std::collections::HashMap;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entry::{ENTRY_BYTES, Entry, Found};
use super::source::BYTE_ORDER_MARK;

/// Elements of a JSON list.
#[derive(Debug)]
pub(crate) struct Elements<R> {
    input: R,
    line: u64,
    at: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    BeforeList,
    /// Where an element may begin, or the list end.
    First,
    /// Where an element must begin.
    Element,
    /// Where a comma or the end of the list must stand.
    Comma,
    AfterList,
    Failed,
}

impl<R: BufRead> Elements<R> {
    /// Reads from the beginning.
    pub(crate) fn new(input: R) -> Elements<R> {
        Elements {
            input,
            line: 1,
            at: 0,
            place: Place::BeforeList,
        }
    }

    fn advance(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let Some(byte) = self.next_visible()? else {
                return self.end();
            };
            self.place = match (self.place, byte) {
                (Place::BeforeList, b'[') => Place::First,
                (Place::First | Place::Comma, b']') => Place::AfterList,
                (Place::Comma, b',') => Place::Element,
                (Place::First | Place::Element, byte) if byte != b',' && byte != b']' => {
                    self.place = Place::Comma;
                    return self.element(byte).map(Some);
                }
                (place, byte) => return Err(self.unexpected(place, byte)),
            };
        }
    }

    /// An input that ends inside its list has lost something.
    fn end(&mut self) -> io::Result<Option<Entry>> {
        match self.place {
            Place::AfterList => Ok(None),
            _ => Err(self.broken("the input ends before its list does")),
        }
    }

    /// Reads the element that begins with this byte.
    fn element(&mut self, first: u8) -> io::Result<Entry> {
        let line = self.line;
        let mut text = vec![first];
        let mut shape = Shape::default();
        shape.take(first);
        while !shape.is_complete() {
            let Some(byte) = self.peek()? else {
                return Err(self.broken("the input ends inside an entry"));
            };
            if shape.ends_before(byte) {
                break;
            }
            self.consume(byte);
            shape.take(byte);
            if text.len() <= ENTRY_BYTES {
                text.push(byte);
            }
        }
        let found = if text.len() > ENTRY_BYTES {
            Found::too_long()
        } else {
            found(&text)
        };
        Ok(Entry {
            line,
            to: self.at,
            found,
        })
    }

    /// Takes the next byte that is not white space.
    fn next_visible(&mut self) -> io::Result<Option<u8>> {
        if self.at == 0 && self.input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            self.input.consume(BYTE_ORDER_MARK.len());
            self.at += BYTE_ORDER_MARK.len() as u64;
        }
        while let Some(byte) = self.peek()? {
            self.consume(byte);
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
        }
        Ok(None)
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn consume(&mut self, byte: u8) {
        self.input.consume(1);
        self.at += 1;
        self.line += u64::from(byte == b'\n');
    }

    fn unexpected(&mut self, place: Place, byte: u8) -> io::Error {
        let expected = match place {
            Place::BeforeList => "a list, which begins with [",
            Place::First => "an entry or ]",
            Place::Element => "an entry",
            Place::Comma => "a comma or ]",
            Place::AfterList | Place::Failed => "nothing more",
        };
        self.broken(&format!(
            "{expected} should stand where {:?} does",
            char::from(byte)
        ))
    }

    fn broken(&mut self, reason: &str) -> io::Error {
        self.place = Place::Failed;
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {}: {reason}", self.line),
        )
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        match self.place {
            Place::Failed => None,
            _ => self.advance().transpose(),
        }
    }
}

/// How far an element has come: which brackets are open, and whether a text is.
#[derive(Debug, Default)]
struct Shape {
    begun: bool,
    depth: u64,
    in_text: bool,
    escaped: bool,
    bracketed: bool,
}

impl Shape {
    fn take(&mut self, byte: u8) {
        self.begun = true;
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => {
                self.bracketed = true;
                self.depth += 1;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn is_complete(&self) -> bool {
        self.begun && self.bracketed && self.depth == 0 && !self.in_text
    }

    /// Whether a bare value, such as a number, is over.
    fn ends_before(&self, byte: u8) -> bool {
        !self.bracketed
            && !self.in_text
            && (byte == b',' || byte == b']' || byte.is_ascii_whitespace())
    }
}

#[derive(Deserialize)]
struct Element<'a> {
    model: Option<String>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
}

fn found(text: &[u8]) -> Found {
    let Ok(text) = std::str::from_utf8(text) else {
        return Found::unreadable("it is not UTF-8");
    };
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(error) => return Found::unreadable(error.to_string()),
    };
    match serde_json::from_str(text) {
        Ok(Element {
            model: Some(model),
            fields: Some(fields),
        }) => of_model(model, fields),
        _ => Found::event(weir_model::json::compact(whole).into()),
    }
}

/// An entry of a model that has a namespace and values holds an event; those of others, such as
/// users and sessions, are none of ours.
fn of_model(model: String, fields: &RawValue) -> Found {
    let names: HashMap<String, &RawValue> = serde_json::from_str(fields.get()).unwrap_or_default();
    match names.contains_key("namespace") && names.contains_key("value") {
        true => Found::event(weir_model::json::compact(fields).into()),
        false => Found::Foreign(model),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::describe;
    use super::*;

    fn read(text: &str) -> io::Result<Vec<Entry>> {
        Elements::new(io::BufReader::with_capacity(7, text.as_bytes())).collect()
    }

    const DUMP: &str = r#"[
  {"model": "tracker.event", "pk": 1, "fields": {
    "namespace": "a", "name": "b, ]\" {",
    "timestamp": "2020-11-12T11:10:00Z", "value": 1.5}},
  {"model": "auth.user", "pk": 1, "fields": {"username": "x", "password": "y"}}
]
"#;

    #[test]
    fn the_fields_of_an_entry_are_an_event_and_other_models_are_passed_over() {
        let entries = read(DUMP).unwrap();
        let event =
            r#"{"namespace":"a","name":"b, ]\" {","timestamp":"2020-11-12T11:10:00Z","value":1.5}"#;
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].found, Found::Event(event.into()));
        assert_eq!(entries[1].found, Found::Foreign("auth.user".into()));
        assert_eq!((entries[0].line, entries[1].line), (2, 5));
        assert!(DUMP[..entries[0].to as usize].ends_with("1.5}}"));
        assert!(DUMP[..entries[1].to as usize].ends_with("\"y\"}}"));
    }

    #[test]
    fn a_list_of_plain_events_is_taken() {
        let event = r#"{"namespace":"a","name":"b","value":1}"#;
        let entries = read(&format!("\u{feff}[{event},{event}]")).unwrap();
        assert!(
            entries
                .iter()
                .all(|entry| entry.found == Found::Event(event.into()))
        );
        assert_eq!(entries.len(), 2);
        assert_eq!(read("[]").unwrap(), []);
    }

    #[test]
    fn a_bad_entry_does_not_hide_the_next() {
        let entries =
            read(r#"[1, "a]", {"model":"m","fields":{"namespace":"a","value":2}}, {"a":}, null ]"#)
                .unwrap();
        assert_eq!(entries.len(), 5);
        for entry in &entries {
            assert!(matches!(entry.found, Found::Bad(_)), "{entry:?}");
        }
        let Found::Bad(faults) = &entries[2].found else {
            unreachable!()
        };
        assert!(describe(faults).contains("name"), "{faults:?}");
    }

    #[test]
    fn a_broken_list_ends_the_import_with_its_line() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("{}", "line 1: a list");
        check("[{}\n{}]", "line 2: a comma or ]");
        check("[{},\n\n]", "line 3: an entry should stand");
        check("[{},", "ends before its list does");
        check("[{\"a\":", "ends inside an entry");
        check("[] x", "nothing more");
        check("", "ends before its list does");
    }
}

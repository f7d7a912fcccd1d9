//! Reads events that stand one on a line, as JSON.

use std::io::{self, BufRead};

use super::entry::{ENTRY_BYTES, Entry, Found};
use super::source::BYTE_ORDER_MARK;

/// Lines of an input.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    line: u64,
    at: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads from the beginning.
    pub(crate) fn new(input: R) -> Lines<R> {
        Lines {
            input,
            line: 0,
            at: 0,
        }
    }

    /// The next line that is not blank.
    fn advance(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let mut text = Vec::new();
            let read = read_line(&mut self.input, &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            self.at += read;
            let found = if text.len() > ENTRY_BYTES {
                Some(Found::too_long())
            } else {
                found(&text, self.line)
            };
            if let Some(found) = found {
                return Ok(Some(Entry {
                    line: self.line,
                    to: self.at,
                    found,
                }));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        self.advance().transpose()
    }
}

/// Reads to the end of the line and says how many bytes that was. Keeps no more than tells that
/// it is too long.
fn read_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<u64> {
    let mut read = 0;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(read);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(buffer.len(), |end| end + 1);
        let room = (ENTRY_BYTES + 1).saturating_sub(text.len());
        text.extend_from_slice(&buffer[..count.min(room)]);
        input.consume(count);
        read += count as u64;
        if end.is_some() {
            return Ok(read);
        }
    }
}

fn found(text: &[u8], line: u64) -> Option<Found> {
    let text = if line == 1 {
        text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
    } else {
        text
    };
    match std::str::from_utf8(text).map(str::trim) {
        Ok("") => None,
        Ok(text) => Some(Found::event(text.to_owned())),
        Err(_) => Some(Found::unreadable("it is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"namespace":"a","name":"b","value":1}"#;

    fn read(text: &[u8]) -> Vec<Entry> {
        // A small buffer, so that lines cross its end.
        let input = io::BufReader::with_capacity(7, text);
        Lines::new(input).collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn each_line_is_an_event_and_blank_ones_are_not() {
        let text = format!("\u{feff}{EVENT}\n\n  \r\n {EVENT}\r\n{EVENT}");
        let length = EVENT.len() as u64;
        let entry = |line, to| Entry {
            line,
            to,
            found: Found::Event(EVENT.into()),
        };
        let first = 3 + length + 1;
        let second = first + 1 + 4 + 1 + length + 2;
        assert_eq!(
            read(text.as_bytes()),
            [entry(1, first), entry(4, second), entry(5, second + length)]
        );
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        let check = |text: &[u8], expected: &str| {
            let entries = read(text);
            let [
                Entry {
                    line: 1,
                    found: Found::Bad(faults),
                    ..
                },
            ] = entries.as_slice()
            else {
                panic!("{entries:?}");
            };
            let told = super::super::entry::describe(faults);
            assert!(told.contains(expected), "{told}");
        };
        check(b"\xff\xfe\n", "not UTF-8");
        check(br#"{"namespace":"a","name":"b","value":"x"}"#, "value");
        check(b"namespace,name", "");
        check(&vec![b' '; ENTRY_BYTES + 1], "longer than 1048576 bytes");
    }

    #[test]
    fn a_long_line_does_not_hide_the_next() {
        let mut text = vec![b'x'; 3 * ENTRY_BYTES];
        text.extend_from_slice(format!("\n{EVENT}\n").as_bytes());
        let entries = read(&text);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].found, Found::Event(EVENT.into()));
        assert_eq!(entries[1].to, text.len() as u64);
    }
}

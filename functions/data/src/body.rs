//! Writes an answer as JSON or CSV, row by row, up to a size.

use serde::Serialize;

use crate::question::Form;
use crate::rows::{Row, Value};

/// How large an answer may be: Lambda takes 6 MB, and base64 adds a third to compressed and other
/// binary forms; 4.5 MB is what a page of raw events has as well.
pub(crate) const ANSWER_BYTES: usize = 4_500_000;

/// What an answer of a data set says that is not final (alphagov/backdrop, `read/api.py`).
const WARNING: &str =
    "Warning: This data-set is unpublished. Data may be subject to change or be inaccurate.";

/// An answer that would be larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// A finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) form: Form,
    pub(crate) text: Vec<u8>,
}

/// A JSON document in the making: `{"data":[…]}`.
#[derive(Debug)]
pub(crate) struct JsonBody {
    text: Vec<u8>,
    is_empty: bool,
}

impl JsonBody {
    pub(crate) fn new() -> JsonBody {
        JsonBody {
            text: b"{\"data\":[".to_vec(),
            is_empty: true,
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &impl Serialize) -> Result<(), TooLarge> {
        self.separate();
        serde_json::to_writer(&mut self.text, row)
            .expect("rows have text keys and are written to memory");
        self.check()
    }

    /// Adds a row that is JSON already.
    pub(crate) fn push_written(&mut self, row: &str) -> Result<(), TooLarge> {
        self.separate();
        self.text.extend_from_slice(row.as_bytes());
        self.check()
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.text.push(b',');
        }
    }

    fn check(&self) -> Result<(), TooLarge> {
        match self.text.len() <= ANSWER_BYTES {
            true => Ok(()),
            false => Err(TooLarge),
        }
    }

    /// Ends the document, with a warning if the data set is not published.
    pub(crate) fn finish(mut self, is_published: bool) -> Written {
        self.text.push(b']');
        if !is_published {
            self.text.extend_from_slice(b",\"warning\":");
            serde_json::to_writer(&mut self.text, WARNING).expect("it is written to memory");
        }
        self.text.push(b'}');
        Written {
            form: Form::Json,
            text: self.text,
        }
    }
}

/// A table in the making (RFC 4180), each row with the same columns.
#[derive(Debug)]
pub(crate) struct CsvBody {
    names: Vec<String>,
    text: csv::Writer<Vec<u8>>,
}

impl CsvBody {
    pub(crate) fn new(names: Vec<String>) -> CsvBody {
        let mut text = csv::Writer::from_writer(Vec::new());
        if !names.is_empty() {
            text.write_record(&names).expect("it is written to memory");
        }
        CsvBody { names, text }
    }

    /// Adds a row: what it lacks is empty, and a list is written as JSON.
    pub(crate) fn push(&mut self, row: &Row) -> Result<(), TooLarge> {
        let cell = |name: &String| {
            let found = row.0.iter().find(|(known, _)| known == name);
            found.map_or_else(String::new, |(_, value)| cell(value))
        };
        let cells: Vec<String> = self.names.iter().map(cell).collect();
        self.push_cells(&cells)
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn push_cells(&mut self, cells: &[String]) -> Result<(), TooLarge> {
        self.text
            .write_record(cells)
            .expect("rows have a cell for each column and are written to memory");
        // What is quoted is longer than it was, so what counts is what is written.
        self.text.flush().expect("it is written to memory");
        match self.text.get_ref().len() <= ANSWER_BYTES {
            true => Ok(()),
            false => Err(TooLarge),
        }
    }

    pub(crate) fn finish(self) -> Written {
        let text = self.text.into_inner().expect("it was written to memory");
        Written {
            form: Form::Csv,
            text,
        }
    }
}

/// A value as the text of a cell: a text as it is, nothing as nothing, all else as JSON.
fn cell(value: &Value) -> String {
    let json = serde_json::to_value(value).expect("values have text keys");
    json_cell(&json)
}

/// The same of a value of a record.
pub(crate) fn json_cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_its_rows_and_perhaps_a_warning() {
        let text = |body: Written| String::from_utf8(body.text).unwrap();
        assert_eq!(text(JsonBody::new().finish(true)), "{\"data\":[]}");
        let mut body = JsonBody::new();
        body.push(&1).unwrap();
        body.push_written("{\"aa\":2}").unwrap();
        let expected = format!("{{\"data\":[1,{{\"aa\":2}}],\"warning\":\"{WARNING}\"}}");
        assert_eq!(text(body.finish(false)), expected);
    }

    #[test]
    fn what_is_too_large_is_not_written_to_its_end() {
        let long = "x".repeat(ANSWER_BYTES / 2);
        let mut body = JsonBody::new();
        assert_eq!(body.push(&long), Ok(()));
        assert_eq!(body.push(&long), Err(TooLarge));
        let mut table = CsvBody::new(vec!["aa".to_owned()]);
        assert_eq!(table.push_cells(std::slice::from_ref(&long)), Ok(()));
        assert_eq!(table.push_cells(&[format!("{long}x")]), Err(TooLarge));
    }

    #[test]
    fn the_quotes_of_a_table_count_as_well() {
        let quotes = "\"".repeat(ANSWER_BYTES / 2);
        let mut table = CsvBody::new(vec!["aa".to_owned()]);
        assert_eq!(table.push_cells(&[quotes]), Err(TooLarge));
    }

    #[test]
    fn a_table_quotes_what_would_break_it() {
        let mut table = CsvBody::new(vec!["aa".to_owned(), "bb".to_owned()]);
        table
            .push_cells(&["1,2".to_owned(), "a\"b".to_owned()])
            .unwrap();
        table
            .push_cells(&[String::new(), "é\n".to_owned()])
            .unwrap();
        let text = String::from_utf8(table.finish().text).unwrap();
        assert_eq!(text, "aa,bb\n\"1,2\",\"a\"\"b\"\n,\"é\n\"\n");
    }
}

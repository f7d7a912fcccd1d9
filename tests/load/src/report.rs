//! What was measured, and how it is shown: sections of rows, as tables while they come or as one
//! JSON document at the end.

use serde::Serialize;
use serde_json::Value;

use crate::machine::Machine;

/// A line of a table.
pub(crate) trait Row: Serialize {
    /// What its cells are called.
    const COLUMNS: &[&str];

    /// Its cells as text, the first of them a name.
    fn cells(&self) -> Vec<String>;
}

/// Rows of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    title: String,
    /// What must be known to read the figures.
    notes: Vec<String>,
    rows: Value,
    #[serde(skip)]
    table: String,
}

impl Section {
    /// A section of these rows.
    pub(crate) fn of<R: Row>(title: impl Into<String>, notes: Vec<String>, rows: &[R]) -> Self {
        let cells: Vec<_> = rows.iter().map(Row::cells).collect();
        Self {
            title: title.into(),
            notes,
            rows: serde_json::to_value(rows).expect("figures are plain numbers"),
            table: table(R::COLUMNS, &cells),
        }
    }
}

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Json,
}

/// All of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    sections: Vec<Section>,
    /// Cases that could not be measured, and why.
    failed: Vec<String>,
    #[serde(skip)]
    form: Form,
}

impl Report {
    /// An empty report of this machine.
    pub(crate) fn new(machine: Machine, form: Form) -> Self {
        if form == Form::Table {
            println!("{machine}");
        }
        Self {
            machine,
            sections: Vec::new(),
            failed: Vec::new(),
            form,
        }
    }

    /// Adds a section; a table is shown at once, because measuring the next may take long.
    pub(crate) fn push(&mut self, section: Section) {
        if self.form == Form::Table {
            println!("\n{}\n{}", section.title, section.table);
            for note in &section.notes {
                println!("  {note}");
            }
        }
        self.sections.push(section);
    }

    /// Notes that a case could not be measured.
    pub(crate) fn fail(&mut self, what: String) {
        eprintln!("{what}");
        self.failed.push(what);
    }

    /// Shows what has not been shown yet; whether every case was measured.
    pub(crate) fn finish(self) -> bool {
        if self.form == Form::Json {
            let text = serde_json::to_string_pretty(&self).expect("figures are plain numbers");
            println!("{text}");
        }
        self.failed.is_empty()
    }
}

/// The first column to the left, the others to the right.
fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
    let lines = || std::iter::once(&header).chain(rows);
    let width = |at: usize| {
        let cells = lines().filter_map(|line| line.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).enumerate();
        let cells = cells.map(|(at, (cell, &width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["a".to_owned(), "1".to_owned()],
            vec!["bcdefg".to_owned(), "1234".to_owned()],
        ];
        let expected = "case       n\na          1\nbcdefg  1234";
        assert_eq!(table(&["case", "n"], &rows), expected);
    }
}

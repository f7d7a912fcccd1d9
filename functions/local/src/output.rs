//! How answers are printed.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// Prints a line to standard output.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.as_ref())?;
    // A pipe is not flushed by line, and someone may be waiting for this one.
    out.flush()
}

/// Lays rows out in columns, without rules, so that other programs can cut them, too.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    lay_out(header, rows, CellAlignment::Left)
}

/// The same with the last column to the right, where numbers line up.
pub(crate) fn numbers(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    lay_out(header, rows, CellAlignment::Right)
}

fn lay_out(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    last: CellAlignment,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    let mut columns = table.column_iter_mut().peekable();
    while let Some(column) = columns.next() {
        let is_last = columns.peek().is_none();
        column.set_padding((0, if is_last { 0 } else { 2 }));
        column.set_cell_alignment(if is_last { last } else { CellAlignment::Left });
    }
    table.trim_fmt()
}

/// Writes a count with the noun it counts.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", grouped(count)),
    }
}

/// Writes a number with a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["long".into(), "22".into()],
        ];
        assert_eq!(table(&["NAME", "N"], rows), "NAME  N\na     1\nlong  22");
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["long".into(), "22".into()],
        ];
        assert_eq!(
            numbers(&["NAME", "N"], rows),
            "NAME   N\na      1\nlong  22"
        );
    }

    #[test]
    fn large_counts_are_grouped() {
        assert_eq!(counted(1, "event", "events"), "1 event");
        assert_eq!(counted(0, "event", "events"), "0 events");
        assert_eq!(counted(999, "event", "events"), "999 events");
        assert_eq!(counted(1_234_567, "event", "events"), "1,234,567 events");
    }
}

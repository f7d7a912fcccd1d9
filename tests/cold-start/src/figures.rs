//! What was measured, and how it is shown.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use crate::place::{Subject, Taken};

/// What one function took.
pub(crate) struct Figures {
    name: String,
    size_bytes: Option<u64>,
    ready: Vec<Duration>,
    first: Vec<Duration>,
    second: Vec<Duration>,
}

impl Figures {
    pub(crate) fn of(subject: &Subject) -> Self {
        Self {
            name: subject.name.clone(),
            size_bytes: subject.size_bytes(),
            ready: Vec::new(),
            first: Vec::new(),
            second: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, taken: Taken) {
        self.ready.push(taken.ready);
        self.first.push(taken.first);
        self.second.push(taken.second);
    }
}

/// The value that so many of a hundred do not exceed.
fn percentile(all: &[Duration], percent: usize) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort();
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// A table, in milliseconds from the start of the process.
pub(crate) fn table(all: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "function",
        "asks for its first event, ms (median)",
        "first answer, ms (median)",
        "(p90)",
        "over empty, ms (median)",
        "second answer takes, ms (median)",
        "program, MB",
    ]);
    let empty = all.first().map(|empty| percentile(&empty.first, 50));
    let empty = empty.unwrap_or_default();
    for figures in all {
        let median = percentile(&figures.first, 50);
        let size = figures
            .size_bytes
            .map(|bytes| format!("{:.1}", bytes as f64 / 1e6));
        table.add_row([
            figures.name.clone(),
            ms(percentile(&figures.ready, 50)),
            ms(median),
            ms(percentile(&figures.first, 90)),
            ms(median.saturating_sub(empty)),
            ms(percentile(&figures.second, 50)),
            size.unwrap_or_default(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let all: Vec<_> = (1..=30).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&all, 50), Duration::from_millis(15));
        assert_eq!(percentile(&all, 90), Duration::from_millis(27));
        assert_eq!(percentile(&all[..1], 90), Duration::from_millis(30));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}

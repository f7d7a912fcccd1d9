//! Two weeks of rows, folded by title into one document each. Pure.

use std::collections::HashMap;

use jiff::civil::Date;
use serde_json::{Map, Number, Value};
use thiserror::Error;

use crate::ga::answer::OTHER;

/// A week is at least this, so that pages that nobody reads do not top the list.
const FLOOR: i64 = 500;

/// The key that rows are folded by.
pub(super) const TITLE: &str = "pageTitle";
/// The key of which the shortest value stays.
pub(super) const PATH: &str = "pagePath";

/// Where the second week begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weeks {
    pub(super) middle: Date,
}

/// A row of the report.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// What stays in the document, in the query's order.
    pub(super) dimensions: Vec<(String, String)>,
    /// `year`, `month` and `day`, as they are.
    pub(super) date: [String; 3],
    pub(super) value: Number,
}

/// Why rows cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the answer has the year {0:?}, the month {1:?} and the day {2:?}, which is no date")]
pub(super) struct NoDate(String, String, String);

/// What has become of the rows.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// One for each title, in the order in which they were seen.
    pub(super) documents: Vec<Map<String, Value>>,
    /// How many rows had no date but `(other)`, and counted for no week.
    pub(super) undated: u64,
}

/// A title on its way.
#[derive(Debug)]
struct Page {
    dimensions: Vec<(String, String)>,
    weeks: [Sum; 2],
}

/// Exact as long as all values are whole.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    whole: i64,
    rest: f64,
}

/// Folds rows by their titles.
///
/// # Errors
/// When a row has a date that is none.
pub(super) fn fold(rows: Vec<Visit>, weeks: Weeks) -> Result<Folded, NoDate> {
    let mut pages: Vec<Page> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut undated = 0;
    for row in rows {
        let title = value_of(&row.dimensions, TITLE).to_owned();
        let place = *places.entry(title).or_insert_with(|| {
            pages.push(Page {
                dimensions: row.dimensions.clone(),
                weeks: [Sum::default(); 2],
            });
            pages.len() - 1
        });
        let Some(date) = date_of(&row.date)? else {
            undated += 1;
            continue;
        };
        pages[place].take(&row, usize::from(date >= weeks.middle));
    }
    Ok(Folded {
        documents: pages.into_iter().map(Page::into_document).collect(),
        undated,
    })
}

impl Page {
    fn take(&mut self, row: &Visit, week: usize) {
        let path = value_of(&row.dimensions, PATH);
        if let Some((_, kept)) = self.dimensions.iter_mut().find(|(key, _)| key == PATH)
            && !path.is_empty()
            && (kept.is_empty() || kept.contains(path))
        {
            path.clone_into(kept);
        }
        self.weeks[week].add(&row.value);
    }

    fn into_document(self) -> Map<String, Value> {
        let [one, two] = self.weeks.map(Sum::at_least_the_floor);
        let change = (two.value() - one.value()) / one.value() * 100.0;
        let mut document = Map::new();
        for (key, value) in self.dimensions {
            document.insert(key, value.into());
        }
        document.insert("week1".to_owned(), one.into_json());
        document.insert("week2".to_owned(), two.into_json());
        document.insert("percent_change".to_owned(), change.into());
        document
    }
}

impl Sum {
    fn add(&mut self, number: &Number) {
        match number.as_i64() {
            Some(whole) => self.whole = self.whole.saturating_add(whole),
            None => self.rest += number.as_f64().unwrap_or(0.0),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of counts needs no more"
    )]
    fn value(self) -> f64 {
        self.whole as f64 + self.rest
    }

    #[expect(clippy::cast_precision_loss, reason = "the floor is small")]
    fn at_least_the_floor(self) -> Self {
        match self.value() < FLOOR as f64 {
            true => Self {
                whole: FLOOR,
                rest: 0.0,
            },
            false => self,
        }
    }

    fn into_json(self) -> Value {
        match self.rest == 0.0 {
            true => self.whole.into(),
            false => self.value().into(),
        }
    }
}

fn value_of<'d>(dimensions: &'d [(String, String)], key: &str) -> &'d str {
    let found = dimensions.iter().find(|(name, _)| name == key);
    found.map_or("", |(_, value)| value)
}

/// Nothing for `(other)`, which stands for many dates.
fn date_of(parts: &[String; 3]) -> Result<Option<Date>, NoDate> {
    if parts.iter().any(|part| part == OTHER) {
        return Ok(None);
    }
    let [year, month, day] = parts;
    let date = || Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok();
    let no_date = || NoDate(year.clone(), month.clone(), day.clone());
    date().map(Some).ok_or_else(no_date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn row(title: &str, path: &str, day: [&str; 3], value: i64) -> Visit {
        let dimensions = [(TITLE, title), (PATH, path)];
        Visit {
            dimensions: dimensions
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            date: day.map(str::to_owned),
            value: value.into(),
        }
    }

    fn folded(rows: Vec<Visit>) -> Value {
        let weeks = Weeks {
            middle: date(2013, 4, 8),
        };
        let documents = fold(rows, weeks).unwrap().documents;
        documents.into_iter().map(Value::Object).collect()
    }

    const FIRST: [&str; 3] = ["2013", "04", "07"];
    const SECOND: [&str; 3] = ["2013", "04", "08"];

    #[test]
    fn rows_are_folded_by_title_into_two_weeks() {
        let rows = vec![
            row("Tax", "/tax/disc", FIRST, 600),
            row("Tax", "/tax", FIRST, 200),
            row("Tax", "/tax/disc", SECOND, 1_000),
            row("Pay", "/pay", SECOND, 750),
        ];
        let expected = json!([
            {"pageTitle": "Tax", "pagePath": "/tax", "week1": 800, "week2": 1000,
                "percent_change": 25.0},
            {"pageTitle": "Pay", "pagePath": "/pay", "week1": 500, "week2": 750,
                "percent_change": 50.0},
        ]);
        assert_eq!(folded(rows), expected);
    }

    #[test]
    fn a_week_is_at_least_500_each_for_itself() {
        let rows = vec![row("a", "/a", FIRST, 499), row("a", "/a", SECOND, 3)];
        let expected = json!([{"pageTitle": "a", "pagePath": "/a", "week1": 500, "week2": 500,
            "percent_change": 0.0}]);
        assert_eq!(folded(rows), expected);
    }

    #[test]
    fn a_path_gives_way_only_to_one_that_it_contains() {
        let path = |paths: &[&str]| {
            let rows = paths.iter().map(|path| row("a", path, FIRST, 1)).collect();
            folded(rows)[0]["pagePath"].clone()
        };
        assert_eq!(path(&["/a/b/c", "/a/b", "/a/b/c/d"]), "/a/b");
        assert_eq!(path(&["/a/b", "/c"]), "/a/b");
        assert_eq!(path(&["/x/a/b", "/a"]), "/a");
    }

    #[test]
    fn no_path_gives_way_to_none() {
        let path = |paths: &[&str]| {
            let rows = paths.iter().map(|path| row("a", path, FIRST, 1)).collect();
            folded(rows)[0]["pagePath"].clone()
        };
        assert_eq!(path(&["/a/b", "", "/a"]), "/a");
        assert_eq!(path(&["", "/a/b", "/c"]), "/a/b");
        assert_eq!(path(&["", ""]), "");
    }

    #[test]
    fn rows_of_no_date_are_there_and_count_for_no_week() {
        let weeks = Weeks {
            middle: date(2013, 4, 8),
        };
        let other = ["(other)", "(other)", "(other)"];
        let rows = vec![row("a", "/a", other, 9_000), row("a", "/", SECOND, 700)];
        let folded = fold(rows, weeks).unwrap();
        assert_eq!(folded.undated, 1);
        assert_eq!(folded.documents[0]["week2"], 700);
        assert_eq!(folded.documents[0]["week1"], 500);
    }

    #[test]
    fn what_is_no_date_is_an_error() {
        let weeks = Weeks {
            middle: date(2013, 4, 8),
        };
        let error = fold(vec![row("a", "/a", ["2013", "4", "31"], 1)], weeks).unwrap_err();
        assert!(error.to_string().contains("\"31\""), "{error}");
    }
}

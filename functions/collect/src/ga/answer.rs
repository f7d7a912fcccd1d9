//! The answer to a report, read with suspicion: what is missing is named, and an answer that is no
//! report is never taken for an empty one, because the bookmark would move past what was not read.

use serde::Deserialize;
use serde_json::Number;
use thiserror::Error;

use super::names::Name;
use super::quota::Quota;

/// What Google puts in the place of values that are too many: the row counts, and has no other
/// meaning.
pub(crate) const OTHER: &str = "(other)";

/// A page of a report, as the API gives it. Google's JSON leaves out what is empty or zero.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    #[serde(default)]
    dimension_headers: Vec<Header>,
    #[serde(default)]
    metric_headers: Vec<Header>,
    #[serde(default)]
    rows: Vec<Line>,
    row_count: Option<u64>,
    #[serde(default)]
    pub(crate) metadata: Metadata,
    pub(crate) property_quota: Option<Quota>,
}

#[derive(Debug, Clone, Deserialize)]
struct Header {
    name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(default)]
    dimension_values: Vec<Cell>,
    #[serde(default)]
    metric_values: Vec<Cell>,
}

#[derive(Debug, Clone, Deserialize)]
struct Cell {
    value: Option<String>,
}

/// What the API says about a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// The property's zone: its days are days there.
    pub(crate) time_zone: Option<String>,
    /// Whether some of the rows are one `(other)` row.
    #[serde(default)]
    pub(crate) data_loss_from_other_row: bool,
    /// Whether rows of few people were left out.
    #[serde(default)]
    pub(crate) subject_to_thresholding: bool,
}

/// A row of a report: values in the order of the query's names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// The texts.
    pub(crate) dimensions: Vec<String>,
    /// The numbers.
    pub(crate) metrics: Vec<Number>,
}

/// Why an answer is no report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum AnswerError {
    #[error("the answer has no column {0}")]
    MissingColumn(String),
    #[error("the answer has rows and no rowCount")]
    MissingCount,
    #[error("the answer says rowCount {0} and has no rows")]
    MissingRows(u64),
    #[error("row {row} of the answer has no value of {name}")]
    MissingValue { row: usize, name: String },
    #[error("row {row} of the answer has {value:?} as {name}, which is no number")]
    NotANumber {
        row: usize,
        name: String,
        value: String,
    },
}

impl Answer {
    /// How many rows the whole report has.
    ///
    /// # Errors
    /// When there are rows and it does not say.
    pub(crate) fn row_count(&self) -> Result<u64, AnswerError> {
        match self.row_count {
            Some(count) => Ok(count),
            None if self.rows.is_empty() => Ok(0),
            None => Err(AnswerError::MissingCount),
        }
    }

    /// How many rows this page has.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows, with the values of these names.
    ///
    /// # Errors
    /// When a column or a value is missing, or a metric is no number.
    pub(crate) fn into_rows(
        self,
        dimensions: &[Name],
        metrics: &[Name],
    ) -> Result<Vec<Measured>, AnswerError> {
        let texts = columns(&self.dimension_headers, dimensions)?;
        let numbers = columns(&self.metric_headers, metrics)?;
        let lines = self.rows.into_iter().enumerate();
        lines
            .map(|(at, line)| {
                let row = at + 1;
                let text = |(column, name): (&usize, &Name)| {
                    value(&line.dimension_values, *column, row, name).map(str::to_owned)
                };
                let number = |(column, name): (&usize, &Name)| {
                    number_at(&line.metric_values, *column, row, name)
                };
                Ok(Measured {
                    dimensions: texts
                        .iter()
                        .zip(dimensions)
                        .map(text)
                        .collect::<Result<_, _>>()?,
                    metrics: numbers
                        .iter()
                        .zip(metrics)
                        .map(number)
                        .collect::<Result<_, _>>()?,
                })
            })
            .collect()
    }
}

/// Where the names stand; two names of a query may be one in GA4.
fn columns(headers: &[Header], names: &[Name]) -> Result<Vec<usize>, AnswerError> {
    let column = |name: &Name| {
        let found = headers.iter().position(|header| header.name == name.api);
        found.ok_or_else(|| AnswerError::MissingColumn(name.api.clone()))
    };
    names.iter().map(column).collect()
}

fn value<'l>(
    cells: &'l [Cell],
    at: usize,
    row: usize,
    name: &Name,
) -> Result<&'l str, AnswerError> {
    let cell = cells.get(at).and_then(|cell| cell.value.as_deref());
    cell.ok_or_else(|| AnswerError::MissingValue {
        row,
        name: name.api.clone(),
    })
}

fn number_at(cells: &[Cell], at: usize, row: usize, name: &Name) -> Result<Number, AnswerError> {
    let text = value(cells, at, row, name)?;
    let found = number(text).map(|found| {
        if name.thousandfold {
            thousandfold(found)
        } else {
            found
        }
    });
    found.ok_or_else(|| AnswerError::NotANumber {
        row,
        name: name.api.clone(),
        value: text.chars().take(40).collect(),
    })
}

/// A whole number if it is written as one, so that counts stay exact.
fn number(text: &str) -> Option<Number> {
    let whole = text.parse::<i64>().map(Number::from);
    whole.ok().or_else(|| Number::from_f64(text.parse().ok()?))
}

fn thousandfold(number: Number) -> Number {
    let whole = number.as_i64().and_then(|whole| whole.checked_mul(1_000));
    let float = || Number::from_f64(number.as_f64()? * 1_000.0);
    whole.map(Number::from).or_else(float).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::ga::names::Names;

    fn rows(answer: Value, dimensions: &[&str], metrics: &[&str]) -> Result<Vec<Measured>, String> {
        let names = Names::new(BTreeMap::new(), true);
        let dimensions: Vec<Name> = dimensions
            .iter()
            .map(|it| names.dimension(it).unwrap())
            .collect();
        let metrics: Vec<Name> = metrics.iter().map(|it| names.metric(it)).collect();
        let answer: Answer = serde_json::from_value(answer).map_err(|error| error.to_string())?;
        answer.row_count().map_err(|error| error.to_string())?;
        let rows = answer.into_rows(&dimensions, &metrics);
        rows.map_err(|error| error.to_string())
    }

    fn answer(rows: Value, count: u64) -> Value {
        json!({
            "dimensionHeaders": [{"name": "country"}],
            "metricHeaders": [
                {"name": "averageSessionDuration", "type": "TYPE_SECONDS"},
                {"name": "sessions", "type": "TYPE_INTEGER"},
            ],
            "rows": rows,
            "rowCount": count,
        })
    }

    #[test]
    fn values_are_found_by_their_columns_and_read_as_numbers() {
        let row = json!({
            "dimensionValues": [{"value": "France"}],
            "metricValues": [{"value": "61.5"}, {"value": "9007199254740993"}],
        });
        let found = rows(
            answer(json!([row]), 1),
            &["country"],
            &["visits", "avgSessionDuration"],
        );
        let expected = Measured {
            dimensions: vec!["France".to_owned()],
            metrics: vec![
                Number::from(9_007_199_254_740_993_i64),
                Number::from_f64(61_500.0).unwrap(),
            ],
        };
        assert_eq!(found.unwrap(), [expected]);
    }

    #[test]
    fn two_names_for_one_column_both_have_its_value() {
        let row = json!({
            "dimensionValues": [{"value": "(other)"}],
            "metricValues": [{"value": "3"}, {"value": "7"}],
        });
        let found = rows(
            answer(json!([row]), 1),
            &["country"],
            &["visits", "sessions"],
        )
        .unwrap();
        assert_eq!(found[0].metrics, [7.into(), 7.into()]);
        assert_eq!(found[0].dimensions, ["(other)"]);
    }

    #[test]
    fn a_report_without_rows_is_empty_if_it_is_a_report() {
        let headers = json!({"metricHeaders": [{"name": "sessions"}]});
        assert_eq!(rows(headers, &[], &["visits"]), Ok(Vec::new()));
        let error = rows(json!({}), &[], &["visits"]).unwrap_err();
        assert_eq!(error, "the answer has no column sessions");
    }

    #[test]
    fn what_is_missing_is_named() {
        let check = |rows_given: Value, expected: &str| {
            let found = rows(answer(rows_given, 1), &["country"], &["visits"]);
            assert_eq!(found.unwrap_err(), expected);
        };
        let france = json!([{"value": "France"}]);
        check(
            json!([{"dimensionValues": france, "metricValues": [{"value": "1"}]}]),
            "row 1 of the answer has no value of sessions",
        );
        check(
            json!([{"metricValues": [{"value": "1"}, {"value": "2"}]}]),
            "row 1 of the answer has no value of country",
        );
        check(
            json!([{"dimensionValues": france, "metricValues": [{"value": "1"}, {"value": "many"}]}]),
            "row 1 of the answer has \"many\" as sessions, which is no number",
        );
        check(
            json!([{"dimensionValues": [{}], "metricValues": [{"value": "1"}, {"value": "2"}]}]),
            "row 1 of the answer has no value of country",
        );
        let mut uncounted = answer(json!([{"metricValues": []}]), 1);
        uncounted.as_object_mut().unwrap().remove("rowCount");
        let error = rows(uncounted, &["country"], &["visits"]).unwrap_err();
        assert_eq!(error, "the answer has rows and no rowCount");
    }

    #[test]
    fn numbers_are_what_they_are_written_as() {
        assert_eq!(number("12"), Some(12.into()));
        assert_eq!(number("-0.25"), Number::from_f64(-0.25));
        assert_eq!(number("1e3"), Number::from_f64(1000.0));
        assert_eq!(number("12.0"), Number::from_f64(12.0));
        assert_eq!(number("NaN"), None);
        assert_eq!(number("inf"), None);
        assert_eq!(number(""), None);
        assert_eq!(thousandfold(3.into()), 3000.into());
    }
}

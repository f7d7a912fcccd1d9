//! `AggregateKey`: documents that are equal in every key but the aggregated ones become one.
//!
//! Equality is Python's: 1, 1.0 and True are equal. The groups come in the order of their first
//! documents; there they came sorted by a key order that nobody could know. As there, the keys
//! are those of the first document, and `_id` and `humanId` are keys like any other: whoever wants
//! documents merged removes them first.

use std::collections::HashMap;

use serde_json::{Number, Value};

use super::{Aggregation, missing};
use crate::cell::Cell;
use crate::pipeline::Document;

/// Merges documents.
pub(super) fn run(
    aggregations: &[Aggregation],
    documents: Vec<Document>,
) -> Result<Vec<Document>, String> {
    let keys = group_keys(aggregations, &documents);
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<Vec<Document>> = Vec::new();
    for document in documents {
        let part = |key: &String| match document.get(key) {
            Some(cell) => Ok(group_part(cell)),
            None => Err(missing(&document, key)),
        };
        let group: Vec<String> = keys.iter().map(part).collect::<Result<_, _>>()?;
        let place = *places.entry(group).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(document);
    }
    groups
        .into_iter()
        .map(|group| merge(aggregations, group))
        .collect()
}

fn group_keys(aggregations: &[Aggregation], documents: &[Document]) -> Vec<String> {
    let aggregated = |key: &str| {
        aggregations
            .iter()
            .any(|aggregation| aggregation.key() == key)
    };
    let first = documents.first().into_iter();
    let keys = first.flat_map(Document::keys);
    keys.filter(|key| !aggregated(key))
        .map(str::to_owned)
        .collect()
}

/// Equal for values that Python calls equal, and different for others.
fn group_part(cell: &Cell) -> String {
    let Cell::Json(value) = cell else {
        return format!("t{}", cell.text());
    };
    match value {
        Value::Bool(truth) => format!("n{}", u8::from(*truth)),
        Value::Number(number) => match whole(number) {
            Some(whole) => format!("n{whole}"),
            None => format!("n{number}"),
        },
        other => other.to_string(),
    }
}

fn merge(aggregations: &[Aggregation], group: Vec<Document>) -> Result<Document, String> {
    let values: Vec<(&str, Value)> = aggregations
        .iter()
        .map(|aggregation| Ok((aggregation.key(), aggregation.of(&group)?)))
        .collect::<Result<_, String>>()?;
    let mut merged = group.into_iter().next().unwrap_or_default();
    for (key, value) in values {
        merged.set(key, value.into());
    }
    Ok(merged)
}

impl Aggregation {
    fn key(&self) -> &str {
        match self {
            Self::Count(key) | Self::Rate { rate: key, .. } => key,
        }
    }

    fn of(&self, documents: &[Document]) -> Result<Value, String> {
        match self {
            Self::Count(key) => {
                let mut sum = Sum::Whole(0);
                for document in documents {
                    sum = sum.plus(amount(document, key)?);
                }
                Ok(sum.into_value())
            }
            Self::Rate { rate, count } => {
                let (mut total, mut weighted) = (Sum::Whole(0), Sum::Whole(0));
                for document in documents {
                    let (rate, count) = (amount(document, rate)?, amount(document, count)?);
                    total = total.plus(count);
                    weighted = weighted.plus(rate.times(count));
                }
                Ok(weighted.over(total))
            }
        }
    }
}

/// A number as Python counts: whole as long as everything in it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sum {
    Whole(i128),
    Float(f64),
}

impl Sum {
    fn plus(self, other: Sum) -> Sum {
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => Self::Whole(one.saturating_add(two)),
            _ => Self::Float(self.float() + other.float()),
        }
    }

    fn times(self, other: Sum) -> Sum {
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => Self::Whole(one.saturating_mul(two)),
            _ => Self::Float(self.float() * other.float()),
        }
    }

    /// A rate of nothing is none.
    fn over(self, total: Sum) -> Value {
        match total.float() {
            0.0 => Value::Null,
            total => Self::Float(self.float() / total).into_value(),
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }

    fn into_value(self) -> Value {
        let number = match self {
            Self::Whole(whole) => Number::from_i128(whole),
            Self::Float(_) => None,
        };
        number
            .or_else(|| Number::from_f64(self.float()))
            .map_or(Value::Null, Value::Number)
    }
}

fn amount(document: &Document, key: &str) -> Result<Sum, String> {
    let cell = document.get(key).ok_or_else(|| missing(document, key))?;
    match cell {
        Cell::Json(Value::Bool(truth)) => Ok(Sum::Whole(i128::from(*truth))),
        Cell::Json(Value::Number(number)) => Ok(match number.as_i128() {
            Some(whole) => Sum::Whole(whole),
            None => Sum::Float(number.as_f64().unwrap_or(f64::NAN)),
        }),
        other => Err(format!(
            "the value of {key} is no number but {}",
            other.text()
        )),
    }
}

/// The number if it is whole, also where it is written as a float.
fn whole(number: &Number) -> Option<i128> {
    number.as_i128().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 1e30).then_some(float as i128)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(key: &str) -> Aggregation {
        Aggregation::Count(key.to_owned())
    }

    fn rate(rate: &str, count: &str) -> Aggregation {
        Aggregation::Rate {
            rate: rate.to_owned(),
            count: count.to_owned(),
        }
    }

    fn aggregate(aggregations: &[Aggregation], documents: Value) -> Result<Value, String> {
        let Value::Array(documents) = documents else {
            panic!("documents are a list");
        };
        let document = |value: Value| match value {
            Value::Object(map) => map.into_iter().collect(),
            other => panic!("{other} is no document"),
        };
        let merged = run(aggregations, documents.into_iter().map(document).collect())?;
        Ok(merged
            .into_iter()
            .map(|document| Value::Object(document.into_map()))
            .collect())
    }

    #[test]
    fn counts_are_summed_and_rates_weighted_by_them() {
        let merged = aggregate(
            &[count("visits"), rate("bounce", "visits")],
            json!([
                {"a": "x", "visits": 100, "bounce": 0.25},
                {"a": "y", "visits": 7, "bounce": 0.5},
                {"a": "x", "visits": 300, "bounce": 0.75},
            ]),
        );
        let expected = json!([
            {"a": "x", "visits": 400, "bounce": 0.625},
            {"a": "y", "visits": 7, "bounce": 0.5},
        ]);
        assert_eq!(merged, Ok(expected));
    }

    #[test]
    fn a_rate_is_weighted_by_the_counts_from_before_whatever_the_order() {
        let documents = json!([
            {"visits": 1, "bounce": 1},
            {"visits": 3, "bounce": 2},
        ]);
        let one = aggregate(
            &[count("visits"), rate("bounce", "visits")],
            documents.clone(),
        );
        let other = aggregate(&[rate("bounce", "visits"), count("visits")], documents);
        assert_eq!(one, other);
        assert_eq!(one, Ok(json!([{"visits": 4, "bounce": 1.75}])));
    }

    #[test]
    fn values_are_equal_as_python_calls_them_equal() {
        let merged = aggregate(
            &[count("n")],
            json!([
                {"a": 1, "n": 1}, {"a": 1.0, "n": 2.5}, {"a": true, "n": 1},
                {"a": "1", "n": 1}, {"a": null, "n": 1}, {"a": 1.5, "n": 1},
            ]),
        );
        let expected = json!([
            {"a": 1, "n": 4.5}, {"a": "1", "n": 1}, {"a": null, "n": 1}, {"a": 1.5, "n": 1},
        ]);
        assert_eq!(merged, Ok(expected));
    }

    #[test]
    fn a_rate_of_nothing_is_null() {
        let merged = aggregate(&[rate("r", "n")], json!([{"r": 0.5, "n": 0}]));
        assert_eq!(merged, Ok(json!([{"r": null, "n": 0}])));
        assert_eq!(aggregate(&[count("n")], json!([])), Ok(json!([])));
    }

    #[test]
    fn a_key_that_is_missing_or_no_number_is_told() {
        let check = |aggregation: Aggregation, documents: Value, expected: &str| {
            assert_eq!(
                aggregate(&[aggregation], documents),
                Err(expected.to_owned())
            );
        };
        check(
            count("n"),
            json!([{"a": 1}]),
            "a document has no key n: it has a",
        );
        check(
            count("n"),
            json!([{"a": 1, "n": 1}, {"n": 1}]),
            "a document has no key a: it has n",
        );
        check(
            count("n"),
            json!([{"n": "7"}]),
            "the value of n is no number but 7",
        );
        check(
            rate("r", "n"),
            json!([{"r": 1}]),
            "a document has no key n: it has r",
        );
    }
}

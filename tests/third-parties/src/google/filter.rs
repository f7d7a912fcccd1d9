//! Filters: `FilterExpression` of Google's reference.

use regex_lite::RegexBuilder;
use serde::Deserialize;
use serde_json::Value;

use super::error::invalid;
use crate::answer::Answer;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Expression {
    AndGroup(Group),
    OrGroup(Group),
    #[serde(rename = "notExpression")]
    Not(Box<Expression>),
    Filter(Box<Filter>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(default)]
    expressions: Vec<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Filter {
    pub(crate) field_name: String,
    string_filter: Option<StringFilter>,
    in_list_filter: Option<InListFilter>,
    numeric_filter: Option<NumericFilter>,
    between_filter: Option<BetweenFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StringFilter {
    match_type: Option<String>,
    value: String,
    #[serde(default)]
    case_sensitive: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InListFilter {
    values: Vec<String>,
    #[serde(default)]
    case_sensitive: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NumericFilter {
    operation: String,
    value: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BetweenFilter {
    from_value: Number,
    to_value: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Number {
    int64_value: Option<Value>,
    double_value: Option<f64>,
}

impl Number {
    fn get(&self) -> Result<f64, Answer> {
        let wrong = || invalid("A numeric value has an int64Value or a doubleValue.");
        let whole = match &self.int64_value {
            Some(Value::String(text)) => Some(text.parse::<i64>().map_err(|_| wrong())? as f64),
            Some(value) => value.as_i64().map(|number| number as f64),
            None => None,
        };
        whole.or(self.double_value).ok_or_else(wrong)
    }
}

impl Expression {
    /// The fields that it is about.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self {
            Expression::AndGroup(group) | Expression::OrGroup(group) => group
                .expressions
                .iter()
                .flat_map(Expression::fields)
                .collect(),
            Expression::Not(inner) => inner.fields(),
            Expression::Filter(filter) => vec![&filter.field_name],
        }
    }

    /// Whether it lets through what has these fields.
    pub(crate) fn passes(&self, value: &dyn Fn(&str) -> String) -> Result<bool, Answer> {
        match self {
            Expression::AndGroup(group) => group.all(value),
            Expression::OrGroup(group) => {
                let each = group.expressions.iter().map(|it| it.passes(value));
                Ok(each.collect::<Result<Vec<_>, _>>()?.contains(&true))
            }
            Expression::Not(inner) => Ok(!inner.passes(value)?),
            Expression::Filter(filter) => filter.passes(&value(&filter.field_name)),
        }
    }
}

impl Group {
    fn all(&self, value: &dyn Fn(&str) -> String) -> Result<bool, Answer> {
        let each = self.expressions.iter().map(|it| it.passes(value));
        Ok(!each.collect::<Result<Vec<_>, _>>()?.contains(&false))
    }
}

impl Filter {
    fn passes(&self, value: &str) -> Result<bool, Answer> {
        if let Some(filter) = &self.string_filter {
            return filter.passes(value);
        }
        if let Some(filter) = &self.in_list_filter {
            let cased = |text: &str| fold(text, filter.case_sensitive);
            return Ok(filter.values.iter().any(|it| cased(it) == cased(value)));
        }
        // What is no number is compared with none.
        let number = value.parse().unwrap_or(f64::NAN);
        if let Some(filter) = &self.numeric_filter {
            return filter.passes(number);
        }
        if let Some(filter) = &self.between_filter {
            let (from, to) = (filter.from_value.get()?, filter.to_value.get()?);
            return Ok((from..=to).contains(&number));
        }
        Err(invalid(
            "A filter must have one of stringFilter, inListFilter, numericFilter, betweenFilter.",
        ))
    }
}

impl StringFilter {
    fn passes(&self, value: &str) -> Result<bool, Answer> {
        let (text, pattern) = (
            fold(value, self.case_sensitive),
            fold(&self.value, self.case_sensitive),
        );
        Ok(match self.match_type.as_deref().unwrap_or("EXACT") {
            "EXACT" => text == pattern,
            "BEGINS_WITH" => text.starts_with(&pattern),
            "ENDS_WITH" => text.ends_with(&pattern),
            "CONTAINS" => text.contains(&pattern),
            "FULL_REGEXP" => self.matches(&format!("^(?:{})$", self.value), value)?,
            "PARTIAL_REGEXP" => self.matches(&self.value, value)?,
            other => {
                return Err(invalid(&format!(
                    "Invalid value at 'match_type' (\"{other}\")."
                )));
            }
        })
    }

    fn matches(&self, pattern: &str, value: &str) -> Result<bool, Answer> {
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(!self.case_sensitive)
            .build();
        let regex = regex.map_err(|_| {
            invalid(&format!(
                "The regular expression is invalid: {}",
                self.value
            ))
        })?;
        Ok(regex.is_match(value))
    }
}

impl NumericFilter {
    fn passes(&self, number: f64) -> Result<bool, Answer> {
        let other = self.value.get()?;
        Ok(match self.operation.as_str() {
            "EQUAL" => number == other,
            "LESS_THAN" => number < other,
            "LESS_THAN_OR_EQUAL" => number <= other,
            "GREATER_THAN" => number > other,
            "GREATER_THAN_OR_EQUAL" => number >= other,
            wrong => {
                return Err(invalid(&format!(
                    "Invalid value at 'operation' (\"{wrong}\")."
                )));
            }
        })
    }
}

fn fold(text: &str, case_sensitive: bool) -> String {
    match case_sensitive {
        true => text.to_owned(),
        false => text.to_lowercase(),
    }
}

//! `filter`: an expression that a row must meet.
//!
//! Comparisons of a field (a path with dots) with a number, a text, `true`, `false` or `null`;
//! `isNull(field)`, `!`, `&&`, `||` and parentheses. A comparison of a field that is missing or null,
//! or of another kind than the value, is false, `== null` and `!= null` aside.

use std::cmp::Ordering;

use serde_json::Value;

use super::order::{compare, rank};
use super::row::Row;

/// How deep parentheses may go.
const DEPTH: usize = 50;

/// An expression that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    IsNull(String),
    Compare(String, Comparison, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
}

/// Longer ones first, so that `>=` is not read as `>`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Less => ordering.is_lt(),
            Comparison::AtMost => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::AtLeast => ordering.is_ge(),
            Comparison::Equal => ordering.is_eq(),
            Comparison::Unequal => ordering.is_ne(),
        }
    }
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// What it does not understand, and where.
    pub(crate) fn parse(text: &str) -> Result<Filter, String> {
        let mut reader = Reader {
            text,
            at: 0,
            depth: 0,
        };
        let filter = reader.any()?;
        match reader.rest() {
            "" => Ok(filter),
            _ => Err(reader.expected("the end, && or ||")),
        }
    }

    /// Whether a row meets it.
    pub(crate) fn passes(&self, row: &Row) -> bool {
        match self {
            Filter::Any(parts) => parts.iter().any(|part| part.passes(row)),
            Filter::All(parts) => parts.iter().all(|part| part.passes(row)),
            Filter::Not(part) => !part.passes(row),
            Filter::IsNull(field) => row.get(field).is_none(),
            Filter::Compare(field, comparison, value) => {
                let found = row.get(field);
                match (comparison, value) {
                    (Comparison::Equal, Value::Null) => found.is_none(),
                    (Comparison::Unequal, Value::Null) => found.is_some(),
                    _ => found.is_some_and(|found| {
                        rank(&found) == rank(value) && comparison.holds(compare(&found, value))
                    }),
                }
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// What is still to be read, from its first sign on.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expected(&mut self, what: &str) -> String {
        let rest = self.rest();
        format!("filter: expected {what} at {rest:?} of {:?}", self.text)
    }

    fn any(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.expected("fewer parentheses"));
        }
        let mut parts = vec![self.all()?];
        while self.take("||") {
            parts.push(self.all()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Filter::Any))
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.part()?];
        while self.take("&&") {
            parts.push(self.part()?);
        }
        Ok(one_or(parts, Filter::All))
    }

    fn part(&mut self) -> Result<Filter, String> {
        if self.take("(") {
            let inner = self.any()?;
            return self.closed(inner);
        }
        if self.take("!") {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err(self.expected("fewer !"));
            }
            let inner = self.part()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        let field = self.field()?;
        if field == "isNull" && self.take("(") {
            let inner = Filter::IsNull(self.field()?);
            return self.closed(inner);
        }
        let comparison = COMPARISONS.iter().find(|(sign, _)| self.take(sign));
        let (_, comparison) = comparison.ok_or_else(|| self.expected("a comparison"))?;
        Ok(Filter::Compare(field, *comparison, self.value()?))
    }

    fn closed(&mut self, filter: Filter) -> Result<Filter, String> {
        match self.take(")") {
            true => Ok(filter),
            false => Err(self.expected(")")),
        }
    }

    fn field(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || "_.".contains(sign);
        let end = rest.find(|sign| !is_part(sign)).unwrap_or(rest.len());
        let field = &rest[..end];
        if !field.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_') {
            return Err(self.expected("a field"));
        }
        self.at += end;
        Ok(field.to_owned())
    }

    /// A value as JSON writes it.
    fn value(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let length = match rest.starts_with('"') {
            true => text_length(rest),
            false => rest.find(|sign: char| sign.is_whitespace() || ")&|".contains(sign)),
        };
        let length = length.unwrap_or(rest.len());
        match serde_json::from_str::<Value>(&rest[..length]) {
            Ok(value) if rank(&value) < 4 => {
                self.at += length;
                Ok(value)
            }
            _ => Err(self.expected("a number, a text, true, false or null")),
        }
    }
}

/// Where the text ends with which this begins: behind the first quotation mark that is not escaped.
fn text_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, sign)| {
        let ends = *sign == '"' && !escaped;
        escaped = *sign == '\\' && !escaped;
        ends
    });
    end.map(|(at, _)| at + 1)
}

fn one_or(mut parts: Vec<Filter>, many: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => many(parts),
    }
}

#[cfg(test)]
mod tests;

//! What is done to the documents at last: the `plugins` of the options.
//!
//! There they are Python expressions, which the old program evaluates. Here they are read: the
//! constructors below with texts as arguments, and nothing else.

mod aggregate;
mod expression;

use std::fmt;

use serde_json::Value;

use crate::cell::Cell;
use crate::departments;
use crate::pipeline::Document;
pub use expression::PluginError;

/// A plugin, as its constructor says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plugin {
    /// `AggregateKey(…)`: documents equal in every other key become one.
    AggregateKey(Vec<Aggregation>),
    /// `Comment('…')`: nothing.
    Comment(Vec<String>),
    /// `ComputeDepartmentKey('key')`: `department` from the code in a key's value.
    ComputeDepartmentKey(String),
    /// `ComputeIdFrom('key', …)`: the id from these keys' values, joined by `_`.
    ComputeIdFrom(Vec<String>),
    /// `ComputeRank('key')`: 1, 2, … in the order of the documents.
    ComputeRank(String),
    /// `RemoveKey('key', …)`: without these keys.
    RemoveKey(Vec<String>),
    /// `SetDepartment('name or <code>')`: `department` for all of them.
    SetDepartment(String),
}

/// How the values of a key become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aggregation {
    /// `aggregate_count('key')`: their sum.
    Count(String),
    /// `aggregate_rate('rate', 'count')`: their mean, weighted by the count.
    Rate {
        /// The key of the rate.
        rate: String,
        /// The key of the count.
        count: String,
    },
}

impl Plugin {
    /// Reads a constructor.
    ///
    /// # Errors
    /// When the text is none of them; the error says where, and what there is.
    pub fn parse(text: &str) -> Result<Plugin, PluginError> {
        expression::read(text)
    }
}

/// Runs one plugin over the documents of a report. The error says what it does not find.
pub(crate) fn run(plugin: &Plugin, mut documents: Vec<Document>) -> Result<Vec<Document>, String> {
    match plugin {
        Plugin::Comment(_) => {}
        Plugin::AggregateKey(aggregations) => return aggregate::run(aggregations, documents),
        Plugin::ComputeRank(key) => {
            for (rank, document) in (1_u64..).zip(&mut documents) {
                document.set(key, Value::from(rank).into());
            }
        }
        Plugin::RemoveKey(keys) => each(&mut documents, |document| remove(document, keys))?,
        Plugin::SetDepartment(text) => {
            let department = department_of(text);
            for document in &mut documents {
                document.set("department", Cell::from(department));
            }
        }
        Plugin::ComputeDepartmentKey(key) => {
            each(&mut documents, |document| compute_department(document, key))?;
        }
        Plugin::ComputeIdFrom(keys) => each(&mut documents, |document| compute_id(document, keys))?,
    }
    Ok(documents)
}

fn each(
    documents: &mut [Document],
    work: impl Fn(&mut Document) -> Result<(), String>,
) -> Result<(), String> {
    documents.iter_mut().try_for_each(work)
}

fn remove(document: &mut Document, keys: &[String]) -> Result<(), String> {
    for key in keys {
        if !document.remove(key) {
            return Err(missing(document, key));
        }
    }
    Ok(())
}

fn compute_department(document: &mut Document, key: &str) -> Result<(), String> {
    let cell = document.get(key).ok_or_else(|| missing(document, key))?;
    let Cell::Json(Value::String(text)) = cell else {
        return Err(format!("the value of {key} is no text but {}", cell.text()));
    };
    // Rows without a code, as `(other)`, are kept under their own name.
    let code = departments::first_code(text).unwrap_or(text);
    let name = departments::name_of(code).unwrap_or(code).to_owned();
    document.set("department", Cell::from(name.as_str()));
    Ok(())
}

/// The department of a text that begins with a code, or is itself the name.
fn department_of(text: &str) -> &str {
    let code = departments::first_code(text).filter(|code| text.starts_with(*code));
    let code = code.unwrap_or(text);
    departments::name_of(code).unwrap_or(code)
}

fn compute_id(document: &mut Document, keys: &[String]) -> Result<(), String> {
    let text = |key: &String| {
        let cell = document.get(key).ok_or_else(|| missing(document, key))?;
        Ok(cell.text_with_compact_time())
    };
    let parts: Vec<String> = keys.iter().map(text).collect::<Result<_, String>>()?;
    document.set_id(&parts.join("_"));
    Ok(())
}

/// Says that a document lacks a key, and what it has.
fn missing(document: &Document, key: &str) -> String {
    let keys: Vec<&str> = document.keys().collect();
    format!("a document has no key {key}: it has {}", keys.join(", "))
}

impl fmt::Display for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = std::slice::from_ref;
        match self {
            Self::AggregateKey(aggregations) => {
                let texts: Vec<String> = aggregations.iter().map(Aggregation::to_string).collect();
                write!(f, "AggregateKey({})", texts.join(", "))
            }
            Self::Comment(texts) => call(f, "Comment", texts),
            Self::ComputeDepartmentKey(key) => call(f, "ComputeDepartmentKey", one(key)),
            Self::ComputeIdFrom(keys) => call(f, "ComputeIdFrom", keys),
            Self::ComputeRank(key) => call(f, "ComputeRank", one(key)),
            Self::RemoveKey(keys) => call(f, "RemoveKey", keys),
            Self::SetDepartment(text) => call(f, "SetDepartment", one(text)),
        }
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(key) => call(f, "aggregate_count", std::slice::from_ref(key)),
            Self::Rate { rate, count } => call(f, "aggregate_rate", &[rate.clone(), count.clone()]),
        }
    }
}

fn call(f: &mut fmt::Formatter<'_>, name: &str, texts: &[String]) -> fmt::Result {
    let texts: Vec<String> = texts.iter().map(|text| expression::quoted(text)).collect();
    write!(f, "{name}({})", texts.join(", "))
}

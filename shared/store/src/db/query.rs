//! What to read of a partition or a table, and how it is spelled for DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::call::{Item, Key};
use super::rows::Row;
use crate::tables::Table;

/// A read of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Where.
    pub table: Table,
    /// The partition.
    pub pk: String,
    /// Which sort keys.
    pub sk: SkRange,
    /// By sort key.
    pub order: Order,
    /// The attributes wanted, or all.
    pub attributes: Option<Vec<&'static str>>,
    /// At most this many items: of a page, or of everything that is read of all pages.
    pub limit: Option<u32>,
}

/// A range of sort keys, compared by their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkRange {
    /// Every one.
    All,
    /// Those that begin so.
    Prefix(String),
    /// Those from the first to the second, both included.
    Between(String, String),
    /// This one and those after it.
    From(String),
}

/// The order of a query's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest sort key first.
    Ascending,
    /// Greatest sort key first.
    Descending,
}

/// Some items of a query or scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The items, perhaps none even if there are more pages.
    pub items: Vec<Item>,
    /// Where to go on; nothing after the last page.
    pub next: Option<Key>,
}

/// A page of which not all of each item was read.
#[derive(Debug)]
pub(crate) struct RowPage<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next: Option<Key>,
}

impl From<RowPage<Row>> for Page {
    fn from(page: RowPage<Row>) -> Self {
        Self {
            items: page.rows.into_iter().map(|Row(item)| item).collect(),
            next: page.next,
        }
    }
}

impl Query {
    /// The key condition and its values.
    pub(super) fn condition(&self) -> (&'static str, Item) {
        let (expression, bounds): (_, Vec<&String>) = match &self.sk {
            SkRange::All => ("pk = :pk", vec![]),
            SkRange::Prefix(a) => ("pk = :pk AND begins_with(sk, :a)", vec![a]),
            SkRange::Between(a, b) => ("pk = :pk AND sk BETWEEN :a AND :b", vec![a, b]),
            SkRange::From(a) => ("pk = :pk AND sk >= :a", vec![a]),
        };
        let values = [":pk", ":a", ":b"]
            .into_iter()
            .zip([&self.pk].into_iter().chain(bounds));
        let text = |value: &String| AttributeValue::S(value.clone());
        (
            expression,
            values
                .map(|(name, value)| (name.to_owned(), text(value)))
                .collect(),
        )
    }
}

/// A projection expression and the names in it. Attributes go by placeholders, because a few
/// hundred words are reserved.
pub(super) fn projection(
    attributes: Option<&[&'static str]>,
) -> (Option<String>, Option<HashMap<String, String>>) {
    let Some(attributes) = attributes else {
        return (None, None);
    };
    let names: Vec<String> = (0..attributes.len()).map(|n| format!("#a{n}")).collect();
    let expression = names.join(", ");
    let meanings = attributes.iter().map(|&attribute| attribute.to_owned());
    (
        Some(expression),
        Some(names.into_iter().zip(meanings).collect()),
    )
}

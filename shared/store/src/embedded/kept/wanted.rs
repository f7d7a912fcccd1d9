//! A query that can be answered from what is kept.

use std::collections::HashMap;
use std::ops::Bound;

use serde::Deserialize;

/// A query in the form that the store sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::embedded) struct Wanted {
    table_name: String,
    key_condition_expression: String,
    expression_attribute_values: HashMap<String, Text>,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: HashMap<String, String>,
    #[serde(default = "ascending")]
    pub(in crate::embedded) scan_index_forward: bool,
    pub(in crate::embedded) limit: Option<usize>,
    exclusive_start_key: Option<HashMap<String, Text>>,
    #[serde(rename = "ConsistentRead")]
    _consistent: Option<bool>,
}

fn ascending() -> bool {
    true
}

#[derive(Debug, Deserialize)]
enum Text {
    S(String),
}

impl Wanted {
    /// Reads a query; nothing if it has any other form.
    pub(in crate::embedded) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The partition key.
    pub(in crate::embedded) fn pk(&self) -> Option<&str> {
        self.value(":pk")
    }

    /// The table's name.
    pub(in crate::embedded) fn table_name(&self) -> &str {
        &self.table_name
    }

    /// Whether it has one of the forms that are answered here.
    pub(super) fn is_understood(&self) -> bool {
        self.range().is_some() && self.attributes().is_some()
    }

    fn value(&self, name: &str) -> Option<&str> {
        let Text::S(text) = self.expression_attribute_values.get(name)?;
        Some(text)
    }

    /// The attributes to answer with, or all.
    pub(in crate::embedded) fn attributes(&self) -> Option<Option<Vec<&str>>> {
        let Some(expression) = &self.projection_expression else {
            return Some(None);
        };
        let names = expression.split(", ").map(|name| {
            let meaning = self.expression_attribute_names.get(name)?;
            Some(meaning.as_str())
        });
        names.collect::<Option<Vec<_>>>().map(Some)
    }

    /// The sort keys, those behind the start key only. What DynamoDB refuses is the engine's to
    /// refuse.
    pub(in crate::embedded) fn range(&self) -> Option<(Bound<&str>, Bound<&str>)> {
        let a = || self.value(":a");
        let (from, to) = match self.key_condition_expression.as_str() {
            "pk = :pk" => (None, None),
            "pk = :pk AND sk BETWEEN :a AND :b" => (Some(a()?), Some(self.value(":b")?)),
            "pk = :pk AND sk >= :a" => (Some(a()?), None),
            _ => return None,
        };
        let within =
            |key: &str| from.is_none_or(|from| from <= key) && to.is_none_or(|to| key <= to);
        let bound = |key: Option<_>| key.map_or(Bound::Unbounded, Bound::Included);
        let Some(start) = &self.exclusive_start_key else {
            return to.is_none_or(within).then(|| (bound(from), bound(to)));
        };
        let Text::S(start) = start.get("sk")?;
        let behind = Bound::Excluded(start.as_str());
        within(start).then(|| match self.scan_index_forward {
            true => (behind, bound(to)),
            false => (bound(from), behind),
        })
    }
}

/// Whether a range holds no key at all, which `BTreeMap` panics at.
pub(super) fn is_empty((from, to): (Bound<&str>, Bound<&str>)) -> bool {
    let key = |bound| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    };
    let excludes = matches!(from, Bound::Excluded(_)) || matches!(to, Bound::Excluded(_));
    let ends = key(from).zip(key(to));
    ends.is_some_and(|(from, to)| from > to || (from == to && excludes))
}

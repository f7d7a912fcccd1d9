//! What a call is made of and how it can end.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use thiserror::Error;
use weir_model::Timestamp;

use crate::tables::{EXPIRES, Table};

/// An item, by attribute.
pub type Item = HashMap<String, AttributeValue>;

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key, in tables that have one.
    pub sk: Option<String>,
}

impl Key {
    /// A key of both parts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: Some(sk.into()),
        }
    }

    /// A key of a table that has no sort key.
    pub fn partition(pk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: None,
        }
    }

    /// An item of the key attributes alone.
    pub fn into_item(self) -> Item {
        let pk = ("pk".to_owned(), AttributeValue::S(self.pk));
        let sk = self.sk.map(|sk| ("sk".to_owned(), AttributeValue::S(sk)));
        [pk].into_iter().chain(sk).collect()
    }

    /// The key of an item; nothing if it has no `pk`.
    pub fn of(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self {
            pk: text("pk")?,
            sk: text("sk"),
        })
    }
}

/// An item to store, on a condition if one is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Put {
    /// Where.
    pub table: Table,
    /// The item, its key included.
    pub item: Item,
    /// What must hold of the item that is there now.
    pub condition: Option<Condition>,
}

/// An item to delete, on a condition if one is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// Where.
    pub table: Table,
    /// Which.
    pub key: Key,
    /// What must hold of the item that is there now.
    pub condition: Option<Condition>,
}

/// A part of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Stores an item.
    Put(Put),
    /// Deletes one, if it is there.
    Delete(Delete),
}

/// A condition on the item that a write is about to replace or delete.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// A condition expression of DynamoDB.
    pub expression: String,
    /// What its `#names` stand for.
    pub names: Vec<(String, String)>,
    /// What its `:values` stand for.
    pub values: Vec<(String, AttributeValue)>,
}

impl Condition {
    /// There is no item with this key.
    pub fn absent() -> Self {
        let expression = "attribute_not_exists(pk)".to_owned();
        Self {
            expression,
            names: Vec::new(),
            values: Vec::new(),
        }
    }

    /// There is no item with this key, or its time is up. Deletion of expired items is only
    /// housekeeping and may come days later.
    pub fn absent_or_expired(now: Timestamp) -> Self {
        let seconds = now.as_millis().div_euclid(1000).to_string();
        Self {
            // No placeholder for the attribute, which is no reserved word: there are a hundred of
            // these in a large transaction.
            expression: format!("attribute_not_exists(pk) OR {EXPIRES} <= :now"),
            names: Vec::new(),
            values: vec![(":now".to_owned(), AttributeValue::N(seconds))],
        }
    }

    /// There is an item with this key, and it has this value there.
    pub fn equals(attribute: &str, value: AttributeValue) -> Self {
        Self {
            expression: "#attribute = :value".to_owned(),
            names: vec![("#attribute".to_owned(), attribute.to_owned())],
            values: vec![(":value".to_owned(), value)],
        }
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        Some(self.names.iter().cloned().collect()).filter(|names: &HashMap<_, _>| !names.is_empty())
    }

    pub(super) fn values(&self) -> Option<Item> {
        Some(self.values.iter().cloned().collect()).filter(|values: &Item| !values.is_empty())
    }
}

/// One attempt at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The time that it is signed with: DynamoDB refuses it when it arrives 15 minutes later, so
    /// this is when its caller last checked that it is still wanted.
    pub signed_at: Timestamp,
    /// How long to wait for the answer, by tokio's time.
    pub timeout: Duration,
}

/// When to stop trying, by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// The deadline at this time.
    pub fn at(time: Timestamp) -> Self {
        Self(time)
    }

    /// How long there is until then; nothing if it has passed.
    pub fn left(self, now: Timestamp) -> Option<Duration> {
        let left_ms = u64::try_from(self.0.as_millis() - now.as_millis()).ok()?;
        (left_ms > 0).then(|| Duration::from_millis(left_ms))
    }
}

/// How a write failed, by what its caller can do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// A condition failed: this attempt was not applied.
    #[error("a condition failed")]
    Refused,
    /// The transaction was not applied; a reason for each of its items, if any were given.
    #[error("the transaction was cancelled: {0:?}")]
    Cancelled(Vec<Reason>),
    /// Not applied; try again after a while.
    #[error("too many calls")]
    Throttled,
    /// Not applied, because another write was under way; try again.
    #[error("another write was under way")]
    Conflict,
    /// The signature is too old: not applied.
    #[error("the call was too old when it arrived")]
    Expired,
    /// It may have been applied, or may be yet.
    #[error("no usable answer: {0}")]
    Doubt(String),
    /// A defect of ours, or a table is missing: not applied.
    #[error("the call is invalid: {0}")]
    Invalid(String),
}

/// What became of one item of a cancelled transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing was against it.
    Met,
    /// Its condition failed.
    Refused,
    /// Another write was under way.
    Conflict,
    /// Too many calls.
    Throttled,
    /// Something else, or nothing was said.
    Unknown,
}

/// How a read failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// No answer until the deadline.
    #[error("no answer in time: {0}")]
    Unavailable(String),
    /// A defect of ours, or a table is missing.
    #[error("the call is invalid: {0}")]
    Invalid(String),
}

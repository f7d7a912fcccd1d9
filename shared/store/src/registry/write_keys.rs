//! Write keys: each made once, revoked for good, never deleted, so that a key that was revoked cannot
//! be made again and an id is never another's later.
//!
//! An item stands under the hash of its key, so a key is looked up by one read, and whoever sees
//! the table learns none. The id is drawn: it says nothing of the key either, and may be shown.

use std::fmt;

use sha2::{Digest, Sha256};
use weir_model::{Name, Timestamp};

use super::{ClientId, Creation};
use crate::attribute;
use crate::db::{CallError, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;

/// The registry's partition of all write keys.
const WRITE_KEYS: &str = "write-keys";

/// SHA-256 of a write key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key.
    pub fn of(key: &str) -> KeyHash {
        KeyHash(Sha256::digest(key).into())
    }

    pub(super) fn to_text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn parse(text: &str) -> Option<KeyHash> {
        let digits = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = digits(at)?;
        }
        (text.len() == 64).then_some(KeyHash(hash))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// What is kept of a write key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: ClientId,
    /// What it is found by.
    pub hash: KeyHash,
    /// What people call it.
    pub label: Name,
    /// The namespace of its events, if it is not the label.
    pub namespace: Option<Name>,
    /// When it was made.
    pub created: Timestamp,
    /// Requests a second, if they are limited.
    pub rate: Option<u32>,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
}

impl Store {
    /// Makes a write key, unless it is there, or was.
    ///
    /// # Errors
    /// When the store does not answer; it may be made then.
    pub async fn create_key(
        &self,
        record: &KeyRecord,
        deadline: Deadline,
    ) -> Result<Creation, StoreError> {
        match self.put_key(record, Condition::absent(), deadline).await {
            Ok(()) => Ok(Creation::Created),
            // The answer to an earlier attempt may have been lost, and ids are drawn.
            Err(CallError::Refused) => match self.key(&record.hash, deadline).await? {
                Some(there) if there.id == record.id => Ok(Creation::Created),
                _ => Ok(Creation::Exists),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Looks a write key up, strongly consistent: one read.
    pub async fn key(
        &self,
        hash: &KeyHash,
        deadline: Deadline,
    ) -> Result<Option<KeyRecord>, StoreError> {
        let item = self.db().get(Table::Registry, key(hash), deadline).await?;
        item.as_ref().map(from_item).transpose()
    }

    /// Lists all write keys, the oldest first, revoked ones included. People make them, so there
    /// are few.
    pub async fn keys(&self, deadline: Deadline) -> Result<Vec<KeyRecord>, StoreError> {
        let query = Query {
            table: Table::Registry,
            pk: WRITE_KEYS.into(),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: None,
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        let mut records: Vec<KeyRecord> = items.iter().map(from_item).collect::<Result<_, _>>()?;
        records.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(records)
    }

    /// Revokes a write key for good, and returns what it is now; none when there is no such key.
    /// Revoking it again changes nothing.
    ///
    /// # Errors
    /// When the store does not answer; it may be revoked then, and can be revoked again.
    pub async fn revoke_key(
        &self,
        id: &ClientId,
        deadline: Deadline,
    ) -> Result<Option<KeyRecord>, StoreError> {
        let records = self.keys(deadline).await?;
        let Some(record) = records.into_iter().find(|record| record.id == *id) else {
            return Ok(None);
        };
        if record.revoked.is_some() {
            return Ok(Some(record));
        }
        let revoked = KeyRecord {
            revoked: Some(self.now()),
            ..record
        };
        match self.put_key(&revoked, not_revoked(), deadline).await {
            Ok(()) => Ok(Some(revoked)),
            // An earlier attempt, or somebody else, was first: nothing else ever changes a key.
            Err(CallError::Refused) => self.key(&revoked.hash, deadline).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn put_key(
        &self,
        record: &KeyRecord,
        condition: Condition,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let put = Put {
            table: Table::Registry,
            item: to_item(record),
            condition: Some(condition),
        };
        self.db().put_repeatable(put, deadline).await
    }
}

fn not_revoked() -> Condition {
    Condition {
        expression: "attribute_exists(pk) AND attribute_not_exists(#revoked)".to_owned(),
        names: vec![("#revoked".to_owned(), "revoked".to_owned())],
        values: Vec::new(),
    }
}

fn key(hash: &KeyHash) -> Key {
    Key::new(WRITE_KEYS, hash.to_text())
}

fn to_item(record: &KeyRecord) -> Item {
    let mut item = key(&record.hash).into_item();
    item.extend([
        ("id".into(), attribute::text(record.id.as_str())),
        ("label".into(), attribute::text(record.label.as_str())),
        (
            "created".into(),
            attribute::number(record.created.as_millis()),
        ),
    ]);
    if let Some(namespace) = &record.namespace {
        item.insert("namespace".into(), attribute::text(namespace.as_str()));
    }
    if let Some(rate) = record.rate {
        item.insert("rate".into(), attribute::number(rate));
    }
    if let Some(revoked) = record.revoked {
        item.insert("revoked".into(), attribute::number(revoked.as_millis()));
    }
    item
}

fn from_item(item: &Item) -> Result<KeyRecord, StoreError> {
    let name = |attribute| Name::parse(attribute::read_text(item, attribute)?).ok();
    let namespace = item.contains_key("namespace").then(|| name("namespace"));
    Ok(KeyRecord {
        id: attribute::read_text(item, "id")
            .and_then(|id| ClientId::parse(id).ok())
            .ok_or_else(|| corrupt("id"))?,
        hash: attribute::read_text(item, "sk")
            .and_then(KeyHash::parse)
            .ok_or_else(|| corrupt("hash"))?,
        label: name("label").ok_or_else(|| corrupt("label"))?,
        namespace: namespace
            .map(|read| read.ok_or_else(|| corrupt("namespace")))
            .transpose()?,
        created: read_time(item, "created").ok_or_else(|| corrupt("time of creation"))?,
        rate: attribute::read_number(item, "rate"),
        // Whatever stands there, it was revoked.
        revoked: item
            .contains_key("revoked")
            .then(|| read_time(item, "revoked").unwrap_or(Timestamp::MIN)),
    })
}

fn read_time(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_millis(attribute::read_number(item, name)?).ok()
}

fn corrupt(what: &str) -> StoreError {
    StoreError::corrupt(
        "a write key",
        format!("its {what} is missing or not readable"),
    )
}

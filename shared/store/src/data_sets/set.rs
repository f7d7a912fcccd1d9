//! The registry of data sets.

use weir_model::{DataSetName, DataSetSettings, Timestamp};

use super::mark::{Marks, draw};
use super::sweep;
use crate::attribute;
use crate::backoff::Backoff;
use crate::db::{
    CallError, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table, Write,
};
use crate::error::StoreError;
use crate::registry::SecretHash;
use crate::store::Store;

/// The registry's partition of all data sets.
const DATA_SETS: &str = "data-sets";

/// A named table of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// What it is called.
    pub name: DataSetName,
    /// What is kept of the secret that lets write to it.
    pub token: SecretHash,
    /// How it is read.
    pub settings: DataSetSettings,
    /// When it was made.
    pub created: Timestamp,
    /// Which of its generations of records is the one that counts.
    pub generation: Generation,
    /// Drawn when it was made, so that another of the same name is not taken for it.
    born: String,
    /// Drawn for every write, so that a writer knows its own.
    revision: String,
}

/// The name of a generation of records: drawn, so that none comes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Generation(String);

/// What is to be changed of a data set; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataSetChange {
    /// Another token.
    pub token: Option<SecretHash>,
    /// Other settings.
    pub settings: Option<DataSetSettings>,
}

impl Generation {
    fn draw() -> Self {
        Self(draw())
    }

    pub(super) fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Store {
    /// Makes a data set; nothing if there is one of this name.
    ///
    /// # Errors
    /// When the store does not answer; it may be made then.
    pub async fn create_data_set(
        &self,
        name: &DataSetName,
        token: SecretHash,
        settings: DataSetSettings,
        deadline: Deadline,
    ) -> Result<Option<DataSet>, StoreError> {
        let set = DataSet {
            name: name.clone(),
            token,
            settings,
            created: self.now(),
            generation: Generation::draw(),
            born: draw(),
            revision: draw(),
        };
        let put = set.put(Condition::absent());
        match self.db().put_repeatable(put, deadline).await {
            Ok(()) => Ok(Some(set)),
            // The answer to an earlier attempt may have been lost.
            Err(CallError::Refused) => Ok(self
                .data_set(name, deadline)
                .await?
                .filter(|there| there.revision == set.revision)),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a data set, strongly consistent.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn data_set(
        &self,
        name: &DataSetName,
        deadline: Deadline,
    ) -> Result<Option<DataSet>, StoreError> {
        let item = self.db().get(Table::Registry, key(name), deadline).await?;
        item.as_ref().map(from_item).transpose()
    }

    /// All data sets, by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn data_sets(&self, deadline: Deadline) -> Result<Vec<DataSet>, StoreError> {
        let query = Query {
            table: Table::Registry,
            pk: DATA_SETS.into(),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: None,
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        items.iter().map(from_item).collect()
    }

    /// Changes a data set, and gives what it is then; nothing if there is none.
    ///
    /// # Errors
    /// When the store does not answer; changing it again is safe.
    pub async fn change_data_set(
        &self,
        name: &DataSetName,
        change: DataSetChange,
        deadline: Deadline,
    ) -> Result<Option<DataSet>, StoreError> {
        let changed = |set: DataSet| DataSet {
            token: change.token.unwrap_or(set.token),
            settings: change.settings.unwrap_or(set.settings),
            ..set
        };
        self.replace_data_set(name, changed, deadline).await
    }

    /// Empties a data set at once, and gives what it is then; nothing if there is none. A write
    /// that is under way may count as before or after it.
    ///
    /// # Errors
    /// When the store does not answer; it may be empty then, and can be emptied again.
    pub async fn empty_data_set(
        &self,
        name: &DataSetName,
        deadline: Deadline,
    ) -> Result<Option<DataSet>, StoreError> {
        let emptied = |set: DataSet| DataSet {
            generation: Generation::draw(),
            ..set
        };
        self.replace_data_set(name, emptied, deadline).await
    }

    /// Deletes a data set and all its records; whether there was one.
    ///
    /// # Errors
    /// When the store does not answer; it may be gone then.
    pub async fn delete_data_set(
        &self,
        name: &DataSetName,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let mut deleted: Option<DataSet> = None;
        let mut backoff = Backoff::new();
        loop {
            let there = self.data_set(name, deadline).await?;
            // Another one of the same name has come since.
            let is_mine = |set: &DataSet| deleted.as_ref().is_none_or(|mine| mine.born == set.born);
            let Some(set) = there.filter(is_mine) else {
                return Ok(deleted.is_some());
            };
            let writes = [
                Write::Delete(set.deletion()),
                Write::Put(sweep::note(name, &set.generation, self.now())),
            ];
            deleted = Some(set);
            match self.attempt_writes(&writes, deadline).await? {
                Some(CallError::Refused) => {}
                None => return Ok(true),
                Some(_) => backoff.pause().await,
            }
        }
    }

    /// Puts another state in the place of the one read, until it holds.
    async fn replace_data_set(
        &self,
        name: &DataSetName,
        change: impl Fn(DataSet) -> DataSet,
        deadline: Deadline,
    ) -> Result<Option<DataSet>, StoreError> {
        let mut mine = Marks::default();
        let mut backoff = Backoff::new();
        loop {
            let Some(read) = self.data_set(name, deadline).await? else {
                return Ok(None);
            };
            if mine.has(&read.revision) {
                return Ok(Some(read));
            }
            let next = DataSet {
                revision: mine.draw(),
                ..change(read.clone())
            };
            let mut writes = vec![Write::Put(next.put(read.is_as_read()))];
            if next.generation != read.generation {
                writes.push(Write::Put(sweep::note(name, &read.generation, self.now())));
            }
            match self.attempt_writes(&writes, deadline).await? {
                None => return Ok(Some(next)),
                Some(CallError::Refused) => {}
                Some(_) => backoff.pause().await,
            }
        }
    }
}

impl DataSet {
    fn put(&self, condition: Condition) -> Put {
        Put {
            table: Table::Registry,
            item: to_item(self),
            condition: Some(condition),
        }
    }

    fn deletion(&self) -> crate::db::Delete {
        crate::db::Delete {
            table: Table::Registry,
            key: key(&self.name),
            condition: Some(self.is_as_read()),
        }
    }

    fn is_as_read(&self) -> Condition {
        Condition::equals("revision", attribute::text(&self.revision))
    }
}

fn key(name: &DataSetName) -> Key {
    Key::new(DATA_SETS, name.as_str())
}

fn to_item(set: &DataSet) -> Item {
    let mut item = key(&set.name).into_item();
    let settings = serde_json::to_string(&set.settings).expect("settings are JSON");
    item.extend([
        (
            "token_hash".into(),
            attribute::bytes(set.token.as_bytes().to_vec()),
        ),
        ("settings".into(), attribute::text(settings)),
        ("created".into(), attribute::number(set.created.as_millis())),
        (
            "generation".into(),
            attribute::text(set.generation.as_str()),
        ),
        ("born".into(), attribute::text(&set.born)),
        ("revision".into(), attribute::text(&set.revision)),
    ]);
    item
}

fn from_item(item: &Item) -> Result<DataSet, StoreError> {
    let name = attribute::read_text(item, "sk").and_then(|name| name.parse().ok());
    let hash = attribute::read_bytes(item, "token_hash").and_then(SecretHash::from_bytes);
    let settings = attribute::read_text(item, "settings");
    let settings = settings.and_then(|json| serde_json::from_str(json).ok());
    let created = attribute::read_number(item, "created");
    let created = created.and_then(|millis| Timestamp::from_millis(millis).ok());
    let generation = attribute::read_text(item, "generation").map(Generation::parse);
    let drawn = |what: &str| attribute::read_text(item, what).map(str::to_owned);
    Ok(DataSet {
        name: name.ok_or_else(|| corrupt("name"))?,
        token: hash.ok_or_else(|| corrupt("token's hash"))?,
        settings: settings.ok_or_else(|| corrupt("settings"))?,
        created: created.ok_or_else(|| corrupt("time of creation"))?,
        generation: generation.ok_or_else(|| corrupt("generation"))?,
        born: drawn("born").ok_or_else(|| corrupt("birth"))?,
        revision: drawn("revision").ok_or_else(|| corrupt("revision"))?,
    })
}

fn corrupt(what: &str) -> StoreError {
    StoreError::corrupt(
        "a data set",
        format!("its {what} is missing or not readable"),
    )
}

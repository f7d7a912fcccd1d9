//! Deleting generations that nobody can read or write any more.

use std::time::Duration;

use weir_model::{DataSetName, Timestamp};

use super::place::{SHARDS, partition};
use super::set::Generation;
use crate::attribute;
use crate::db::{CallError, Deadline, Item, Key, Order, Put, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;

/// The registry's partition of generations that are on their way out.
const GONE: &str = "data-sets-gone";

/// How long a generation stays after its set was emptied. Whoever knew it before may write to it
/// until its signature is too old (15 minutes) and read it for ten; the rest is for clocks that
/// differ.
pub(super) const GENERATION_STAYS: Duration = Duration::from_secs(30 * 60);

/// Items that are listed before they are deleted.
const PAGE: u32 = 1_000;

/// A generation that has to go.
struct Gone {
    key: Key,
    name: DataSetName,
    generation: Generation,
    since: Timestamp,
}

impl Store {
    /// Deletes records of sets that were emptied or deleted half an hour ago, until nothing is
    /// left or the deadline has passed; how many items it deleted. May run beside itself, and stop
    /// anywhere.
    ///
    /// # Errors
    /// When the store does not tell what is to be deleted.
    pub async fn sweep_records(&self, deadline: Deadline) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for gone in self.gone_generations(deadline).await? {
            if self.now() < gone.since.saturating_add(GENERATION_STAYS) {
                continue;
            }
            if !self.sweep_generation(&gone, &mut deleted, deadline).await? {
                break;
            }
        }
        Ok(deleted)
    }

    /// Whether nothing of it is left, and its name is gone as well; if not, there was no time.
    async fn sweep_generation(
        &self,
        gone: &Gone,
        deleted: &mut u64,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        for shard in 0..SHARDS {
            let shard = partition(&gone.name, &gone.generation, shard);
            if !self.sweep_partition(shard, deleted, deadline).await? {
                return Ok(false);
            }
        }
        let names = vec![gone.key.clone()];
        in_time(
            self.db()
                .delete_many(Table::Registry, names, deadline)
                .await,
        )
    }

    async fn sweep_partition(
        &self,
        pk: String,
        deleted: &mut u64,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let query = Query {
            table: Table::Records,
            pk,
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: Some(vec!["pk", "sk"]),
            limit: Some(PAGE),
        };
        while deadline.left(self.now()).is_some() {
            // From the front each time: what was deleted is not there any more.
            let page = self.db().query_page(&query, None, deadline).await?;
            let keys: Vec<Key> = page.items.iter().filter_map(Key::of).collect();
            if keys.is_empty() && page.next.is_none() {
                return Ok(true);
            }
            let count = keys.len() as u64;
            if !in_time(self.db().delete_many(Table::Records, keys, deadline).await)? {
                return Ok(false);
            }
            *deleted += count;
        }
        Ok(false)
    }

    async fn gone_generations(&self, deadline: Deadline) -> Result<Vec<Gone>, StoreError> {
        let query = Query {
            table: Table::Registry,
            pk: GONE.into(),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: None,
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        Ok(items.iter().filter_map(read).collect())
    }
}

/// Remembers that a generation has to go. It goes into the transaction that makes it so.
pub(super) fn note(name: &DataSetName, generation: &Generation, now: Timestamp) -> Put {
    let key = Key::new(GONE, format!("{name}#{}", generation.as_str()));
    let mut item = key.into_item();
    item.insert("since".into(), attribute::number(now.as_millis()));
    Put {
        table: Table::Registry,
        item,
        condition: None,
    }
}

fn read(item: &Item) -> Option<Gone> {
    let (name, generation) = attribute::read_text(item, "sk")?.split_once('#')?;
    Some(Gone {
        key: Key::of(item)?,
        name: name.parse().ok()?,
        generation: Generation::parse(generation),
        since: Timestamp::from_millis(attribute::read_number(item, "since")?).ok()?,
    })
}

/// Whether a deletion came to its end; one that ran out of time goes on another time.
fn in_time(done: Result<(), CallError>) -> Result<bool, StoreError> {
    match done {
        Ok(()) => Ok(true),
        Err(error @ CallError::Invalid(_)) => Err(error.into()),
        Err(_) => Ok(false),
    }
}

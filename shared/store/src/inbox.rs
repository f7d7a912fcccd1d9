//! A day's inbox as upkeep needs it: a share of what no manifest has taken yet, and which of the
//! blocks that one took are still there.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use weir_model::{BlockName, Day, Names, Series, Timestamp, Took};

use crate::attribute;
use crate::db::{Deadline, Item, Order, Query, SkRange, Table};
use crate::error::StoreError;
use crate::keys;
use crate::read::{around, taken_ranges};
use crate::store::Store;

/// Partitions, or ranges of them, that are read at once.
const READS_AT_ONCE: usize = 8;

/// Ranges of a shard's names from which on its whole day is read rather than each range.
const RANGES_MAX: usize = 32;

/// A block that no manifest has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingBlock {
    /// Its name.
    pub name: BlockName,
    /// When it was put, by its writer's clock.
    pub at: Timestamp,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

/// How much of a day's inbox to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// So many blocks.
    pub blocks: usize,
    /// So many bytes of them.
    pub bytes: usize,
}

impl Share {
    /// The share of each of some parts.
    fn of_each(self, parts: u8) -> Self {
        let parts = usize::from(parts.max(1));
        Self {
            blocks: self.blocks.div_ceil(parts),
            bytes: self.bytes.div_ceil(parts),
        }
    }
}

/// Some of a day's waiting blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayInbox {
    /// In the order of their names.
    pub blocks: Vec<WaitingBlock>,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// The blocks of a day that are not among `took`, about as many as the share allows: each
    /// shard gives its part.
    pub async fn day_inbox(
        &self,
        series: &Series,
        shards: u8,
        day: Day,
        took: &[Took],
        share: Share,
        deadline: Deadline,
    ) -> Result<DayInbox, StoreError> {
        let of_each = share.of_each(shards);
        let reads =
            (0..shards).map(|shard| self.shard_inbox(series, shard, day, took, of_each, deadline));
        let inboxes = stream::iter(reads).buffered(READS_AT_ONCE);
        let together = inboxes.try_fold(DayInbox::default(), async |mut sum, inbox| {
            sum.blocks.extend(inbox.blocks);
            sum.more |= inbox.more;
            Ok(sum)
        });
        together.await
    }

    async fn shard_inbox(
        &self,
        series: &Series,
        shard: u8,
        day: Day,
        took: &[Took],
        share: Share,
        deadline: Deadline,
    ) -> Result<DayInbox, StoreError> {
        let mut inbox = DayInbox::default();
        let mut bytes = 0;
        let taken = taken_ranges(took.iter().map(|took| (day, took)), shard);
        for (first, last) in around(taken, day, day) {
            let query = blocks_query(series, shard, (first, last), &["sk", "at", "block"]);
            let mut from = None;
            loop {
                let page = self.db().query_page(&query, from, deadline).await?;
                for item in &page.items {
                    let block = read_waiting(shard, item)?;
                    if took.iter().any(|took| took.names.contains(&block.name)) {
                        continue;
                    }
                    if inbox.blocks.len() >= share.blocks || bytes >= share.bytes {
                        inbox.more = true;
                        return Ok(inbox);
                    }
                    bytes += block.bytes.len();
                    inbox.blocks.push(block);
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(inbox)
    }

    /// Those of some blocks that are still in the inbox.
    pub async fn blocks_there(
        &self,
        series: &Series,
        day: Day,
        names: &Names,
        deadline: Deadline,
    ) -> Result<Names, StoreError> {
        let reads = key_ranges(day, names)
            .into_iter()
            .map(async |(shard, range)| {
                let query = blocks_query(series, shard, range, &["sk"]);
                let items = self.db().query_all(&query, deadline).await?;
                let found: Result<Vec<BlockName>, StoreError> =
                    items.iter().map(|item| read_name(shard, item)).collect();
                found
            });
        let found: Vec<_> = stream::iter(reads)
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter(|name| names.contains(name))
            .collect())
    }
}

/// Ranges of keys that hold all of these names, by shard.
fn key_ranges(day: Day, names: &Names) -> Vec<(u8, (String, String))> {
    let mut ranges: Vec<(u8, (String, String))> = Vec::new();
    for ((shard, writer), first, last) in names.ranges() {
        let key = |sequence| keys::block_at(day, writer, sequence);
        ranges.push((shard, (key(first), key(last))));
    }
    let whole_day = (keys::day(day), format!("{}~", keys::day(day)));
    let chunks = ranges.chunk_by(|a, b| a.0 == b.0);
    let of_shards = chunks.flat_map(|of_shard| match of_shard.len() {
        ..=RANGES_MAX => of_shard.to_vec(),
        _ => vec![(of_shard[0].0, whole_day.clone())],
    });
    of_shards.collect()
}

fn blocks_query(
    series: &Series,
    shard: u8,
    (first, last): (String, String),
    attributes: &[&'static str],
) -> Query {
    Query {
        table: Table::Inbox,
        pk: keys::inbox_partition(series, shard),
        sk: SkRange::Between(first, last),
        order: Order::Ascending,
        attributes: Some(attributes.to_vec()),
        limit: None,
    }
}

fn read_name(shard: u8, item: &Item) -> Result<BlockName, StoreError> {
    let named = attribute::read_text(item, "sk").and_then(|key| keys::parse_block(shard, key));
    let (_, name) = named.ok_or_else(|| odd_block(item))?;
    Ok(name)
}

fn read_waiting(shard: u8, item: &Item) -> Result<WaitingBlock, StoreError> {
    let name = read_name(shard, item)?;
    let at = attribute::read_number(item, "at").and_then(|ms| Timestamp::from_millis(ms).ok());
    let bytes = attribute::read_bytes(item, "block");
    let (at, bytes) = at.zip(bytes).ok_or_else(|| odd_block(item))?;
    Ok(WaitingBlock {
        name,
        at,
        bytes: bytes.to_vec(),
    })
}

fn odd_block(item: &Item) -> StoreError {
    StoreError::corrupt("a block", format!("its key is {:?}", item.get("sk")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::Writer;

    fn names(count: u64, step: u64) -> Names {
        let writer = Writer::from_bytes([1; 12]);
        (0..count)
            .map(|n| BlockName {
                shard: 3,
                writer,
                sequence: n * step,
            })
            .collect()
    }

    #[test]
    fn names_in_a_row_are_asked_for_as_one_range() {
        let day = Day::from_number(7).expect("a day");
        assert_eq!(key_ranges(day, &names(1_000, 1)).len(), 1);
        assert_eq!(key_ranges(day, &names(5, 2)).len(), 5);
    }

    #[test]
    fn names_in_many_pieces_are_looked_for_in_the_whole_day() {
        let day = Day::from_number(7).expect("a day");
        let ranges = key_ranges(day, &names(100, 2));
        assert_eq!(ranges, [(3, ("0000007".to_owned(), "0000007~".to_owned()))]);
    }
}

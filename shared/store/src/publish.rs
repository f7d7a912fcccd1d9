//! What upkeep needs: writing chunks, publishing manifests, deleting what nobody needs any more,
//! and remembering which days have work left.
//!
//! The conditional put of a manifest is the only commit point. Everything else here may be
//! repeated, cut off or done by two at once.

use std::time::Duration;

use weir_model::{BlockName, Day, Manifest, RunId, Series, StoredEvent, Timestamp, Totals};

use crate::attribute;
use crate::backoff::Backoff;
use crate::catalogue::year_key;
use crate::db::{
    Attempt, CallError, Condition, Deadline, Item, Key, Order, Put, Query, SkRange, Table,
};
use crate::error::StoreError;
use crate::keys;
use crate::read::{PublishId, manifest_key};
use crate::sequence::random_bytes;
use crate::store::Store;

const ATTEMPT: Duration = Duration::from_secs(3);

/// How publishing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The manifest is the one that was put.
    Mine,
    /// This one is not published and never will be: another was first, or the store refused every
    /// attempt until time was up. What was written for it may be deleted.
    Lost,
    /// No answer came in time; it may be published, or may yet be. Nothing may be deleted on the
    /// strength of it.
    Unknown,
}

/// A block in the inbox, by name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose it is.
    pub series: Series,
    /// Of which day.
    pub day: Day,
    /// Its name there.
    pub name: BlockName,
    /// When it was put, by its writer's clock.
    pub at: Timestamp,
    /// Its encoded size.
    pub size_bytes: usize,
}

/// Where a scan of the inbox goes on.
#[derive(Debug, Clone)]
pub struct ScanPosition(Key);

/// A day that has work left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upkeep {
    /// Of which series.
    pub series: Series,
    /// Which day.
    pub day: Day,
    /// When there will be something to do.
    pub due: Timestamp,
    mark: String,
}

/// A chunk's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkPlace {
    /// The hour of the day.
    pub hour: u8,
    /// The run it belongs to.
    pub run: RunId,
    /// Its position in the run.
    pub position: usize,
}

impl Store {
    /// A random name for a run.
    pub fn draw_run(&self) -> RunId {
        RunId::from_bits(u64::from_be_bytes(random_bytes()))
    }

    /// Writes one chunk; repeating it changes nothing.
    pub async fn put_chunk(
        &self,
        series: &Series,
        day: Day,
        place: ChunkPlace,
        bytes: Vec<u8>,
        expires: Option<Timestamp>,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let mut item = chunk_key(series, day, place).into_item();
        item.insert("chunk".into(), attribute::bytes(bytes));
        if let Some(expires) = expires {
            // TTL goes by whole seconds, and must not come early.
            item.insert(
                "expires".into(),
                attribute::number(expires.as_millis() / 1000 + 1),
            );
        }
        let put = Put {
            table: Table::Chunks,
            item,
            condition: None,
        };
        Ok(self.db().put_repeatable(put, deadline).await?)
    }

    /// Deletes chunks; those that are gone are passed over.
    pub async fn delete_chunks(
        &self,
        series: &Series,
        day: Day,
        places: Vec<ChunkPlace>,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let keys = places
            .into_iter()
            .map(|place| chunk_key(series, day, place))
            .collect();
        Ok(self.db().delete_many(Table::Chunks, keys, deadline).await?)
    }

    /// The places of all chunks of a day, named by a manifest or not.
    pub async fn list_chunks(
        &self,
        series: &Series,
        day: Day,
        deadline: Deadline,
    ) -> Result<Vec<ChunkPlace>, StoreError> {
        let query = Query {
            table: Table::Chunks,
            pk: keys::chunk_partition(series, day),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: Some(vec!["sk"]),
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        let places = items.iter().filter_map(|item| {
            let (hour, run, position) = keys::parse_chunk(attribute::read_text(item, "sk")?)?;
            Some(ChunkPlace {
                hour,
                run,
                position,
            })
        });
        Ok(places.collect())
    }

    /// A page of all series and days that have chunks, named or not, with where to go on.
    pub async fn scan_chunks(
        &self,
        from: Option<ScanPosition>,
        deadline: Deadline,
    ) -> Result<(Vec<(Series, Day)>, Option<ScanPosition>), StoreError> {
        let from = from.map(|position| position.0);
        let page = self
            .db()
            .scan_page(Table::Chunks, from, None, Some(vec!["pk", "sk"]), deadline)
            .await?;
        let places = page
            .items
            .iter()
            .filter_map(|item| keys::parse_chunk_partition(attribute::read_text(item, "pk")?));
        Ok((places.collect(), page.next.map(ScanPosition)))
    }

    /// Publishes a day's manifest if the one that was read is still there.
    ///
    /// `expected` is the publish id that was read, `None` when there was no manifest. `drawn` are
    /// the runs that the manifest is the first to name.
    pub async fn publish(
        &self,
        series: &Series,
        day: Day,
        expected: Option<&PublishId>,
        manifest: &Manifest,
        drawn: &[RunId],
        deadline: Deadline,
    ) -> Result<Published, StoreError> {
        let id: PublishId = random_bytes::<12>()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let item = manifest_item(series, day, &id, manifest);
        let condition = match expected {
            Some(expected) => Condition::equals("publish", attribute::text(expected)),
            None => Condition::absent(),
        };
        let put = Put {
            table: Table::Manifests,
            item,
            condition: Some(condition),
        };
        let mut backoff = Backoff::new();
        let mut doubted = false;
        loop {
            let now = self.now();
            if deadline.left(now).is_none() {
                return Ok(if doubted {
                    Published::Unknown
                } else {
                    Published::Lost
                });
            }
            let attempt = Attempt {
                signed_at: now,
                timeout: ATTEMPT,
            };
            match self.db().put(put.clone(), attempt).await {
                Ok(()) => return Ok(Published::Mine),
                Err(CallError::Refused) => {
                    return Ok(self.who_published(series, day, &id, drawn, deadline).await);
                }
                Err(CallError::Invalid(why)) => return Err(StoreError::Refused(why)),
                Err(CallError::Doubt(_)) => doubted = true,
                Err(_) => {}
            }
            backoff.pause().await;
        }
    }

    /// After a refusal: what was expected is gone for ever, so this manifest was published before
    /// or never will be. It may have been published and replaced already by one that goes on from
    /// it; that one names its runs, live or dead, because a dead run stays named for an hour.
    async fn who_published(
        &self,
        series: &Series,
        day: Day,
        id: &PublishId,
        drawn: &[RunId],
        deadline: Deadline,
    ) -> Published {
        let Ok((publish, there)) = self.manifest(series, day, deadline).await else {
            return Published::Unknown;
        };
        let live = there.runs.iter().map(|run| run.id);
        let mut named = live.chain(there.dead.iter().map(|run| run.id));
        if publish.as_ref() == Some(id) || named.any(|run| drawn.contains(&run)) {
            Published::Mine
        } else {
            Published::Lost
        }
    }

    /// Deletes blocks from a day's inbox; those that are gone are passed over.
    pub async fn delete_blocks(
        &self,
        series: &Series,
        day: Day,
        names: Vec<BlockName>,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let keys = names.iter().map(|name| Key {
            pk: keys::inbox_partition(series, name.shard),
            sk: Some(keys::block(day, name)),
        });
        Ok(self
            .db()
            .delete_many(Table::Inbox, keys.collect(), deadline)
            .await?)
    }

    /// A page of the inbox of all series, names alone, with where to go on.
    pub async fn scan_inbox(
        &self,
        from: Option<ScanPosition>,
        limit: u32,
        deadline: Deadline,
    ) -> Result<(Vec<Waiting>, Option<ScanPosition>), StoreError> {
        let attributes = Some(vec!["pk", "sk", "at", "size"]);
        let from = from.map(|position| position.0);
        let page = self
            .db()
            .scan_page(Table::Inbox, from, Some(limit), attributes, deadline)
            .await?;
        let waiting = page.items.iter().filter_map(read_waiting).collect();
        Ok((waiting, page.next.map(ScanPosition)))
    }

    /// Remembers that a day has work left from `due` on. Each call marks the item anew, so that
    /// whoever read an older mark does not delete it.
    pub async fn put_upkeep(
        &self,
        series: &Series,
        day: Day,
        due: Timestamp,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let mut item = upkeep_key(series, day).into_item();
        let mark: String = random_bytes::<8>()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        item.insert("mark".into(), attribute::text(mark));
        item.insert("due".into(), attribute::number(due.as_millis()));
        let put = Put {
            table: Table::Registry,
            item,
            condition: None,
        };
        Ok(self.db().put_repeatable(put, deadline).await?)
    }

    /// A day's upkeep item, if it has one.
    pub async fn upkeep_of(
        &self,
        series: &Series,
        day: Day,
        deadline: Deadline,
    ) -> Result<Option<Upkeep>, StoreError> {
        let item = self
            .db()
            .get(Table::Registry, upkeep_key(series, day), deadline)
            .await?;
        Ok(item.as_ref().and_then(read_upkeep))
    }

    /// Days that have work left, by day and series.
    pub async fn list_upkeep(&self, deadline: Deadline) -> Result<Vec<Upkeep>, StoreError> {
        let query = Query {
            table: Table::Registry,
            pk: keys::UPKEEP.into(),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: None,
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        Ok(items.iter().filter_map(read_upkeep).collect())
    }

    /// Forgets that a day has work left, unless somebody has marked it since it was read.
    pub async fn delete_upkeep(&self, upkeep: &Upkeep) -> Result<(), StoreError> {
        let key = upkeep_key(&upkeep.series, upkeep.day);
        let condition = Condition::equals("mark", attribute::text(upkeep.mark.as_str()));
        let attempt = Attempt {
            signed_at: self.now(),
            timeout: ATTEMPT,
        };
        match self
            .db()
            .delete(Table::Registry, key, Some(condition), attempt)
            .await
        {
            Ok(()) | Err(CallError::Refused) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// When a year's totals in the catalogue were last made, and their version.
    pub async fn year_summary(
        &self,
        series: &Series,
        year: u16,
        deadline: Deadline,
    ) -> Result<YearSummary, StoreError> {
        let item = self
            .db()
            .get(Table::Registry, year_key(series, year), deadline)
            .await?;
        let item = item.unwrap_or_default();
        let version = attribute::read_number(&item, "version");
        let made =
            attribute::read_number(&item, "made").and_then(|ms| Timestamp::from_millis(ms).ok());
        Ok(YearSummary { version, made })
    }

    /// Recomputes a year's totals in the catalogue from its manifests, unless another did so
    /// after `summary` was read; says whether it did. If not, the other may have read the
    /// manifests earlier than this call. `made` is the time that is noted: now, so that manifests
    /// published before it are in the totals.
    pub async fn summarize_year(
        &self,
        series: &Series,
        year: u16,
        summary: &YearSummary,
        made: Timestamp,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let mut totals = Totals::default();
        for (_, published) in self.published_days(series, year, deadline).await? {
            totals.merge(&published);
        }
        let mut item = year_key(series, year).into_item();
        item.insert("totals".into(), attribute::bytes(totals.encode()));
        item.insert("made".into(), attribute::number(made.as_millis()));
        item.insert(
            "version".into(),
            attribute::number(summary.version.unwrap_or(0) + 1),
        );
        let condition = match summary.version {
            Some(version) => Condition::equals("version", attribute::number(version)),
            None => Condition {
                expression: "attribute_not_exists(version)".into(),
                names: Vec::new(),
                values: Vec::new(),
            },
        };
        let put = Put {
            table: Table::Registry,
            item,
            condition: Some(condition),
        };
        let attempt = Attempt {
            signed_at: self.now(),
            timeout: ATTEMPT,
        };
        match self.db().put(put, attempt).await {
            Ok(()) => Ok(true),
            Err(CallError::Refused) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The days of a year that have a manifest, with its totals.
    pub async fn published_days(
        &self,
        series: &Series,
        year: u16,
        deadline: Deadline,
    ) -> Result<Vec<(Day, Totals)>, StoreError> {
        let query = Query {
            table: Table::Manifests,
            pk: keys::manifest_partition(series, year),
            sk: SkRange::All,
            order: Order::Ascending,
            attributes: Some(vec!["sk", "day"]),
            limit: None,
        };
        let items = self.db().query_all(&query, deadline).await?;
        let days = items.iter().map(|item| {
            let day = attribute::read_text(item, "sk").and_then(keys::parse_day);
            let day = day.ok_or_else(|| StoreError::corrupt("a manifest", "it has no day"))?;
            let bytes = attribute::read_bytes(item, "day").unwrap_or_default();
            Ok((
                day,
                Totals::decode(bytes).map_err(StoreError::decode("a manifest"))?,
            ))
        });
        days.collect()
    }
}

/// Which version of a year's totals the catalogue has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct YearSummary {
    version: Option<u64>,
    /// When it was made.
    pub made: Option<Timestamp>,
}

/// Cuts a run's events, in time order, into chunks that fit an item.
///
/// Gives each chunk's events and its encoding of at most 300 KB.
pub fn cut_chunks(events: &[StoredEvent]) -> Vec<(&[StoredEvent], Vec<u8>)> {
    const CHUNK_BYTES: usize = 300_000;
    let mut chunks = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut bytes = weir_model::Block::OVERHEAD;
        let fits = rest.iter().take_while(|event| {
            bytes += weir_model::Block::size_estimate(event);
            bytes <= CHUNK_BYTES
        });
        let count = fits.count().max(1);
        let (chunk, after) = rest.split_at(count);
        chunks.push((chunk, weir_model::Chunk::encode(chunk)));
        rest = after;
    }
    chunks
}

fn chunk_key(series: &Series, day: Day, place: ChunkPlace) -> Key {
    Key {
        pk: keys::chunk_partition(series, day),
        sk: Some(keys::chunk(place.hour, place.run, place.position)),
    }
}

fn upkeep_key(series: &Series, day: Day) -> Key {
    Key {
        pk: keys::UPKEEP.into(),
        sk: Some(keys::upkeep(series, day)),
    }
}

fn manifest_item(series: &Series, day: Day, id: &PublishId, manifest: &Manifest) -> Item {
    let encoded = manifest.encode();
    let mut item = manifest_key(series, day).into_item();
    item.insert("publish".into(), attribute::text(id));
    item.insert("day".into(), attribute::bytes(encoded.day));
    item.insert("quarters".into(), attribute::bytes(encoded.quarters));
    item.insert("took".into(), attribute::bytes(encoded.took));
    item.insert("runs".into(), attribute::bytes(encoded.runs));
    item
}

fn read_waiting(item: &Item) -> Option<Waiting> {
    let (series, shard) = keys::parse_inbox_partition(attribute::read_text(item, "pk")?)?;
    let (day, name) = keys::parse_block(shard, attribute::read_text(item, "sk")?)?;
    let at = Timestamp::from_millis(attribute::read_number(item, "at")?).ok()?;
    Some(Waiting {
        series,
        day,
        name,
        at,
        size_bytes: attribute::read_number(item, "size")?,
    })
}

fn read_upkeep(item: &Item) -> Option<Upkeep> {
    let (series, day) = keys::parse_upkeep(attribute::read_text(item, "sk")?)?;
    Some(Upkeep {
        series,
        day,
        due: Timestamp::from_millis(attribute::read_number(item, "due")?).ok()?,
        mark: attribute::read_text(item, "mark")?.to_owned(),
    })
}

//! Bookmarks that no item holds: pieces beside the job's item, which names them.
//!
//! All pieces are put before the one conditional put of the job's item that names them, so a
//! bookmark in pieces moves as any other does, by the hand of the one who holds the lease. A name
//! is drawn for each bookmark and begins with the fence of its writer; what is under it never
//! changes. Pieces are deleted only when no item names them, nor can come to:
//!
//! - Who has put the item deletes what it named before, and what earlier attempts of its own have
//!   left. Those that are still on their way are conditional on a version that is gone.
//! - Who takes the lease deletes all of earlier fences but what it has found named. A writer that
//!   was frozen can still put pieces then, but never again an item that names them.
//!
//! So a piece that arrives late, or whose writer has died, stays until the lease is next taken. A
//! deletion is cut off after 5 s, and 8 MB take longer: what is left goes with the next saves and
//! renewals of the lease, each of which goes on for as long. A reader that finds a piece missing was
//! overtaken: the item names others by then.
//!
//! A save costs a write unit for each KB, and another one when it is replaced; a renewal costs one
//! in all. DynamoDB takes 1,000 of them a second for one partition (developer guide, "Designing
//! partition keys"), so 8 MB take as many seconds.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::name::JobName;
use crate::attribute;
use crate::db::{Deadline, Item, Key, Order, Put, Query, SkRange, Table};
use crate::error::StoreError;
use crate::store::Store;

/// The attribute that holds a piece.
const PIECE: &str = "piece";

/// Pieces that are put at once.
const PUTS_AT_ONCE: usize = 4;

/// How long deleting may take: what it does not come to is deleted another time.
const TIDYING: Duration = Duration::from_secs(5);

/// Where bookmarks are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookmarkSizes {
    /// Bytes of JSON that the job's item holds itself. It is put with every renewal of the lease.
    pub in_item: usize,
    /// Bytes of a piece. An item holds 400 KB (DynamoDB developer guide, "Quotas").
    pub piece: usize,
    /// Bytes of the longest bookmark.
    pub longest: usize,
}

impl Default for BookmarkSizes {
    fn default() -> Self {
        Self {
            in_item: 100_000,
            piece: 300_000,
            longest: 8_000_000,
        }
    }
}

/// What the job's item says of a bookmark in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pieces {
    name: String,
    count: usize,
    bytes: usize,
    sha256: String,
}

impl Pieces {
    /// The pieces of a bookmark that a holder with this fence is about to put.
    fn new(json: &str, fence: u64, piece: usize) -> Self {
        Self {
            name: format!("{fence:016x}.{:016x}", rand::rng().random::<u64>()),
            count: json.len().div_ceil(piece),
            bytes: json.len(),
            sha256: digest(json.as_bytes()),
        }
    }

    /// How the sort keys of all of them begin.
    fn prefix(&self) -> String {
        format!("{}.", self.name)
    }

    fn key(&self, job: &JobName, number: usize) -> Key {
        Key::new(partition(job), format!("{}{number:05}", self.prefix()))
    }

    fn keys(&self, job: &JobName) -> impl Iterator<Item = Key> {
        (0..self.count).map(|number| self.key(job, number))
    }

    /// The bookmark; nothing if it is not what was cut.
    fn join(&self, items: &[Item]) -> Option<Value> {
        let mut json = Vec::with_capacity(self.bytes);
        for item in items {
            json.extend_from_slice(attribute::read_bytes(item, PIECE)?);
        }
        let is_whole = json.len() == self.bytes && digest(&json) == self.sha256;
        is_whole.then(|| serde_json::from_slice(&json).ok())?
    }
}

impl Store {
    /// Pieces of a bookmark, named but not put yet.
    pub(super) fn cut_bookmark(&self, json: &str, fence: u64) -> Pieces {
        Pieces::new(json, fence, self.bookmark_sizes().piece)
    }

    /// Puts all pieces. When that fails, some may be there, or arrive yet.
    pub(super) async fn put_pieces(
        &self,
        job: &JobName,
        pieces: &Pieces,
        json: &str,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let texts = json.as_bytes().chunks(self.bookmark_sizes().piece);
        let mut puts = Vec::with_capacity(pieces.count);
        for (key, text) in pieces.keys(job).zip(texts) {
            let mut item = key.into_item();
            item.insert(PIECE.into(), attribute::bytes(text.to_vec()));
            let put = Put {
                table: Table::Bookmarks,
                item,
                condition: None,
            };
            puts.push(self.db().put_repeatable(put, deadline));
        }
        let puts = stream::iter(puts).buffer_unordered(PUTS_AT_ONCE);
        Ok(puts.try_collect().await?)
    }

    /// The bookmark in these pieces; nothing if not all of them are there.
    pub(super) async fn join_pieces(
        &self,
        job: &JobName,
        pieces: &Pieces,
        deadline: Deadline,
    ) -> Result<Option<Value>, StoreError> {
        let query = of_pieces(job, SkRange::Prefix(pieces.prefix()), None);
        let items = self.db().query_all(&query, deadline).await?;
        if items.len() < pieces.count {
            return Ok(None);
        }
        match pieces.join(&items) {
            Some(bookmark) => Ok(Some(bookmark)),
            None => Err(StoreError::corrupt(
                format!("the bookmark of the job {job}"),
                "its pieces are not what was stored",
            )),
        }
    }

    /// Deletes pieces that nothing can name any more.
    pub(super) async fn delete_pieces(
        &self,
        job: &JobName,
        gone: &[Pieces],
    ) -> Result<(), StoreError> {
        let keys = gone.iter().flat_map(|pieces| pieces.keys(job)).collect();
        let deadline = Deadline::at(self.now().saturating_add(TIDYING));
        let deleted = self.db().delete_many(Table::Bookmarks, keys, deadline);
        Ok(deleted.await?)
    }

    /// Deletes what holders before this fence have left, but what was found `named`.
    pub(super) async fn sweep_pieces(
        &self,
        job: &JobName,
        fence: u64,
        named: Option<&Pieces>,
    ) -> Result<(), StoreError> {
        // No name is as short as the end of this range, so it holds none of this fence.
        let earlier = SkRange::Between("0".into(), format!("{fence:016x}"));
        let query = of_pieces(job, earlier, Some(vec!["pk", "sk"]));
        let deadline = Deadline::at(self.now().saturating_add(TIDYING));
        let items = self.db().query_all(&query, deadline).await?;
        let kept = named.map(Pieces::prefix);
        let is_left = |key: &Key| match (&key.sk, &kept) {
            (Some(sk), Some(kept)) => !sk.starts_with(kept),
            _ => true,
        };
        let keys = items.iter().filter_map(Key::of).filter(is_left).collect();
        let deleted = self.db().delete_many(Table::Bookmarks, keys, deadline);
        Ok(deleted.await?)
    }
}

fn of_pieces(job: &JobName, sk: SkRange, attributes: Option<Vec<&'static str>>) -> Query {
    Query {
        table: Table::Bookmarks,
        pk: partition(job),
        sk,
        order: Order::Ascending,
        attributes,
        limit: None,
    }
}

fn partition(job: &JobName) -> String {
    format!("pieces#{job}")
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

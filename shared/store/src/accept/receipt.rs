//! Receipts: that a request, or an event's id, was here.
//!
//! A receipt is put in the same transaction as what it vouches for, and only if there is none
//! that still counts. So whoever finds one knows that the events are there as well.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use weir_model::{Series, Timestamp};

use super::plan::Recipe;
use crate::attribute;
use crate::db::{AttributeValue, Condition, Item, Key, Put, Table};
use crate::keys;
use crate::sequence::Nonce;

/// How long a receipt or marker stays. It counts for an hour less, so what it has refused stays
/// refused for longer than a signature is good for: a late attempt cannot find the place free.
const KEPT: Duration = Duration::from_secs(26 * 3600);

/// How long before its end a receipt or marker ceases to count: after 25 hours, where 24 are
/// promised, because clocks differ and requests straddle the end of the day.
const UNCOUNTED: Duration = Duration::from_secs(3600);

/// SHA-256.
pub type Hash = [u8; 32];

/// Hashes texts so that no two lists of texts meet: each goes in with its length.
pub(crate) fn hash_of(texts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    hasher.finalize().into()
}

fn partition(kind: char, hash: &Hash) -> String {
    use base64::Engine as _;
    format!(
        "{kind}{}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
    )
}

/// The receipt's place of a request with an idempotency key.
pub(crate) fn request_partition(client: &str, door: &str, key: &str) -> String {
    partition(
        'k',
        &hash_of(&[client.as_bytes(), door.as_bytes(), key.as_bytes()]),
    )
}

/// The receipt's place of one part of a large request. The nonce keeps the parts of a key that
/// is used again, after its day, apart from the first ones.
pub(crate) fn part_partition(request: &str, nonce: Nonce, part: usize) -> String {
    let nonce = nonce.to_string();
    partition(
        'p',
        &hash_of(&[request.as_bytes(), nonce.as_bytes(), &part.to_be_bytes()]),
    )
}

/// The marker's place of an event's id.
pub(crate) fn marker_partition(series: &Series, id: &str) -> String {
    partition(
        'e',
        &hash_of(&[keys::series(series).as_bytes(), id.as_bytes()]),
    )
}

pub(crate) fn key(partition: String) -> Key {
    Key {
        pk: partition,
        sk: None,
    }
}

/// What a request's receipt remembers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Receipt {
    /// Of the decoded body: the same key with another one is refused.
    pub(crate) body: Hash,
    pub(crate) recipe: Recipe,
    pub(crate) answer: Answer,
}

/// What can be answered to a repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    /// Everything is stored; these are the counts.
    Counts { accepted: u64, duplicates: u64 },
    /// A large request was begun by the plan of this version; its parts have their own receipts.
    Planned { version: u32 },
}

impl Receipt {
    /// The put that fails while an earlier receipt counts.
    pub(crate) fn put(
        &self,
        partition: &str,
        series: &[Series],
        arrived: Timestamp,
        now: Timestamp,
    ) -> Put {
        let mut item = vouch(partition, arrived);
        item.insert("body".into(), attribute::bytes(self.body.to_vec()));
        item.insert(
            "received".into(),
            attribute::number(self.recipe.received.as_millis()),
        );
        item.insert(
            "nonce".into(),
            attribute::text(self.recipe.nonce.to_string()),
        );
        match self.answer {
            Answer::Counts {
                accepted,
                duplicates,
            } => {
                item.insert("accepted".into(), attribute::number(accepted));
                item.insert("duplicates".into(), attribute::number(duplicates));
            }
            Answer::Planned { version } => {
                item.insert("version".into(), attribute::number(version));
                if !self.recipe.shards.is_empty() {
                    let shards = self.shards_in_order(series);
                    item.insert("shards".into(), attribute::bytes(shards));
                }
            }
        }
        Put {
            table: Table::Receipts,
            item,
            condition: Some(no_longer_counts(now)),
        }
    }

    /// Shard counts in the order of the request's series, which the body fixes.
    fn shards_in_order(&self, series: &[Series]) -> Vec<u8> {
        series
            .iter()
            .map(|s| self.recipe.shards.get(s).copied().unwrap_or(1))
            .collect()
    }

    /// Reads a receipt; `None` if the item is not one of ours. `series` are the request's, in
    /// the order of their keys.
    pub(crate) fn read(item: &Item, series: &[Series]) -> Option<Self> {
        let shards = match item.get("shards") {
            Some(value) => named_shards(attribute::as_bytes(value)?, series),
            None => HashMap::new(),
        };
        let recipe = Recipe {
            received: Timestamp::from_millis(attribute::read_number(item, "received")?).ok()?,
            nonce: attribute::read_text(item, "nonce")?.parse().ok()?,
            shards,
        };
        let answer = match attribute::read_number(item, "version") {
            Some(version) => Answer::Planned { version },
            None => Answer::Counts {
                accepted: attribute::read_number(item, "accepted")?,
                duplicates: attribute::read_number(item, "duplicates")?,
            },
        };
        let body = attribute::read_bytes(item, "body")?.try_into().ok()?;
        Some(Self {
            body,
            recipe,
            answer,
        })
    }
}

fn named_shards(counts: &[u8], series: &[Series]) -> HashMap<Series, u8> {
    series
        .iter()
        .cloned()
        .zip(counts.iter().copied())
        .filter(|(_, n)| *n > 1)
        .collect()
}

/// The put of an event id's marker.
pub(crate) fn marker(
    series: &Series,
    id: &str,
    arrived: Timestamp,
    nonce: Nonce,
    now: Timestamp,
) -> Put {
    let mut item = vouch(&marker_partition(series, id), arrived);
    item.insert("nonce".into(), attribute::text(nonce.to_string()));
    Put {
        table: Table::Receipts,
        item,
        condition: Some(no_longer_counts(now)),
    }
}

/// There is none in its place, or one that has ceased to count.
fn no_longer_counts(now: Timestamp) -> Condition {
    Condition::absent_or_expired(now.saturating_add(UNCOUNTED))
}

/// Whether what was found still counts at `now`, by the rule of the put's condition.
pub(crate) fn counts(item: &Item, now: Timestamp) -> bool {
    let until = now.saturating_add(UNCOUNTED).as_millis() / 1000;
    attribute::read_number::<i64>(item, "expires").is_some_and(|at| at > until)
}

fn vouch(partition: &str, arrived: Timestamp) -> Item {
    let expires = arrived.saturating_add(KEPT).as_millis() / 1000;
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(partition.to_owned())),
        ("expires".to_owned(), attribute::number(expires)),
    ])
}

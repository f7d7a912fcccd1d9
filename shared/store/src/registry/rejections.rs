//! Events that were refused, kept for a day so that somebody can see what was wrong with them.
//!
//! Each hour has a partition, in which an item holds refused events of one request. A second
//! partition counts them by source; the count moves in the same transaction as the item, on the
//! condition that it is what its writer read, so an hour's bound holds for all processes together.
//! That is also how a writer whose answer was lost finds out: its item, whose name it drew, is
//! there or it is not, and an attempt on an older count can no longer land.

use std::time::Duration;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use weir_model::Timestamp;

use super::ClientId;
use crate::attribute;
use crate::backoff::Backoff;
use crate::db::{Attempt, CallError, Condition, Deadline, Item, Key, Put, Reason, Table};
use crate::error::StoreError;
use crate::store::Store;
use crate::tables::EXPIRES;

/// For how long refused events can be seen.
pub const REJECTIONS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How many of a source are kept in an hour.
pub const REJECTIONS_AN_HOUR: usize = 1_000;

/// Items outlive what is shown by this much, because clocks differ and hours have ends.
const MARGIN: Duration = Duration::from_secs(2 * 3600);

/// The text of an item ends here: an item has up to 400 KB (DynamoDB developer guide, "Quotas").
const ITEM_BYTES: usize = 250 * 1024;

/// How long one attempt is waited for.
const ATTEMPT: Duration = Duration::from_secs(2);

const HOUR_MS: i64 = 3_600_000;

/// A refused event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Names the reason for programs.
    pub reason: String,
    /// What was wrong, for people.
    pub detail: String,
    /// The event as it came, or its beginning.
    pub payload: String,
    /// Whether the payload was longer.
    pub cut: bool,
}

/// The refused events of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRequest {
    /// When it was refused.
    pub at: Timestamp,
    /// Who sent it.
    pub source: ClientId,
    /// What people call them; empty if nothing.
    pub label: String,
    /// Where it came in.
    pub door: &'static str,
    /// What was refused of it.
    pub rejected: Vec<Rejected>,
}

/// How many refused events of a source are kept in an hour, as far as a process knows. There may
/// be more, never fewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    hour: i64,
    kept: usize,
}

impl Standing {
    /// Whether nothing more is kept in the hour of this time.
    pub fn is_full(&self, at: Timestamp) -> bool {
        self.hour == hour_of(at) && self.kept >= REJECTIONS_AN_HOUR
    }

    /// Whether it is of an hour before this time's, so that nothing is lost with it.
    pub fn is_past(&self, at: Timestamp) -> bool {
        self.hour < hour_of(at)
    }
}

impl Store {
    /// Keeps refused events, as far as the hour of their source has room; the others are left
    /// out. Brings `standing` up to date.
    ///
    /// # Errors
    /// When the store does not answer. Some may be kept then, and would be kept again.
    pub async fn keep_rejected(
        &self,
        request: &RejectedRequest,
        standing: &mut Standing,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let hour = hour_of(request.at);
        if standing.hour != hour {
            *standing = Standing { hour, kept: 0 };
        }
        let texts: Vec<String> = request.rejected.iter().map(to_text).collect();
        let mut rest = texts.as_slice();
        while !rest.is_empty() && !standing.is_full(request.at) {
            let (part, after) = rest.split_at(fitting(rest));
            self.keep_part(request, part, standing, deadline).await?;
            rest = after;
        }
        Ok(())
    }

    /// Keeps as many as there is room for in one item.
    async fn keep_part(
        &self,
        request: &RejectedRequest,
        texts: &[String],
        standing: &mut Standing,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let place = draw_place(request.at);
        let mut backoff = Backoff::new();
        let mut last = CallError::Throttled;
        while let Some(attempt) = self.attempt(deadline) {
            let room = REJECTIONS_AN_HOUR.saturating_sub(standing.kept);
            let texts = &texts[..texts.len().min(room)];
            if texts.is_empty() {
                return Ok(());
            }
            let kept = standing.kept + texts.len();
            let puts = vec![
                count_put(request, standing, kept),
                item_put(request, &place, texts),
            ];
            match self.db().transact(puts, attempt).await {
                Ok(()) => {
                    standing.kept = kept;
                    return Ok(());
                }
                Err(CallError::Cancelled(reasons)) if reasons.contains(&Reason::Refused) => {
                    if self.catch_up(request, &place, standing, deadline).await? {
                        return Ok(());
                    }
                }
                Err(error @ CallError::Invalid(_)) => return Err(error.into()),
                Err(error) => {
                    last = error;
                    backoff.pause().await;
                }
            }
        }
        Err(StoreError::Unavailable(last.to_string()))
    }

    /// Reads how many are kept, and whether an earlier attempt of one's own is among them.
    async fn catch_up(
        &self,
        request: &RejectedRequest,
        place: &str,
        standing: &mut Standing,
        deadline: Deadline,
    ) -> Result<bool, StoreError> {
        let own = Key::new(partition(standing.hour), place);
        let keys = vec![count_key(request, standing.hour), own.clone()];
        let items = self.db().get_many(Table::Registry, keys, deadline).await?;
        let kept = items
            .iter()
            .find_map(|item| attribute::read_number(item, "kept"));
        standing.kept = kept.unwrap_or(0);
        Ok(items
            .iter()
            .any(|item| Key::of(item).as_ref() == Some(&own)))
    }

    fn attempt(&self, deadline: Deadline) -> Option<Attempt> {
        let signed_at = self.now();
        let timeout = deadline.left(signed_at)?.min(ATTEMPT);
        Some(Attempt { signed_at, timeout })
    }
}

/// How many of these an item holds; at least one.
fn fitting(texts: &[String]) -> usize {
    let mut size = 0;
    let fits = |text: &&String| {
        size += text.len() + 1;
        size <= ITEM_BYTES
    };
    texts.iter().take_while(fits).count().max(1)
}

fn count_put(request: &RejectedRequest, standing: &Standing, kept: usize) -> Put {
    let mut item = count_key(request, standing.hour).into_item();
    item.insert("kept".into(), attribute::number(kept));
    item.insert(EXPIRES.into(), expires(request.at));
    let condition = match standing.kept {
        0 => Condition::absent(),
        known => Condition::equals("kept", attribute::number(known)),
    };
    Put {
        table: Table::Registry,
        item,
        condition: Some(condition),
    }
}

fn item_put(request: &RejectedRequest, place: &str, texts: &[String]) -> Put {
    let mut item = Key::new(partition(hour_of(request.at)), place).into_item();
    item.extend([
        ("source".into(), attribute::text(request.source.as_str())),
        ("label".into(), attribute::text(&request.label)),
        ("door".into(), attribute::text(request.door)),
        // As bytes, like all events, so that no log of calls can be read as what was sent.
        (
            "rejected".into(),
            attribute::bytes(format!("[{}]", texts.join(",")).into_bytes()),
        ),
        (EXPIRES.into(), expires(request.at)),
    ]);
    Put {
        table: Table::Registry,
        item,
        condition: None,
    }
}

fn to_text(rejected: &Rejected) -> String {
    serde_json::to_string(rejected).expect("texts and a flag can be written")
}

fn expires(at: Timestamp) -> crate::db::AttributeValue {
    let until = at.saturating_add(REJECTIONS_KEPT).saturating_add(MARGIN);
    attribute::number(until.as_millis().div_euclid(1000))
}

fn count_key(request: &RejectedRequest, hour: i64) -> Key {
    Key::new(format!("rejected-count#{hour}"), request.source.as_str())
}

pub(super) fn partition(hour: i64) -> String {
    format!("rejected#{hour}")
}

pub(super) fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(HOUR_MS)
}

/// Items of an hour stand in the order of their times; what follows the time is drawn.
fn draw_place(at: Timestamp) -> String {
    format!("{}.{:016x}", place_of(at), rand::rng().random::<u64>())
}

/// How the places of this time begin.
pub(super) fn place_of(at: Timestamp) -> String {
    format!("{:013}", at.as_millis().max(0))
}

/// Reads what [`item_put`] wrote.
pub(super) fn read_item(item: &Item) -> Option<(RejectedItem, Vec<Rejected>)> {
    let text = |name| attribute::read_text(item, name).map(str::to_owned);
    let place = text("sk")?;
    let at_ms = place.split_once('.')?.0.parse().ok()?;
    let head = RejectedItem {
        at: Timestamp::from_millis(at_ms).ok()?,
        source: text("source")?,
        label: text("label").unwrap_or_default(),
        door: text("door")?,
        place,
    };
    let rejected = serde_json::from_slice(attribute::read_bytes(item, "rejected")?).ok()?;
    Some((head, rejected))
}

/// What an item says of all its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RejectedItem {
    pub(super) place: String,
    pub(super) at: Timestamp,
    pub(super) source: String,
    pub(super) label: String,
    pub(super) door: String,
}

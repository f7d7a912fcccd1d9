//! Plans a request: default times, ids, and the cut into blocks and transactions.
//!
//! A plan is a pure function of the body, its [`Recipe`] and the [`Cut`]. That is what lets another
//! process, a day later, finish a large request that broke off: it reads the recipe from the
//! request's receipt and cuts the same body into the same parts. So a change to this file that cuts
//! differently needs another [`PLAN_VERSION`], and must keep the old cut for receipts that name it.

use std::collections::{BTreeMap, HashMap, HashSet};

use weir_model::{Block, BlockName, Day, Event, Series, StoredEvent, Timestamp};

use crate::sequence::Nonce;

/// The version of plans by [`Cut::RECORDED`].
pub(crate) const PLAN_VERSION: u32 = 1;

/// The events of a block before compression. An item holds at most 400 KB (DynamoDB developer
/// guide, "Quotas").
const BLOCK_BYTES: usize = 300_000;

/// The blocks of a transaction before compression; all its items hold at most 4 MB (as above).
pub(crate) const TRANSACTION_BYTES: usize = 3_500_000;

/// How much goes into one transaction, which has at most 100 items (as above).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Blocks and markers of a part.
    part_items: usize,
    /// Events with ids in one block, so that they and the block fit into a part.
    block_markers: usize,
}

impl Cut {
    /// That of requests whose receipt names the [`PLAN_VERSION`]: each part has a receipt, too.
    pub(crate) const RECORDED: Self = Self {
        part_items: 96,
        block_markers: 90,
    };

    /// That of requests without receipts. Nobody else cuts them again, so this may be changed.
    pub(crate) const UNRECORDED: Self = Self {
        part_items: 100,
        block_markers: 99,
    };
}

/// All that a plan depends on besides the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipe {
    /// The time of events that come without one.
    pub(crate) received: Timestamp,
    pub(crate) nonce: Nonce,
    /// Series that have more than one shard.
    pub(crate) shards: HashMap<Series, u8>,
}

/// The events of one block to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) series: Series,
    pub(crate) day: Day,
    pub(crate) shard: u8,
    pub(crate) events: Vec<StoredEvent>,
    /// An upper bound of the encoded size.
    pub(crate) bytes: usize,
}

impl Piece {
    fn new(series: Series, day: Day, shard: u8) -> Self {
        Self {
            series,
            day,
            shard,
            events: Vec::new(),
            bytes: Block::OVERHEAD,
        }
    }

    pub(crate) fn push(&mut self, event: StoredEvent) {
        self.bytes += Block::size_estimate(&event);
        self.events.push(event);
    }

    /// Whether another piece's events can join this one's block.
    pub(crate) fn takes(&self, other: &Piece) -> bool {
        self.day == other.day
            && self.bytes + other.bytes <= BLOCK_BYTES
            && self.series == other.series
    }

    pub(crate) fn join(&mut self, other: Piece) {
        self.bytes += other.bytes - Block::OVERHEAD;
        self.events.extend(other.events);
    }

    pub(crate) fn block(&self) -> Block {
        Block {
            day: self.day,
            events: self.events.clone(),
        }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| event.id.as_deref())
    }
}

/// What one transaction stores of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) bytes: usize,
    /// Events with ids: each needs a marker.
    pub(crate) markers: usize,
}

impl Part {
    pub(crate) fn items(&self) -> usize {
        self.pieces.len() + self.markers
    }

    fn has_room_for(&self, piece: &Piece, markers: usize, cut: Cut) -> bool {
        self.items() + 1 + markers <= cut.part_items
            && self.bytes + piece.bytes <= TRANSACTION_BYTES
    }

    fn push(&mut self, piece: Piece) {
        self.markers += piece.ids().count();
        self.bytes += piece.bytes;
        self.pieces.push(piece);
    }
}

/// A request, cut.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Part>,
    /// Events dropped because an earlier one of the same request has their id.
    pub(crate) repeats: u64,
}

/// Cuts a request's events. The order of parts, and of events within them, is fixed by the body.
pub(crate) fn plan(events: &[Event], recipe: &Recipe, cut: Cut) -> Plan {
    let mut days: BTreeMap<(&Series, Day), Vec<Piece>> = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut repeats = 0;
    for (index, event) in events.iter().enumerate() {
        if event
            .id
            .as_deref()
            .is_some_and(|id| !seen.insert((&event.series, id)))
        {
            repeats += 1;
            continue;
        }
        let stored = store(event, index, recipe);
        let day = stored.timestamp.day();
        let pieces = days.entry((&event.series, day)).or_default();
        if pieces.last().is_none_or(|last| is_full(last, &stored, cut)) {
            let shard = shard(recipe, &event.series, day, pieces.len());
            pieces.push(Piece::new(event.series.clone(), day, shard));
        }
        pieces.last_mut().expect("one was just pushed").push(stored);
    }
    Plan {
        parts: parts(days.into_values().flatten(), cut),
        repeats,
    }
}

fn store(event: &Event, index: usize, recipe: &Recipe) -> StoredEvent {
    let index = u32::try_from(index).expect("a request has at most 10,000 events");
    stored_event(event, recipe.received, recipe.nonce, index)
}

/// Gives an event what a client may leave out: its time and its origin.
pub fn stored_event(event: &Event, received: Timestamp, nonce: Nonce, index: u32) -> StoredEvent {
    StoredEvent {
        timestamp: event.timestamp.unwrap_or(received),
        value: event.value,
        origin: nonce.origin(index),
        id: event.id.clone(),
        actor: event.actor.clone(),
        properties: event.properties.clone(),
        expires: event.expires,
    }
}

fn is_full(piece: &Piece, event: &StoredEvent, cut: Cut) -> bool {
    piece.bytes + Block::size_estimate(event) > BLOCK_BYTES
        || (event.id.is_some() && piece.ids().count() >= cut.block_markers)
}

/// Spreads a series' blocks over its shards.
fn shard(recipe: &Recipe, series: &Series, day: Day, position: usize) -> u8 {
    let shards = u64::from(recipe.shards.get(series).copied().unwrap_or(1));
    let mixed = recipe.nonce.request + u64::from(day.number()) + position as u64;
    u8::try_from(mixed % shards).expect("there are at most 16 shards")
}

fn parts(pieces: impl Iterator<Item = Piece>, cut: Cut) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        let markers = piece.ids().count();
        if parts
            .last()
            .is_none_or(|last| !last.has_room_for(&piece, markers, cut))
        {
            parts.push(Part::default());
        }
        parts.last_mut().expect("one was just pushed").push(piece);
    }
    parts
}

/// Merges the pieces of several requests into as few blocks as hold them.
pub(crate) fn share(pieces: impl Iterator<Item = Piece>) -> Vec<Piece> {
    let mut shared: Vec<Piece> = Vec::new();
    let mut open: HashMap<(Series, Day), usize> = HashMap::new();
    for piece in pieces {
        let place = (piece.series.clone(), piece.day);
        match open.get(&place).map(|at| &mut shared[*at]) {
            Some(block) if block.takes(&piece) => block.join(piece),
            _ => {
                open.insert(place, shared.len());
                shared.push(piece);
            }
        }
    }
    shared
}

/// A piece with the name under which it is to be stored, and its encoding.
#[derive(Debug, Clone)]
pub(crate) struct NamedBlock {
    pub(crate) series: Series,
    pub(crate) day: Day,
    pub(crate) name: BlockName,
    pub(crate) bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::Writer;

    fn recipe() -> Recipe {
        Recipe {
            received: Timestamp::from_millis(1_600_000_000_000).expect("in range"),
            nonce: Nonce {
                writer: Writer::from_bytes([7; 12]),
                request: 3,
            },
            shards: HashMap::new(),
        }
    }

    fn event(name: &str, id: Option<String>) -> Event {
        Event {
            series: Series::parse("n", name).expect("legal"),
            timestamp: None,
            value: 1.0,
            id: id.map(Into::into),
            actor: None,
            properties: None,
            expires: None,
        }
    }

    #[test]
    fn plain_events_of_a_day_make_one_block() {
        let events: Vec<Event> = (0..500).map(|_| event("m", None)).collect();
        let plan = plan(&events, &recipe(), Cut::RECORDED);
        assert_eq!(plan.parts.len(), 1);
        assert_eq!(plan.parts[0].pieces.len(), 1);
        assert_eq!(plan.parts[0].pieces[0].events.len(), 500);
        assert_eq!(plan.parts[0].pieces[0].events[499].origin.index, 499);
    }

    #[test]
    fn every_part_fits_into_a_transaction_with_its_receipt_if_it_has_one() {
        for (cut, items_max) in [(Cut::RECORDED, 99), (Cut::UNRECORDED, 100)] {
            for series in [1, 7] {
                let events: Vec<Event> = (0..1000)
                    .map(|n| event(&format!("m{}", n % series), Some(n.to_string())))
                    .collect();
                let plan = plan(&events, &recipe(), cut);
                let pieces = plan.parts.iter().flat_map(|part| &part.pieces);
                assert_eq!(pieces.map(|piece| piece.events.len()).sum::<usize>(), 1000);
                let items: Vec<usize> = plan.parts.iter().map(Part::items).collect();
                assert!(items.iter().all(|&n| n <= items_max), "{items:?}");
            }
        }
    }

    #[test]
    fn without_receipts_a_part_is_a_whole_transaction() {
        let parts = |events: usize| {
            let events: Vec<Event> = (0..events)
                .map(|n| event("m", Some(n.to_string())))
                .collect();
            let plan = plan(&events, &recipe(), Cut::UNRECORDED);
            plan.parts.iter().map(Part::items).collect::<Vec<_>>()
        };
        assert_eq!(parts(99), [100]);
        assert_eq!(parts(100), [100, 2]);
        assert_eq!(parts(250), [100, 100, 53]);
    }

    #[test]
    fn an_id_that_comes_again_in_a_request_is_dropped_and_said() {
        let events = [
            event("m", Some("a".into())),
            event("m", Some("a".into())),
            event("x", Some("a".into())),
        ];
        let plan = plan(&events, &recipe(), Cut::RECORDED);
        assert_eq!(plan.repeats, 1);
        let kept: usize = plan.parts[0].pieces.iter().map(|p| p.events.len()).sum();
        assert_eq!(kept, 2);
    }

    #[test]
    fn large_properties_split_a_day_into_blocks_that_fit_an_item() {
        let events: Vec<Event> = (0..40)
            .map(|n| {
                let text = format!("{{\"n\":\"{}\"}}", n.to_string().repeat(10_000));
                Event {
                    properties: Some(text.into()),
                    ..event("m", None)
                }
            })
            .collect();
        let plan = plan(&events, &recipe(), Cut::RECORDED);
        let pieces: Vec<&Piece> = plan.parts.iter().flat_map(|p| &p.pieces).collect();
        assert!(pieces.len() > 1);
        for piece in pieces {
            assert!(piece.bytes <= BLOCK_BYTES);
            assert!(piece.block().encode().len() <= piece.bytes);
        }
    }

    #[test]
    fn shards_of_a_series_are_all_used() {
        let series = event("m", None).series;
        let used: HashSet<u8> = (0..100)
            .flat_map(|request| {
                let nonce = Nonce {
                    request,
                    ..recipe().nonce
                };
                let shards = HashMap::from([(series.clone(), 4)]);
                plan(
                    &[event("m", None)],
                    &Recipe {
                        nonce,
                        shards,
                        ..recipe()
                    },
                    Cut::RECORDED,
                )
                .parts
            })
            .map(|part| part.pieces[0].shard)
            .collect();
        assert_eq!(used.len(), 4);
    }
}

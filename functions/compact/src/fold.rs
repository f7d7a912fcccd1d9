//! Folds blocks: their names, their totals, and their events by hour. Pure but for the log.

use std::collections::BTreeMap;

use tracing::error;
use weir_model::{Block, Day, Names, Quarters, StoredEvent};
use weir_store::WaitingBlock;

/// What some blocks come to.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// The blocks that are in it.
    pub(crate) names: Names,
    pub(crate) blocks: usize,
    pub(crate) events: usize,
    pub(crate) quarters: Quarters,
    pub(crate) hours: BTreeMap<u8, Vec<StoredEvent>>,
    /// Whether blocks were left for another time.
    pub(crate) rest: bool,
    /// Blocks that cannot be read. They stay where they are, so that nothing is lost.
    pub(crate) unreadable: usize,
}

/// How much one fold holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) blocks: usize,
    pub(crate) events: usize,
    /// Of events, decoded.
    pub(crate) bytes: usize,
}

impl Room {
    fn is_used_up(self, fold: &Fold, bytes: usize) -> bool {
        fold.blocks >= self.blocks || fold.events >= self.events || bytes >= self.bytes
    }
}

/// Folds as many blocks as there is room for. An empty block is one like any other.
pub(crate) fn fold(day: Day, blocks: &[WaitingBlock], room: Room) -> Fold {
    let mut fold = Fold::default();
    let mut bytes = 0;
    for block in blocks {
        if room.is_used_up(&fold, bytes) {
            fold.rest = true;
            break;
        }
        match read(day, block) {
            Some((quarters, events)) => {
                bytes += events.iter().map(Block::size_estimate).sum::<usize>();
                fold.take(block, &quarters, events);
            }
            None => fold.unreadable += 1,
        }
    }
    fold
}

impl Fold {
    fn take(&mut self, block: &WaitingBlock, quarters: &Quarters, events: Vec<StoredEvent>) {
        self.names.insert(block.name);
        self.blocks += 1;
        self.events += events.len();
        // A reader counts a waiting block by these very totals.
        self.quarters.merge(quarters);
        for event in events {
            self.hours
                .entry(event.timestamp.hour())
                .or_default()
                .push(event);
        }
    }
}

fn read(day: Day, block: &WaitingBlock) -> Option<(Quarters, Vec<StoredEvent>)> {
    let quarters = Block::quarters_of(day, &block.bytes);
    let decoded = quarters.and_then(|q| Ok((q, Block::decode(day, &block.bytes)?.events)));
    decoded
        .inspect_err(|cause| {
            error!(%day, name = ?block.name, %cause, "a block of {day} cannot be read: {cause}");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::{BlockName, Origin, Timestamp, Writer};

    const ROOMY: Room = Room {
        blocks: 100,
        events: 1_000,
        bytes: 1_000_000,
    };

    fn day() -> Day {
        Day::from_number(11_323).expect("a day")
    }

    fn event(minute: i64, index: u32) -> StoredEvent {
        let start = day().start().as_millis();
        StoredEvent {
            timestamp: Timestamp::from_millis(start + minute * 60_000).expect("in range"),
            value: f64::from(index),
            origin: Origin {
                writer: Writer::from_bytes([2; 12]),
                request: 1,
                index,
            },
            id: None,
            actor: None,
            properties: None,
            expires: None,
        }
    }

    fn block(sequence: u64, events: Vec<StoredEvent>) -> WaitingBlock {
        WaitingBlock {
            name: BlockName {
                shard: 0,
                writer: Writer::from_bytes([1; 12]),
                sequence,
            },
            at: day().start(),
            bytes: Block { day: day(), events }.encode(),
        }
    }

    #[test]
    fn blocks_become_hours_and_totals() {
        let blocks = [
            block(0, vec![event(5, 1), event(70, 2)]),
            block(1, vec![event(6, 4)]),
        ];
        let fold = fold(day(), &blocks, ROOMY);
        let hours: Vec<_> = fold
            .hours
            .iter()
            .map(|(hour, events)| (*hour, events.len()))
            .collect();
        assert_eq!(hours, [(0, 2), (1, 1)]);
        assert_eq!(fold.quarters.total().sum(), 7.0);
        assert_eq!((fold.blocks, fold.events, fold.rest), (2, 3, false));
    }

    #[test]
    fn an_empty_block_is_taken_and_a_gap_is_not() {
        let fold = fold(day(), &[block(0, vec![]), block(2, vec![])], ROOMY);
        let sequences: Vec<u64> = fold.names.iter().map(|name| name.sequence).collect();
        assert_eq!(sequences, [0, 2]);
        assert!(fold.quarters.is_empty() && fold.hours.is_empty());
    }

    #[test]
    fn what_there_is_no_room_for_is_left() {
        let blocks: Vec<_> = (0..5)
            .map(|n| block(n, vec![event(1, 1), event(2, 2)]))
            .collect();
        for room in [
            Room { blocks: 2, ..ROOMY },
            Room { events: 3, ..ROOMY },
            Room {
                bytes: Block::size_estimate(&event(1, 1)) * 3,
                ..ROOMY
            },
        ] {
            let fold = fold(day(), &blocks, room);
            assert_eq!(
                (fold.blocks, fold.names.len(), fold.rest),
                (2, 2, true),
                "{room:?}"
            );
        }
    }

    #[test]
    fn a_block_that_cannot_be_read_is_left_where_it_is() {
        let mut broken = block(1, vec![event(1, 1)]);
        broken.bytes.truncate(3);
        let fold = fold(
            day(),
            &[block(0, vec![event(1, 1)]), broken, block(2, vec![])],
            ROOMY,
        );
        let sequences: Vec<u64> = fold.names.iter().map(|name| name.sequence).collect();
        assert_eq!((sequences, fold.unreadable), (vec![0, 2], 1));
    }
}

//! What the fixtures hold. It must not change: files that were written from it are read for ever.

use weir_model::{
    Block, BlockName, ChunkRef, Day, DeadRun, Manifest, Origin, Quarters, Run, RunId, StoredEvent,
    Timestamp, Took, Totals, Writer,
};

/// 2001-01-01, the day of the fixtures.
pub(crate) fn day() -> Day {
    Day::from_number(11_323).expect("a day")
}

fn at(of_day_ms: i64) -> Timestamp {
    Timestamp::from_millis(day().start().as_millis() + of_day_ms).expect("a time of the day")
}

fn writer(byte: u8) -> Writer {
    Writer::from_bytes([byte; 12])
}

fn plain(of_day_ms: i64, value: f64, index: u32) -> StoredEvent {
    StoredEvent {
        timestamp: at(of_day_ms),
        value,
        origin: Origin {
            writer: writer(0xa1),
            request: 7,
            index,
        },
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

/// Three events that have everything: too few to store totals, too small to be packed.
fn full() -> Vec<StoredEvent> {
    let text = |text: &str| Some(text.into());
    vec![
        StoredEvent {
            id: text("an id"),
            actor: text("ärzte@example.org"),
            properties: text(r#"{"destination":"LAS","distance":1750.10}"#),
            expires: Some(Timestamp::MAX),
            ..plain(86_399_999, -0.25, 0)
        },
        StoredEvent {
            properties: text(r#"{"n":12345678901234567890}"#),
            origin: Origin {
                writer: writer(0xb2),
                request: u64::MAX,
                index: u32::MAX,
            },
            ..plain(0, 1e30, 0)
        },
        StoredEvent {
            expires: Some(at(86_400_000)),
            actor: text("7"),
            ..plain(43_200_001, 3.0, 1)
        },
    ]
}

/// 200 plain events, with totals and packed.
fn batch() -> Vec<StoredEvent> {
    (0..200)
        .map(|n| plain(i64::from(n) * 400_000, f64::from(n % 17) - 5.0, n))
        .collect()
}

/// The block of a file name's beginning.
pub(crate) fn block(name: &str) -> Option<Block> {
    let events = match name {
        "block-empty" => Vec::new(),
        "block-full" => full(),
        "block-batch" => batch(),
        _ => return None,
    };
    Some(Block { day: day(), events })
}

/// The names of all blocks.
pub(crate) const BLOCKS: [&str; 3] = ["block-empty", "block-full", "block-batch"];

/// The events of the chunk, all of one hour and in time order.
pub(crate) fn chunk() -> Vec<StoredEvent> {
    let mut events: Vec<StoredEvent> = full()
        .into_iter()
        .chain(batch())
        .enumerate()
        .map(|(n, event)| StoredEvent {
            timestamp: at(n as i64 * 17_000),
            ..event
        })
        .collect();
    events[5].value = 0.5;
    events
}

/// The manifest, all of whose parts hold something.
pub(crate) fn manifest() -> Manifest {
    let events = chunk();
    let mut totals = Totals::default();
    events
        .iter()
        .for_each(|event| totals.add(event.timestamp, event.value));
    let mut quarters = Quarters::from_events(&events);
    quarters.merge(&Quarters::from_events(&batch()));
    let chunk = |start, expires| ChunkRef {
        start,
        bytes: 299_000,
        events: 9_000,
        expires,
    };
    let live = Run {
        hour: 0,
        id: RunId::from_bits(0xfeed_beef),
        chunks: vec![
            chunk(at(0), None),
            chunk(at(1_800_000), Some(at(86_400_000))),
        ],
        events: 18_000,
        expires: None,
        totals,
    };
    let single = Run {
        hour: 23,
        id: RunId::from_bits(1),
        chunks: vec![chunk(at(82_800_000), Some(Timestamp::MAX))],
        events: 1,
        expires: Some(Timestamp::MAX),
        totals: Totals::of(at(82_800_000), 5.0),
    };
    let dead = DeadRun {
        hour: 23,
        id: RunId::from_bits(2),
        chunks: 3,
        since: at(86_400_000),
    };
    Manifest {
        quarters,
        runs: vec![live, single],
        dead: vec![dead],
        took: took(),
    }
}

fn took() -> Vec<Took> {
    let name = |shard, byte, sequence| BlockName {
        shard,
        writer: writer(byte),
        sequence,
    };
    let first = (3..90)
        .map(|n| name(0, 0xa1, n))
        .chain([name(0, 0xa1, 100), name(15, 0xb2, 0)]);
    vec![
        Took {
            at: at(1_000),
            names: first.collect(),
        },
        Took {
            at: at(2_000),
            names: [name(0, 0xa1, u64::MAX)].into_iter().collect(),
        },
    ]
}

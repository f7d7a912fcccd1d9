use super::super::Chunk;
use super::*;
use crate::origin::{Origin, Writer};
use crate::timestamp::Timestamp;
use proptest::prelude::*;

const DAY: u32 = 18_578;

fn day() -> Day {
    Day::from_number(DAY).expect("a day")
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-1000..1000_i32).prop_map(f64::from),
        1 => any::<f64>().prop_filter("finite", |v| v.is_finite()),
        1 => (-(1_i64 << 53)..1 << 53).prop_map(|v| v as f64),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    let request = prop_oneof![0..3_u64, any::<u64>()];
    let index = prop_oneof![0..10_u32, any::<u32>()];
    (0..4_u8, request, index).prop_map(|(writer, request, index)| Origin {
        writer: Writer::from_bytes([writer; 12]),
        request,
        index,
    })
}

fn text() -> impl Strategy<Value = Option<Box<str>>> {
    proptest::option::of(".{0,20}".prop_map(Into::into))
}

fn event() -> impl Strategy<Value = StoredEvent> {
    let time = prop_oneof![(0..86_400_i64).prop_map(|s| s * 1000), 0..86_400_000_i64];
    let expires = proptest::option::of(0..=Timestamp::MAX.as_millis());
    (time, value(), origin(), text(), text(), text(), expires).prop_map(
        |(of_day, value, origin, id, actor, properties, expires)| StoredEvent {
            timestamp: Timestamp::clamped(day().start().as_millis() + of_day),
            value,
            origin,
            id,
            actor,
            properties,
            expires: expires.map(Timestamp::clamped),
        },
    )
}

fn plain(n: u32) -> StoredEvent {
    StoredEvent {
        timestamp: Timestamp::clamped(day().start().as_millis() + i64::from(n) * 1_000),
        value: f64::from(n % 100),
        origin: Origin {
            writer: Writer::from_bytes([1; 12]),
            request: 5,
            index: n,
        },
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

/// Events in any mix, or all alike, so that columns take each of their forms.
fn events() -> impl Strategy<Value = Vec<StoredEvent>> {
    let mixed = proptest::collection::vec(event(), 0..30);
    let alike = (event(), 0..30_usize).prop_map(|(event, n)| vec![event; n]);
    let plain = (0..30_u32).prop_map(|n| (0..n).map(plain).collect());
    prop_oneof![3 => mixed, 1 => alike, 1 => plain]
}

fn block(events: Vec<StoredEvent>) -> Block {
    Block { day: day(), events }
}

#[test]
fn an_empty_block_is_a_block() {
    let bytes = block(Vec::new()).encode();
    assert_eq!(Block::decode(day(), &bytes), Ok(block(Vec::new())));
    assert_eq!(Block::quarters_of(day(), &bytes), Ok(Quarters::default()));
}

#[test]
fn a_single_event_is_small() {
    assert!(block(vec![plain(7)]).encode().len() < 40);
}

#[test]
fn a_batch_of_plain_events_takes_a_few_bytes_each() {
    let bytes = block((0..500).map(plain).collect()).encode();
    assert!(bytes.len() < 1_000, "{}", bytes.len());
}

#[test]
fn events_on_the_days_edges_are_of_the_day() {
    let mut events = vec![plain(0), plain(0)];
    events[0].timestamp = day().end();
    events[1].timestamp = day().start();
    let bytes = block(events.clone()).encode();
    assert_eq!(Block::decode(day(), &bytes), Ok(block(events)));
}

#[test]
fn totals_that_do_not_belong_to_the_events_are_noticed() {
    let mut bytes = block((0..20).map(plain).collect()).encode();
    bytes[1] = 19;
    let wrong = DecodeError::Corrupt("the totals are not those of the events");
    assert_eq!(Block::quarters_of(day(), &bytes), Err(wrong));
    assert!(Block::decode(day(), &bytes).is_err());
}

#[test]
fn a_block_of_a_later_version_is_named() {
    assert_eq!(
        Block::decode(day(), &[2, 0, 0]),
        Err(DecodeError::Version(2))
    );
    assert_eq!(Chunk::decode(day(), &[255]), Err(DecodeError::Version(255)));
    assert_eq!(
        DecodeError::Version(2).to_string(),
        "format version 2 is unknown: this program reads version 1"
    );
}

#[test]
fn counts_that_the_bytes_cannot_hold_are_refused_before_room_is_made() {
    let mut bytes = vec![VERSION];
    put_varint(&mut bytes, u64::from(u32::MAX));
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    assert!(Block::decode(day(), &bytes).is_err());
    assert!(Chunk::decode(day(), &bytes).is_err());
}

#[test]
#[should_panic(expected = "too many to encode")]
fn more_events_than_can_be_read_again_are_not_written() {
    let _ = Chunk::encode(&vec![plain(0); (1 << 20) + 1]);
}

proptest! {
    #[test]
    fn a_block_reads_back(events in events()) {
        let block = block(events);
        let bytes = block.encode();
        let read = Block::decode(day(), &bytes);
        prop_assert_eq!(read.as_ref(), Ok(&block));
        let same_bits = |(a, b): (&StoredEvent, &StoredEvent)| a.value.to_bits() == b.value.to_bits()
            || a.value == 0.0;
        prop_assert!(read.is_ok_and(|read| read.events.iter().zip(&block.events).all(same_bits)));
    }

    #[test]
    fn stored_totals_are_those_of_the_events(events in events()) {
        let expected = Quarters::from_events(&events);
        let quarters = Block::quarters_of(day(), &block(events).encode()).expect("it was encoded");
        prop_assert!(quarters.agrees_with(&expected));
    }

    #[test]
    fn a_chunk_reads_back(mut events in events()) {
        events.sort_by(|a, b| a.order().cmp(&b.order()));
        prop_assert_eq!(Chunk::decode(day(), &Chunk::encode(&events)), Ok(events));
    }

    #[test]
    fn estimates_bound_the_size(events in events()) {
        let estimate = Block::OVERHEAD + events.iter().map(Block::size_estimate).sum::<usize>();
        prop_assert!(Chunk::encode(&events).len() <= estimate);
        let mut columns = Vec::new();
        put_events(&mut columns, day(), &events);
        let columns_max = COLUMNS_BYTES_MAX + events.iter().map(Block::size_estimate).sum::<usize>();
        prop_assert!(columns.len() <= columns_max, "{} {}", columns.len(), columns_max);
        prop_assert!(block(events).encode().len() <= estimate);
    }

    #[test]
    fn estimates_bound_the_worst_events(seeds in proptest::collection::vec(any::<u64>(), 1..40)) {
        // Each with a writer of its own, a distant request, index and time, and a long value.
        let events: Vec<StoredEvent> = seeds.iter().enumerate().map(|(n, seed)| {
            let far = n % 2 == 0;
            let mut writer = [0xee; 12];
            writer[..8].copy_from_slice(&seed.to_le_bytes());
            writer[8] = n as u8;
            StoredEvent {
                timestamp: if far { day().end() } else { day().start() },
                value: if far { 0.1 + n as f64 } else { -1.0 / (n as f64) },
                origin: Origin {
                    writer: Writer::from_bytes(writer),
                    request: if far { u64::MAX / 2 } else { seed >> 63 },
                    index: if far { u32::MAX / 2 } else { u32::MAX / 2 + 3 },
                },
                expires: Some(Timestamp::MAX),
                ..plain(0)
            }
        }).collect();
        let mut columns = Vec::new();
        put_events(&mut columns, day(), &events);
        let columns_max = COLUMNS_BYTES_MAX + events.iter().map(Block::size_estimate).sum::<usize>();
        prop_assert!(columns.len() <= columns_max, "{} {}", columns.len(), columns_max);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[VERSION], &bytes[..]].concat();
        let _ = Block::decode(day(), &versioned);
        let _ = Block::quarters_of(day(), &versioned);
        let _ = Chunk::decode(day(), &versioned);
    }

    #[test]
    fn damaged_blocks_are_read_or_refused(
        events in events(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        // Not packed, so that the damage meets the columns.
        let mut bytes = vec![VERSION];
        put_varint(&mut bytes, events.len() as u64);
        bytes.push(0);
        put_events(&mut bytes, day(), &events);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(read) = Chunk::decode(day(), &bytes) {
            let again = Chunk::decode(day(), &Chunk::encode(&read));
            prop_assert_eq!(again, Ok(read));
        }
    }
}

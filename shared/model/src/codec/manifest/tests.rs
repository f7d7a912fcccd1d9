use super::*;
use crate::origin::BlockName;
use crate::totals::Totals;
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::clamped(millis)
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        0..=Timestamp::MAX.as_millis(),
        1_600_000_000_000..1_600_100_000_000_i64,
    ]
    .prop_map(at)
}

fn names() -> impl Strategy<Value = Names> {
    let sequence = prop_oneof![0..20_u64, u64::MAX - 3..=u64::MAX, any::<u64>()];
    proptest::collection::vec((0..3_u8, 0..3_u8, sequence), 0..20).prop_map(|names| {
        let name = |(shard, writer, sequence)| BlockName {
            shard,
            writer: Writer::from_bytes([writer; 12]),
            sequence,
        };
        names.into_iter().map(name).collect()
    })
}

fn totals() -> impl Strategy<Value = Totals> {
    proptest::collection::vec((0..86_400_000_i64, any::<i32>(), any::<bool>()), 0..4).prop_map(
        |events| {
            let mut totals = Totals::default();
            for (millis, value, half) in events {
                totals.add(at(millis), f64::from(value) + if half { 0.5 } else { 0.0 });
            }
            totals
        },
    )
}

fn chunks() -> impl Strategy<Value = Vec<ChunkRef>> {
    let chunk = (
        time(),
        any::<u32>(),
        any::<u32>(),
        proptest::option::of(time()),
    );
    proptest::collection::vec(chunk, 0..4).prop_map(|chunks| {
        let chunk = |(start, bytes, events, expires)| ChunkRef {
            start,
            bytes,
            events,
            expires,
        };
        chunks.into_iter().map(chunk).collect()
    })
}

fn run() -> impl Strategy<Value = Run> {
    let expires = proptest::option::of(time());
    (
        0..24_u8,
        any::<u64>(),
        chunks(),
        any::<u64>(),
        expires,
        totals(),
    )
        .prop_map(|(hour, id, chunks, events, expires, totals)| Run {
            hour,
            id: RunId::from_bits(id),
            chunks,
            events,
            expires,
            totals,
        })
}

fn dead() -> impl Strategy<Value = DeadRun> {
    (0..24_u8, any::<u64>(), any::<u32>(), time()).prop_map(|(hour, id, chunks, since)| DeadRun {
        hour,
        id: RunId::from_bits(id),
        chunks,
        since,
    })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let took = (time(), names()).prop_map(|(at, names)| Took { at, names });
    (
        proptest::collection::vec((0..86_400_000_i64, any::<i32>()), 0..30),
        proptest::collection::vec(run(), 0..5),
        proptest::collection::vec(dead(), 0..5),
        proptest::collection::vec(took, 0..4),
    )
        .prop_map(|(events, runs, dead, took)| {
            let mut quarters = Quarters::default();
            for (millis, value) in events {
                quarters.add(at(millis), f64::from(value));
            }
            Manifest {
                quarters,
                runs,
                dead,
                took,
            }
        })
}

#[test]
fn an_empty_manifest_reads_back_and_is_tiny() {
    let parts = Manifest::default().encode();
    assert_eq!(Manifest::decode(&parts), Ok(Manifest::default()));
    assert_eq!(Totals::decode(&parts.day), Ok(Totals::default()));
    let size = parts.day.len() + parts.quarters.len() + parts.took.len() + parts.runs.len();
    assert!(size < 30, "{size}");
}

#[test]
fn names_in_sequence_take_a_few_bytes() {
    let writer = Writer::from_bytes([7; 12]);
    let names = (1000..9000)
        .map(|sequence| BlockName {
            shard: 0,
            writer,
            sequence,
        })
        .collect();
    let took = vec![Took {
        at: at(1_600_000_000_000),
        names,
    }];
    let bytes = versioned(|out| put_took(out, &took));
    assert!(bytes.len() < 32, "{}", bytes.len());
    assert_eq!(Manifest::decode_took(&bytes), Ok(took));
}

#[test]
fn ranges_that_touch_or_overflow_are_refused() {
    let took = |ranges: &[u8]| {
        let head = [&[VERSION, 0, 1, 0, 1, 0][..], &[9; 12], ranges].concat();
        Manifest::decode_took(&head)
    };
    let disorder = Err(DecodeError::Corrupt("ranges are in disorder"));
    assert!(took(&[1, 5, 0]).is_ok());
    assert_eq!(took(&[2, 5, 0, 0, 0]), disorder);
    let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(took(&[&[1][..], &max, &[1]].concat()), disorder);
    assert_eq!(
        took(&[0]),
        Err(DecodeError::Corrupt("a writer's names are in disorder"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_manifest_reads_back_part_by_part(manifest in manifest()) {
        let parts = manifest.encode();
        prop_assert_eq!(Totals::decode(&parts.day), Ok(manifest.total()));
        prop_assert_eq!(Quarters::decode(&parts.quarters), Ok(manifest.quarters.clone()));
        prop_assert_eq!(Manifest::decode_took(&parts.took), Ok(manifest.took.clone()));
        let runs = Manifest::decode_runs(&parts.runs);
        prop_assert_eq!(runs, Ok((manifest.runs.clone(), manifest.dead.clone())));
        prop_assert_eq!(Manifest::decode(&parts), Ok(manifest));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[VERSION, 0], &bytes[..]].concat();
        let _ = Manifest::decode_took(&versioned);
        let _ = Manifest::decode_runs(&versioned);
        let _ = (Totals::decode(&versioned), Quarters::decode(&versioned));
    }

    #[test]
    fn damaged_manifests_are_read_or_refused(
        manifest in manifest(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut runs = vec![VERSION, 0];
        put_runs(&mut runs, &manifest.runs, &manifest.dead);
        let mut took = vec![VERSION, 0];
        put_took(&mut took, &manifest.took);
        for (place, byte) in damage {
            for part in [&mut runs, &mut took] {
                let place = place.index(part.len());
                part[place] = byte;
            }
        }
        if let Ok((runs, dead)) = Manifest::decode_runs(&runs) {
            let _ = Manifest { runs, dead, ..Manifest::default() }.encode();
        }
        if let Ok(took) = Manifest::decode_took(&took) {
            let count: u64 = took.iter().fold(0, |sum, took| took.names.len().saturating_add(sum));
            let again = Manifest { took: took.clone(), ..Manifest::default() }.encode();
            prop_assert_eq!(Manifest::decode_took(&again.took), Ok(took));
            prop_assert!(count > 0 || manifest.took.len() < 10);
        }
    }
}

//! Totals, alone and by quarter of an hour.

use super::DecodeError;
use super::bytes::{
    INTEGER_MAX, Reader, is_integer, put_bitmap, put_bits, put_varint, put_zigzag, put_zigzag_128,
};
use super::{VERSION, pack};
use crate::quarters::Quarters;
use crate::timestamp::Timestamp;
use crate::totals::{Sum, Totals};

/// The most that the totals of a quarter take in a block: count 5, sum 16, extremes, first and
/// last 32, their times 7 and 4, m2 8, and their bit of each bitmap.
pub(super) const QUARTER_BYTES_MAX: usize = 73;

/// Larger counts are damage; two of them can still be added.
const COUNT_MAX: u64 = 1 << 53;

const INTEGERS: u8 = 0;
const BITS: u8 = 1;

impl Totals {
    /// Encodes them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_columns(&mut out, &[self]);
        out
    }

    /// Decodes what [`Totals::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Totals, DecodeError> {
        let mut reader = Reader::versioned(bytes)?;
        let totals = read_columns(&mut reader, 1)?.pop().unwrap_or_default();
        reader.finish()?;
        Ok(totals)
    }
}

impl Quarters {
    /// Encodes them.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        put_quarters(&mut payload, self);
        let mut out = vec![VERSION];
        pack::pack(&mut out, &payload, pack::MANIFEST_BYTES_MAX);
        out
    }

    /// Decodes what [`Quarters::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Quarters, DecodeError> {
        pack::unpack(
            Reader::versioned(bytes)?,
            pack::MANIFEST_BYTES_MAX,
            read_quarters,
        )
    }
}

/// A bit for each quarter of the day, then the totals of those that have some.
pub(super) fn put_quarters(out: &mut Vec<u8>, quarters: &Quarters) {
    put_bitmap(
        out,
        (0..Quarters::COUNT).map(|quarter| quarters.get(quarter).is_some()),
    );
    let totals: Vec<&Totals> = quarters.iter().map(|(_, totals)| totals).collect();
    put_columns(out, &totals);
}

pub(super) fn read_quarters(reader: &mut Reader<'_>) -> Result<Quarters, DecodeError> {
    let bitmap = reader.bitmap(usize::from(Quarters::COUNT))?;
    let present: Vec<u8> = (0..Quarters::COUNT)
        .filter(|quarter| bitmap.get(usize::from(*quarter)))
        .collect();
    let totals = read_columns(reader, present.len())?;
    let fits = |(quarter, totals): (&u8, &Totals)| {
        let both = [totals.first.0, totals.last.0];
        !totals.is_empty() && both.iter().all(|time| time.quarter() == *quarter)
    };
    if !present.iter().zip(&totals).all(fits) {
        return Err(DecodeError::Corrupt("totals stand in the wrong quarter"));
    }
    Ok(Quarters::from_sorted(
        present.into_iter().zip(totals).collect(),
    ))
}

/// Appends totals by column. Empty ones have a count only.
pub(super) fn put_columns(out: &mut Vec<u8>, totals: &[&Totals]) {
    for totals in totals {
        put_varint(out, totals.count);
    }
    let totals: Vec<&Totals> = totals.iter().copied().filter(|t| !t.is_empty()).collect();
    if totals.is_empty() {
        return;
    }
    put_sums(out, &totals);
    put_values(out, &totals);
    put_times(out, &totals);
    // A single value has no spread.
    for totals in totals.iter().filter(|t| t.count > 1) {
        put_bits(out, totals.m2);
    }
}

fn put_sums(out: &mut Vec<u8>, totals: &[&Totals]) {
    put_bitmap(out, totals.iter().map(|t| matches!(t.sum, Sum::Whole(_))));
    for totals in totals {
        match totals.sum {
            Sum::Whole(sum) => put_zigzag_128(out, sum),
            Sum::Real { hi, lo } => {
                put_bits(out, hi);
                put_bits(out, lo);
            }
        }
    }
}

/// Minimum, maximum, first and last: as distances from the minimum if all are integers.
fn put_values(out: &mut Vec<u8>, totals: &[&Totals]) {
    let values = |t: &Totals| [t.min, t.max, t.first.1, t.last.1];
    if !totals.iter().all(|t| values(t).into_iter().all(is_integer)) {
        out.push(BITS);
        totals
            .iter()
            .flat_map(|t| values(t))
            .for_each(|value| put_bits(out, value));
        return;
    }
    out.push(INTEGERS);
    for totals in totals {
        let [min, others @ ..] = values(totals).map(|value| value as i64);
        put_zigzag(out, min);
        others
            .iter()
            .for_each(|other| put_varint(out, other.abs_diff(min)));
    }
}

/// Each first time as its distance from the one before, each last from its first.
fn put_times(out: &mut Vec<u8>, totals: &[&Totals]) {
    let mut before = 0;
    for totals in totals {
        let first = totals.first.0.as_millis();
        put_zigzag(out, first - before);
        put_zigzag(out, totals.last.0.as_millis() - first);
        before = first;
    }
}

/// Reads `length` totals; it is bounded by the caller.
pub(super) fn read_columns(
    reader: &mut Reader<'_>,
    length: usize,
) -> Result<Vec<Totals>, DecodeError> {
    let mut all = Vec::with_capacity(length);
    for _ in 0..length {
        let count = reader.varint()?;
        if count > COUNT_MAX {
            return Err(DecodeError::Corrupt("a count is too large"));
        }
        all.push(Totals {
            count,
            ..Totals::default()
        });
    }
    let mut some: Vec<&mut Totals> = all.iter_mut().filter(|t| !t.is_empty()).collect();
    if !some.is_empty() {
        read_sums(reader, &mut some)?;
        read_values(reader, &mut some)?;
        read_times(reader, &mut some)?;
        for totals in some.iter_mut().filter(|t| t.count > 1) {
            totals.m2 = reader.bits()?;
        }
    }
    Ok(all)
}

fn read_sums(reader: &mut Reader<'_>, all: &mut [&mut Totals]) -> Result<(), DecodeError> {
    let whole = reader.bitmap(all.len())?;
    for (place, totals) in all.iter_mut().enumerate() {
        totals.sum = if whole.get(place) {
            let sum = reader.zigzag_128()?;
            if sum.unsigned_abs() > u128::from(totals.count) << 63 {
                return Err(DecodeError::Corrupt("a sum is too large for its count"));
            }
            Sum::Whole(sum)
        } else {
            Sum::Real {
                hi: reader.bits()?,
                lo: reader.bits()?,
            }
        };
    }
    Ok(())
}

fn read_values(reader: &mut Reader<'_>, all: &mut [&mut Totals]) -> Result<(), DecodeError> {
    let mode = reader.byte()?;
    for totals in all {
        let [min, max, first, last] = match mode {
            INTEGERS => read_integers(reader)?,
            BITS => [
                reader.bits()?,
                reader.bits()?,
                reader.bits()?,
                reader.bits()?,
            ],
            _ => return Err(DecodeError::Corrupt("the form of values is unknown")),
        };
        let ordered = [max, first, last].iter().all(|v| min <= *v && *v <= max);
        if !ordered || !min.is_finite() || !max.is_finite() {
            return Err(DecodeError::Corrupt("the extremes are in disorder"));
        }
        (totals.min, totals.max) = (min, max);
        (totals.first.1, totals.last.1) = (first, last);
    }
    Ok(())
}

fn read_integers(reader: &mut Reader<'_>) -> Result<[f64; 4], DecodeError> {
    let min = reader.zigzag()?;
    let mut values = [min as f64; 4];
    for value in &mut values[1..] {
        let distance = i64::try_from(reader.varint()?).unwrap_or(i64::MAX);
        *value = min.saturating_add(distance) as f64;
    }
    if values.iter().any(|value| value.abs() > INTEGER_MAX) {
        return Err(DecodeError::Corrupt("an integer is too large"));
    }
    Ok(values)
}

fn read_times(reader: &mut Reader<'_>, all: &mut [&mut Totals]) -> Result<(), DecodeError> {
    let mut before = Timestamp::MIN;
    for totals in all {
        let first = reader.timestamp(before.as_millis())?;
        let last = reader.timestamp(first.as_millis())?;
        if last < first {
            return Err(DecodeError::Corrupt("the last event is before the first"));
        }
        (totals.first.0, totals.last.0) = (first, last);
        before = first;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-100..100_i32).prop_map(f64::from),
            1 => -1e150..1e150_f64,
            1 => any::<i64>().prop_map(|v| v as f64),
        ]
    }

    const DAY_START: i64 = 1_605_139_200_000;

    fn events() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let time = DAY_START..DAY_START + 86_400_000;
        prop_oneof![
            proptest::collection::vec((time.clone(), value()), 0..40),
            proptest::collection::vec((time, (-9..9_i32).prop_map(f64::from)), 0..40),
        ]
    }

    #[test]
    fn a_full_day_of_integers_is_small() {
        let mut quarters = Quarters::default();
        for n in 0..9_600 {
            quarters.add(at(DAY_START + n * 9_000 + n % 7), ((n * 37) % 500) as f64);
        }
        let bytes = quarters.encode();
        assert_eq!(quarters.iter().len(), 96);
        assert!(bytes.len() <= 3_000, "{}", bytes.len());
        assert!(quarters.total().encode().len() <= 40);
        assert_eq!(Quarters::decode(&bytes), Ok(quarters));
    }

    #[test]
    fn nothing_reads_back_as_nothing() {
        assert_eq!(
            Totals::decode(&Totals::default().encode()),
            Ok(Totals::default())
        );
        assert_eq!(
            Quarters::decode(&Quarters::default().encode()),
            Ok(Quarters::default())
        );
    }

    #[test]
    fn a_later_version_is_named() {
        assert_eq!(Totals::decode(&[2, 0]), Err(DecodeError::Version(2)));
        assert_eq!(Quarters::decode(&[9]), Err(DecodeError::Version(9)));
        assert_eq!(Totals::decode(&[]), Err(DecodeError::Truncated));
    }

    proptest! {
        #[test]
        fn totals_read_back(events in events()) {
            let mut totals = Totals::default();
            let mut quarters = Quarters::default();
            for (millis, value) in events {
                totals.add(at(millis), value);
                quarters.add(at(millis), value);
            }
            prop_assert_eq!(Totals::decode(&totals.encode()), Ok(totals));
            let mut payload = Vec::new();
            put_quarters(&mut payload, &quarters);
            prop_assert!(payload.len() <= 13 + QUARTER_BYTES_MAX * quarters.iter().len());
            prop_assert_eq!(Quarters::decode(&quarters.encode()), Ok(quarters));
        }

        #[test]
        fn damaged_totals_are_refused_or_read(
            events in events(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut quarters = Quarters::default();
            events.iter().for_each(|(millis, value)| quarters.add(at(*millis), *value));
            let mut bytes = vec![VERSION, 0];
            put_quarters(&mut bytes, &quarters);
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Ok(mut read) = Quarters::decode(&bytes) {
                read.merge(&quarters);
                let _ = (read.total(), read.encode());
            }
            let _ = Totals::decode(&bytes);
        }
    }
}

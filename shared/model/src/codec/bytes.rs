//! Numbers as bytes, and a reader that never reads past the end.

use super::{DecodeError, VERSION};
use crate::timestamp::Timestamp;

/// Integers up to this size are doubles without loss: 2⁵³.
pub(super) const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

pub(super) fn put_zigzag_128(out: &mut Vec<u8>, value: i128) {
    let mut rest = (value << 1 ^ value >> 127) as u128;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(super) fn put_bits(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends a bit for each item, eight to a byte, the first one lowest.
pub(super) fn put_bitmap(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
    for (place, bit) in bits.enumerate() {
        if place % 8 == 0 {
            out.push(0);
        }
        let last = out.last_mut().expect("a byte was just pushed");
        *last |= u8::from(bit) << (place % 8);
    }
}

/// Whether a value can be stored as an integer.
pub(super) fn is_integer(value: f64) -> bool {
    value.abs() <= INTEGER_MAX && value.fract() == 0.0
}

/// What is left to decode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Begins to read what starts with a version.
    pub(super) fn versioned(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Self(bytes);
        match reader.byte()? {
            VERSION => Ok(reader),
            other => Err(DecodeError::Version(other)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Refuses what is left over.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Corrupt("bytes are left over"))
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.0.split_first().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.0 {
            // Most deltas and small values fit into one byte.
            [byte, rest @ ..] if *byte < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => {
                let value = self.varint_128()?;
                u64::try_from(value).map_err(|_| DecodeError::Corrupt("a number is too large"))
            }
        }
    }

    fn varint_128(&mut self) -> Result<u128, DecodeError> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if shift > 121 && part >> (128 - shift) != 0 {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Corrupt("a number is too large"))
    }

    #[inline]
    pub(super) fn zigzag(&mut self) -> Result<i64, DecodeError> {
        let folded = self.varint()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    pub(super) fn zigzag_128(&mut self) -> Result<i128, DecodeError> {
        let folded = self.varint_128()?;
        Ok((folded >> 1) as i128 ^ -((folded & 1) as i128))
    }

    pub(super) fn bits(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    /// A number of items that have at least `bytes_each` bytes each, which bounds it.
    pub(super) fn count(&mut self, bytes_each: usize) -> Result<usize, DecodeError> {
        let count = self.number()?;
        if count > self.len() / bytes_each {
            Err(DecodeError::Truncated)
        } else {
            Ok(count)
        }
    }

    /// A varint of any smaller type.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, DecodeError> {
        T::try_from(self.varint()?).map_err(|_| DecodeError::Corrupt("a number is too large"))
    }

    pub(super) fn bitmap(&mut self, length: usize) -> Result<Bitmap<'a>, DecodeError> {
        Ok(Bitmap(self.take(length.div_ceil(8))?))
    }

    /// A timestamp, as its distance from `base`.
    pub(super) fn timestamp(&mut self, base: i64) -> Result<Timestamp, DecodeError> {
        let millis = base.wrapping_add(self.zigzag()?);
        Timestamp::from_millis(millis)
            .map_err(|_| DecodeError::Corrupt("a timestamp is out of range"))
    }
}

/// What [`put_bitmap`] wrote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bitmap<'a>(&'a [u8]);

impl Bitmap<'_> {
    pub(super) fn get(&self, place: usize) -> bool {
        self.0[place / 8] >> (place % 8) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_read_back(a: u64, b: i64, c: i128, d: f64, small in 0..300_u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, a);
            put_varint(&mut bytes, small);
            put_zigzag(&mut bytes, b);
            put_zigzag_128(&mut bytes, c);
            put_bits(&mut bytes, d);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varint(), Ok(a));
            prop_assert_eq!(reader.varint(), Ok(small));
            prop_assert_eq!(reader.zigzag(), Ok(b));
            prop_assert_eq!(reader.zigzag_128(), Ok(c));
            prop_assert_eq!(reader.bits().map(f64::to_bits), Ok(d.to_bits()));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn bits_read_back(bits in proptest::collection::vec(any::<bool>(), 0..40)) {
            let mut bytes = Vec::new();
            put_bitmap(&mut bytes, bits.iter().copied());
            let bitmap = Reader::new(&bytes).bitmap(bits.len()).expect("enough bytes");
            prop_assert!(bits.iter().enumerate().all(|(place, bit)| bitmap.get(place) == *bit));
        }
    }

    #[test]
    fn numbers_that_are_too_large_or_cut_are_refused() {
        let too_large = Err(DecodeError::Corrupt("a number is too large"));
        assert_eq!(Reader::new(&[0xff; 19]).varint(), too_large);
        let two_to_64 = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2];
        assert_eq!(Reader::new(&two_to_64).varint(), too_large);
        assert_eq!(Reader::new(&[0xff; 19]).zigzag_128().map(|_| 0), too_large);
        assert_eq!(Reader::new(&[0x80]).varint(), Err(DecodeError::Truncated));
        assert_eq!(
            Reader::new(&[200, 1, 0]).count(1),
            Err(DecodeError::Truncated)
        );
    }
}

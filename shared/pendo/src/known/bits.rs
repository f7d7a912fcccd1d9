//! Bits one after the other, and numbers in Rice's code: the high part as so many ones and a zero,
//! the low part as it is.

/// Bits to be read.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
}

/// Bits as they are written.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    free: u32,
}

impl Writer {
    /// Adds the lowest `count` bits of a number, the highest of them first.
    pub(super) fn put(&mut self, number: u64, count: u32) {
        for place in (0..count).rev() {
            self.push(number >> place & 1 == 1);
        }
    }

    /// Adds a number in Rice's code.
    pub(super) fn put_rice(&mut self, number: u64, low: u32) {
        for _ in 0..number >> low {
            self.push(true);
        }
        self.push(false);
        self.put(number, low);
    }

    /// Takes so many bytes from the front, if they are there and are not the last.
    pub(super) fn take_block(&mut self, bytes: usize) -> Option<Vec<u8>> {
        match self.bytes.len() > bytes {
            true => Some(self.bytes.drain(..bytes).collect()),
            false => None,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn push(&mut self, bit: bool) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << self.free;
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, place: 0 }
    }

    /// The next `count` bits as a number; none, if there are not as many.
    pub(super) fn take(&mut self, count: u32) -> Option<u64> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | u64::from(self.bit()?);
        }
        Some(number)
    }

    /// The next number in Rice's code.
    pub(super) fn take_rice(&mut self, low: u32) -> Option<u64> {
        let mut high = 0_u64;
        while self.bit()? {
            high += 1;
        }
        let high = high.checked_mul(1 << low)?;
        high.checked_add(self.take(low)?)
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.place / 8)?;
        let bit = byte >> (7 - self.place % 8) & 1;
        self.place += 1;
        Some(bit == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_went(
            numbers in prop::collection::vec(0_u64..10_000, 0..50),
            low in 0_u32..12,
        ) {
            let mut writer = Writer::default();
            for number in &numbers {
                writer.put_rice(*number, low);
                writer.put(*number, 14);
            }
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            for number in &numbers {
                prop_assert_eq!(reader.take_rice(low), Some(*number));
                prop_assert_eq!(reader.take(14), Some(*number));
            }
        }
    }
}

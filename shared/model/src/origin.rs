//! Where events and blocks come from: names that are never given twice.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// 96 random bits that a process draws when it starts; shown as 24 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writer([u8; 12]);

/// A text that is not 24 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a writer is 24 hexadecimal digits")]
pub struct WriterError;

impl Writer {
    /// Takes the bits.
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The bits.
    pub fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Writer {
    type Err = WriterError;

    fn from_str(text: &str) -> Result<Self, WriterError> {
        let digits = text.as_bytes();
        if digits.len() != 24 {
            return Err(WriterError);
        }
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex(pair[0])? << 4 | hex(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// Only lower case, so that a writer has one spelling.
fn hex(digit: u8) -> Result<u8, WriterError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(WriterError),
    }
}

/// Where an event came from; unique for ever. Shown as `writer.request.index`, which is the id of
/// an event that came without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The process that took the request.
    pub writer: Writer,
    /// Counts the requests of the writer.
    pub request: u64,
    /// Counts the events of the request.
    pub index: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.writer, self.request, self.index)
    }
}

/// The name of a block inside its series and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockName {
    /// The shard of the series.
    pub shard: u8,
    /// The process that wrote it.
    pub writer: Writer,
    /// Counts the writer's blocks in the series, shard and day.
    pub sequence: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_origin_is_shown_as_the_id_of_its_event() {
        let writer = Writer::from_bytes([0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
        let origin = Origin {
            writer,
            request: 7,
            index: 42,
        };
        assert_eq!(origin.to_string(), "ab0102030405060708090aff.7.42");
    }

    #[test]
    fn only_24_lower_case_digits_are_a_writer() {
        for text in [
            "",
            "ab",
            "AB0102030405060708090AFF",
            "zb0102030405060708090aff",
            "éééééééééééé",
        ] {
            assert_eq!(text.parse::<Writer>(), Err(WriterError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_writer_reads_back_from_its_text(bytes: [u8; 12]) {
            let writer = Writer::from_bytes(bytes);
            prop_assert_eq!(writer.to_string().parse(), Ok(writer));
        }
    }
}

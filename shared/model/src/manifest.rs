//! Manifests: what is known of a series and day once blocks have been folded in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::names::Names;
use crate::quarters::Quarters;
use crate::timestamp::Timestamp;
use crate::totals::Totals;

/// The manifest of a series and day: its totals, and where its events are.
///
/// It is stored in four parts ([`EncodedManifest`]), because most readers need only one or two.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// Totals by quarter of an hour.
    pub quarters: Quarters,
    /// The runs that hold the events.
    pub runs: Vec<Run>,
    /// Runs that were replaced and wait for their deletion.
    pub dead: Vec<DeadRun>,
    /// The inbox blocks that are folded in and may still be there.
    pub took: Vec<Took>,
}

impl Manifest {
    /// The totals of the whole day.
    pub fn total(&self) -> Totals {
        self.quarters.total()
    }
}

/// A manifest's parts, as they are stored. [`Totals::decode`], [`Quarters::decode`],
/// [`Manifest::decode_took`] and [`Manifest::decode_runs`] read them one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedManifest {
    /// The totals of the day.
    pub day: Vec<u8>,
    /// The totals by quarter of an hour.
    pub quarters: Vec<u8>,
    /// The blocks that were taken.
    pub took: Vec<u8>,
    /// Runs, live and dead.
    pub runs: Vec<u8>,
}

/// 64 random bits that name a run; shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u64);

/// A text that is not 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a run is named by 16 hexadecimal digits")]
pub struct RunIdError;

impl RunId {
    /// Takes the bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let legal = text.len() == 16
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let bits = legal.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        bits.map(Self).ok_or(RunIdError)
    }
}

/// Merged events of one UTC hour, cut into chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The hour of the day, 0..24.
    pub hour: u8,
    /// Its name.
    pub id: RunId,
    /// Its chunks in time order. A chunk's place is the hour, the run and its position here.
    pub chunks: Vec<ChunkRef>,
    /// How many events it holds.
    pub events: u64,
    /// When the last of its events expires; `None` if one never does.
    pub expires: Option<Timestamp>,
    /// The totals of its events.
    pub totals: Totals,
}

/// What a manifest knows of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRef {
    /// The timestamp of its first event.
    pub start: Timestamp,
    /// Its encoded size.
    pub bytes: u32,
    /// How many events it holds.
    pub events: u32,
    /// When the last of its events expires; `None` if one never does. From then on the chunk may
    /// be gone.
    pub expires: Option<Timestamp>,
}

/// A run that another one has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadRun {
    /// The hour of the day, 0..24.
    pub hour: u8,
    /// Its name.
    pub id: RunId,
    /// How many chunks it has.
    pub chunks: u32,
    /// When it was replaced.
    pub since: Timestamp,
}

/// The names of the blocks that one publish folded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Took {
    /// When it was published.
    pub at: Timestamp,
    /// The blocks.
    pub names: Names,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_16_digits() {
        let id = RunId::from_bits(0xab);
        assert_eq!(id.to_string(), "00000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "ab",
            "00000000000000AB",
            "+0000000000000ab",
            "00000000000000ab0",
        ] {
            assert_eq!(text.parse::<RunId>(), Err(RunIdError), "{text}");
        }
    }
}

//! The stored forms of blocks, chunks and manifests.
//!
//! Everything starts with a version byte. Numbers are little-endian base-128 varints, signed ones
//! folded (zigzag), and stand in columns, because neighbours in a column resemble each other; what
//! zstd makes smaller is stored so. Decoders take any bytes: they never panic, and what they
//! allocate is bounded by [`EVENTS_MAX`](events::EVENTS_MAX) and by
//! [`EVENTS_BYTES_MAX`](pack::EVENTS_BYTES_MAX), because a flipped bit must not end a process.
//!
//! A change of a format is a new version: decoders keep reading the old ones, and
//! `tests/fixtures` holds one file of each.

mod block;
mod bytes;
mod chunk;
mod events;
mod manifest;
mod optional;
mod pack;
mod totals;

use thiserror::Error;

pub use block::Block;
pub use chunk::Chunk;

/// The version that encoders write.
const VERSION: u8 = 1;

/// Why bytes cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A later version of Weir wrote them.
    #[error("format version {0} is unknown: this program reads version {VERSION}")]
    Version(u8),
    /// They end too early.
    #[error("the encoded bytes end too early")]
    Truncated,
    /// They say what cannot be.
    #[error("the encoded bytes are damaged: {0}")]
    Corrupt(&'static str),
}

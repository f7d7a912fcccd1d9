//! The name of a batch at the server.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An `Idempotency-Key`: 128 random bits, so no two batches share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn draw() -> Self {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).expect("every system that runs this has randomness");
        Self(format!("wc-{:032x}", u128::from_be_bytes(bits)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

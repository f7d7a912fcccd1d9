//! Waits between attempts: capped exponential, with full jitter.

use std::time::Duration;

use rand::RngExt as _;

const FIRST_MS: u64 = 20;
const LONGEST_MS: u64 = 1_000;

/// How long to wait next.
#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling_ms: u64,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self {
            ceiling_ms: FIRST_MS,
        }
    }

    /// Waits for a random time below a ceiling that doubles from call to call.
    pub(crate) async fn pause(&mut self) {
        let wait_ms = rand::rng().random_range(1..=self.ceiling_ms);
        self.ceiling_ms = (self.ceiling_ms * 2).min(LONGEST_MS);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

//! Marks of writes.

use rand::RngExt as _;

/// The marks that one call has drawn: a new one for every attempt. If two attempts had the same, a
/// place could come to have a mark again that it had before, and a write that arrives late would
/// take it for what it had read.
#[derive(Debug, Default)]
pub(super) struct Marks(Vec<String>);

impl Marks {
    /// Another one.
    pub(super) fn draw(&mut self) -> String {
        let mark = draw();
        self.0.push(mark.clone());
        mark
    }

    /// Whether an attempt of this call has put it there.
    pub(super) fn has(&self, mark: &str) -> bool {
        self.0.iter().any(|mine| mine == mark)
    }
}

/// Sixteen digits at random.
pub(super) fn draw() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}

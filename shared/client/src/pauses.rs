//! Waits between attempts: a random time below a ceiling that doubles, so that clients that failed
//! together come back apart.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It may pass at any moment.
    Usual,
    /// Someone must mend it.
    Slow,
}

/// The bounds of the ceiling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    pub(crate) slow: Duration,
}

/// A pause of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    /// Not before then, even if someone waits for the batch.
    pub(crate) least: Instant,
    pub(crate) until: Instant,
    /// Whether the batch is the reason, so that any number of others may go first.
    pub(crate) is_own: bool,
}

/// The pauses of one batch.
#[derive(Debug)]
pub(crate) struct Pauses {
    bounds: Bounds,
    ceiling: Duration,
}

impl Pauses {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ceiling: bounds.first,
        }
    }

    /// How long to wait next.
    pub(crate) fn next(&mut self, pace: Pace) -> Duration {
        let ceiling = match pace {
            Pace::Usual => self.ceiling,
            // Between half of it and all of it.
            Pace::Slow => return self.bounds.slow.mul_f64(0.5 + 0.5 * random_share()),
        };
        self.ceiling = (self.ceiling * 2).min(self.bounds.longest);
        ceiling.mul_f64(random_share())
    }
}

/// A random number from 0 to 1.
pub(crate) fn random_share() -> f64 {
    let mut bits = [0; 4];
    // Without randomness the whole pause is right as well.
    getrandom::fill(&mut bits).map_or(1.0, |()| {
        f64::from(u32::from_ne_bytes(bits)) / f64::from(u32::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_below_a_ceiling_that_doubles_up_to_its_bound() {
        let bounds = Bounds {
            first: Duration::from_millis(100),
            longest: Duration::from_millis(350),
            slow: Duration::from_secs(60),
        };
        for _ in 0..100 {
            let mut pauses = Pauses::new(bounds);
            for ceiling_ms in [100, 200, 350, 350] {
                assert!(pauses.next(Pace::Usual) <= Duration::from_millis(ceiling_ms));
            }
            let slow = pauses.next(Pace::Slow);
            assert!((30..=60).contains(&slow.as_secs()), "{slow:?}");
        }
    }
}

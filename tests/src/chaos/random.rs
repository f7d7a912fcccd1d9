//! What becomes of a call when dice decide.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};

use super::answers::Failure;

/// How late a call may arrive, by tokio's time.
const LATEST_MS: u64 = 60_000;

/// How many other tasks may go first.
const OVERTAKES: usize = 4;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    Goes,
    Fails(Failure),
    /// The connection is cut at once, and it takes effect after this time.
    Late(Duration),
}

pub(super) struct Dice {
    generator: StdRng,
    probability: f64,
}

impl Dice {
    pub(super) fn new(seed: u64, probability: f64) -> Self {
        let generator = StdRng::seed_from_u64(seed);
        Self {
            generator,
            probability,
        }
    }

    /// Draws a call's fate, and how many other tasks go first before and after it.
    pub(super) fn draw(&mut self) -> (Fate, (usize, usize)) {
        let overtakes = self.generator.random_range(0..=OVERTAKES);
        let overtaken = self.generator.random_range(0..=OVERTAKES);
        let fails = self.generator.random_bool(self.probability);
        let fate = if fails { self.fate() } else { Fate::Goes };
        (fate, (overtakes, overtaken))
    }

    /// How many other tasks go first between two items of a torn call.
    pub(super) fn pause(&mut self) -> usize {
        self.generator.random_range(0..=OVERTAKES)
    }

    /// In which order the items of a torn transaction become visible.
    pub(super) fn shuffle(&mut self, places: &mut [usize]) {
        places.shuffle(&mut self.generator);
    }

    fn fate(&mut self) -> Fate {
        let delay = Duration::from_millis(self.generator.random_range(0..LATEST_MS));
        let late = [Fate::Late(delay)];
        let fates: Vec<Fate> = Failure::ALL
            .map(Fate::Fails)
            .into_iter()
            .chain(late)
            .collect();
        *fates.choose(&mut self.generator).expect("there are some")
    }
}

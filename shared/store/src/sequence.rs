//! Who writes: a random name for this process, and numbers that it never gives twice.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use weir_model::{BlockName, Day, Origin, Series, Writer};

/// How many series and days a writer counts for before it takes a new name and forgets them.
/// About 200 bytes each.
const COUNTED_MAX: usize = 50_000;

/// Draws a writer's 96 random bits. They are never stored, so a restarted process is another one.
pub(crate) fn draw_writer() -> Writer {
    Writer::from_bytes(random_bytes())
}

/// Bytes from the system's random source.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random source answers");
    bytes
}

/// What tells one request from every other: the process that took it and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce {
    /// The process.
    pub writer: Writer,
    /// The request's number there.
    pub request: u64,
}

impl Nonce {
    /// Names one event of the request, by its index in the body.
    pub fn origin(self, index: u32) -> Origin {
        Origin {
            writer: self.writer,
            request: self.request,
            index,
        }
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.writer, self.request)
    }
}

impl FromStr for Nonce {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (writer, request) = text.split_once('.').ok_or(())?;
        Ok(Self {
            writer: writer.parse().map_err(|_| ())?,
            request: request.parse().map_err(|_| ())?,
        })
    }
}

/// Gives each request its nonce.
#[derive(Debug)]
pub(crate) struct Nonces {
    writer: Writer,
    next: AtomicU64,
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self {
            writer: draw_writer(),
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn draw(&self) -> Nonce {
        Nonce {
            writer: self.writer,
            request: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Names blocks. Numbers count per series, day and shard without gaps of their own making, so
/// that a manifest can name many blocks as one range.
#[derive(Debug)]
pub(crate) struct Sequencer(Mutex<Counting>);

#[derive(Debug)]
struct Counting {
    writer: Writer,
    next: HashMap<(Series, Day, u8), u64>,
}

impl Sequencer {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Counting {
            writer: draw_writer(),
            next: HashMap::new(),
        }))
    }

    pub(crate) fn name(&self, series: &Series, day: Day, shard: u8) -> BlockName {
        let mut counting = self.0.lock().expect("no panic while counting");
        if counting.next.len() >= COUNTED_MAX {
            *counting = Counting {
                writer: draw_writer(),
                next: HashMap::new(),
            };
        }
        let writer = counting.writer;
        let next = counting
            .next
            .entry((series.clone(), day, shard))
            .or_insert(0);
        let sequence = *next;
        *next += 1;
        BlockName {
            shard,
            writer,
            sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_per_series_day_and_shard() {
        let sequencer = Sequencer::new();
        let series = Series::parse("n", "m").expect("legal");
        let day = Day::from_number(1).expect("a day");
        let names: Vec<u64> = [0, 0, 1, 0]
            .map(|shard| sequencer.name(&series, day, shard).sequence)
            .into();
        assert_eq!(names, [0, 1, 0, 2]);
    }

    #[test]
    fn a_writer_that_has_counted_enough_takes_another_name() {
        let sequencer = Sequencer::new();
        let series = Series::parse("n", "m").expect("legal");
        let day = |n: usize| Day::from_number(n as u32).expect("a day");
        let first = sequencer.name(&series, day(0), 0);
        for n in 1..COUNTED_MAX {
            assert_eq!(sequencer.name(&series, day(n), 0).writer, first.writer);
        }
        let renamed = sequencer.name(&series, day(0), 0);
        assert_ne!(renamed.writer, first.writer);
        assert_eq!(renamed.sequence, 0);
    }

    #[test]
    fn a_nonce_reads_back_from_its_text() {
        let nonce = Nonces::new().draw();
        assert_eq!(nonce.to_string().parse(), Ok(nonce));
    }
}

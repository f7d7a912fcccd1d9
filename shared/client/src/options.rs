//! What can be chosen, with its defaults: those of the old service's SDK where it has one.

use std::time::Duration;

use weir_model::limits::{BODY_BYTES, EVENTS_PER_REQUEST};

use crate::buffer::{self, WhenFull};
use crate::pauses;
use crate::sender::Rules;

/// Whether bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// They are sent as they are: the least work.
    #[default]
    None,
    /// They are sent as gzip: a tenth to a third of the traffic.
    Gzip,
}

/// Numbers and choices.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) buffer_events: usize,
    pub(crate) buffer_bytes: usize,
    pub(crate) when_full: WhenFull,
    pub(crate) batch_interval: Duration,
    pub(crate) batch_events: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) batches_at_once: usize,
    pub(crate) timeout: Duration,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
    pub(crate) slow_pause: Duration,
    pub(crate) compression: Compression,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            buffer_events: 100_000,
            buffer_bytes: 64 << 20,
            when_full: WhenFull::default(),
            batch_interval: Duration::from_secs(5),
            batch_events: EVENTS_PER_REQUEST,
            batch_bytes: BODY_BYTES,
            batches_at_once: 2,
            // The server settles a doubtful commit within 20 s.
            timeout: Duration::from_secs(60),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            slow_pause: Duration::from_secs(60),
            compression: Compression::default(),
        }
    }
}

impl Options {
    /// The first one that is not possible, and what is.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let range = |name, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err((name, format!("is {value}: 1 to {most} are possible"))),
        };
        range("buffer_events", self.buffer_events, usize::MAX)?;
        range("buffer_bytes", self.buffer_bytes, usize::MAX)?;
        range("batch_events", self.batch_events, EVENTS_PER_REQUEST)?;
        range("batch_bytes", self.batch_bytes, BODY_BYTES)?;
        range("batches_at_once", self.batches_at_once, 64)?;
        match self.timeout.is_zero() {
            true => Err((
                "timeout",
                "is zero: no request could be answered".to_owned(),
            )),
            false => Ok(()),
        }
    }

    pub(crate) fn bounds(&self) -> buffer::Bounds {
        buffer::Bounds {
            events: self.buffer_events,
            bytes: self.buffer_bytes,
            when_full: self.when_full,
        }
    }

    /// A batch goes when half of the buffer is full, so that there is room while it is under way.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            interval: self.batch_interval,
            events: self.batch_events.min(self.buffer_events / 2).max(1),
            bytes: self.batch_bytes.min(self.buffer_bytes / 2).max(1),
            at_once: self.batches_at_once,
        }
    }

    pub(crate) fn pauses(&self) -> pauses::Bounds {
        pauses::Bounds {
            first: self.first_pause,
            longest: self.longest_pause.max(self.first_pause),
            slow: self.slow_pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_is_larger_than_a_request_may_be() {
        assert_eq!(Options::default().check(), Ok(()));
        let too_many = Options {
            batch_events: 10_001,
            ..Options::default()
        };
        let expected = (
            "batch_events",
            "is 10001: 1 to 10000 are possible".to_owned(),
        );
        assert_eq!(too_many.check(), Err(expected));
        let none = Options {
            buffer_events: 0,
            ..Options::default()
        };
        assert_eq!(none.check().unwrap_err().0, "buffer_events");
    }
}

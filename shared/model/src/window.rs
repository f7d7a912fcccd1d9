//! The span of time that a query asks for.

use thiserror::Error;

use crate::day::Day;
use crate::timestamp::Timestamp;

/// A span of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant.
    pub min: Timestamp,
    /// The last instant.
    pub max: Timestamp,
}

/// A span that ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the window begins at {min}, after its end at {max}")]
pub struct WindowError {
    /// Where it was to begin.
    pub min: Timestamp,
    /// Where it was to end.
    pub max: Timestamp,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window {
        min: Timestamp::MIN,
        max: Timestamp::MAX,
    };

    /// The span from `min` to `max`.
    pub fn new(min: Timestamp, max: Timestamp) -> Result<Window, WindowError> {
        if min > max {
            Err(WindowError { min, max })
        } else {
            Ok(Window { min, max })
        }
    }

    /// Whether an instant lies inside.
    pub fn contains(&self, timestamp: Timestamp) -> bool {
        self.min <= timestamp && timestamp <= self.max
    }

    /// The first and the last UTC day that it touches.
    pub fn days(&self) -> (Day, Day) {
        (self.min.day(), self.max.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_a_window() {
        let at = |millis| Timestamp::from_millis(millis).expect("in range");
        let window = Window::new(at(10), at(86_400_000)).expect("in order");
        assert!(window.contains(at(10)) && window.contains(at(86_400_000)));
        assert!(!window.contains(at(9)) && !window.contains(at(86_400_001)));
        let (first, last) = window.days();
        assert_eq!((first.number(), last.number()), (0, 1));
        assert!(Window::new(at(10), at(10)).is_ok());
    }

    #[test]
    fn a_window_that_ends_before_it_begins_names_both_ends() {
        let at = |millis| Timestamp::from_millis(millis).expect("in range");
        let error = Window::new(at(2_000), at(1_000))
            .expect_err("backwards")
            .to_string();
        assert_eq!(
            error,
            "the window begins at 1970-01-01T00:00:02Z, after its end at 1970-01-01T00:00:01Z"
        );
    }
}

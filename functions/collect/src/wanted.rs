//! Which stretch of time a run is to collect.

use weir_model::Timestamp;

/// Which stretch of time a run is to collect. The ends are instants, because Pingdom is asked by
/// the hour; a date is its midnight in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// On from the bookmark; without one, the entrypoint's default range.
    #[default]
    Resume,
    /// This range. An end that is not given is the entrypoint's.
    Range {
        /// From here.
        start: Option<Timestamp>,
        /// To here.
        end: Option<Timestamp>,
    },
}

impl Wanted {
    /// The range of a command line: without either end, on from the bookmark.
    pub fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Wanted {
        match (start, end) {
            (None, None) => Wanted::Resume,
            _ => Wanted::Range { start, end },
        }
    }
}

//! What is asked of a data set: of which records, and in what shape.

use weir_model::Timestamp;

use crate::cursor::Place;
use crate::fields::Fields;
use crate::filter::Filter;
use crate::groups::Grouping;
use crate::period::{self, Millis, Period};
use crate::refusal::Refusal;

/// A question, all of whose parts fit each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    /// The fields that have to be read of each record.
    pub(crate) fields: Fields,
    pub(crate) filter: Filter,
    pub(crate) span: Span,
    pub(crate) shape: Shape,
    pub(crate) form: Form,
    /// The ends as they were given.
    pub(crate) given: Ends,
}

/// The times of the records that are read: from the first instant to before the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Option<Millis>,
    pub(crate) end: Option<Millis>,
}

/// Both ends, each if it was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) start_at: Option<Millis>,
    pub(crate) end_at: Option<Millis>,
}

/// What the answer is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Records(Listing),
    Groups(Grouping),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
}

/// The records themselves, in an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Listing {
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
    /// Where a page goes on.
    pub(crate) after: Option<Place>,
}

/// An order of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By time and id, as they are stored.
    Time(Direction),
    /// By the field at this place.
    Field(usize, Direction),
}

impl Default for Order {
    fn default() -> Order {
        Order::Time(Direction::Ascending)
    }
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Span {
    /// The first instant that the store is asked for. It keeps none before 1970.
    pub(crate) fn first(self) -> Option<Timestamp> {
        self.start.map(stored)
    }

    /// The instant before which the store is to end.
    pub(crate) fn end(self) -> Option<Timestamp> {
        self.end.map(stored)
    }

    fn length_ms(self) -> Option<i64> {
        Some(self.end?.saturating_sub(self.start?))
    }
}

fn stored(at: Millis) -> Timestamp {
    let at = at.clamp(Timestamp::MIN.as_millis(), Timestamp::MAX.as_millis());
    Timestamp::from_millis(at).expect("it lies in the range")
}

impl Question {
    /// Checks what a data set asks for that does not allow raw queries: groups only, and spans that
    /// are too long and too even to single anybody out.
    ///
    /// # Errors
    /// 400 in Backdrop's words.
    pub(crate) fn check_is_coarse(&self) -> Result<(), Refusal> {
        let Shape::Groups(grouping) = &self.shape else {
            return Err(Refusal::bad("querying for raw data is not allowed"));
        };
        if self
            .span
            .length_ms()
            .is_some_and(|span_ms| period::whole_days(span_ms) < 7)
        {
            let message = "The minimum time span for a query is 7 days";
            return Err(Refusal::bad(message));
        }
        let kind = grouping.periods.map(|periods| periods.kind);
        check_end("start_at", self.given.start_at, kind)?;
        check_end("end_at", self.given.end_at, kind)
    }
}

fn check_end(name: &str, at: Option<Millis>, kind: Option<Period>) -> Result<(), Refusal> {
    let Some(at) = at else {
        return Ok(());
    };
    let message = match kind {
        _ if !period::is_midnight(at) => format!("{name} must be midnight"),
        Some(Period::Week) if Period::Week.start(at) != at => format!("{name} must be a monday"),
        Some(Period::Month) if Period::Month.start(at) != at => {
            format!("'{name}' must be the first of the month for period=month queries")
        }
        _ => return Ok(()),
    };
    Err(Refusal::bad(message))
}

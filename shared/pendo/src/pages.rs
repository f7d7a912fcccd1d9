//! Pages: what is asked for next, and which rows of an answer are told. Pure: nothing is asked here.
//!
//! Pendo has no cursors. A page is the first `limit` rows after a place, and the place is something
//! that the rows themselves have: an id, or a time. Ids are all different ([`ById`]). Times are not:
//! a page that is full may end among rows of one time, so the next one begins with that time again,
//! and what was told of it is passed over ([`ByTime`]).

mod by_id;
mod by_time;
mod told;

pub(crate) use by_id::ById;
pub(crate) use by_time::ByTime;
pub(crate) use told::{Fate, Print, Told};

/// What follows on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another page.
    Page,
    /// Nothing: that was the last.
    End,
    /// Nothing, if there are no more rows than came.
    EndIfAll,
}

//! Drives a source into a sink and keeps the bookmark.

use std::marker::PhantomData;

use crate::limits::Limits;
use crate::message::State;
use crate::report::Report;
use crate::sink::Sink;
use crate::source::Source;

/// What a run keeps of how far it has come.
#[derive(Debug)]
pub enum Keep<'a> {
    /// Nothing: a range that somebody asked for, or a tap.
    Nothing {
        /// Where the source resumes.
        state: Option<State>,
    },
    #[doc(hidden)]
    Never(PhantomData<&'a mut ()>),
}

/// Drives a source into a sink until the source ends, a limit is reached, or something fails.
pub async fn run<S: Source, K: Sink>(
    source: &mut S,
    sink: &mut K,
    keep: Keep<'_>,
    limits: Limits,
) -> Report {
    let _ = (source, sink, keep, limits);
    unreachable!("follows")
}

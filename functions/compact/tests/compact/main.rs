//! Compaction over an engine in memory.

mod cleaning;
mod cut_off;
mod finding;
mod folding;
mod merging;
mod support;
mod verifying;

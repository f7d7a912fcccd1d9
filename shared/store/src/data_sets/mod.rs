//! Data sets and their records.
//!
//! A data set is an item of the registry: its name, the hash of its token, its settings, and the
//! **generation** of its records, which is drawn. Records of a generation lie in four partitions,
//! the shards, by a hash of their id, so that a large set is read side by side. A record is two
//! items of one shard:
//!
//! | sort key | holds |
//! |---|---|
//! | `i<id>`, the **pointer** | where the record is, and the mark of the write that put it there |
//! | `t<time>\|<id>`, the document | the record as JSON |
//!
//! So a span of time is a range of sort keys, and an id is found without looking through times.
//! A record's pointer is its only commit point: whatever changes a record is one transaction that
//! replaces the pointer, on the condition that it is the one that was read, and moves the document
//! with it. A write that arrives late, or a second delivery of one, finds another mark and is
//! refused whole. A record that is deleted leaves its pointer behind for an hour, saying so:
//! a write that was planned before may still arrive until its signature is too old (15 minutes),
//! and must not find the place empty as it was.
//!
//! Emptying a set draws a new generation: one conditional put, whatever the set holds, after which
//! every reader sees nothing and every writer writes elsewhere. Whoever began before goes on in
//! the old generation, as if it had come first; half an hour later nobody can any more, and
//! upkeep deletes it ([`Store::sweep_records`](crate::Store::sweep_records)).
//!
//! What a reader is promised: each record that nobody writes while it reads is there exactly once.
//! One that is written meanwhile is there as it was or as it is; if the write gave it another
//! time, it may be missing or there twice, because DynamoDB's pages are no snapshot. Records of a
//! batch become visible one by one.

mod attempt;
mod change;
mod mark;
mod place;
mod read;
mod set;
mod sweep;
mod write;
mod written;

pub use change::Patched;
pub use read::{RecordReader, RecordSpan, StoredRecord};
pub use set::{DataSet, DataSetChange, Generation};
pub(crate) use written::Notes;

#[cfg(test)]
mod tests;

//! Events in DynamoDB: tables, accepting, reading, publishing, and the registry; records of data
//! sets, and how far jobs have come.
//!
//! The only crate that names the AWS SDK. It decides what is stored in which order and under which
//! condition; what an event means is `weir-model`'s, who may ask is `weir-service`'s. The design,
//! and why each wait is as long as it is, is in docs/ARCHITECTURE.md.

mod accept;
mod attribute;
mod backoff;
mod catalogue;
pub mod clock;
mod data_sets;
pub mod db;
pub mod embedded;
mod error;
mod inbox;
mod jobs;
mod keys;
mod publish;
mod read;
pub mod registry;
mod sequence;
mod store;
pub mod tables;

pub use accept::{AcceptError, Accepted, Hash, IdempotencyKey, Submission, stored_event};
pub use catalogue::{Extent, Listed, Listing, SHARDS_MAX};
pub use clock::{Clock, ManualClock, SystemClock};
pub use data_sets::{
    DataSet, DataSetChange, Generation, Patched, RecordReader, RecordSpan, StoredRecord,
};
pub use db::{Db, Deadline, Order};
pub use error::{StoreError, View};
pub use inbox::{DayInbox, Share, WaitingBlock};
pub use jobs::{
    BookmarkSizes, JobName, JobNameError, JobOutcome, JobRun, JobState, Lease, LeaseError, Leasing,
};
pub use publish::{ChunkPlace, Published, ScanPosition, Upkeep, Waiting, YearSummary, cut_chunks};
pub use read::{DayView, Detail, PublishId};
pub use sequence::Nonce;
pub use store::Store;

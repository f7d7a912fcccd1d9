//! Events, series, time, totals and their encodings.
//!
//! Everything here is pure: no clock, no randomness, no files, no network, no async. Whoever
//! reads a type of this crate may trust it: text is checked where it is parsed, and the fields
//! that could be set to nonsense are private.
//!
//! The way of an event: [`json`] reads it as an [`Event`]; the store makes it a [`StoredEvent`]
//! and puts it into a [`Block`]; the compactor folds the block's [`Quarters`] into a [`Manifest`]
//! and its events into [`Chunk`]s; a query assigns instants to buckets by [`Buckets`] and merges
//! [`Totals`].

mod aggregation;
mod buckets;
mod civil;
mod codec;
mod day;
mod event;
pub mod json;
pub mod limits;
mod manifest;
mod names;
mod origin;
mod quarters;
pub mod record;
mod schedule;
mod series;
mod text;
mod timestamp;
mod totals;
mod window;
mod zone;

pub use aggregation::{Aggregation, AggregationError};
pub use buckets::{BucketKey, Buckets, Granularity, GranularityError};
pub use codec::{Block, Chunk, DecodeError};
pub use day::Day;
pub use event::{Event, EventOrder, StoredEvent};
pub use json::{EventDefaults, FieldError, JsonError, JsonLimits};
pub use manifest::{ChunkRef, DeadRun, EncodedManifest, Manifest, Run, RunId, RunIdError, Took};
pub use names::Names;
pub use origin::{BlockName, Origin, Writer, WriterError};
pub use quarters::Quarters;
pub use record::{DataSetName, DataSetNameError, DataSetSettings, Record};
pub use schedule::{Schedule, ScheduleError};
pub use series::{Name, NameError, Series, SeriesError};
pub use timestamp::{Timestamp, TimestampError};
pub use totals::Totals;
pub use window::{Window, WindowError};
pub use zone::{Zone, ZoneError};

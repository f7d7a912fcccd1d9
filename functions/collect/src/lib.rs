//! Scheduled collectors: Google Analytics and Pingdom, configured by the query documents of
//! backdrop-collector.
//!
//! The way of a record is the way of the files: `query` reads the document that says what is
//! collected and where it goes; a source (`pingdom`, `ga`) asks the third party and gives
//! [`Row`]s; `pipeline` makes documents of them (build, map keys, compute ids, run plugins); the
//! runner of `weir-collector` delivers them. Nothing here knows how a document reaches its sink.
//!
//! Facts about the old program are those of the published `performanceplatform-collector` 0.3.1.

mod cell;
mod departments;
mod mappings;
mod options;
mod pipeline;
mod plugins;
mod query;
mod wanted;

pub use cell::Cell;
pub use options::Options;
pub use pipeline::{Pipeline, Row};
pub use plugins::{Aggregation, Plugin, PluginError};
pub use query::{Definition, Entrypoint, FileFormat, QueryError, Section, SinkChoice};
pub use wanted::Wanted;

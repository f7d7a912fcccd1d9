//! Scheduled collectors: Google Analytics, Pingdom and Pendo, configured by the query documents of
//! backdrop-collector.
//!
//! The way of a record is the way of the files: `query` reads the document that says what is
//! collected and where it goes; a source (`pingdom`, `ga`) asks the third party and gives
//! [`Row`]s; `pipeline` makes documents of them (build, map keys, compute ids, run plugins); the
//! runner of `weir-collector` delivers them to the sink that `inputs` has made. `collect` runs a job
//! under its lease and notes what has come of it; a function does that by `invocation`s, a `tap`
//! prints messages instead. Sources know nothing of sinks, leases and notes.
//!
//! Pendo is read by `weir-pendo`, whose streams have records of their own: no pipeline is between.
//!
//! Facts about the old program are those of the published `performanceplatform-collector` 0.3.1.

mod access;
mod any_source;
mod cell;
mod collect;
mod departments;
mod function;
pub mod ga;
mod inputs;
mod invocation;
mod mappings;
mod options;
mod pendo;
mod pingdom;
mod pipeline;
mod plugins;
mod query;
mod tap;
mod wanted;

pub use access::{Access, Addresses, Credential, collectors_are_disabled};
pub use any_source::{AnySource, schema};
pub use cell::Cell;
pub use collect::{Context, JobCall, Ran, run_job};
pub use function::function;
pub use inputs::{Inputs, backdrop_url, own_sink};
pub use invocation::{Collecting, Done};
pub use options::Options;
pub use pingdom::Pingdom;
pub use pipeline::{Pipeline, Row};
pub use plugins::{Aggregation, Plugin, PluginError};
pub use query::{DataSets, Definition, Entrypoint, QueryError, Section, SinkChoice};
pub use tap::{PendoTap, Tap, TapAccess, TapKind, Told};
pub use wanted::Wanted;
pub use weir_collector::sink::FileFormat;

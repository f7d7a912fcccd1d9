//! Reads Pendo: sixteen streams, as a source of records and as the catalog of a Singer tap.

mod api;
mod catalog;
mod config;
mod discover;
mod gate;
mod known;
mod names;
mod ordered;
mod pages;
mod parents;
mod pass;
mod record;
mod schema;
mod selection;
mod shape;
mod source;
mod spool;
mod state;
mod streams;
mod sync;

pub use api::{Key, KeyRenewal, Observer, Outcome, PendoAccess, base_url};
pub use catalog::catalog;
pub use config::{Config, Period};
pub use discover::{Custom, CustomField, CustomType};
pub use gate::Gate;
pub use ordered::{Broken, Gone, Ordered, Out, Sender, Spill, in_order};
pub use record::{Row, RowSeed};
pub use selection::{SelectedStream, Selection};
pub use shape::Shape;
pub use source::{Pendo, discover};
pub use spool::Spillable;
pub use streams::{EntityKind, EventTime, EventsKind, Kind, MetadataOf, StreamId};

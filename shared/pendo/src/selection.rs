//! Which streams and fields are wanted.

use std::sync::Arc;

use serde_json::Value;
use weir_collector::{Fault, Schema};

use crate::config::Config;
use crate::discover::Custom;
use crate::shape::Shape;
use crate::streams::StreamId;

/// The streams that are wanted, in the order of the catalog.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The streams.
    pub streams: Vec<SelectedStream>,
}

/// A stream that is wanted.
#[derive(Debug, Clone)]
pub struct SelectedStream {
    /// Which it is.
    pub id: StreamId,
    /// What is told of it: selected fields alone.
    pub schema: Schema,
    /// What is taken of its rows.
    pub shape: Arc<Shape>,
}

impl Selection {
    /// Reads what a catalog selects.
    ///
    /// # Errors
    /// When the catalog is not what it must be, or selects a stream that there is not, or a child
    /// without its parent.
    pub fn from_catalog(_catalog: &Value, _config: &Config) -> Result<Selection, Fault> {
        Err(Fault::new(""))
    }

    /// All fields of all streams.
    pub fn all(_config: &Config, _custom: &Custom) -> Selection {
        Selection { streams: Vec::new() }
    }

    /// Reads what a job's document wants: a list of streams, `["visitors"]`, or an object of them
    /// with their fields, `{"visitors": ["lastupdated"], "pages": true}`. `place` names it in errors.
    ///
    /// # Errors
    /// When it is neither, or names a stream or a field that there is not, or a child without its
    /// parent.
    pub fn named(
        _streams: &Value,
        _place: &str,
        _config: &Config,
        _custom: &Custom,
    ) -> Result<Selection, Fault> {
        Err(Fault::new(""))
    }

    /// Whether a stream is wanted.
    pub fn stream(&self, id: StreamId) -> Option<&SelectedStream> {
        self.streams.iter().find(|stream| stream.id == id)
    }
}

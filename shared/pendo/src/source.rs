//! The source: the wanted streams of Pendo, one unit after the other.

use weir_collector::{Output, Source, SourceError, State};

use crate::api::PendoAccess;
use crate::config::Config;
use crate::discover::Custom;
use crate::selection::Selection;

/// Reads the wanted streams of Pendo.
#[derive(Debug)]
pub struct Pendo {
    config: Config,
    selection: Selection,
    access: PendoAccess,
}

impl Pendo {
    /// Takes what is wanted. Nothing is asked yet.
    pub fn new(config: Config, selection: Selection, access: PendoAccess) -> Pendo {
        Pendo {
            config,
            selection,
            access,
        }
    }
}

impl Source for Pendo {
    async fn read(&mut self, _: Option<&State>, _: &mut Output) -> Result<(), SourceError> {
        let _ = (&self.config, &self.selection, &self.access);
        Err(SourceError::failed("not yet"))
    }
}

/// Asks Pendo for the custom fields of accounts and visitors.
///
/// # Errors
/// When Pendo does not answer, or refuses the key.
pub async fn discover(_config: &Config, _access: &PendoAccess) -> Result<Custom, SourceError> {
    Err(SourceError::failed("not yet"))
}

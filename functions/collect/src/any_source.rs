//! The source that a definition's entrypoint names.

use weir_collector::{Fault, Output, Repeats, Schema, Source, SourceError, State};

use crate::access::Access;
use crate::ga::{self, Realtime, Reports, Trending};
use crate::pendo::PendoJob;
use crate::pingdom::{self, Pingdom};
use crate::query::{Definition, Entrypoint};
use crate::wanted::Wanted;

/// The source that a definition's entrypoint names.
#[derive(Debug)]
pub enum AnySource {
    /// A check of Pingdom.
    Pingdom(Box<Pingdom>),
    /// Reports of Google Analytics.
    Ga(Box<Reports>),
    /// Pages that are seen more than before.
    GaTrending(Box<Trending>),
    /// People who are there now.
    GaRealtime(Box<Realtime>),
    /// Streams of Pendo.
    Pendo(Box<PendoJob>),
}

impl AnySource {
    /// Takes what the source needs from the definition. Nothing is asked yet.
    ///
    /// # Errors
    /// When the query or the range is not what the entrypoint takes.
    pub fn new(
        definition: &Definition,
        wanted: Wanted,
        access: Access,
    ) -> Result<AnySource, Fault> {
        Ok(match definition.entrypoint {
            Entrypoint::Pingdom => {
                Self::Pingdom(Box::new(Pingdom::new(definition, wanted, access)?))
            }
            Entrypoint::Ga => Self::Ga(Box::new(Reports::new(definition, wanted, access)?)),
            Entrypoint::GaTrending => {
                Self::GaTrending(Box::new(Trending::new(definition, wanted, access)?))
            }
            Entrypoint::GaRealtime => {
                Self::GaRealtime(Box::new(Realtime::new(definition, wanted, access)?))
            }
            Entrypoint::Pendo => Self::Pendo(Box::new(PendoJob::new(definition, wanted, access)?)),
        })
    }
}

impl AnySource {
    /// Leaves to later runs what would be read again, if the sink keeps what it has.
    #[must_use]
    pub fn into_sink(self, repeats: Repeats) -> AnySource {
        match self {
            Self::Pingdom(source) => Self::Pingdom(Box::new(source.into_sink(repeats))),
            // They read complete periods, each once.
            other => other,
        }
    }

    /// Takes a range of which nothing is over yet for an empty one, instead of an error: a tap is
    /// run again.
    #[must_use]
    pub fn may_be_early(self) -> AnySource {
        match self {
            Self::Ga(source) => Self::Ga(Box::new(source.may_be_early())),
            other => other,
        }
    }
}

impl Source for AnySource {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        match self {
            Self::Pingdom(source) => source.read(state, output).await,
            Self::Ga(source) => source.read(state, output).await,
            Self::GaTrending(source) => source.read(state, output).await,
            Self::GaRealtime(source) => source.read(state, output).await,
            Self::Pendo(source) => source.read(state, output).await,
        }
    }
}

/// What the records of a definition of one stream look like, without asking anybody.
///
/// # Errors
/// When the query is not what the entrypoint takes.
pub fn schema(definition: &Definition) -> Result<Schema, Fault> {
    if definition.entrypoint.has_streams() {
        let file = &definition.file;
        let entrypoint = definition.entrypoint;
        return Err(Fault::new(format_args!(
            "{file}: {entrypoint} has several streams, each with a schema of its own"
        )));
    }
    let of_google = ga::schema(definition)?;
    Ok(of_google.unwrap_or_else(|| pingdom::schema(definition)))
}

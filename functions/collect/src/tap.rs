//! Collectors as Singer taps: a configuration, a catalog of streams, and messages for a target.
//!
//! Each query document of the configuration is a stream, named after its data type. Without a
//! catalog all streams and fields are told; with one, those it selects. Pendo has streams of its
//! own, and the configuration of `tap-pendo`.

mod catalog;
mod config;
mod pendo;
mod selection;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use weir_collector::http::Http;
use weir_collector::{Ended, Fault, Keep, Limits, Sink, State, run};
use weir_store::Clock;

use crate::access::{Access, Addresses};
use crate::any_source::AnySource;
use crate::wanted::Wanted;
use catalog::Stream;
use config::Config;
pub use config::TapKind;
pub use pendo::PendoTap;
use selection::Selected;

/// A tap, as it is configured.
#[derive(Debug)]
pub struct Tap {
    config: Config,
    streams: Vec<Stream>,
}

/// What a tap needs of its surroundings.
#[derive(Debug, Clone)]
pub struct TapAccess {
    /// Who sends requests.
    pub http: Http,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where third parties are.
    pub addresses: Addresses,
}

/// What a tap has come to.
#[derive(Debug)]
pub struct Told {
    /// Records that the sink took.
    pub records: u64,
    /// Records that were left out.
    pub skipped: u64,
    /// How the last stream ended; complete if all did.
    pub ended: Ended,
}

impl Tap {
    /// Reads a configuration. Files that it names are beside it, unless their paths are whole.
    ///
    /// # Errors
    /// When it, or a query document of it, is not what it must be; with file and key.
    pub fn open(kind: TapKind, path: &Path) -> Result<Tap, Fault> {
        let config = Config::open(kind, path)?;
        let streams = config.definitions.iter().map(Stream::of);
        let streams: Vec<Stream> = streams.collect::<Result<_, Fault>>()?;
        for (place, stream) in streams.iter().enumerate() {
            let name = stream.name();
            if streams[..place].iter().any(|other| other.name() == name) {
                let file = path.display();
                let fault = Fault::new(format_args!(
                    "{file}: two queries are of the data type {name}"
                ));
                return Err(fault.hint("tell them apart by options.dataType"));
            }
        }
        Ok(Tap { config, streams })
    }

    /// The catalog of what there is, as `--discover` prints it.
    pub fn catalog(&self) -> Value {
        catalog::of(&self.streams)
    }

    /// Tells the sink all that is selected, on from a state. Ends with the first stream that does
    /// not come to its end.
    ///
    /// # Errors
    /// When the catalog or the state is not what it must be.
    pub async fn run<K: Sink>(
        &self,
        catalog: Option<&Value>,
        state: Option<Value>,
        access: &TapAccess,
        sink: K,
        limits: Limits,
    ) -> Result<Told, Fault> {
        let selections = catalog::select(&self.streams, catalog)?;
        let mut sink = Selected::new(sink, selections, state)?;
        let mut told = Told {
            records: 0,
            skipped: 0,
            ended: Ended::Complete,
        };
        for (stream, definition) in self.streams.iter().zip(&self.config.definitions) {
            if !sink.has(stream.name()) {
                continue;
            }
            let state = State(sink.state().clone());
            let wanted = self.wanted(stream, &state);
            let access = Access {
                http: access.http.clone(),
                clock: Arc::clone(&access.clock),
                credentials: self.config.credentials.clone(),
                address: access.addresses.of(definition.entrypoint).to_owned(),
            };
            let mut source = AnySource::new(definition, wanted, access)?.may_be_early();
            let keep = Keep::Nothing { state: Some(state) };
            // Boxed, because the futures of all sources are in it.
            let report = Box::pin(run(&mut source, &mut sink, keep, limits.clone())).await;
            told.records += report.records;
            told.skipped += report.skips.count;
            if !report.is_complete() {
                told.ended = report.ended;
                break;
            }
        }
        Ok(told)
    }

    /// On from the bookmark; without one from the configured date, where the stream has a past.
    fn wanted(&self, stream: &Stream, state: &State) -> Wanted {
        let bookmarks = state.0.get("bookmarks");
        let has_bookmark = bookmarks.and_then(|all| all.get(stream.name())).is_some();
        match self.config.start {
            Some(start) if stream.has_past() && !has_bookmark => Wanted::between(Some(start), None),
            _ => Wanted::Resume,
        }
    }
}

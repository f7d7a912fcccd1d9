//! Jobs that read Pendo: what the document says, and the source that it makes.
//!
//! `query` has the keys of the tap's configuration but the integration key, which is a secret, and
//! `streams`: which streams, and perhaps which of their fields.

mod told;

use std::sync::Arc;

use serde_json::{Map, Value};
use weir_collector::secrets::SecretText;
use weir_collector::{Fault, Output, Source, SourceError, State};
use weir_model::Timestamp;
use weir_pendo::{Config, Custom, Key, KeyRenewal, Pendo, PendoAccess, Selection, StreamId};

use crate::access::{Access, Credential, no_secret};
use crate::query::{Definition, QueryError};
use crate::wanted::Wanted;
use told::Told;

/// The key of the integration key: in a secret here, in the configuration of the tap.
pub(crate) const KEY: &str = "x_pendo_integration_key";

/// The key of the streams that are wanted.
const STREAMS: &str = "streams";

/// A job that reads Pendo.
#[derive(Debug)]
pub struct PendoJob {
    config: Config,
    streams: Option<Value>,
    /// What errors about the streams name.
    place: String,
    access: Access,
}

impl PendoJob {
    /// Takes what the source needs from the definition. Nothing is asked yet.
    ///
    /// # Errors
    /// When a key of the query is missing or has a value that is not allowed, or the range has an
    /// end.
    pub(crate) fn new(
        definition: &Definition,
        wanted: Wanted,
        access: Access,
    ) -> Result<PendoJob, Fault> {
        let query = definition.query();
        if query.get(KEY).is_some() {
            let why = "is a secret, and this document is none: take it out, and name the secret that \
                       has it in credentials";
            return Err(query.error(KEY, why).into());
        }
        let mut keys = definition.query.clone();
        keys.shift_remove(STREAMS);
        let place = format!("{}: query", definition.file);
        let mut config = Config::read(&keys, &place)?;
        if let Some(start) = start(definition, wanted)? {
            config.start_date = start;
        }
        Ok(PendoJob {
            config,
            streams: query.get(STREAMS).cloned(),
            place: format!("{place}.{STREAMS}"),
            access,
        })
    }

    async fn pendo_access(&self) -> Result<PendoAccess, SourceError> {
        let Access {
            http,
            clock,
            credentials,
            address,
        } = &self.access;
        let key = credentials.read().await.and_then(|secret| secret.text(KEY));
        let key = key.map_err(no_secret)?;
        let address = Some(address.as_str()).filter(|address| !address.is_empty());
        Ok(PendoAccess {
            http: http.clone(),
            clock: Arc::clone(clock),
            base_url: base_url(&self.config, &key, address),
            key: Key::renewing(key, renewal(credentials)),
            observer: Arc::new(Told),
        })
    }

    /// Custom fields are those of now, so what is wanted is known when Pendo was asked.
    fn selection(&self, custom: &Custom) -> Result<Selection, Fault> {
        match &self.streams {
            Some(streams) => Selection::named(streams, &self.place, &self.config, custom),
            None => Ok(Selection::all(&self.config, custom)),
        }
    }
}

impl Source for PendoJob {
    async fn read(
        &mut self,
        state: Option<&State>,
        output: &mut Output,
    ) -> Result<(), SourceError> {
        let access = self.pendo_access().await?;
        let custom = weir_pendo::discover(&self.config, &access).await?;
        let selection = self.selection(&custom)?;
        let mut pendo = Pendo::new(self.config.clone(), selection, access);
        pendo.read(state, output).await
    }
}

/// The streams that a definition names, or all. What is no stream is left to the source to refuse.
pub(crate) fn streams(definition: &Definition) -> Vec<&'static str> {
    let wanted = definition
        .query
        .get(STREAMS)
        .filter(|streams| !streams.is_null());
    let is_wanted = |id: &StreamId| match wanted {
        None => true,
        Some(Value::Object(map)) => is_told(map, id.name()),
        Some(Value::Array(names)) => names.iter().any(|name| name == id.name()),
        Some(_) => false,
    };
    StreamId::ALL
        .into_iter()
        .filter(is_wanted)
        .map(StreamId::name)
        .collect()
}

fn is_told(map: &Map<String, Value>, stream: &str) -> bool {
    map.get(stream)
        .is_some_and(|fields| *fields != Value::Bool(false))
}

/// Where Pendo is: as the configuration says, else as the surroundings say, else as the key does.
pub(crate) fn base_url(config: &Config, key: &SecretText, told: Option<&str>) -> String {
    match (&config.base_url, told) {
        (None, Some(told)) => told.to_owned(),
        _ => weir_pendo::base_url(config, key),
    }
}

/// Reads the key again, as it is now.
fn renewal(credentials: &Credential) -> KeyRenewal {
    let credentials = credentials.clone();
    Box::new(move || {
        let credentials = credentials.clone();
        Box::pin(async move {
            let secret = credentials.again().await;
            secret
                .and_then(|secret| secret.text(KEY))
                .map_err(no_secret)
        })
    })
}

/// Where a range begins. Pendo's events go on until now, and nothing else of it has an end.
fn start(definition: &Definition, wanted: Wanted) -> Result<Option<Timestamp>, QueryError> {
    match wanted {
        Wanted::Resume => Ok(None),
        Wanted::Range { start, end: None } => Ok(start),
        Wanted::Range { end: Some(_), .. } => Err(QueryError {
            file: definition.file.clone(),
            key: Some("end".to_owned()),
            why: "Pendo is read up to now, because accounts, visitors and the like have no past: \
                  give a start alone"
                .to_owned(),
        }),
    }
}

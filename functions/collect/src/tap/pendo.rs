//! Pendo as a Singer tap, with the configuration, the catalog and the state that `tap-pendo` has.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use weir_collector::secrets::SecretText;
use weir_collector::{Fault, Keep, Limits, Sink, SourceError, State, run};
use weir_pendo::{Config, Key, Observer, Pendo, PendoAccess, Selection};

use super::config::read_json;
use super::{TapAccess, Told};
use crate::pendo::base_url;

/// Pendo as a tap, as it is configured.
#[derive(Debug)]
pub struct PendoTap {
    config: Config,
    key: SecretText,
}

impl PendoTap {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When it is not there, no JSON object, or a key is missing or has a value that is not
    /// allowed; with file and key.
    pub fn open(path: &Path) -> Result<PendoTap, Fault> {
        let file = path.display().to_string();
        let value = read_json(path)?;
        let Value::Object(map) = &value else {
            let fault = Fault::new(format_args!("{file}: is no JSON object"));
            return Err(fault.hint(
                "write {\"x_pendo_integration_key\": …, \"start_date\": \"2026-01-01T00:00:00Z\", \
                 \"period\": \"dayRange\"}",
            ));
        };
        Ok(PendoTap {
            config: Config::read(map, &file)?,
            key: Config::key(map, &file)?,
        })
    }

    /// The catalog of all streams, as `--discover` prints it: Pendo is asked for custom fields.
    ///
    /// # Errors
    /// When Pendo does not take the key, or does not answer.
    pub async fn catalog(
        &self,
        access: &TapAccess,
        observer: Arc<dyn Observer>,
    ) -> Result<Value, Fault> {
        let custom = weir_pendo::discover(&self.config, &self.access(access, observer)).await;
        Ok(weir_pendo::catalog(&self.config, &custom.map_err(fault)?))
    }

    /// Tells the sink what a catalog selects, or without one everything, on from a state.
    ///
    /// # Errors
    /// When the catalog is not what it must be, or, without one, Pendo does not say which custom
    /// fields there are.
    pub async fn run<K: Sink>(
        &self,
        catalog: Option<&Value>,
        state: Option<Value>,
        access: &TapAccess,
        observer: Arc<dyn Observer>,
        mut sink: K,
        limits: Limits,
    ) -> Result<Told, Fault> {
        let access = self.access(access, observer);
        let selection = match catalog {
            Some(catalog) => Selection::from_catalog(catalog, &self.config)?,
            None => {
                let custom = weir_pendo::discover(&self.config, &access).await;
                Selection::all(&self.config, &custom.map_err(fault)?)
            }
        };
        let mut pendo = Pendo::new(self.config.clone(), selection, access);
        let state = state.map(State);
        let keep = Keep::Nothing { state };
        let report = Box::pin(run(&mut pendo, &mut sink, keep, limits)).await;
        Ok(Told {
            records: report.records,
            skipped: report.skips.count,
            ended: report.ended,
        })
    }

    fn access(&self, access: &TapAccess, observer: Arc<dyn Observer>) -> PendoAccess {
        let told = access.addresses.pendo.as_deref();
        PendoAccess {
            http: access.http.clone(),
            clock: Arc::clone(&access.clock),
            base_url: base_url(&self.config, &self.key, told),
            key: Key::new(self.key.clone()),
            observer,
        }
    }
}

fn fault(error: SourceError) -> Fault {
    match error {
        SourceError::Final(fault) | SourceError::Later { fault, .. } => fault,
        SourceError::Stopped => Fault::new(error),
    }
}

//! `weir tap`: what a third party has, as Singer messages on standard output.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use weir_collect::{Addresses, Tap, TapAccess, TapKind, Told};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::sink::LinesSink;
use weir_collector::{Ended, Limits};
use weir_store::SystemClock;

use crate::args::{TapArgs, TapSource};
use crate::failure::Failure;
use crate::output::{self, counted};

/// Prints the catalog, or the messages; fails unless everything was read.
pub(crate) async fn run(args: &TapArgs) -> Result<()> {
    let kind = match args.source {
        TapSource::Pingdom => TapKind::Pingdom,
        TapSource::Ga => TapKind::Ga,
    };
    let tap = Tap::open(kind, &args.config).map_err(Failure::from)?;
    if args.discover {
        return Ok(output::line(serde_json::to_string_pretty(&tap.catalog())?)?);
    }
    let catalog = args.catalog.as_ref().or(args.properties.as_ref());
    let catalog = catalog.map(|path| read(path)).transpose()?;
    let state = args.state.as_deref().map(read).transpose()?;
    let told = tell(&tap, catalog.as_ref(), state).await?;
    let records = counted(told.records, "record", "records");
    match told.ended {
        Ended::Complete => {
            tell_end(&records, told.skipped);
            Ok(())
        }
        Ended::Failed(fault) => Err(Failure::from(fault).into()),
        ended => Err(Failure::new(format!("{ended}, after {records}")).into()),
    }
}

/// A record that breaks a rule is no failure of a tap, but nothing to be silent about.
fn tell_end(records: &str, skipped: u64) {
    match skipped {
        0 => tracing::info!("{records}"),
        _ => tracing::warn!(skipped, "{records}, {skipped} left out"),
    }
}

/// Tells everything; on Ctrl-C and SIGTERM up to the source's next state.
async fn tell(tap: &Tap, catalog: Option<&Value>, state: Option<Value>) -> Result<Told> {
    let access = TapAccess {
        http: Http::new(HttpOptions::from_environment()?).context("cannot make requests")?,
        clock: Arc::new(SystemClock),
        addresses: Addresses::from_environment()?,
    };
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let limits = Limits::none(Arc::new(SystemClock)).stop_when(stopped);
    let running = tap.run(catalog, state, &access, LinesSink::stdout(), limits);
    // On the heap: a source and a sink in one future are large.
    let mut running = Box::pin(running);
    let told = tokio::select! {
        told = &mut running => told,
        _ = async { tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} } } => {
            stop.send_replace(true);
            running.await
        }
    };
    Ok(told.map_err(Failure::from)?)
}

fn read(path: &Path) -> Result<Value> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))
}

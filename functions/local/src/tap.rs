//! `weir tap`: what a third party has, as Singer messages on standard output.

mod progress;

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use weir_collect::{Addresses, PendoTap, Tap, TapAccess, TapKind, Told};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::sink::LinesSink;
use weir_collector::{Ended, Fault, Limits};
use weir_store::SystemClock;

use crate::args::{TapArgs, TapFiles, TapSource};
use crate::failure::Failure;
use crate::output::{self, counted};
use progress::Progress;

/// Prints the catalog, or the messages; fails unless everything was read.
pub(crate) async fn run(args: &TapArgs) -> Result<()> {
    let files = &args.files;
    match args.source {
        TapSource::Pingdom => of_queries(TapKind::Pingdom, files).await,
        TapSource::Ga => of_queries(TapKind::Ga, files).await,
        TapSource::Pendo => of_pendo(files).await,
    }
}

/// A tap whose streams are query documents.
async fn of_queries(kind: TapKind, files: &TapFiles) -> Result<()> {
    let tap = Tap::open(kind, &files.config).map_err(Failure::from)?;
    if files.discover {
        return print(&tap.catalog());
    }
    let (catalog, state) = read_both(files)?;
    let access = access()?;
    let (stop, limits) = Stop::watched()?;
    let running = tap.run(
        catalog.as_ref(),
        state,
        &access,
        LinesSink::stdout(),
        limits,
    );
    tell(stop.when_asked(Box::pin(running)).await)
}

async fn of_pendo(files: &TapFiles) -> Result<()> {
    let tap = PendoTap::open(&files.config).map_err(Failure::from)?;
    let access = access()?;
    let progress = Arc::new(Progress::new(Arc::new(SystemClock), io::stderr()));
    if files.discover {
        // How it comes along is nothing that a catalog is made of.
        let catalog = tap.catalog(&access, Arc::new(())).await;
        return print(&catalog.map_err(Failure::from)?);
    }
    let (catalog, state) = read_both(files)?;
    let (stop, limits) = Stop::watched()?;
    let observer = Arc::clone(&progress);
    let running = tap.run(
        catalog.as_ref(),
        state,
        &access,
        observer,
        LinesSink::stdout(),
        limits,
    );
    let told = stop.when_asked(Box::pin(running)).await;
    progress.end();
    tell(told)
}

fn print(catalog: &Value) -> Result<()> {
    Ok(output::line(serde_json::to_string_pretty(catalog)?)?)
}

/// The catalog and the state, as far as they are given.
fn read_both(files: &TapFiles) -> Result<(Option<Value>, Option<Value>)> {
    let catalog = files.catalog.as_ref().or(files.properties.as_ref());
    let catalog = catalog.map(|path| read(path)).transpose()?;
    let state = files.state.as_deref().map(read).transpose()?;
    Ok((catalog, state))
}

fn access() -> Result<TapAccess> {
    let http = HttpOptions::from_environment().map_err(Failure::from)?;
    Ok(TapAccess {
        http: Http::new(http).context("cannot make requests")?,
        clock: Arc::new(SystemClock),
        addresses: Addresses::from_environment().map_err(Failure::from)?,
    })
}

/// Ctrl-C and SIGTERM: a tap goes on to its source's next state, and no further.
struct Stop {
    stop: watch::Sender<bool>,
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// What listens, and the limits of a run that stops by it.
    fn watched() -> Result<(Stop, Limits)> {
        let (stop, stopped) = watch::channel(false);
        let stop = Stop {
            stop,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let limits = Limits::none(Arc::new(SystemClock)).stop_when(stopped);
        Ok((stop, limits))
    }

    /// Runs to the end, or to the next state after somebody asked to stop. The run is on the heap:
    /// a source and a sink in one future are large.
    async fn when_asked<T>(
        mut self,
        mut running: std::pin::Pin<Box<impl Future<Output = T>>>,
    ) -> T {
        tokio::select! {
            done = &mut running => return done,
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        self.stop.send_replace(true);
        running.await
    }
}

fn tell(told: Result<Told, Fault>) -> Result<()> {
    let told = told.map_err(Failure::from)?;
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

/// Reads a file of JSON that is no secret.
fn read(path: &Path) -> Result<Value> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))
}

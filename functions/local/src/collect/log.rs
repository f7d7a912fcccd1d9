//! Where `weir collect` logs: `log/collector.log`, as backdrop-collector did, in its form.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;
use weir_store::{Clock as _, SystemClock};

use crate::args::{CollectArgs, Global, LogFormat};
use crate::log::filter;

/// Beside where it is started.
const FILE: &str = "log/collector.log";

/// What is logged of itself and its libraries.
const USUAL: &str = "warn,weir=info,weir_collect=info,weir_collector=info";

/// Starts logging, once in a process: to the file, or to standard error.
pub(crate) fn start(args: &CollectArgs, global: &Global) -> Result<()> {
    let usual = level(args.loglevel.as_deref()).unwrap_or(USUAL);
    let filter = filter(global.log.as_deref(), usual)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    let json = global.log_format == LogFormat::Json;
    let started = match (args.console_logging, json) {
        (true, true) => log
            .json()
            .flatten_event(true)
            .with_writer(io::stderr)
            .try_init(),
        (true, false) => log.event_format(Line).with_writer(io::stderr).try_init(),
        (false, true) => log
            .json()
            .flatten_event(true)
            .with_writer(file()?)
            .try_init(),
        (false, false) => log.event_format(Line).with_writer(file()?).try_init(),
    };
    // In a test another one may have been first.
    drop(started);
    Ok(())
}

/// The levels of Python, which the old program took.
fn level(name: Option<&str>) -> Option<&'static str> {
    match name?.to_ascii_uppercase().as_str() {
        "DEBUG" => Some("info,weir=debug,weir_collect=debug,weir_collector=debug"),
        "INFO" => Some(USUAL),
        "WARN" | "WARNING" => Some("warn"),
        "ERROR" | "CRITICAL" | "FATAL" => Some("error"),
        _ => None,
    }
}

fn file() -> Result<Arc<File>> {
    let path = Path::new(FILE);
    let directory = path.parent().expect("the file is in a directory");
    let opened = fs::create_dir_all(directory)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(path));
    let file = opened.with_context(|| {
        format!("cannot write the log to {FILE}; --console-logging logs to standard error")
    })?;
    Ok(Arc::new(file))
}

/// `2026-11-21 18:00:00,123 [INFO] -> message`, in UTC.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "ERROR",
            tracing::Level::WARN => "WARNING",
            tracing::Level::INFO => "INFO",
            _ => "DEBUG",
        };
        write!(writer, "{} [{level}] -> ", time())?;
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

fn time() -> String {
    let now = SystemClock.now().as_millis();
    let instant = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    let (second, millis) = (instant.strftime("%Y-%m-%d %H:%M:%S"), now.rem_euclid(1000));
    format!("{second},{millis:03}")
}

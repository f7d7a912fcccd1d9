//! The log: to standard error, in the form and as much of it as the command line says.

use std::io::{self, IsTerminal as _};

use anyhow::Result;
use tracing_subscriber::EnvFilter;

use crate::args::{Global, LogFormat};
use crate::failure::Failure;

/// A server tells what it does. The libraries below it only speak up when something is wrong.
const SERVING: &str = "warn,weir=info,weir_service=info,weir_token=info,weir_track=info,\
                       weir_query=info,weir_compact=info,weir_store=info,\
                       weir_data=info,weir_collect=info,weir_collector=info";

/// A command speaks for itself. On a stack's tables what failed is in its answers, too.
const COMMAND: &str = "warn";
const ON_STACK: &str = "warn,weir_service::store_problem=off";

/// Starts logging, once in a process.
pub(crate) fn start(global: &Global, serving: bool) -> Result<()> {
    let unless_told = match (serving, global.aws) {
        (true, _) => SERVING,
        (false, false) => COMMAND,
        (false, true) => ON_STACK,
    };
    let filter = filter(global.log.as_deref(), unless_told)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match global.log_format {
        LogFormat::Text if serving => log.with_target(false).try_init(),
        LogFormat::Text => log.with_target(false).without_time().try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // In a test another one may have been first.
    drop(started);
    Ok(())
}

pub(crate) fn filter(given: Option<&str>, unless_told: &str) -> Result<EnvFilter> {
    let directives = match given {
        Some(text) if !text.trim().is_empty() => text,
        _ => unless_told,
    };
    EnvFilter::builder().parse(directives).map_err(|error| {
        let hint =
            "a level (error, warn, info, debug, trace, off) or pairs such as weir_store=debug";
        Failure::usage(format!("--log {directives:?}: {error}"))
            .hint(hint)
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_pairs() {
        for good in [
            None,
            Some(""),
            Some("info"),
            Some("off"),
            Some("warn,weir_store=debug"),
        ] {
            for unless_told in [SERVING, COMMAND, ON_STACK] {
                assert!(filter(good, unless_told).is_ok(), "{good:?}");
            }
        }
        assert!(filter(Some("weir=loud"), SERVING).is_err());
    }
}

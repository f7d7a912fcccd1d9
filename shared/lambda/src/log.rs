//! The log: one JSON object a line on standard output, which is what CloudWatch takes apart.

use std::panic::{self, PanicHookInfo};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;

/// How much is logged unless configured otherwise.
const DEFAULT: &str = "info";

/// On the finest level the runtime writes every event down, with keys and tokens.
const RUNTIME: &str = "lambda_runtime=warn";

/// How much is logged.
#[derive(Debug)]
pub(crate) struct Filter(EnvFilter);

impl Filter {
    /// Reads a level, which is Weir's own while the libraries below it only speak up when
    /// something is wrong, or a filter such as `info,weir_store=debug`. Nothing is the default.
    pub(crate) fn parse(text: &str) -> Result<Filter, String> {
        let text = if text.is_empty() { DEFAULT } else { text };
        let wanted = |error: ParseError| {
            let allowed = "error, warn, info, debug, trace, off, or pairs such as weir_store=debug";
            format!("{error}; {allowed}")
        };
        let filter = match text.parse::<LevelFilter>() {
            Ok(LevelFilter::OFF) => EnvFilter::builder().parse("off"),
            Ok(level) => EnvFilter::builder().parse(format!("warn,weir={level}")),
            Err(_) => EnvFilter::builder().parse(text),
        };
        let runtime: Directive = RUNTIME.parse().map_err(wanted)?;
        let filter = filter.map_err(wanted)?;
        Ok(Filter(match text {
            "off" => filter,
            _ => filter.add_directive(runtime),
        }))
    }
}

impl Default for Filter {
    fn default() -> Filter {
        Filter::parse(DEFAULT).expect("the default is a level")
    }
}

/// Starts logging, once in a process.
pub(crate) fn start(filter: Filter) {
    // Only a second one would be refused.
    let _ = tracing::subscriber::set_global_default(lines(filter, std::io::stdout));
    panic::set_hook(Box::new(report));
}

/// Writes what happens as lines.
pub(crate) fn lines<W>(filter: Filter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter.0)
        .with_writer(writer)
        .finish()
}

/// One line for a panic, where the standard library would write several that no query finds.
fn report(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let place = place.unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("a panic without a text");
    tracing::error!(place, "panicked at {place}: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_weirs_own() {
        let shown = |text: &str| {
            let mut parts: Vec<String> = Filter::parse(text)
                .unwrap()
                .0
                .to_string()
                .split(',')
                .map(str::to_owned)
                .collect();
            parts.sort();
            parts
        };
        assert_eq!(shown(""), ["lambda_runtime=warn", "warn", "weir=info"]);
        assert_eq!(
            shown("DEBUG"),
            ["lambda_runtime=warn", "warn", "weir=debug"]
        );
        assert_eq!(shown("off"), ["off"]);
        let trace = shown("trace,lambda_runtime=trace");
        assert_eq!(trace, ["lambda_runtime=warn", "trace"]);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let error = Filter::parse("weir=loud").unwrap_err();
        assert!(error.contains("error, warn, info"), "{error}");
    }
}

//! `weir collect`: the command line of backdrop-collector, with the same meaning.
//!
//! Four files say what is collected and where it goes; no data of this Weir is opened, and no
//! bookmark is kept. Without a range it is the collector's own.

mod log;
mod progress;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use weir_collect::{
    Access, Addresses, AnySource, Credential, Definition, SinkChoice, Wanted, backdrop_url,
    own_sink,
};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::{SecretJson, SecretText};
use weir_collector::sink::{BackdropSink, LinesSink};
use weir_collector::{AnySink, Ended, Keep, Limits, Report};
use weir_store::SystemClock;

use crate::args::CollectArgs;
use crate::failure::Failure;
use crate::output::counted;
pub(crate) use log::start as start_log;
use progress::Watched;

/// How much of what was left out is told one by one.
const SKIPS_TOLD: usize = 10;

/// Collects what the files say, and fails unless everything was delivered.
pub(crate) async fn run(args: &CollectArgs) -> Result<()> {
    let (definition, file) = read_query(args)?;
    for note in &definition.notes {
        tracing::warn!("{note}");
    }
    let wanted = Wanted::between(args.start, args.end);
    if args.disable_collectors {
        say_what_would_run(&definition, args);
        return Ok(());
    }
    let http = HttpOptions::from_environment().map_err(Failure::from)?;
    let http = Http::new(http).context("cannot make requests")?;
    let access = access(&definition, &args.credentials, http.clone())?;
    let mut source = AnySource::new(&definition, wanted, access).map_err(Failure::from)?;
    let sink = sink(&definition, args, &http, &file).await?;
    say_where(&definition);
    let mut sink = Watched::new(sink, args.start.zip(args.end), is_quiet(args));
    let report = collect(&mut source, &mut sink).await?;
    sink.finish();
    tell(&definition, &report, args)
}

fn read_query(args: &CollectArgs) -> Result<(Definition, String)> {
    if args.collector.is_some() {
        let message =
            "-l asks a service for a collector's configuration, and there is none any more";
        let hint = "save the configuration as a file, and give it with -q";
        return Err(Failure::usage(message).hint(hint).into());
    }
    let path = args.query.as_deref().context("a query is required")?;
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
    let definition =
        Definition::parse(&text, &file).map_err(|error| Failure::new(error.to_string()))?;
    Ok((definition, file))
}

fn access(definition: &Definition, credentials: &Path, http: Http) -> Result<Access> {
    let addresses = Addresses::from_environment().map_err(Failure::from)?;
    Ok(Access {
        http,
        clock: Arc::new(SystemClock),
        credentials: Credential::file(credentials),
        address: addresses.of(definition.entrypoint).to_owned(),
    })
}

/// Where the records go: what the command line says, else what the query file says.
async fn sink(
    definition: &Definition,
    args: &CollectArgs,
    http: &Http,
    file: &str,
) -> Result<AnySink> {
    if definition.entrypoint.has_streams() {
        refuse_data_set(definition, args)?;
    }
    let url = match (&args.backdrop, &definition.sink) {
        (Some(backdrop), _) => {
            backdrop_url(&SecretJson::from_file(backdrop)?).map_err(Failure::from)?
        }
        (None, SinkChoice::Backdrop { url: Some(url) }) => url.clone(),
        (None, SinkChoice::Files { .. }) if args.dry_run => {
            return Ok(AnySink::Stdout(LinesSink::stdout()));
        }
        (None, SinkChoice::Files { .. } | SinkChoice::Stdout) => {
            let aws = weir_aws::of_user().await;
            return own_sink(definition, Some(&aws)).map_err(|fault| Failure::from(fault).into());
        }
        (None, SinkChoice::Backdrop { url: None } | SinkChoice::DataSet) => {
            let hint = "give it with -b BACKDROP.json, {\"url\": \"https://weir.example/data\"}, and \
                        -t TOKEN.json; or name another \"sink\" in the query file";
            let message = format!("{file} does not say where Backdrop is");
            return Err(Failure::usage(message).hint(hint).into());
        }
    };
    let sink = backdrop(definition, args, http, &url)?;
    let chunk_size = definition.options.chunk_size;
    Ok(AnySink::Backdrop(match chunk_size {
        Some(records) => sink.chunk_size(records),
        None => sink,
    }))
}

/// Several streams do not fit into the one data set of the old command line.
fn refuse_data_set(definition: &Definition, args: &CollectArgs) -> Result<()> {
    let is_data_set = args.backdrop.is_some() || definition.sink.needs_data_set();
    if !is_data_set {
        return Ok(());
    }
    let entrypoint = definition.entrypoint;
    let message = format!("{entrypoint} has several streams, and a Backdrop is one data set");
    let hint = "leave -b out, and name another \"sink\" in the query file: files or stdout; a job \
                delivers to data sets here: weir jobs run";
    Err(Failure::usage(message).hint(hint).into())
}

fn backdrop(
    definition: &Definition,
    args: &CollectArgs,
    http: &Http,
    url: &str,
) -> Result<BackdropSink> {
    let name = definition.data_set().ok_or_else(|| {
        let file = &definition.file;
        Failure::new(format!("{file}: data-set: is missing"))
            .hint("add {\"data-set\": {\"data-group\": …, \"data-type\": …}}")
    })?;
    let url = format!(
        "{}/{}/{}",
        url.trim_end_matches('/'),
        name.group(),
        name.data_type()
    );
    let made = match args.dry_run {
        true => BackdropSink::dry_run(&url, std::io::stdout()),
        false => BackdropSink::new(&url, token(args)?, http.clone()),
    };
    made.map_err(|fault| Failure::from(fault).into())
}

fn token(args: &CollectArgs) -> Result<SecretText> {
    let file = args.token.as_deref().ok_or_else(|| {
        Failure::usage("the data set's token is missing").hint("give it with -t TOKEN.json")
    })?;
    Ok(SecretJson::from_file(file)?.text("token")?)
}

/// Runs to the end, or, on Ctrl-C and SIGTERM, to the source's next state.
async fn collect(source: &mut AnySource, sink: &mut Watched<AnySink>) -> Result<Report> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let limits = Limits::none(Arc::new(SystemClock)).stop_when(stopped);
    let running = weir_collector::run(source, sink, Keep::Nothing { state: None }, limits);
    // On the heap: a source and a sink in one future are large.
    let mut running = Box::pin(running);
    tokio::select! {
        report = &mut running => return Ok(report),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    Ok(running.await)
}

/// Whether to leave the terminal alone.
fn is_quiet(args: &CollectArgs) -> bool {
    args.console_logging || args.dry_run
}

fn say_where(definition: &Definition) {
    match definition.data_set() {
        Some(name) => tracing::info!("running collection into {name}"),
        None => tracing::info!("running collection of {}", definition.data_type()),
    }
}

fn say_what_would_run(definition: &Definition, args: &CollectArgs) {
    let entrypoint = definition.entrypoint;
    let time = |time: Option<weir_model::Timestamp>| time.map(|time| time.to_string());
    let (start, end) = (time(args.start), time(args.end));
    let query = serde_json::Value::Object(definition.query.clone());
    tracing::info!(
        "collectors are disabled: {entrypoint} was not run, with start {start:?}, end {end:?}, query \
         {query}"
    );
}

fn tell(definition: &Definition, report: &Report, args: &CollectArgs) -> Result<()> {
    for skip in report.skips.first.iter().take(SKIPS_TOLD) {
        tracing::warn!("left out {}: {}", skip.what, skip.why);
    }
    let records = counted(report.records, "record", "records");
    let data_type = definition.data_type();
    let done = if args.dry_run { "shown" } else { "delivered" };
    match &report.ended {
        Ended::Complete => {
            let left_out = report.skips.count;
            let delivered = format!("{records} of {data_type} {done}");
            tracing::info!("{delivered}, {left_out} left out");
            match left_out {
                0 => Ok(()),
                count => Err(Failure::left_out(&delivered, count).into()),
            }
        }
        ended => {
            let left_out = report.skips.count;
            tracing::error!("{ended}; {records} of {data_type} {done}, {left_out} left out");
            Err(failure(ended, &format!("{records} {done}"), args.dry_run).into())
        }
    }
}

fn failure(ended: &Ended, done: &str, is_dry_run: bool) -> Failure {
    let again = match is_dry_run {
        true => "run it again",
        false => "what was delivered is there; run it again, and it replaces that",
    };
    match ended {
        Ended::Failed(fault) => fault.clone().into(),
        Ended::Later { fault, after } => {
            let failure = Failure::new(format!("{} ({done})", fault.message));
            match after {
                Some(after) => failure.hint(format!("try again in {} s", after.as_secs())),
                None => failure.hint(fault.hint.clone().unwrap_or_else(|| again.to_owned())),
            }
        }
        _ => Failure::new(format!("stopped before the end ({done})")).hint(again),
    }
}

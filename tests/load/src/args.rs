//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};

use crate::server::{Own, Source};
use crate::target::Target;

/// Measures Weir: puts load on it and says how it did, as tables or as JSON.
///
/// Each case gets a server and data of its own, on the loopback address, and both are gone when it
/// is over. With --server the load goes to one that runs already, and stays there.
#[derive(Debug, Parser)]
#[command(version, about, long_about)]
pub(crate) struct Args {
    /// What to measure; may be given several times.
    #[arg(long = "case", value_enum, default_values_t = Case::USUAL)]
    pub(crate) cases: Vec<Case>,

    /// A slice of every case that is over within about a minute: it shows that all of them work,
    /// and gives figures that are no more than a hint.
    #[arg(long)]
    pub(crate) short: bool,

    /// Prints JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,

    /// The program that is measured; by default the `weir` beside this one.
    #[arg(long, value_name = "FILE")]
    weir: Option<PathBuf>,

    /// Where the data of measured servers goes; it should be a disk.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    scratch: PathBuf,

    /// A server that runs already.
    #[arg(
        long,
        value_name = "URL",
        requires = "client_id",
        conflicts_with = "weir"
    )]
    server: Option<String>,

    /// The client's id there.
    #[arg(long, env = "WEIR_CLIENT_ID", requires = "client_secret")]
    client_id: Option<String>,

    /// The client's secret there.
    #[arg(long, env = "WEIR_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<String>,

    /// A write key there, with the label `load` and no namespace.
    #[arg(
        long,
        env = "WEIR_WRITE_KEY",
        hide_env_values = true,
        requires = "server"
    )]
    write_key: Option<String>,

    /// Its process, if it is on this machine; its memory is shown then.
    #[arg(long, value_name = "PID", requires = "server")]
    server_pid: Option<u32>,

    /// How long each case of requests lasts, in seconds.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,

    /// Single requests under way at once.
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: usize,

    /// Batches under way at once.
    #[arg(long, default_value_t = 4)]
    pub(crate) batch_connections: usize,

    /// Events of the year that is queried; given twice, the figures of both are compared.
    #[arg(long, default_values_t = [1_000_000])]
    pub(crate) events: Vec<u64>,

    /// Events that the client crate reports.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) client_events: u64,

    /// Records of the data set that is queried.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) records: u64,

    /// Records that a collector's run delivers.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) collected: u64,

    /// Records of all streams that the tap of Pendo tells.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) pendo_records: usize,

    /// Visitors whose history the tap of Pendo tells, from answers that are late.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) pendo_visitors: usize,

    /// Events of the day that comes in one by one.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) day_events: u64,

    /// Blocks that wait in the inbox when the year and the day are asked once more; 0: none.
    #[arg(long, default_value_t = 5_000)]
    pub(crate) waiting: u64,

    /// With --server: waits for so many minutes for the year to be compacted, and asks again. Our
    /// own servers get the same year with the time between told by us.
    #[arg(long, value_name = "MINUTES", requires = "server")]
    wait_compacted: Option<u64>,

    /// The namespace of the queried year; one that is there already is not loaded again.
    #[arg(long, default_value = "load-year")]
    pub(crate) year_namespace: String,

    /// How long the mixed load lasts.
    #[arg(long, default_value_t = 15)]
    pub(crate) minutes: u32,

    /// Single events a second of the mixed load.
    #[arg(long, default_value_t = 1_000.0)]
    pub(crate) singles_per_second: f64,

    /// Batches of 500 a second of the mixed load.
    #[arg(long, default_value_t = 20.0)]
    pub(crate) batches_per_second: f64,

    /// Queries a second of the mixed load.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) queries_per_second: f64,

    /// How many times what the server can do an overload offers.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) overload: f64,

    /// Connections of an overload by single events.
    #[arg(long, default_value_t = 3_000)]
    pub(crate) overload_connections: usize,

    /// Connections of an overload by batches.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) overload_batch_connections: usize,

    /// What built the programs, for the description of the machine.
    #[arg(long, value_name = "TEXT")]
    pub(crate) built_with: Option<String>,
}

/// A case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// One event per request.
    Singles,
    /// One event per request, each with an idempotency key.
    Keys,
    /// One event per request, each with an id.
    Ids,
    /// One event per request, over 32 series.
    Spread,
    /// 500 events per request in one series, in time order.
    Batches,
    /// 500 events per request, each with an id.
    BatchIds,
    /// 100 events per request, each with an id.
    SmallBatchIds,
    /// 500 events per request, in the order of the flights file.
    Flights,
    /// 100 events per request by Alooma's door, each with its id.
    Alooma,
    /// The same without ids.
    AloomaPlain,
    /// 100 events per request by Segment's door, each with its id.
    Segment,
    /// The same without ids.
    SegmentPlain,
    /// The client crate: reports by one thread, and their delivery.
    Client,
    /// Records stored in a data set, and questions about them.
    DataSet,
    /// A collector's run: a source of this program's own, the runner, files and a data set.
    Collect,
    /// The tap of Pendo as a process: all streams, and histories whose answers are late.
    Pendo,
    /// Queries over a year of events in one series: just loaded, compacted, with blocks waiting.
    Year,
    /// Queries over a day that came in one by one: the same.
    Day,
    /// Writers and readers together, below what the server can do.
    Mixed,
    /// Far more single events than the server can do.
    Overload,
    /// Far more batches than the server can do.
    OverloadBatches,
    /// From the start of the process to its first answer.
    Start,
    /// Read and write units per event, and what they cost.
    Units,
}

impl Case {
    /// All but the one that takes a quarter of an hour.
    const USUAL: [Self; 22] = [
        Self::Singles,
        Self::Keys,
        Self::Ids,
        Self::Spread,
        Self::Batches,
        Self::BatchIds,
        Self::SmallBatchIds,
        Self::Flights,
        Self::Alooma,
        Self::AloomaPlain,
        Self::Segment,
        Self::SegmentPlain,
        Self::Client,
        Self::DataSet,
        Self::Collect,
        Self::Pendo,
        Self::Year,
        Self::Day,
        Self::Overload,
        Self::OverloadBatches,
        Self::Start,
        Self::Units,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Args {
    /// Makes everything small if a short slice is wanted.
    pub(crate) fn settle(mut self) -> Self {
        if self.short {
            self.seconds = self.seconds.min(1);
            self.events.iter_mut().for_each(|n| *n = (*n).min(50_000));
            self.client_events = self.client_events.min(100_000);
            self.records = self.records.min(10_000);
            self.collected = self.collected.min(100_000);
            self.pendo_records = self.pendo_records.min(20_000);
            self.pendo_visitors = self.pendo_visitors.min(50);
            self.day_events = self.day_events.min(2_000);
            self.waiting = self.waiting.min(1_000);
            self.overload_connections = self.overload_connections.min(1_000);
        }
        self
    }

    /// How long to wait for compaction where it cannot be had sooner.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.wait_compacted
            .map(|minutes| Duration::from_secs(60 * minutes))
    }

    /// Where servers come from.
    pub(crate) async fn source(&self) -> Result<Source> {
        let Some(server) = &self.server else {
            return Ok(Source::Own(self.own()?));
        };
        let id = self.client_id.as_deref().unwrap_or_default();
        let secret = self.client_secret.as_deref().unwrap_or_default();
        Ok(Source::Running {
            target: Target::connect(server, id, secret).await?,
            pid: self.server_pid,
            write_key: self.write_key.as_deref().map(Into::into),
        })
    }

    fn own(&self) -> Result<Own> {
        let weir = match &self.weir {
            Some(weir) => weir.clone(),
            None => std::env::current_exe()?.with_file_name("weir"),
        };
        ensure!(
            weir.is_file(),
            "there is no {}: build it, or name it by --weir",
            weir.display()
        );
        let scratch = self.scratch.canonicalize();
        Ok(Own {
            weir,
            scratch: scratch.with_context(|| format!("no {}", self.scratch.display()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_runs_already_needs_credentials_and_is_not_ours() {
        let parse = |line: &str| Args::try_parse_from(line.split(' '));
        assert!(parse("weir-load --server http://x --client-id a --client-secret b").is_ok());
        assert!(parse("weir-load --server http://x --client-id a --weir w").is_err());
        assert!(parse("weir-load --wait-compacted 3").is_err());
    }

    #[test]
    fn a_short_slice_has_every_usual_case_in_small() {
        let args = Args::parse_from(["weir-load", "--short"]).settle();
        assert_eq!(args.cases, Case::USUAL);
        assert!(args.seconds <= 1 && args.events.iter().sum::<u64>() <= 50_000);
    }
}

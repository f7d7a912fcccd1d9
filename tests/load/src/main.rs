//! Puts load on a running Weir and says how it did: a table, or JSON.
//!
//! Load is bounded in count and time, and goes to one address, by default this machine's.

mod figures;
mod ingest;
mod target;
mod year;

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use figures::Figures;
use target::Target;

/// Load for a running Weir.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// The server's address.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The client's id.
    #[arg(long, env = "WEIR_CLIENT_ID")]
    client_id: String,
    /// The client's secret.
    #[arg(long, env = "WEIR_CLIENT_SECRET", hide_env_values = true)]
    client_secret: String,
    /// What to measure; may be given several times.
    #[arg(long = "case", value_enum, default_values_t = [Case::Singles, Case::Keys, Case::Ids, Case::Spread, Case::Batches, Case::Year])]
    cases: Vec<Case>,
    /// Requests under way at once.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long each case of requests lasts, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Events of the year that is queried.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// The namespace of the queried year; one that is there already is not loaded again.
    #[arg(long, default_value = "load-year")]
    year_namespace: String,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Case {
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
    /// Queries over a year of events in one series.
    Year,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let target = Target::connect(&args.server, &args.client_id, &args.client_secret).await?;
    let mut figures = Figures::default();
    for case in &args.cases {
        let lasting = Duration::from_secs(args.seconds);
        match case {
            Case::Year => {
                let year = year::Year {
                    namespace: &args.year_namespace,
                    events: args.events,
                };
                year.measure(&target, &mut figures).await?;
            }
            _ => figures.push(ingest::run(&target, *case, args.connections, lasting).await?),
        }
    }
    figures.print(args.json);
    Ok(())
}

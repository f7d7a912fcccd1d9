//! Measures functions from the start of their process to the answer to their first event, which
//! waits for them, against an emulated Lambda and a DynamoDB in this process's memory.
//!
//! What is not in it: Lambda's own part (fetching the code, starting a micro-VM), the network,
//! TLS. All are measured in turn, so that what else the machine does meets all alike.

mod figures;
mod place;

use std::path::PathBuf;

use clap::Parser;

use figures::Figures;
use place::{Place, Subject};

#[derive(Debug, Parser)]
struct Options {
    /// How often each function is started.
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Where weir-track and weir-empty are.
    #[arg(long)]
    programs: PathBuf,
    /// A Python that can import boto3.
    #[arg(long)]
    python: PathBuf,
    /// The function for it.
    #[arg(long)]
    script: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let place = Place::start().await?;
    let subjects = [
        Subject::program("empty", &options.programs.join("weir-empty")),
        Subject::program("track", &options.programs.join("weir-track")),
        Subject::script("python with boto3", &options.python, &options.script),
    ];
    let mut figures: Vec<_> = subjects.iter().map(Figures::of).collect();
    // The first round only warms the machine's caches.
    for round in 0..=options.rounds {
        for (subject, figures) in subjects.iter().zip(&mut figures) {
            let taken = place.run(subject, round).await?;
            if round > 0 {
                figures.add(taken);
            }
        }
    }
    place.check(options.rounds + 1).await?;
    println!("{}", figures::table(&figures));
    Ok(())
}

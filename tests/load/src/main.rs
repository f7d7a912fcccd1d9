//! Measures Weir and says how it did: a table, or JSON.
//!
//! Load is bounded in count and time, and goes to one address, by default to servers of our own on
//! this machine. `args` says what can be asked for; each case has its file; `report` shows what
//! they found.

mod args;
mod client;
mod collecting;
mod connection;
mod data_set;
mod day;
mod doors;
mod figures;
mod flights;
mod ingest;
mod machine;
mod mixed;
mod overload;
mod pendo;
mod question;
mod report;
mod server;
mod start;
mod target;
mod timeline;
mod units;
#[cfg(test)]
mod world;
mod year;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use args::{Args, Case};
use day::Singles;
use doors::{Dialect, Door, Ids};
use figures::Figure;
use flights::Flights;
use ingest::Kind;
use machine::Machine;
use mixed::Mixed;
use overload::{Of, Overload};
use report::{Form, Report, Section};
use server::{Server, Source};
use units::Size;
use year::Year;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse().settle();
    let form = if args.json { Form::Json } else { Form::Table };
    let mut report = Report::new(Machine::this(args.built_with.clone()), form);
    let source = args.source().await?;
    let mut stored = Vec::new();
    for &case in &args.cases {
        eprintln!("measuring {}", case.name());
        let measured = match storing(case, &args, &source).await {
            Some(figure) => figure.map(|figure| stored.push(figure)),
            None => {
                show(&mut stored, &mut report);
                measure(case, &args, &source, &mut report).await
            }
        };
        // What the others have found is not lost.
        if let Err(cause) = measured {
            report.fail(format!("{}: {cause:#}", case.name()));
        }
    }
    show(&mut stored, &mut report);
    Ok(match report.finish() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Shows the cases of stored events that came one after the other as one table.
fn show(stored: &mut Vec<Figure>, report: &mut Report) {
    if !stored.is_empty() {
        let figures = std::mem::take(stored);
        report.push(Section::of("Storing events", Vec::new(), &figures));
    }
}

/// Measures a case that only stores events; nothing if it is another.
async fn storing(case: Case, args: &Args, source: &Source) -> Option<Result<Figure>> {
    let (few, many) = (args.batch_connections, args.connections);
    let lasting = Duration::from_secs(args.seconds);
    let door = async |dialect, ids| {
        let server = source.fresh().await?;
        let key = source.write_key(&server).await?;
        let door = Door { dialect, ids, key };
        enter(server, door, many, lasting).await
    };
    let (kind, connections) = match case {
        Case::Singles => (Kind::Singles, many),
        Case::Keys => (Kind::Keys, many),
        Case::Ids => (Kind::Ids, many),
        Case::Spread => (Kind::Spread, many),
        Case::Batches => (Kind::Batches, few),
        Case::BatchIds => (Kind::BatchIds, few),
        Case::SmallBatchIds => (Kind::SmallBatchIds, few),
        Case::Flights => match Flights::read() {
            Ok(flights) => (Kind::Flights(Arc::new(flights)), few),
            Err(cause) => return Some(Err(cause)),
        },
        Case::Alooma => return Some(door(Dialect::Alooma, Ids::Each).await),
        Case::AloomaPlain => return Some(door(Dialect::Alooma, Ids::None).await),
        Case::Segment => return Some(door(Dialect::Segment, Ids::Each).await),
        Case::SegmentPlain => return Some(door(Dialect::Segment, Ids::None).await),
        _ => return None,
    };
    Some(store(source, &kind, connections, lasting).await)
}

/// Stores events by a door, and counts them: doors say yes to what they refuse, too.
async fn enter(
    server: Server,
    door: Door,
    connections: usize,
    lasting: Duration,
) -> Result<Figure> {
    let series = (doors::LABEL, door.event());
    let before = question::count(&server.target, series).await?;
    let kind = Kind::Door(door);
    let figure = ingest::run_for(&server.target, &kind, connections, lasting).await?;
    let sent = before + figure.requests * doors::BATCH;
    question::expect(&server.target, series, sent).await?;
    finish(server, figure).await
}

async fn store(
    source: &Source,
    kind: &Kind,
    connections: usize,
    lasting: Duration,
) -> Result<Figure> {
    let server = source.fresh().await?;
    let figure = ingest::run_for(&server.target, kind, connections, lasting).await?;
    finish(server, figure).await
}

/// Stops a server, and notes how much memory it held.
async fn finish(server: Server, figure: Figure) -> Result<Figure> {
    let server_mb = server.memory().map(|memory| memory.most_mb);
    server.stop().await?;
    Ok(Figure {
        server_mb,
        ..figure
    })
}

async fn measure(case: Case, args: &Args, source: &Source, report: &mut Report) -> Result<()> {
    let lasting = Duration::from_secs(args.seconds);
    let events = args.events.first().copied().unwrap_or_default();
    match case {
        Case::Client => client::measure(args.client_events, source, report).await,
        Case::DataSet => data_set::measure(args.records, source, report).await,
        Case::Collect => collecting::measure(args.collected, source, report).await,
        Case::Pendo => {
            let (records, visitors) = (args.pendo_records, args.pendo_visitors);
            pendo::measure(records, visitors, source, report).await
        }
        Case::Year => years(args, source, report).await,
        Case::Day => {
            let singles = Singles {
                events: args.day_events,
                waiting: args.waiting,
                connections: args.connections,
            };
            singles.measure(source, report).await
        }
        Case::Mixed => {
            let mixed = Mixed {
                minutes: args.minutes,
                singles_per_second: args.singles_per_second,
                batches_per_second: args.batches_per_second,
                queries_per_second: args.queries_per_second,
                events,
            };
            mixed.measure(source, report).await
        }
        Case::Overload => {
            let overload = Overload {
                of: Of::Singles,
                factor: args.overload,
                lasting,
                connections: args.overload_connections,
            };
            overload.measure(source, report).await
        }
        Case::OverloadBatches => {
            let overload = Overload {
                of: Of::Batches,
                factor: args.overload,
                lasting,
                connections: args.overload_batch_connections,
            };
            overload.measure(source, report).await
        }
        Case::Start => {
            let own = source
                .own()
                .context("a server that runs already does not start")?;
            start::measure(own, events, report).await
        }
        Case::Units => {
            let size = if args.short { Size::Short } else { Size::Full };
            units::measure(size, report).await
        }
        // Their figures stand together in one table.
        Case::Singles
        | Case::Keys
        | Case::Ids
        | Case::Spread
        | Case::Batches
        | Case::BatchIds
        | Case::SmallBatchIds
        | Case::Flights
        | Case::Alooma
        | Case::AloomaPlain
        | Case::Segment
        | Case::SegmentPlain => Ok(()),
    }
}

/// A year of each size, and how the largest compares with the smallest.
async fn years(args: &Args, source: &Source, report: &mut Report) -> Result<()> {
    let mut compacted = Vec::new();
    for &events in &args.events {
        let year = Year {
            namespace: &args.year_namespace,
            events,
            waiting: args.waiting,
            wait: args.wait(),
        };
        let figures = year.measure(source, report).await?;
        compacted.extend(figures.map(|figures| (events, figures)));
    }
    if let [fewer, .., more] = compacted.as_slice() {
        report.push(year::compare(fewer, more)?);
    }
    Ok(())
}

//! How long a server takes from the start of its process to its first answer.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Request;
use http::header::HOST;
use serde::Serialize;

use crate::connection::Connection;
use crate::figures::Times;
use crate::report::{Report, Row, Section};
use crate::server::{Own, stop};
use crate::year;

/// Starts of each kind.
const STARTS: usize = 20;

/// How long to wait for the first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts of one kind.
#[derive(Debug, Serialize)]
struct Starts {
    case: String,
    starts: u64,
    median_ms: f64,
    worst_ms: f64,
}

impl Row for Starts {
    const COLUMNS: &[&str] = &["case", "starts", "median ms", "worst ms"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            self.starts.to_string(),
            format!("{:.1}", self.median_ms),
            format!("{:.1}", self.worst_ms),
        ]
    }
}

/// Measures starts on new data, and on those of a compacted year.
pub(crate) async fn measure(own: &Own, events: u64, report: &mut Report) -> Result<()> {
    let mut new = Times::default();
    for _ in 0..STARTS {
        let data = own.directory()?;
        new.record(start(own, data.path()).await?);
    }
    let mut existing = Times::default();
    let data = year::prepare(own, "load-start", events).await?;
    for _ in 0..STARTS {
        existing.record(start(own, data.path()).await?);
    }
    let rows = [
        sum_up("on a new directory".to_owned(), &new),
        sum_up(format!("on a year of {events} events"), &existing),
    ];
    let notes = vec!["from the start of the process to the answer of /healthz".to_owned()];
    report.push(Section::of("Start to first answer", notes, &rows));
    Ok(())
}

fn sum_up(case: String, times: &Times) -> Starts {
    Starts {
        case,
        starts: times.count(),
        median_ms: times.quantile_ms(0.5),
        worst_ms: times.quantile_ms(1.0),
    }
}

async fn start(own: &Own, data: &Path) -> Result<Duration> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut connection = Connection::new(&address);
    let began = Instant::now();
    let process = own.spawn(data, &address)?;
    loop {
        let request = Request::get("/healthz").header(HOST, &address);
        let request = request.body(Bytes::new().into())?;
        match connection.send(request).await {
            Ok(answer) if answer.status.is_success() => break,
            // It does not listen yet.
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
        ensure!(began.elapsed() < PATIENCE, "there is no answer");
    }
    let took = began.elapsed();
    stop(process).await?;
    Ok(took)
}

/// A port that was free a moment ago, so that it is known before the server tells.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

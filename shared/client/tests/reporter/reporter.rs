//! A program that reports numbers until it is killed, or until it has reported so many and all of
//! them are delivered. It prints each number with the time once it is reported.

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;
use weir_client::blocking::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, server, spool, first, count] = args.as_slice() else {
        return Err("usage: weir-client-reporter SERVER SPOOL FIRST COUNT".into());
    };
    let (first, count): (u64, u64) = (first.parse()?, count.parse()?);
    let client = Client::builder()
        .server(server)
        .write_key("a-write-key")
        .label("crash")
        .batch_interval(Duration::from_millis(50))
        .batch_events(40)
        .pauses(Duration::from_millis(5), Duration::from_millis(50))
        .spool(spool)
        .on_notice(|notice| eprintln!("{}: {}", notice.code, notice.text))
        .build()?;
    let started = Instant::now();
    let mut out = std::io::stdout().lock();
    for number in first..first + count {
        client.report(json!({"n": number}))?;
        writeln!(out, "{number} {}", started.elapsed().as_micros())?;
        out.flush()?;
        std::thread::sleep(Duration::from_micros(500));
    }
    let left = client.close(Duration::from_secs(60));
    match left.lost + left.spooled {
        0 => Ok(()),
        _ => Err(format!("{left:?}").into()),
    }
}

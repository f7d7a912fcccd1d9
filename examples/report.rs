//! Reports a few events to a Weir:
//!
//! ```text
//! cargo run -p weir-client --example report -- http://127.0.0.1:8080 CLIENT_ID CLIENT_SECRET
//! cargo run -p weir-client --example report -- http://127.0.0.1:8080 WRITE_KEY
//! ```

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use weir_client::{Report, Trigger, blocking::Client};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let builder = match args.as_slice() {
        [server, key] => Client::builder().server(server).write_key(key),
        [server, id, secret] => Client::builder().server(server).oauth(id, secret),
        _ => return Err("usage: report SERVER (WRITE_KEY | CLIENT_ID CLIENT_SECRET)".into()),
    };
    let client = builder
        .label("shop")
        .event_type("order")
        .on_notice(|notice| eprintln!("{}: {}", notice.code, notice.text))
        .build()?;

    // Namespace "shop", name "order", value 49.5; the rest are properties.
    client.report(json!({"value": 49.5, "plan": "pro"}))?;
    // A text, with a name of its own.
    client.report(Report::new("the cart was empty").event_type("complaint"))?;
    // Somebody did something: namespace "blog post", name "viewed".
    client.record_trigger(Trigger::new("ada", "viewed", "blog post").variable("title", "Weirs"))?;

    let left = client.close(Duration::from_secs(10));
    let statistics = client.statistics();
    println!("delivered {}, lost {}", statistics.delivered, left.lost);
    match statistics.delivered {
        3 => Ok(()),
        _ => Err("not every event was delivered".into()),
    }
}

//! Says how many rows a second become records: `cargo run --release -p weir-pendo --example rows`.

use std::time::Instant;

use serde::de::DeserializeSeed as _;
use serde_json::{Value, json};
use weir_pendo::{Config, Custom, RowSeed, Selection, StreamId};

const ROWS: usize = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let map = json!({"start_date": "2024-01-01T00:00:00Z", "period": "dayRange"});
    let config = Config::read(map.as_object().ok_or("it is an object")?, "config.json")?;
    let fields = json!({"custom": {"Plan Name": {"Type": "string"}, "isVIP": {"Type": "boolean"}}});
    let selection = Selection::all(&config, &Custom::of(&fields, &fields));
    for (stream, row) in [
        (StreamId::Events, event()),
        (StreamId::Visitors, visitor()),
        (StreamId::Guides, guide()),
    ] {
        let selected = selection.stream(stream).ok_or("all are selected")?;
        let seed = RowSeed::new(selected, Vec::new());
        let text = row.to_string();
        let begin = Instant::now();
        for _ in 0..ROWS {
            let mut json = serde_json::Deserializer::from_reader(text.as_bytes());
            std::hint::black_box(seed.clone().deserialize(&mut json)?);
        }
        let rows = ROWS as f64 / begin.elapsed().as_secs_f64();
        println!("{stream}: {rows:.0} rows of {} bytes a second", text.len());
    }
    Ok(())
}

fn event() -> Value {
    json!({
        "accountId": "a1", "visitorId": "v1", "appId": 7, "day": 1_704_067_200_000_i64,
        "featureId": "f1", "numEvents": 3, "numMinutes": 2, "remoteIp": "192.0.2.1",
        "server": "www.example.com", "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "pageId": "p1", "parameters": null, "country": "FR", "latitude": 1.5,
    })
}

fn visitor() -> Value {
    json!({"visitorId": "v1", "metadata": {
        "auto": {
            "lastupdated": 1_704_067_200_000_i64, "lastvisit": 1_704_067_200_000_i64,
            "firstvisit": 1_704_067_200_000_i64, "accountids": ["a1"], "idhash": 5, "id": "v1",
        },
        "agent": {"language": "en", "email": "a@example.com"},
        "custom": {"Plan Name": "gold", "isVIP": true, "other": [1, 2, 3]},
    }})
}

fn guide() -> Value {
    let step = json!({
        "id": "s", "guideId": "g", "type": "lightbox", "rank": 1, "contentUrl": "https://x",
        "lastUpdatedAt": 1_704_067_200_000_i64, "dom": {"a": [1, 2, {"b": "c"}]},
    });
    json!({
        "id": "g", "name": "A guide", "lastUpdatedAt": 1_704_067_200_000_i64, "state": "public",
        "createdByUser": {"id": "u", "username": "u", "first": "U", "last": "U", "role": 0},
        "steps": [step, step, step], "attributes": {"priority": 1, "type": "building-block"},
    })
}

//! What is written down of a request.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use weir_model::Timestamp;

use super::world::{Sent, World, deliver, event};
use crate::log::{self, Filter};
use crate::metrics::check_format;

#[tokio::test]
async fn each_request_is_measured() {
    let world = World::start().await;
    let line = async |sent: Sent| {
        let bearer = format!("Bearer {}", world.token);
        let sent = sent.header("authorization", &bearer);
        let line = deliver(&world.front, sent).await.1.line_for_tests();
        check_format(&line);
        assert_eq!(line["Function"], "prod-all");
        assert_eq!(line["Requests"], 1.0);
        assert!(line["Latency"].as_f64().unwrap() > 0.0, "{line}");
        line
    };
    let track = |body: &str| event("POST", "/api/track/", "").text("application/json", body);
    let good = "{\"namespace\":\"Shop\",\"name\":\"x\",\"value\":1,\"id\":\"one\"}";

    let stored = line(track(&format!("[{good},{good}]"))).await;
    assert_eq!(
        (&stored["Route"], &stored["Answers2xx"]),
        (&json!("/api/track/"), &json!(1.0))
    );
    assert_eq!(stored["EventsStored"], 1.0, "the other is a duplicate");
    assert!(stored.get("EventsRefused").is_none());

    let refused = line(track(&format!("[{good},{{}}]"))).await;
    assert_eq!(
        (&refused["Answers4xx"], &refused["EventsRefused"]),
        (&json!(1.0), &json!(2.0))
    );
    assert!(refused.get("EventsStored").is_none());

    let read = line(event("GET", "/api/raw/Shop/secret name", "id=secret")).await;
    assert_eq!(read["Route"], "/api/raw/{namespace}/{name}");
    assert!(!read.to_string().contains("secret"), "{read}");
    let nowhere = line(event("GET", "/secret", "")).await;
    assert_eq!(
        (&nowhere["Route"], &nowhere["Answers4xx"]),
        (&json!("none"), &json!(1.0))
    );
    assert!(!nowhere.to_string().contains("secret"));
    assert_eq!(
        world.service.tally().take(),
        weir_service::tally::Events::default()
    );
}

/// Lines that were written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_is_json_lines_that_name_the_request_and_nothing_it_carries() {
    let world = World::start().await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = log::lines(Filter::parse("trace").unwrap(), move || writer.clone());
    // With a second subscriber alive, what is of interest is asked of both, and not of whichever
    // thread of the test binary comes to a line first.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let planted = "{\"namespace\":\"Shop\",\"name\":\"planted\",\"value\":1}";
    let sent = event("POST", "/api/track/", "key=planted").text("application/json", planted);
    assert_eq!(world.authorized(sent).await.status_code, 201);
    world.get("/api/raw/Shop/planted", "id=planted").await;
    world.get("/planted", "").await;
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("planted"), "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let access = lines.iter().filter(|line| line.get("route").is_some());
    let access: Vec<_> = access
        .map(|line| (&line["route"], &line["status"]))
        .collect();
    let raw = json!("/api/raw/{namespace}/{name}");
    let (track, none) = (json!("/api/track/"), json!("none"));
    let (created, ok, missing) = (json!(201), json!(200), json!(404));
    assert_eq!(access, [(&track, &created), (&raw, &ok), (&none, &missing)]);
    for line in &lines {
        assert!(
            Timestamp::parse(line["timestamp"].as_str().unwrap()).is_ok(),
            "{line}"
        );
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
        assert_eq!(
            line["span"]["id"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "{line}"
        );
    }
}

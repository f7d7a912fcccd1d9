//! No write key in any log, answer or refused event, though old clients put theirs into paths,
//! queries and bodies.

use super::*;
use crate::secrets::Log;
use serde_json::json;
use weir_tests::chaos::Failure;

const PLANTED: &str = "planted-key-of-an-old-client";

/// What a careless client sends everywhere: its key in what is refused.
async fn come_to_every_door(place: &Place, key: &str) -> String {
    let own = json!({"writeKey": key, "key": key, "message": 7}).to_string();
    let bodies = [
        own.clone(),
        format!("[{own}]"),
        format!("{{\"writeKey\":\"{key}"),
        json!({"writeKey": key, "batch": [{"type": key}, {"event": "e", "type": "track"}]})
            .to_string(),
        json!({"actor_id": "a", "action": "b", "object": "c", "variables": {key: null}})
            .to_string(),
        json!({"namespace": "n", "name": [key], "value": key, "more": {"writeKey": "***"}})
            .to_string(),
        format!("namespace=n&name=m&value={key}&writeKey={key}"),
    ];
    let form = ("content-type", "application/x-www-form-urlencoded");
    let data = STANDARD.encode(json!({"writeKey": key, "event": [key]}).to_string());
    let data = utf8_percent_encode(&data, NON_ALPHANUMERIC).to_string();
    let basic = basic(key);
    let (json, path) = (
        ("content-type", "application/json"),
        format!("/pysdk/{key}"),
    );
    let mut said = String::new();
    for body in bodies {
        for media_type in [json, form] {
            let headers = [("authorization", basic.as_str()), media_type];
            let answer = place
                .send(Method::POST, "/api/track/", &headers, body.clone())
                .await;
            // It says what is wrong with a value, to whoever sent that.
            let text = answer.text().replace(key, "its own");
            said += &format!("{:?} {text}\n", answer.headers);
        }
        for (path, header) in [
            ("/api/v1/trigger/", ("x-fl-api-key", key)),
            (path.as_str(), json),
            ("/v1/batch", ("authorization", basic.as_str())),
            ("/v1/track", ("authorization", basic.as_str())),
            ("/v1/batch", json),
            ("/v1/track", json),
        ] {
            let answer = place
                .send(Method::POST, path, &[header], body.clone())
                .await;
            said += &format!("{:?} {}\n", answer.headers, answer.text());
        }
    }
    for path in [
        format!("/verify/{key}"),
        format!("/v1/pixel/track?data={data}"),
        format!("/v1/pixel/{key}"),
        format!("/pysdk/{key}"),
        format!("/v1/{key}"),
        format!("/nothing/{key}?key={key}"),
    ] {
        let answer = place.get(&path).await;
        said += &format!(
            "{:?} {}\n",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        );
    }
    said
}

#[tokio::test(start_paused = true)]
async fn planted_keys_are_in_no_log_and_no_answer() {
    let log = Log::default();
    let _guard = log.listen();
    let place = Place::with_key(PLANTED, None).await;
    let mut said = come_to_every_door(&place, PLANTED).await;
    let stranger = "planted-key-of-a-stranger";
    said += &come_to_every_door(&place, stranger).await;
    let rejected = place.rejected().await;
    assert!(rejected.len() > 20, "{}", rejected.len());
    said += &Value::from(rejected).to_string();
    place.world.chaos.fail_all(|_| true, Failure::ServerError);
    said += &come_to_every_door(&place, PLANTED).await;
    said += &come_to_every_door(&place, "planted-key-of-another").await;
    let logged = log.text();
    assert!(
        logged.contains("/pysdk/{token}") && logged.contains("/v1/{call}"),
        "{logged}"
    );
    let part = "planted-key";
    assert_eq!(logged.lines().find(|line| line.contains(part)), None);
    assert_eq!(said.lines().find(|line| line.contains(part)), None);
    for part in [basic(PLANTED), basic(stranger)] {
        assert!(!logged.contains(part.trim_start_matches("Basic ")));
    }
}

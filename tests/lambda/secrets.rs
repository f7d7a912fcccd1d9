//! Who reads the signing key: whoever has tokens to check or to sign, and nobody else. And that no
//! function writes a write key down.

use std::collections::BTreeSet;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Request;
use serde_json::json;

use crate::cloud::Cloud;

#[tokio::test(flavor = "multi_thread")]
async fn only_functions_that_answer_requests_read_the_signing_key() {
    let cloud = Cloud::start().await;
    let event = json!({"namespace": "n", "name": "m", "value": 1});
    assert_eq!(cloud.post(None, &event).await.status, 201);
    assert_eq!(cloud.counted("m").await.len(), 1);
    cloud
        .upkeep(json!({"verify": true}))
        .await
        .expect("nobody kills it");
    let readers = cloud.readers_of_secrets().into_iter();
    let functions: BTreeSet<String> = readers
        .map(|instance| {
            instance
                .trim_end_matches(|c| !char::is_alphabetic(c))
                .to_owned()
        })
        .collect();
    let expected = ["query", "token", "track"].map(str::to_owned);
    assert_eq!(functions, BTreeSet::from(expected));
}

/// Good and bad requests of all old clients, each with its key where that client puts it.
fn requests(key: &str) -> Vec<Request<Bytes>> {
    let event = json!({"event": "e", "userId": "u", "writeKey": key});
    let data = BASE64.encode(event.to_string());
    let data = data.replace('+', "%2B").replace('=', "%3D");
    let request = |method: &str, path: &str, header: (&str, &str), body: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header.0, header.1);
        request.body(Bytes::from(body.to_owned())).expect("legal")
    };
    let basic = format!("Basic {}", BASE64.encode(format!("{key}:")));
    let (json, text) = (
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
    );
    let broken = format!("{{\"writeKey\":\"{key}\",");
    vec![
        request("GET", &format!("/verify/{key}"), json, ""),
        request("POST", &format!("/pysdk/{key}"), json, "[]"),
        request("POST", &format!("/pysdk/{key}"), json, &broken),
        request("PUT", &format!("/pysdk/{key}/more?key={key}"), json, ""),
        request("GET", &format!("/v1/pixel/track?data={data}"), json, ""),
        request("POST", "/v1/track", text, &event.to_string()),
        request("POST", "/v1/track", text, &broken),
        request("POST", "/v1/track", ("authorization", &basic), &broken),
        request("POST", "/api/v1/trigger/", ("x-fl-api-key", key), &broken),
        request("POST", "/api/track/", ("authorization", &basic), "{"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_writes_a_write_key_down() {
    let cloud = Cloud::logging("trace").await;
    let instance = cloud.track.start().await;
    let keys = [cloud.key.clone(), "planted-key-of-nobody".to_owned()];
    for request in keys.iter().flat_map(|key| requests(key)) {
        cloud.track.request(request).await;
    }
    let log = instance.log();
    for route in ["/pysdk/{token}", "/v1/{call}", "/api/v1/trigger/"] {
        assert!(log.contains(route), "{route} was not asked: {log}");
    }
    let listed = cloud.get("/api/rejected").await.text();
    assert!(listed.contains("invalid-json"), "{listed}");
    for key in &keys {
        let encoded = BASE64.encode(format!("{key}:"));
        for text in [key, &encoded] {
            assert!(!log.contains(text), "{log}");
            assert!(!listed.contains(text), "{listed}");
        }
    }
}

//! What old clients send, good and bad.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use weir_tests::world::START_MS;

use super::place::{Process, basic};

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;
const BAD: StatusCode = StatusCode::BAD_REQUEST;
const UNKNOWN: StatusCode = StatusCode::UNAUTHORIZED;

/// One request to a door.
struct Knock {
    method: &'static str,
    path: String,
    header: (&'static str, String),
    body: String,
    expected: StatusCode,
}

/// Sends what each kind of old client sends; what each request was and should have been answered.
pub(super) async fn knock_at_all(
    track: &Process,
    key: &str,
    round: &str,
) -> Vec<(String, StatusCode, StatusCode)> {
    let mut answered = Vec::new();
    for knock in focuslab(key)
        .into_iter()
        .chain(alooma(key, round))
        .chain(segment(key, round))
    {
        let Knock {
            method,
            path,
            header,
            body,
            expected,
        } = knock;
        let request = Request::builder().method(method).uri(&path);
        let request = request
            .header("content-type", "application/json")
            .header(header.0, &header.1);
        let answer = track
            .send(request.body(Body::from(body.clone())).expect("a request"))
            .await;
        answered.push((format!("{method} {path} {body}"), answer.status, expected));
    }
    answered
}

fn focuslab(key: &str) -> Vec<Knock> {
    let trigger = |key: &str, body: Value, expected| Knock {
        method: "POST",
        path: "/api/v1/trigger/".to_owned(),
        header: ("x-fl-api-key", key.to_owned()),
        body: body.to_string(),
        expected,
    };
    let good =
        json!({"actor_id": "7", "action": "viewed", "object": "page", "variables": {"n": 1}});
    let mut bad = good.clone();
    bad["captured_identities"] = json!({"email": {"not": "a text"}});
    vec![
        trigger(key, good.clone(), CREATED),
        trigger(key, bad, BAD),
        trigger("not-a-key-of-this-weir", good, UNKNOWN),
    ]
}

fn alooma(key: &str, round: &str) -> Vec<Knock> {
    let knock = |method, path: String, body: String, expected| Knock {
        method,
        path,
        header: ("accept", "*/*".to_owned()),
        body,
        expected,
    };
    let wrapped = |n: i64, message: Value| {
        json!({
            "@uuid": format!("{round}-{n}"), "event_type": "click", "report_time": "2024-05-15T10:20:30",
            "calling_file": "a.py", "calling_line": 3, "message": message,
        })
    };
    let few: Value = (0..3).map(|n| wrapped(n, json!({"value": n}))).collect();
    let many: Value = (0..200).map(|n| wrapped(n, json!({"value": n}))).collect();
    // A message beyond what an event may hold.
    let mixed = json!([
        wrapped(900, json!({"value": 1})),
        wrapped(901, json!("x".repeat(40_000)))
    ]);
    let pysdk = || format!("/pysdk/{key}");
    vec![
        knock("GET", "/".to_owned(), String::new(), OK),
        knock("GET", format!("/verify/{key}"), String::new(), OK),
        knock(
            "GET",
            "/verify/not-a-key-of-this-weir".to_owned(),
            String::new(),
            BAD,
        ),
        knock("POST", pysdk(), few.to_string(), OK),
        knock("POST", pysdk(), few.to_string(), OK),
        knock("POST", pysdk(), many.to_string(), OK),
        knock("POST", pysdk(), mixed.to_string(), OK),
        knock("POST", pysdk(), "no JSON".to_owned(), OK),
        knock(
            "POST",
            "/pysdk/not-a-key-of-this-weir".to_owned(),
            few.to_string(),
            BAD,
        ),
    ]
}

fn segment(key: &str, round: &str) -> Vec<Knock> {
    let knock = |method, path: String, key: &str, body: String, expected| Knock {
        method,
        path,
        header: ("authorization", basic(key)),
        body,
        expected,
    };
    let call = |n: i64| {
        json!({
            "type": "track", "event": "signed up", "userId": "u", "messageId": format!("s-{round}-{n}"),
            "timestamp": START_MS, "properties": {"value": n},
        })
    };
    let several: Vec<Value> = (1..5).map(call).collect();
    let mut mixed = several.clone();
    mixed.push(json!({"type": "unheard of", "userId": "u"}));
    let data = json!({"writeKey": key, "event": "seen", "anonymousId": "a", "messageId": format!("p-{round}")});
    let data = percent_encoding::utf8_percent_encode(
        &STANDARD.encode(data.to_string()),
        percent_encoding::NON_ALPHANUMERIC,
    )
    .to_string();
    vec![
        knock("POST", "/v1/track".to_owned(), key, call(0).to_string(), OK),
        knock(
            "POST",
            "/v1/batch".to_owned(),
            key,
            json!({"batch": several}).to_string(),
            OK,
        ),
        knock(
            "POST",
            "/v1/batch".to_owned(),
            key,
            json!({"batch": mixed}).to_string(),
            OK,
        ),
        knock(
            "POST",
            "/v1/track".to_owned(),
            key,
            "no JSON".to_owned(),
            BAD,
        ),
        knock(
            "POST",
            "/v1/track".to_owned(),
            "not-a-key-of-this-weir",
            call(0).to_string(),
            UNKNOWN,
        ),
        knock(
            "GET",
            format!("/v1/pixel/track?data={data}"),
            key,
            String::new(),
            OK,
        ),
    ]
}

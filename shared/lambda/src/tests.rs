//! Events as API Gateway makes them, through the real routers over a store in memory.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use weir_model::Timestamp;
use weir_service::auth::{Scopes, SigningKey, SigningKeys};
use weir_service::clients::Registration;
use weir_service::secret::ClientSecret;
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::registry::ClientId;
use weir_store::{Db, ManualClock, Store};

use crate::answer::Answer;
use crate::event::Event;
use crate::log::{self, Filter};
use crate::metrics::{Measured, check_format};
use crate::requests::Front;

const SECRET: &str = "planted-client-secret";

/// One deployed Weir, whose functions are one.
struct World {
    service: Arc<Service>,
    front: Front,
    token: String,
}

/// An event, to be changed before it is sent.
struct Sent(Value);

/// What a live HTTP API sent, made to fit (payload format 2.0, July 2026).
fn event(method: &str, raw_path: &str, query: &str) -> Sent {
    Sent(json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "host": "abcdefghij.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "curl/8.7.1",
            "x-amzn-trace-id": "Root=1-6a5145a9-1bae89e2512ec92d5d9438a0",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "authorizer": {"jwt": {"claims": null, "scopes": null}},
            "domainName": "abcdefghij.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abcdefghij",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.7.1",
            },
            "requestId": "ATfSmjLgPHcESJw=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Jul/2026:19:19:05 +0000",
            "timeEpoch": 1_783_711_145_766_i64,
        },
        "isBase64Encoded": false,
    }))
}

impl Sent {
    fn header(mut self, name: &str, value: &str) -> Sent {
        self.0["headers"][name] = value.into();
        self
    }

    fn text(mut self, media_type: &str, body: &str) -> Sent {
        self.0["body"] = body.into();
        self.header("content-type", media_type)
    }

    fn bytes(mut self, media_type: &str, body: &[u8]) -> Sent {
        self.0["body"] = STANDARD.encode(body).into();
        self.0["isBase64Encoded"] = true.into();
        self.header("content-type", media_type)
    }

    fn stage(mut self, stage: &str) -> Sent {
        self.0["requestContext"]["stage"] = stage.into();
        self
    }
}

fn service(store: Store) -> Arc<Service> {
    Service::new(
        store,
        ServiceConfig::new(SigningKeys::new(SigningKey::random())),
    )
}

async fn store() -> Store {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::running(start));
    let engine = Engine::memory(clock.clone()).unwrap();
    let db = Db::embedded(Arc::new(engine), clock);
    db.create_tables().await.unwrap();
    Store::new(db)
}

impl World {
    async fn start() -> World {
        let service = service(store().await);
        let registration = Registration {
            label: "test".into(),
            scopes: Scopes::ALL,
            rate: None,
            id: Some(ClientId::parse("test").unwrap()),
            secret: Some(ClientSecret::parse(SECRET).unwrap()),
        };
        service.register(registration).await.unwrap();
        let routes = weir_track::router(Arc::clone(&service))
            .merge(weir_query::router(Arc::clone(&service)))
            .merge(weir_token::router(Arc::clone(&service)));
        let mut world = World {
            front: Front::new("prod-all".into(), Arc::clone(&service), routes),
            service,
            token: String::new(),
        };
        let form = b"grant_type=client_credentials";
        let asked = event("POST", "/o/token/", "")
            .header("authorization", &basic())
            .bytes("application/x-www-form-urlencoded", form);
        let answer = world.send(asked).await;
        assert_eq!(answer.status_code, 200, "{}", answer.body);
        world.token = body(&answer)["access_token"].as_str().unwrap().to_owned();
        world
    }

    async fn send(&self, sent: Sent) -> Answer {
        deliver(&self.front, sent).await.0
    }

    async fn authorized(&self, sent: Sent) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.send(sent.header("authorization", &bearer)).await
    }

    async fn get(&self, raw_path: &str, query: &str) -> Answer {
        self.authorized(event("GET", raw_path, query)).await
    }

    /// Stores an event of this name, with a value by which it is known.
    async fn track(&self, name: &str, value: i64) {
        let body = json!({"namespace": "Shop", "name": name, "value": value}).to_string();
        let sent = event("POST", "/api/track/", "").text("application/json", &body);
        let answer = self.authorized(sent).await;
        assert_eq!(answer.status_code, 201, "{}", answer.body);
    }

    /// The values of the events that an answer shows.
    async fn values(&self, raw_path: &str, query: &str) -> Vec<i64> {
        let answer = self.get(raw_path, query).await;
        assert_eq!(answer.status_code, 200, "{raw_path}: {}", answer.body);
        let events = body(&answer);
        let events = events.as_array().unwrap().iter();
        events
            .map(|event| event["value"].as_i64().unwrap())
            .collect()
    }
}

async fn deliver(front: &Front, sent: Sent) -> (Answer, Measured) {
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into();
    let event: Event = serde_json::from_str(&sent.0.to_string()).unwrap();
    front.measured(LambdaEvent::new(event, context)).await
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("test:{SECRET}")))
}

/// The JSON of an answer, whichever way it is sent.
fn body(answer: &Answer) -> Value {
    match answer.is_base64_encoded {
        true => serde_json::from_slice(&STANDARD.decode(&answer.body).unwrap()).unwrap(),
        false => serde_json::from_str(&answer.body).unwrap(),
    }
}

fn check_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status_code, status, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(body(answer)["code"], code);
}

#[tokio::test]
async fn names_in_paths_arrive_as_they_were_meant() {
    let world = World::start().await;
    // What was sent, as a live HTTP API hands it on: decoded, and where the last column says so
    // only when it was encoded twice.
    let names = [
        ("plain", "plain", "plain"),
        ("a b", "a%20b", "a b"),
        ("hash#tag", "hash%23tag", "hash#tag"),
        (
            "unicode-λ-世界",
            "unicode-%CE%BB-%E4%B8%96%E7%95%8C",
            "unicode-λ-世界",
        ),
        (
            "a+b&c=d;e:f@g,'!*()",
            "a+b&c=d;e:f@g,'!*()",
            "a+b&c=d;e:f@g,'!*()",
        ),
        (
            "\"quoted\" <tag> {x} \\ | ^ `",
            "…",
            "\"quoted\" <tag> {x} \\ | ^ `",
        ),
        ("line\nbreak", "line%0Abreak", "line\nbreak"),
        ("what?", "what%253F, encoded twice", "what?"),
        ("50%", "50%2525, encoded twice", "50%"),
        ("50% off", "50%2525%20off, encoded twice", "50% off"),
    ];
    for (value, (name, _, _)) in names.iter().enumerate() {
        world.track(name, value as i64).await;
    }
    for (value, (name, sent, handed_on)) in names.iter().enumerate() {
        let found = world
            .values(&format!("/api/raw/Shop/{handed_on}"), "")
            .await;
        assert_eq!(found, [value as i64], "{name:?}, sent as {sent}");
    }
}

#[tokio::test]
async fn a_path_that_was_left_encoded_is_understood_as_well() {
    let world = World::start().await;
    for (value, (name, raw)) in [
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("what?", "what%3F"),
        ("a/b", "a%2Fb"),
        ("λ", "%CE%BB"),
    ]
    .into_iter()
    .enumerate()
    {
        world.track(name, value as i64).await;
        let found = world.values(&format!("/api/raw/Shop/{raw}"), "").await;
        assert_eq!(found, [value as i64], "{name:?}");
    }
}

#[tokio::test]
async fn what_a_path_loses_the_query_form_keeps() {
    let world = World::start().await;
    let lost = [
        // Cut off at the question mark: another name.
        ("what?", "/api/raw/Shop/what", "what%3F"),
        // A separator: no route.
        ("a/b", "/api/raw/Shop/a/b", "a%2Fb"),
        // Decoded twice: another name.
        ("%41", "/api/raw/Shop/A", "%2541"),
    ];
    for (value, (name, raw_path, in_query)) in lost.into_iter().enumerate() {
        let value = value as i64 + 7;
        world.track(name, value).await;
        let answer = world.get(raw_path, "").await;
        match answer.status_code {
            404 => check_problem(&answer, 404, "not-found"),
            _ => assert_eq!(body(&answer), json!([]), "{name:?}"),
        }
        let query = format!("namespace=Shop&name={in_query}");
        assert_eq!(world.values("/api/raw", &query).await, [value], "{name:?}");
    }
}

#[tokio::test]
async fn a_decoded_question_mark_does_not_begin_a_query() {
    let world = World::start().await;
    world.track("x?granularity=nonsense", 1).await;
    let path = "/api/events/Shop/x?granularity=nonsense";
    let answer = world
        .get(path, "granularity=day&aggregationType=count")
        .await;
    assert_eq!(answer.status_code, 200, "{}", answer.body);
    assert_eq!(body(&answer)[0]["value"], 1);
}

#[tokio::test]
async fn a_named_stage_is_no_part_of_the_path() {
    let world = World::start().await;
    world.track("a b", 1).await;
    for (stage, raw_path) in [
        ("prod", "/prod/api/raw/Shop/a b"),
        ("prod", "/api/raw/Shop/a b"),
    ] {
        let sent = event("GET", raw_path, "limit=1").stage(stage);
        let answer = world.authorized(sent).await;
        assert_eq!(body(&answer)[0]["value"], 1, "{raw_path}");
    }
    let answer = world
        .authorized(event("GET", "/prod/api/raw/Shop/a b", ""))
        .await;
    check_problem(&answer, 404, "not-found");
}

#[tokio::test]
async fn bodies_come_as_text_in_base64_and_compressed() {
    let world = World::start().await;
    let line =
        |value: i64| format!("{{\"namespace\":\"Shop\",\"name\":\"sale\",\"value\":{value}}}\n");
    let lines = (0..500).map(line).collect::<String>();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let ndjson = "application/x-ndjson";
    let track = || event("POST", "/api/track/", "");
    for sent in [
        track()
            .text("text/plain", &lines)
            .header("content-type", ndjson),
        track().bytes(ndjson, lines.as_bytes()),
        track()
            .bytes(ndjson, &packed)
            .header("content-encoding", "gzip"),
    ] {
        let answer = world.authorized(sent).await;
        assert_eq!(answer.status_code, 201, "{}", answer.body);
        assert_eq!(body(&answer), json!({"accepted": 500, "duplicates": 0}));
    }
    let form = b"namespace=Shop&name=form&value=3";
    let answer = world
        .authorized(track().bytes("application/x-www-form-urlencoded", form))
        .await;
    assert_eq!(body(&answer)["value"], 3);
    let mut broken = track().bytes(ndjson, b"x");
    broken.0["body"] = "no base64!".into();
    check_problem(&world.authorized(broken).await, 400, "invalid-request");
}

#[tokio::test]
async fn answers_and_lines_name_the_request_as_lambda_does() {
    let world = World::start().await;
    for path in ["/api/namespaces", "/nowhere"] {
        let answer = world.get(path, "").await;
        let id = &answer.headers["x-request-id"];
        assert_eq!(id, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    }
}

#[tokio::test]
async fn the_base_address_is_the_one_that_the_client_has_used() {
    let world = World::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let answer = world.send(event("GET", path, "")).await;
    let issuer = "https://abcdefghij.execute-api.eu-central-1.amazonaws.com";
    assert_eq!(body(&answer)["issuer"], issuer);
    let mut without_host = event("GET", path, "");
    without_host.0["headers"]
        .as_object_mut()
        .unwrap()
        .remove("host");
    assert_eq!(body(&world.send(without_host).await)["issuer"], issuer);
}

#[tokio::test]
async fn odd_headers_do_not_keep_a_request_from_its_answer() {
    let world = World::start().await;
    world.track("x", 1).await;
    let mut sent = event("GET", "/api/raw/Shop/x", "")
        .header("user-agent", "Größe 世界")
        .header("x-control", "a\nb")
        .header("no name", "x");
    sent.0["cookies"] = json!(["a=1", "b=2"]);
    assert_eq!(world.authorized(sent).await.status_code, 200);
}

#[tokio::test]
async fn what_is_no_request_is_answered_all_the_same() {
    let world = World::start().await;
    let long = format!("/api/raw/Shop/{}", "x".repeat(70_000));
    check_problem(&world.get(&long, "").await, 414, "uri-too-long");
    let answer = world.authorized(event("NO METHOD", "/", "")).await;
    check_problem(&answer, 400, "invalid-request");
    let answer = world.authorized(event("DELETE", "/api/track/", "")).await;
    check_problem(&answer, 405, "method-not-allowed");
    assert!(serde_json::from_value::<Event>(json!({"rawPath": "/"})).is_err());
}

async fn panics() -> &'static str {
    panic!("on purpose, for a test")
}

#[tokio::test]
async fn a_panic_is_one_bad_answer_and_no_more() {
    let service = service(store().await);
    let routes = Router::new()
        .route("/panic", get(panics))
        .route("/good", get(async || "good"));
    let front = Front::new("f".into(), service, routes);
    for _ in 0..3 {
        let (answer, _) = deliver(&front, event("GET", "/panic", "")).await;
        check_problem(&answer, 500, "internal");
        let (answer, _) = deliver(&front, event("GET", "/good", "")).await;
        assert_eq!((answer.status_code, answer.body.as_str()), (200, "good"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_is_answered_before_api_gateway_gives_up() {
    let service = service(store().await);
    let slow = async || tokio::time::sleep(Duration::from_secs(60)).await;
    let routes = Router::new()
        .route("/slow", get(slow))
        .route("/store", post(slow));
    let front = Front::new("f".into(), service, routes);
    let start = tokio::time::Instant::now();
    let (answer, _) = deliver(&front, event("GET", "/slow", "")).await;
    check_problem(&answer, 503, "too-slow");
    assert_eq!(answer.headers["retry-after"], "2");
    assert!(start.elapsed() < Duration::from_secs(29));
    // Nobody could say what became of it.
    let (answer, _) = deliver(&front, event("POST", "/store", "")).await;
    assert_eq!(answer.status_code, 200);
}

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

//! A deployed Weir, whose functions are one, over a store in memory; and events for it.

use std::sync::Arc;

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
use crate::metrics::Measured;
use crate::requests::Front;

const SECRET: &str = "planted-client-secret";

/// One deployed Weir, whose functions are one.
pub(super) struct World {
    pub(super) service: Arc<Service>,
    pub(super) front: Front,
    pub(super) token: String,
}

/// An event, to be changed before it is sent.
pub(super) struct Sent(pub(super) Value);

/// What a live HTTP API sent, made to fit (payload format 2.0, July 2026).
pub(super) fn event(method: &str, raw_path: &str, query: &str) -> Sent {
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
    pub(super) fn header(mut self, name: &str, value: &str) -> Sent {
        self.0["headers"][name] = value.into();
        self
    }

    pub(super) fn text(mut self, media_type: &str, body: &str) -> Sent {
        self.0["body"] = body.into();
        self.header("content-type", media_type)
    }

    pub(super) fn bytes(mut self, media_type: &str, body: &[u8]) -> Sent {
        self.0["body"] = STANDARD.encode(body).into();
        self.0["isBase64Encoded"] = true.into();
        self.header("content-type", media_type)
    }

    pub(super) fn stage(mut self, stage: &str) -> Sent {
        self.0["requestContext"]["stage"] = stage.into();
        self
    }
}

pub(super) fn service(store: Store) -> Arc<Service> {
    Service::new(
        store,
        ServiceConfig::new(SigningKeys::new(SigningKey::random())),
    )
}

pub(super) async fn store() -> Store {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::running(start));
    let engine = Engine::memory(clock.clone()).unwrap();
    let db = Db::embedded(Arc::new(engine), clock);
    db.create_tables().await.unwrap();
    Store::new(db)
}

impl World {
    pub(super) async fn start() -> World {
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

    pub(super) async fn send(&self, sent: Sent) -> Answer {
        deliver(&self.front, sent).await.0
    }

    pub(super) async fn authorized(&self, sent: Sent) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.send(sent.header("authorization", &bearer)).await
    }

    pub(super) async fn get(&self, raw_path: &str, query: &str) -> Answer {
        self.authorized(event("GET", raw_path, query)).await
    }

    /// Stores an event of this name, with a value by which it is known.
    pub(super) async fn track(&self, name: &str, value: i64) {
        let body = json!({"namespace": "Shop", "name": name, "value": value}).to_string();
        let sent = event("POST", "/api/track/", "").text("application/json", &body);
        let answer = self.authorized(sent).await;
        assert_eq!(answer.status_code, 201, "{}", answer.body);
    }

    /// The values of the events that an answer shows.
    pub(super) async fn values(&self, raw_path: &str, query: &str) -> Vec<i64> {
        let answer = self.get(raw_path, query).await;
        assert_eq!(answer.status_code, 200, "{raw_path}: {}", answer.body);
        let events = body(&answer);
        let events = events.as_array().unwrap().iter();
        events
            .map(|event| event["value"].as_i64().unwrap())
            .collect()
    }
}

pub(super) async fn deliver(front: &Front, sent: Sent) -> (Answer, Measured) {
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into();
    let event: Event = serde_json::from_str(&sent.0.to_string()).unwrap();
    front.measured(LambdaEvent::new(event, context)).await
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("test:{SECRET}")))
}

/// The JSON of an answer, whichever way it is sent.
pub(super) fn body(answer: &Answer) -> Value {
    match answer.is_base64_encoded {
        true => serde_json::from_slice(&STANDARD.decode(&answer.body).unwrap()).unwrap(),
        false => serde_json::from_str(&answer.body).unwrap(),
    }
}

pub(super) fn check_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status_code, status, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(body(answer)["code"], code);
}

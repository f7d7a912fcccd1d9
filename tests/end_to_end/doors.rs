//! The doors of old clients, asked as those clients ask.

mod alooma;
mod focuslab;
mod keys;
mod segment;
mod slow;
mod track;

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use weir_model::Name;
use weir_service::secret::WriteKey;
use weir_service::write_keys::NewKey;
use weir_tests::world::{Answer, Node, World, request};

/// A world with one write key.
struct Place {
    world: World,
    node: Node,
    key: String,
}

impl Place {
    /// One whose key puts events into the namespace `web`.
    async fn start() -> Place {
        Place::with_key("an-old-clients-key", None).await
    }

    async fn with_key(key: &str, rate: Option<u32>) -> Place {
        let world = World::start().await;
        let node = world.node("node", 0);
        let new = NewKey {
            label: Name::parse("web").expect("a legal label"),
            namespace: None,
            rate,
            existing: Some(WriteKey::parse(key).expect("a legal key")),
        };
        node.service.make_key(new).await.expect("a new key");
        let key = key.to_owned();
        Place { world, node, key }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let builder = headers
            .iter()
            .fold(request(method, path), |builder, (name, value)| {
                builder.header(*name, *value)
            });
        let request = builder.body(body.into()).expect("a request");
        let answer = self.node.send(request).await;
        // Requests that come at the same time are listed in any order.
        tokio::time::advance(Duration::from_millis(1)).await;
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    /// How many events a series has.
    async fn count(&self, namespace: &str, name: &str) -> u64 {
        let series = series(namespace, name);
        let path = format!("/api/events?{series}&aggregationType=count");
        self.node.get(&path).await.counted()
    }

    /// The events of a series, the oldest first.
    async fn raw(&self, namespace: &str, name: &str) -> Vec<Value> {
        let series = series(namespace, name);
        let path = format!("/api/raw?{series}&order=oldest");
        list(&self.node.get(&path).await)
    }

    /// What was refused, the newest request first.
    async fn rejected(&self) -> Vec<Value> {
        list(&self.node.get("/api/rejected?limit=1000").await)
    }

    /// The reasons of what was refused.
    async fn reasons(&self) -> Vec<String> {
        let rejected = self.rejected().await.into_iter();
        rejected
            .map(|entry| entry["reason"].as_str().expect("a reason").to_owned())
            .collect()
    }
}

fn series(namespace: &str, name: &str) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    format!("namespace={}&name={}", encoded(namespace), encoded(name))
}

fn list(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json().as_array().expect("a list").clone()
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

/// The seconds of `Retry-After`.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get("retry-after")?.to_str().ok()?.parse().ok()
}

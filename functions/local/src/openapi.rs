//! The description of the whole interface, merged from what each function says of itself.

use utoipa::openapi::OpenApi;
use weir_service::{health, openapi};

fn parts() -> [OpenApi; 5] {
    [
        weir_token::openapi(),
        weir_track::openapi(),
        weir_query::openapi(),
        weir_data::openapi(),
        health::openapi(),
    ]
}

/// The merged description.
pub(crate) fn document() -> OpenApi {
    openapi::document(parts())
}

/// Serves it.
pub(crate) fn router() -> axum::Router {
    openapi::router(parts())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use axum::body::Body;
    use http::{Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt as _;
    use weir_model::{DataSetSettings, Name};
    use weir_service::secret::WriteKey;
    use weir_service::write_keys::NewKey;
    use weir_store::SystemClock;
    use weir_store::registry::SecretHash;

    use super::*;
    use crate::serve::{self, Config, Storage};

    const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

    /// Every path with its methods. The token paths are served without their final slash, too.
    const PATHS: [(&str, &[&str]); 24] = [
        ("/", &["GET"]),
        ("/.well-known/oauth-authorization-server", &["GET"]),
        ("/_status", &["GET"]),
        ("/_status/data-sets", &["GET"]),
        ("/api/events", &["GET"]),
        ("/api/events/{namespace}/{name}", &["GET"]),
        ("/api/namespaces", &["GET"]),
        ("/api/namespaces/{namespace}", &["GET"]),
        ("/api/raw", &["GET"]),
        ("/api/raw/{namespace}/{name}", &["GET"]),
        ("/api/rejected", &["GET"]),
        ("/api/track", &["POST"]),
        ("/api/track/", &["POST"]),
        ("/api/v1/trigger/", &["POST"]),
        ("/data/{group}/{type}", &["GET", "PUT", "POST"]),
        ("/data/{group}/{type}/{id}", &["DELETE", "PATCH"]),
        ("/healthz", &["GET"]),
        ("/o/introspect/", &["POST"]),
        ("/o/revoke_token/", &["POST"]),
        ("/o/token/", &["POST"]),
        ("/pysdk/{token}", &["POST"]),
        ("/v1/pixel/{call}", &["GET"]),
        ("/v1/{call}", &["POST"]),
        ("/verify/{token}", &["GET"]),
    ];

    fn described() -> BTreeMap<String, Vec<String>> {
        let document: Value = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap().iter();
        let methods = |operations: &Value| {
            let methods = operations
                .as_object()
                .unwrap()
                .keys()
                .map(|key| key.to_uppercase());
            methods
                .filter(|key| METHODS.contains(&key.as_str()))
                .collect()
        };
        paths
            .map(|(path, operations)| (path.clone(), methods(operations)))
            .collect()
    }

    /// A path as a client sends it.
    fn filled(path: &str) -> String {
        path.replace("{call}", "track").replace(['{', '}'], "x")
    }

    /// The deployed query function serves the file.
    #[test]
    fn the_kept_description_is_what_the_code_says() {
        let kept = include_str!("../../../docs/openapi.json");
        let now = document().to_pretty_json().unwrap();
        assert!(
            kept.trim_end() == now,
            "make it anew: cargo run -- openapi > docs/openapi.json"
        );
    }

    #[test]
    fn every_path_is_described() {
        let mut described = described();
        assert_eq!(described.remove("/openapi.json"), Some(vec!["GET".into()]));
        let expected = PATHS.map(|(path, methods)| {
            (
                path.to_owned(),
                methods.iter().map(|method| (*method).to_owned()).collect(),
            )
        });
        assert_eq!(described, BTreeMap::from(expected));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_write_key_can_write_and_nothing_else() {
        let config = Config::quiet(Storage::Memory, Arc::new(SystemClock));
        let running = serve::start(config).await.unwrap();
        let new = NewKey {
            label: Name::parse("web").unwrap(),
            namespace: None,
            rate: None,
            existing: Some(WriteKey::parse("an-old-key").unwrap()),
        };
        running.service().make_key(new).await.unwrap();
        let router = weir_service::layer::edge(serve::functions(running.service()));
        let status = async |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path);
            // base64 of `an-old-key:`
            let request = request.header("authorization", "Basic YW4tb2xkLWtleTo=");
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let form = "grant_type=client_credentials&token=x&namespace=n&name=e&value=1";
            let request = request.body(Body::from(form)).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(status("POST", "/api/track/").await, StatusCode::CREATED);
        let reading = [
            "/api/events",
            "/api/raw",
            "/api/namespaces",
            "/api/rejected",
        ];
        let administering = ["/o/", "/control/"];
        let mut refused = 0;
        for (path, methods) in described() {
            let path = filled(&path);
            for method in methods {
                let status = status(&method, &path).await;
                if reading.iter().any(|begin| path.starts_with(begin)) {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
                    refused += 1;
                } else if administering.iter().any(|begin| path.starts_with(begin)) {
                    assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
                    refused += 1;
                } else if path.starts_with("/api/") {
                    assert!(
                        path.starts_with("/api/track") || path.starts_with("/api/v1/"),
                        "{path}"
                    );
                }
            }
        }
        assert_eq!(
            refused, 10,
            "four to read twice but for one, and three to administer"
        );
        drop(router);
        running.stop().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_routes_are_those_that_are_described() {
        let config = Config::quiet(Storage::Memory, Arc::new(SystemClock));
        let running = serve::start(config).await.unwrap();
        let store = &running.service().store;
        let name = filled("{group}/{type}").parse().unwrap();
        let token = SecretHash::of("a-token");
        let deadline = running.service().registry_deadline();
        let made = store.create_data_set(&name, token, DataSetSettings::default(), deadline);
        made.await.unwrap().unwrap();
        let router = weir_service::layer::edge(serve::functions(running.service()));
        for (path, methods) in described() {
            let path = filled(&path);
            for method in METHODS {
                let request = Request::builder().method(method).uri(&path);
                let answer = router.clone().oneshot(request.body(Body::empty()).unwrap());
                let status = answer.await.unwrap().status();
                let is_refused = status == StatusCode::METHOD_NOT_ALLOWED;
                let is_described = methods.iter().any(|described| described == method);
                assert_ne!(status, StatusCode::NOT_FOUND, "{method} {path}");
                assert_ne!(is_refused, is_described, "{method} {path} {status}");
            }
        }
        drop(router);
        running.stop().await.unwrap();
    }
}

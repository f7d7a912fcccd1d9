use axum::body::Body;
use http::Request;
use http::header::HOST;
use serde_json::json;
use utoipa::openapi::path::PathItem;
use weir_service::ServiceConfig;
use weir_service::auth::SigningKeys;

use super::world::{World, key, send};
use crate::router;

const PATH: &str = "/.well-known/oauth-authorization-server";

#[tokio::test(start_paused = true)]
async fn the_metadata_names_the_endpoints() {
    let world = World::start().await;
    let request = Request::get(PATH).header(HOST, "127.0.0.1:8080");
    let answered = send(world.router(), request.body(Body::empty()).unwrap()).await;
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(
        answered.is_ok().body,
        json!({
            "issuer": "http://127.0.0.1:8080",
            "token_endpoint": "http://127.0.0.1:8080/o/token/",
            "revocation_endpoint": "http://127.0.0.1:8080/o/revoke_token/",
            "introspection_endpoint": "http://127.0.0.1:8080/o/introspect/",
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_methods_supported": methods,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "scopes_supported": ["read", "write", "aggregation"],
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_configured_issuer_wins_and_is_in_the_tokens() {
    let world = World::start().await;
    let service = world.process(ServiceConfig {
        issuer: Some("https://weir.example/base/".into()),
        ..ServiceConfig::new(SigningKeys::new(key(1)))
    });
    let request = Request::get(PATH).header(HOST, "elsewhere");
    let answered = send(router(service), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answered.body["issuer"], "https://weir.example/base");
    let endpoint = &answered.body["token_endpoint"];
    assert_eq!(endpoint, "https://weir.example/base/o/token/");
}

#[tokio::test(start_paused = true)]
async fn every_described_path_is_served() {
    let world = World::start().await;
    let openapi = crate::openapi();
    assert_eq!(openapi.paths.paths.len(), 4);
    for (path, PathItem { get, post, .. }) in &openapi.paths.paths {
        let method = if get.is_some() { "GET" } else { "POST" };
        assert!(get.is_some() != post.is_some(), "{path}");
        let request = Request::builder().method(method).uri(path);
        let answered = send(world.router(), request.body(Body::empty()).unwrap()).await;
        assert!(![404, 405].contains(&answered.status.as_u16()), "{path}");
    }
}

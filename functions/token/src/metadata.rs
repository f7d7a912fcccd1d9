//! `GET /.well-known/oauth-authorization-server`: where the other endpoints are (RFC 8414).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::HOST;
use serde::Serialize;
use utoipa::ToSchema;
use weir_service::Service;
use weir_service::auth::Scope;

use crate::error::NO_STORE;

/// How a client can authenticate, at every endpoint.
const METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// The metadata, by the names of RFC 8414 section 2.
#[derive(Serialize, ToSchema)]
struct Metadata {
    #[schema(example = "http://127.0.0.1:8080")]
    issuer: String,
    token_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 1],
    /// None: nobody is sent to a browser here.
    response_types_supported: [&'static str; 0],
    scopes_supported: [&'static str; 3],
}

/// Describes this authorization server (RFC 8414).
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "tokens",
    security(()),
    responses((status = 200, description = "The metadata.", body = Metadata))
)]
pub(crate) async fn metadata(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let issuer = service
        .issuer()
        .map_or_else(|| issuer_of(&headers), str::to_owned);
    let metadata = Metadata {
        token_endpoint: format!("{issuer}/o/token/"),
        revocation_endpoint: format!("{issuer}/o/revoke_token/"),
        introspection_endpoint: format!("{issuer}/o/introspect/"),
        issuer,
        token_endpoint_auth_methods_supported: METHODS,
        revocation_endpoint_auth_methods_supported: METHODS,
        introspection_endpoint_auth_methods_supported: METHODS,
        grant_types_supported: ["client_credentials"],
        response_types_supported: [],
        scopes_supported: Scope::ALL.map(Scope::as_str),
    };
    // The answer depends on a header, so nothing in between may keep it.
    (NO_STORE, Json(metadata)).into_response()
}

/// Where the client says it has found this Weir, which it has to believe anyway.
fn issuer_of(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST.as_str())
        .filter(|host| is_host(host))
        .unwrap_or("localhost");
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{host}")
}

fn is_host(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_where_the_client_found_us() {
        let check = |pairs: &[(&'static str, &str)], expected: &str| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
            assert_eq!(issuer_of(&headers.collect()), expected);
        };
        check(&[("host", "127.0.0.1:8080")], "http://127.0.0.1:8080");
        check(&[("host", "[::1]:8080")], "http://[::1]:8080");
        let proxied = [("host", "weir.example"), ("x-forwarded-proto", "https")];
        check(&proxied, "https://weir.example");
        check(&[("host", "evil.example/path?")], "http://localhost");
        check(&[], "http://localhost");
    }
}

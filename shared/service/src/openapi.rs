//! The description of the whole API, merged from what each function says of itself.

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{
    ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Scope;

/// The name under which operations refer to bearer tokens.
pub const OAUTH2: &str = "oauth2";

/// The name under which operations refer to write keys.
pub const WRITE_KEY: &str = "writeKey";

/// The name under which operations refer to the tokens of data sets.
pub const DATA_SET_TOKEN: &str = "dataSetToken";

/// Merges descriptions into one of Weir. An operation needs a token unless it says otherwise.
pub fn merge(docs: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Weir")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Event tracking and aggregates. Times are RFC 3339 in UTC.",
        ))
        .build();
    let security = [SecurityRequirement::new(OAUTH2, Vec::<String>::new())];
    let empty = OpenApiBuilder::new()
        .info(info)
        .security(Some(security))
        .build();
    let mut merged = docs.into_iter().fold(empty, OpenApi::merge_from);
    let components = merged.components.get_or_insert_default();
    components.add_security_scheme(OAUTH2, client_credentials());
    components.add_security_scheme(WRITE_KEY, write_key());
    components.add_security_scheme(DATA_SET_TOKEN, data_set_token());
    merged
}

fn client_credentials() -> SecurityScheme {
    let scopes = Scopes::from_iter(Scope::ALL.map(|scope| (scope.as_str(), meaning(scope))));
    let flow = ClientCredentials::new("/o/token/", scopes);
    SecurityScheme::OAuth2(OAuth2::new([Flow::ClientCredentials(flow)]))
}

fn write_key() -> SecurityScheme {
    let about = "A write key as the user, without a password. It can write and nothing else.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Basic);
    SecurityScheme::Http(scheme.description(Some(about)).build())
}

fn data_set_token() -> SecurityScheme {
    let about = "A data set's own token, which opens that one alone.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    SecurityScheme::Http(scheme.description(Some(about)).build())
}

fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "the catalogue, the events themselves, and all of data sets",
        Scope::Write => "storing events and records",
        Scope::Aggregation => "aggregates",
    }
}

/// The description of this API in OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    security(()),
    responses((status = 200, description = "This document.", content_type = "application/json"))
)]
async fn openapi_json() {}

/// The description of `/openapi.json` itself.
fn own() -> OpenApi {
    OpenApiRouter::<()>::default()
        .routes(routes!(openapi_json))
        .into_openapi()
}

/// Merges descriptions, and that of `/openapi.json` itself.
pub fn document(docs: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    merge(docs.into_iter().chain([own()]))
}

/// Serves the [`document`] at `/openapi.json`.
pub fn router(docs: impl IntoIterator<Item = OpenApi>) -> Router {
    let text = document(docs)
        .to_json()
        .expect("a description has text keys and finite numbers");
    serving(text)
}

/// Serves a description at `/openapi.json` that was made before.
pub fn serving(text: impl Into<Bytes>) -> Router {
    let body = text.into();
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], body) };
    Router::new().route("/openapi.json", get(answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_merged_description_names_weir_and_every_path() {
        let merged = merge([crate::health::openapi(), own()]);
        let document: Value = serde_json::from_str(&merged.to_json().unwrap()).unwrap();
        assert_eq!(document["info"]["title"], "Weir");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/healthz", "/openapi.json"]);
        let schemas = &document["components"]["schemas"];
        assert!(
            schemas["Problem"]["properties"]["code"].is_object(),
            "{schemas}"
        );
        let flows = &document["components"]["securitySchemes"][OAUTH2]["flows"];
        assert_eq!(flows["clientCredentials"]["tokenUrl"], "/o/token/");
        assert!(flows["clientCredentials"]["scopes"]["write"].is_string());
    }
}

//! `POST /o/token/`: a token for a client that shows its id and secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use weir_service::Service;
use weir_service::auth::{Grant, Scopes};

use crate::client::{Authenticated, authenticate};
use crate::error::{ErrorBody, NO_STORE, OAuthError};
use crate::form::Form;

/// What a client asks with, beside its credentials.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes the form for OpenAPI; it is read parameter by parameter"
)]
struct TokenRequest {
    /// Always `client_credentials`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Scopes separated by spaces; none asks for all that the client has.
    #[schema(example = "read write aggregation")]
    scope: Option<String>,
    /// The client, unless HTTP Basic says it.
    client_id: Option<String>,
    /// Its secret, unless HTTP Basic says it.
    client_secret: Option<String>,
}

/// A token.
#[derive(Serialize, ToSchema)]
struct TokenAnswer {
    /// Goes into `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 3600)]
    expires_in: u64,
    /// What it permits.
    #[schema(example = "read write aggregation")]
    scope: String,
}

/// Issues an access token to a client (RFC 6749 section 4.4).
///
/// The client authenticates with HTTP Basic, or with `client_id` and `client_secret` in the form.
#[utoipa::path(
    post,
    path = "/o/token/",
    tag = "tokens",
    security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token.", body = TokenAnswer),
        (status = 400, description = "invalid_request, invalid_scope or unsupported_grant_type.",
            body = ErrorBody),
        (status = 401, description = "invalid_client.", body = ErrorBody),
        (status = 429, description = "The client is over its rate.", body = ErrorBody),
        (status = 503, description = "The store did not answer.", body = ErrorBody),
    )
)]
pub(crate) async fn token(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, OAuthError> {
    let (parts, form) = Form::read(&service, request).await?;
    if form.need("grant_type")? != "client_credentials" {
        return Err(OAuthError::unsupported_grant_type());
    }
    let authenticated = authenticate(&service, &parts.headers, &form).await?;
    let scopes = granted(&authenticated, form.get("scope"))?;
    let Authenticated { client, .. } = authenticated;
    tracing::info!(client = %client.id, %scopes, "issued a token to client {}", client.id);
    let grant = Grant {
        client: client.id,
        scopes,
        rate: client.rate,
    };
    let token = service.issue(&grant).await?;
    let answer = TokenAnswer {
        access_token: token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: service.token_lifetime().as_secs(),
        scope: scopes.to_string(),
    };
    Ok((NO_STORE, Json(answer)).into_response())
}

/// A client may ask for any of its scopes. Asking for another is an error rather than a narrower
/// token: otherwise the client would learn of it only from a 403, later and elsewhere.
fn granted(to: &Authenticated, asked: Option<&str>) -> Result<Scopes, OAuthError> {
    let Some(asked) = asked else {
        return Ok(to.scopes);
    };
    let asked =
        Scopes::parse(asked).map_err(|error| OAuthError::invalid_scope(error.to_string()))?;
    if asked.is_empty() {
        return Ok(to.scopes);
    }
    match asked.is_subset(to.scopes) {
        true => Ok(asked),
        false => Err(OAuthError::invalid_scope(format!(
            "this client may ask for {}",
            to.scopes
        ))),
    }
}

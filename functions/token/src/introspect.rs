//! `POST /o/introspect/`: what a token says and whether it is good right now.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use weir_service::auth::{Claims, TokenError};
use weir_service::{Problem, Service};
use weir_store::registry::ClientId;

use crate::client::authenticate;
use crate::error::{ErrorBody, NO_STORE, OAuthError};
use crate::form::Form;
use crate::revoke::TokenForm;

/// What is known of a token. Of one that is not good, nothing else is said.
#[derive(Serialize, ToSchema)]
struct Introspection {
    /// Whether it is good.
    active: bool,
    #[serde(flatten)]
    details: Option<Details>,
}

/// What a good token says.
#[derive(Serialize, ToSchema)]
struct Details {
    /// What it permits.
    scope: String,
    /// Whose it is.
    client_id: String,
    /// The same.
    sub: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// When it ends, in Unix seconds.
    exp: i64,
    /// When it was issued, in Unix seconds.
    iat: i64,
    /// Its own id.
    jti: String,
    /// Who issued it, where that is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// Says whether a token is good (RFC 7662), as of now: revocations are read, not remembered.
///
/// Any client may ask about any token it has been shown.
#[utoipa::path(
    post,
    path = "/o/introspect/",
    tag = "tokens",
    security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What is known of the token.", body = Introspection),
        (status = 400, description = "invalid_request.", body = ErrorBody),
        (status = 401, description = "invalid_client.", body = ErrorBody),
        (status = 429, description = "The client is over its rate.", body = ErrorBody),
        (status = 503, description = "The store did not answer.", body = ErrorBody),
    )
)]
pub(crate) async fn introspect(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, OAuthError> {
    let (parts, form) = Form::read(&service, request).await?;
    authenticate(&service, &parts.headers, &form).await?;
    let claims = good(&service, form.need("token")?).await?;
    let details = claims.map(Details::from);
    let answer = Introspection {
        active: details.is_some(),
        details,
    };
    Ok((NO_STORE, Json(answer)).into_response())
}

async fn good(service: &Service, token: &str) -> Result<Option<Claims>, OAuthError> {
    let Some(claims) = genuine(service, token).await? else {
        return Ok(None);
    };
    let Ok(client) = ClientId::parse(&claims.sub) else {
        return Ok(None);
    };
    let deadline = service.registry_deadline();
    let revoked = service
        .store
        .is_revoked(&claims.jti, &client, deadline)
        .await;
    Ok((!revoked.map_err(Problem::from)?).then_some(claims))
}

/// What a token says that is genuine and has not ended; none of any other.
pub(crate) async fn genuine(service: &Service, token: &str) -> Result<Option<Claims>, OAuthError> {
    match service.verify(token).await {
        Ok(claims) => Ok(Some(claims)),
        Err(TokenError::Invalid | TokenError::Expired) => Ok(None),
        Err(error @ TokenError::Unknown) => Err(Problem::from(error).into()),
    }
}

impl From<Claims> for Details {
    fn from(claims: Claims) -> Details {
        Details {
            scope: claims.scope,
            client_id: claims.client_id,
            sub: claims.sub,
            token_type: "Bearer",
            exp: claims.exp,
            iat: claims.iat,
            jti: claims.jti,
            iss: claims.iss,
        }
    }
}

//! `POST /o/revoke_token/`: a client gives back a token of its own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa::ToSchema;
use weir_service::{Problem, Service};

use crate::introspect::genuine;

use crate::client::authenticate;
use crate::error::{ErrorBody, NO_STORE, OAuthError};
use crate::form::Form;

/// A token, beside the client's credentials.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes the form for OpenAPI; it is read parameter by parameter"
)]
pub(crate) struct TokenForm {
    /// The token.
    token: String,
    /// Ignored: there is one kind of token.
    #[schema(example = "access_token")]
    token_type_hint: Option<String>,
    /// The client, unless HTTP Basic says it.
    client_id: Option<String>,
    /// Its secret, unless HTTP Basic says it.
    client_secret: Option<String>,
}

/// Revokes a token (RFC 7009): it stops working everywhere within a minute.
///
/// Answers 200 whatever the token is; one that is not the client's own stays what it was.
#[utoipa::path(
    post,
    path = "/o/revoke_token/",
    tag = "tokens",
    security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token does not work any more."),
        (status = 400, description = "invalid_request.", body = ErrorBody),
        (status = 401, description = "invalid_client.", body = ErrorBody),
        (status = 429, description = "The client is over its rate.", body = ErrorBody),
        (status = 503, description = "The store did not answer; ask again.", body = ErrorBody),
    )
)]
pub(crate) async fn revoke_token(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, OAuthError> {
    let (parts, form) = Form::read(&service, request).await?;
    let client = authenticate(&service, &parts.headers, &form).await?.client;
    let token = form.need("token")?;
    // A token that does not verify has ended or never was.
    if let Some(claims) = genuine(&service, token).await?
        && claims.sub == client.id.as_str()
    {
        service.revoke_token(&claims).await.map_err(Problem::from)?;
        tracing::info!(client = %client.id, "client {} revoked a token", client.id);
    }
    Ok((StatusCode::OK, NO_STORE).into_response())
}
